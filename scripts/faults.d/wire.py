"""Messages that nobody of ours sends, and compute processes that are killed while they start."""

import contextlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import time
import zlib
from pathlib import Path

from harness import MEDLEY, check, fault

PATIENCE_S = 300


def free_port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


@contextlib.contextmanager
def broker(folder: Path):
    """A RabbitMQ of the case's own; gives its port."""
    folder.mkdir()
    port, distribution, epmd = free_port(), free_port(), free_port()
    (folder / "plugins").write_text("[].")
    (folder / "env.conf").write_text("")
    (folder / "rabbitmq.conf").write_text("disk_free_limit.absolute = 50MB\n")
    env = {**os.environ, "HOME": str(folder), "RABBITMQ_NODENAME": f"faults{port}@localhost",
           "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1", "RABBITMQ_NODE_PORT": str(port),
           "RABBITMQ_DIST_PORT": str(distribution), "ERL_EPMD_PORT": str(epmd), "ERL_EPMD_ADDRESS": "127.0.0.1",
           "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"), "RABBITMQ_LOG_BASE": str(folder / "log"),
           "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"), "RABBITMQ_CONF_ENV_FILE": str(folder / "env.conf"),
           "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"), "RABBITMQ_PID_FILE": str(folder / "pid")}
    with open(folder / "out.log", "wb") as log:
        server = subprocess.Popen(["/usr/lib/rabbitmq/bin/rabbitmq-server"], env=env, stdin=subprocess.DEVNULL,
                                  stdout=log, stderr=log, start_new_session=True)
    try:
        until("the broker", lambda: can_connect(port))
        yield port
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        subprocess.run(["epmd", "-port", str(epmd), "-kill"], env=env, capture_output=True, check=False)


def can_connect(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as stream:
        stream.settimeout(5)
        stream.sendall(b"AMQP\0\0\x09\x01")
        return stream.recv(1) == b"\x01"
    return False


def until(what, there):
    deadline = time.monotonic() + PATIENCE_S
    while not there():
        check(time.monotonic() < deadline, f"waited in vain for {what}")
        time.sleep(0.05)


def publish(port, key, body, headers):
    """One message to `medley.steps`, by the least of AMQP 0-9-1 that does it; `headers` are unsigned numbers."""
    short = lambda text: bytes([len(text)]) + text.encode()
    method = lambda kind, call, rest=b"": struct.pack(">HH", kind, call) + rest
    with socket.create_connection(("127.0.0.1", port), 10) as stream:
        reader = stream.makefile("rb")

        def send(kind, channel, payload):
            stream.sendall(struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce")

        def wait_for(kind, call):
            while True:
                of, _, length = struct.unpack(">BHI", reader.read(7))
                payload = reader.read(length + 1)
                if of == 1 and struct.unpack(">HH", payload[:4]) == (kind, call):
                    return

        stream.sendall(b"AMQP\0\0\x09\x01")
        wait_for(10, 10)
        login = b"\0guest\0guest"
        send(1, 0, method(10, 11, struct.pack(">I", 0) + short("PLAIN") + struct.pack(">I", len(login)) + login + short("en_US")))
        wait_for(10, 30)
        send(1, 0, method(10, 31, struct.pack(">HIH", 2047, 131072, 0)))
        send(1, 0, method(10, 40, short("/") + b"\0\0"))
        wait_for(10, 41)
        send(1, 1, method(20, 10, b"\0"))
        wait_for(20, 11)
        send(1, 1, method(85, 10, b"\0"))
        wait_for(85, 11)
        send(1, 1, method(60, 40, struct.pack(">H", 0) + short("medley.steps") + short(key) + b"\0"))
        table = b"".join(short(name) + b"i" + struct.pack(">I", value) for name, value in headers.items())
        send(2, 1, struct.pack(">HHQH", 60, 0, len(body), 0x2000) + struct.pack(">I", len(table)) + table)
        send(3, 1, body)
        wait_for(60, 80)


def picture(path: Path):
    """A PNG of 64 × 64 px with an edge in it."""
    rows = b"".join(b"\0" + bytes([30] * 32 + [220] * 32) for _ in range(64))
    chunk = lambda name, data: struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    head = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def submit(room, env):
    picture(room.scratch / "edge.png")
    done = room.medley("submit", "control", "edge.png", "--annotators", "canny", env=env)
    check(done.rc == 0, done.err)
    return done.out.strip()


def outcome(room, env, job):
    watched = room.medley("watch", job, "--json", env=env, timeout_s=PATIENCE_S)
    return json.loads(watched.out)["outcome"]


@contextlib.contextmanager
def worker(room, env, *arguments):
    with open(room.scratch / "worker.log", "wb") as log:
        process = subprocess.Popen([MEDLEY, "worker", *arguments], cwd=room.scratch, env={**os.environ, **env},
                                   stdout=log, stderr=log)
    try:
        yield process
        check(process.poll() is None, "the worker ended: " + (room.scratch / "worker.log").read_text()[-800:])
    finally:
        process.kill()
        process.wait()


def survives(room, headers):
    """The message of the case, for a job that is open, and then one that is as it should be."""
    with broker(room.scratch / "broker") as port:
        # Workers before a broker read only what lies below the folders that they are told.
        config = room.scratch / "fleet.toml"
        config.write_text(f"[limits]\nfile_roots = [{json.dumps(str(room.scratch))}]\n")
        env = {"MEDLEY_QUEUE": f"amqp://guest:guest@127.0.0.1:{port}", "XDG_DATA_HOME": str(room.scratch / "data"),
               "MEDLEY_CONFIG": str(config)}
        hit = submit(room, env)
        step = json.loads((room.data / "step.json").read_text())
        step["job"] = hit
        publish(port, "medley.control.interactive", json.dumps(step).encode(), headers)
        with worker(room, env):
            check(outcome(room, env, hit) == "succeeded", "the job that was hit did not end well")
            check(outcome(room, env, submit(room, env)) == "succeeded", "the next job did not end well")


@fault("hostile/02-broker-lost-header")
def lost_header(room):
    survives(room, {"x-medley-lost": 4294967295, "x-delivery-count": 5})


@fault("hostile/03-lineage-overflow")
def lineage(room):
    survives(room, {})


def children_of(pid):
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if f"PPid:\t{pid}\n" in (entry / "status").read_text():
                    found.append(int(entry.name))
    return found


@fault("hostile/14-child-killed-at-start")
def killed_at_start(room):
    env = {"XDG_DATA_HOME": str(room.scratch / "data")}
    job = submit(room, env)
    with worker(room, env) as process:
        killed = set()
        for _ in range(2):
            new = lambda: [child for child in children_of(process.pid) if child not in killed]
            until("a compute process", new)
            for child in new():
                killed.add(child)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        check(outcome(room, env, job) == "succeeded", "the job did not end well")
    shutil.rmtree(room.scratch / "data")
