"""Faults of what jobs meet: other people's servers, addresses with secrets, links, records."""

import json
import os
import shutil
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import MEDLEY, check, fault

SECRETS = ("S3CRET", "TOKEN")


class Server:
    """Answers every request the same, on a free port."""

    def __init__(self, status, headers=(), body=b""):
        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()


def config(room, text):
    (room.scratch / "medley.toml").write_text(text)


def everything_below(folder):
    for path, _, names in os.walk(folder):
        for name in names:
            file = os.path.join(path, name)
            if os.path.isfile(file):
                with open(file, "rb") as opened:
                    yield file, opened.read()


def retry_after(room, wish):
    with Server(503, [("Retry-After", wish)]) as server:
        config(room, f'[inputs]\ntrusted = ["{server.address}"]\n')
        started = time.monotonic()
        done = room.run("transcribe", f"http://{server.address}/x", rc=3, timeout_s=200)
        check("error[service_unavailable]" in done.err, done.err[-400:])
        check(time.monotonic() - started < 180, "it took too long to give up")


@fault("hostile/04-retry-after-forever")
def ages(room):
    retry_after(room, "99999999999")


@fault("hostile/04-retry-after-forever:overflow")
def overflow(room):
    retry_after(room, "18446744073709551615")


@fault("hostile/05-assist-retry-after-panic")
def assist(room):
    speech = subprocess.run([MEDLEY, "models", "path", "sample-speech", "two-cities.wav"], capture_output=True, text=True)
    shutil.copy(speech.stdout.strip(), room.scratch / "talk.wav")
    with Server(429, [("Retry-After", "18446744073709551615")]) as server:
        config(room, f'[assist]\nendpoint = "http://{server.address}/v1"\n')
        room.run("podcast", "talk.wav", "--model", "tiny.en")
        check("summary" in json.dumps(room.json("manifest.json")), "there is no summary")


@fault("hostile/11-wrong-name-in-message")
def link(room):
    (room.scratch / "0123abcd").write_bytes(b"no sound at all")
    (room.scratch / "x.png").symlink_to(room.scratch / "0123abcd")
    done = room.run("transcribe", "x.png", rc=1)
    check("x.png" in done.err and "0123abcd" not in done.err, done.err[-400:])


@fault("hostile/11-wrong-name-in-message:fetched")
def fetched(room):
    with Server(200, body=b"no sound at all") as server:
        config(room, f'[inputs]\ntrusted = ["{server.address}"]\n')
        done = room.run("transcribe", f"http://{server.address}/talk.mp3", rc=1)
        last = done.err.strip().splitlines()[-1]
        check("talk.mp3" in last and "spool" not in last, last)


def keeps_quiet(room, done):
    for secret in SECRETS:
        check(secret not in done.err and secret not in done.out, f"{secret} is told: {done.err[-400:]}")
        for file, content in everything_below(room.scratch / "out"):
            check(secret.encode() not in content, f"{file} holds {secret}")


@fault("hostile/17-url-secrets")
def secrets(room):
    for status, rc in ((404, 1), (403, 1), (503, 3)):
        with Server(status) as server:
            config(room, f'[inputs]\ntrusted = ["{server.address}"]\n[worker]\nmax_attempts = 2\n')
            url = f"http://bob:S3CRET@{server.address}/none.mp3?sig=TOKEN"
            done = room.run("transcribe", url, "--json", rc=rc, env={"MEDLEY_LOG": "debug"})
            check("none.mp3" in done.err, done.err[-400:])
            keeps_quiet(room, done)


@fault("hostile/17-url-secrets:queue")
def queue_secret(room):
    for command in (["list"], ["doctor"], ["submit", "speak", "Hello."]):
        done = room.medley(*command, env={"MEDLEY_QUEUE": "amqp://bob:S3CRET@127.0.0.1:1/TOKEN?x=S3CRET"})
        check("S3CRET" not in done.err + done.out, f"{command}: {done.err[-400:]}")
