"""Names, bytes, flags and texts on the command line; models and configurations that are no files."""

import os
import resource
import shutil
import subprocess

from harness import MEDLEY, check, fault


def png(room, name="a.png"):
    """A small picture of the room's own."""
    made = subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=160x120:d=1", "-frames:v", "1", "-y",
                           os.path.join(room.scratch, "made.png")], check=False)
    check(made.returncode == 0, "ffmpeg made no picture")
    target = os.path.join(os.fsencode(room.scratch), os.fsencode(name))
    os.replace(os.path.join(room.scratch, "made.png"), target)


def is_text(text):
    return not any((ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u200f\u2066\u2069" for c in text)


@fault("hostile/06-dots-file-name")
def dots(room):
    for name in ("...png", "a.png"):
        shutil.copy(room.data / name, room.scratch / name)
    done = room.medley("run", "control", "./...png", "a.png", "--annotators", "canny", "-o", "out/deep")
    check(done.rc == 0, done.err)
    check(os.listdir(room.scratch / "out") == ["deep"], f"out holds {os.listdir(room.scratch / 'out')}")
    check(len(list((room.scratch / "out/deep").glob("*/canny.png"))) == 2, "not a folder for each")


@fault("hostile/07-dot-medley-file-name")
def dot_medley(room):
    for name in (".medley.png", "a.png"):
        shutil.copy(room.data / ".medley.png", room.scratch / name)
    room.run("control", ".medley.png", "a.png", "--annotators", "canny")
    check(not (room.scratch / "out/.medley/canny.png").exists(), "an artifact lies in the state folder")
    check((room.scratch / "out/medley/canny.png").exists(), "no folder of its own")


@fault("hostile/09-names-in-messages")
def names_in_messages(room):
    for name in ("a\nerror[ok]: b.png", "\x1b]0;title\x07.png", "\u202egnp.png"):
        done = room.run("control", name, rc=1)
        check(is_text(done.err), f"controls reach the terminal: {done.err!r}")
        check(len(done.err.strip().splitlines()) == 1, f"more than a line: {done.err!r}")
        check(done.err.startswith("error[input_not_found]"), done.err)


@fault("hostile/15-fsize-signal")
def file_size(room):
    png(room)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, 64 << 10))

    done = subprocess.run([MEDLEY, "run", "control", "a.png", "-o", "out"], cwd=room.scratch, capture_output=True,
                          preexec_fn=limit, timeout=120)
    check(done.returncode == 3, f"exit {done.returncode}")
    check(b"error[service_unavailable]" in done.stderr, done.stderr)


@fault("hostile/16-config-and-model-fifo:config")
def config_fifo(room):
    os.mkfifo(room.scratch / "pipe")
    for config in ("pipe", "/dev/zero"):
        done = room.medley("list", "--config", config, timeout_s=20, memory_bytes=2 << 30)
        check(done.rc == 2 and "error[config_invalid]" in done.err, f"{config}: {done}")


@fault("hostile/16-config-and-model-fifo:model")
def model_fifo(room):
    for make in (os.mkfifo, lambda at: os.symlink("/dev/zero", at)):
        folder = room.scratch / "models/models/silero-vad"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(folder / "vad.onnx")
        done = room.medley("models", "path", "silero-vad", "vad.onnx", env={"MEDLEY_MODELS": str(room.scratch / "models")},
                           timeout_s=20)
        check(done.rc == 3 and "error[model_corrupt]" in done.err, str(done))


@fault("hostile/21-odd-bytes-in-argv")
def odd_bytes(room):
    png(room, b"\xff.png")
    done = room.medley("run", "control", b"\xff.png", "--annotators", "canny", "-o", "out")
    check(done.rc == 0 and (room.scratch / "out/canny.png").exists(), str(done))


@fault("hostile/22-tampered-model-same-mtime")
def tampered(room):
    path = room.medley("models", "path", "silero-vad", "vad.onnx").out.strip()
    env = {"MEDLEY_MODELS": str(room.scratch / "models"), "MEDLEY_MODEL_MIRROR": os.path.dirname(os.path.realpath(path))}
    check(room.medley("models", "pull", "silero-vad", env=env).rc == 0, "no pull from the mirror")
    model = os.path.realpath(room.scratch / "models/models/silero-vad/vad.onnx")
    before = os.stat(model)
    os.chmod(model, 0o644)
    with open(model, "r+b") as file:
        file.seek(1000)
        byte = file.read(1)
        file.seek(1000)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(model, ns=(before.st_atime_ns, before.st_mtime_ns))
    done = room.medley("models", "path", "silero-vad", "vad.onnx", env=env)
    check(done.rc == 3 and "error[model_corrupt]" in done.err, str(done))


@fault("20-text-taken-for-file")
def text_or_file(room):
    for text in (room.data / "cases.txt").read_text().splitlines():
        if text.strip():
            room.run("speak", text)


@fault("44-docs-text-false")
def text_false(room):
    png(room, "alpha.png")
    done = room.run("caption", "alpha.png", "--text", "false")
    check(done.rc == 0, done.err)
    check('"text": false' in room.text("manifest.json"), "the text was read all the same")
