"""deploy/kubernetes/components/web-identity/credentials.sh against a token service of our own: it writes the keys that
it gets, writes newer ones when time is over, sends the pod's token in the body, and keeps what it has when refused."""

import http.server
import os
import pathlib
import subprocess
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "deploy" / "kubernetes" / "components" / "web-identity" / "credentials.sh"
ANSWER = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <Credentials>
      <AccessKeyId>key-{n}</AccessKeyId>
      <SecretAccessKey>secret/{n}+x==</SecretAccessKey>
      <SessionToken>session-{n}</SessionToken>
    </Credentials>
  </AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>"""
asked, refuse = [], threading.Event()


class Service(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        asked.append((self.path, dict(urllib.parse.parse_qsl(body))))
        self.send_response(403 if refuse.is_set() else 200)
        self.end_headers()
        self.wfile.write(("<Error/>" if refuse.is_set() else ANSWER.format(n=len(asked))).encode())

    def log_message(self, *_):
        pass


def until(what, holds):
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def main():
    service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        (folder / "token").write_text("the pod's token & more")
        keys = folder / "store"
        environment = {
            **os.environ, "ROLE_ARN": "arn:aws:iam::1:role/medley", "TOKEN_FILE": str(folder / "token"),
            "STS_URL": f"http://127.0.0.1:{service.server_port}/", "CREDENTIALS_FILE": str(keys),
            "REFRESH_S": "1", "RETRY_S": "1",
        }
        script = subprocess.Popen(["sh", SCRIPT], env=environment, stderr=subprocess.DEVNULL)
        try:
            until("the first keys", keys.exists)
            assert oct(keys.stat().st_mode)[-3:] == "600", "others may read the keys"
            until("newer keys", lambda: "key-2" in keys.read_text())
            refuse.set()
            before = len(asked)
            until("two refusals", lambda: len(asked) >= before + 2)
            lines = keys.read_text().splitlines()
            number = lines[0].split("-")[-1]
            assert lines == [
                f"aws_access_key_id = key-{number}", f"aws_secret_access_key = secret/{number}+x==",
                f"aws_session_token = session-{number}",
            ], lines
        finally:
            script.kill()
            script.wait()
    path, form = asked[0]
    assert path == "/", path
    assert form == {
        "Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": "arn:aws:iam::1:role/medley",
        "RoleSessionName": "medley", "DurationSeconds": "3600", "WebIdentityToken": "the pod's token & more",
    }, form
    print("keys were written, renewed, and kept")


main()
