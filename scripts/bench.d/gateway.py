"""Downloads and first sounds of the gateway, each beside what does the same without it. Standard library and curl."""

import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

MEDLEY = os.environ.get("MEDLEY", "medley")
ROUNDS = 7
MIB = 256
SENTENCES = {
    "one sentence": "Good morning, and welcome.",
    "three sentences": "Good morning, and welcome. The harbour opens at eight. Bring a coat, for the wind is cold.",
}
NGINX = """daemon off; error_log stderr; pid {folder}/pid;
events {{}}
http {{ sendfile off; access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; root {folder}; }} }}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def reached(port):
    for _ in range(600):
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
    sys.exit("a server did not start")


def downloaded(url):
    began = time.monotonic()
    subprocess.run(["curl", "--silent", "--fail", "--output", "/dev/null", url], check=True)
    return MIB / (time.monotonic() - began)


def artifact(example):
    served = subprocess.Popen([example, "artifact", str(MIB)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    url = served.stdout.readline().strip()
    with tempfile.TemporaryDirectory(dir=".") as place:
        folder, port = pathlib.Path(place).resolve(), free_port()
        folder.chmod(0o755)
        (folder / "large.bin").write_bytes(b"m" * (MIB << 20))
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
        nginx = subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL)
        reached(port)
        other = f"http://127.0.0.1:{port}/large.bin"
        downloaded(url), downloaded(other)
        pairs = [(downloaded(url), downloaded(other)) for _ in range(ROUNDS)]
        nginx.terminate()
        nginx.wait()
    served.stdin.close()
    served.wait()
    ours, theirs = (statistics.median(side) for side in zip(*pairs))
    print(f"{MIB} MiB over loopback; median of {ROUNDS} by turns\n")
    print("| | MiB a second |\n|---|---:|")
    print(f"| nginx, `sendfile off` | {theirs:.0f} |\n| an artifact of the gateway | {ours:.0f} |")
    print(f"\nRatio, pair by pair: {statistics.median(a / b for a, b in pairs):.2f}")


def first_of_stdout(text):
    began = time.monotonic()
    child = subprocess.Popen([MEDLEY, "run", "speak", text, "--voice", "af_heart", "--stdout"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    child.stdout.read(8_192)
    first = time.monotonic() - began
    child.stdout.read()
    if child.wait():
        sys.exit("medley run speak --stdout failed")
    return first


def first_of_speech(port, text):
    body = json.dumps({"model": "tts-1", "voice": "af_heart", "input": text, "response_format": "wav"}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/audio/speech", body, {"Content-Type": "application/json"})
    began = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            answer.read(8_192)
            first = time.monotonic() - began
            answer.read()
    except urllib.error.HTTPError as error:
        sys.exit(error.read().decode())
    return first


def speech(_example):
    """Of a gateway whose worker has the voice in memory, and has not spoken the text before."""
    with tempfile.TemporaryDirectory(dir=".") as place:
        port = free_port()
        environment = {**os.environ, "XDG_DATA_HOME": place, "MEDLEY_LOG": "error"}
        served = subprocess.Popen([MEDLEY, "serve", "--work", "--listen", f"127.0.0.1:{port}"], env=environment)
        reached(port)
        first_of_speech(port, "Hello.")
        print(f"Seconds until 8 KiB of sound are there, voice af_heart; median of {ROUNDS} by turns\n")
        print("| | `/v1/audio/speech`, voice in memory | `medley run speak --stdout`, which loads it | ratio |\n|---|---:|---:|---:|")
        for name, text in SENTENCES.items():
            # Another first word each time: a text that was spoken before is not spoken again.
            pairs = [(first_of_speech(port, f"{n}. {text}"), first_of_stdout(f"{n}. {text}")) for n in range(10, 10 + ROUNDS)]
            ours, theirs = (statistics.median(side) for side in zip(*pairs))
            print(f"| {name} | {ours:.2f} | {theirs:.2f} | {ours / theirs:.2f} |")
        served.terminate()
        served.wait()


{"artifact": artifact, "speech": speech}[sys.argv[1]](sys.argv[2])
