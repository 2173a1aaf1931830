"""Called by scripts/bench.d/media with the path of the example `decode`."""
import collections
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

from PIL import Image

DECODE = sys.argv[1]
WORK = pathlib.Path(os.environ["MEDLEY_BENCH_DIR"]) / "media"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
MODELS = pathlib.Path(os.environ.get("MEDLEY_MODELS") or CACHE / "medley/models") / "models"
ROUNDS = 5
FORMATS = {
    "wav 48 kHz": ("a.wav", []),
    "flac": ("a.flac", []),
    "mp3 96 kbit/s": ("a.mp3", ["-b:a", "96k"]),
    "vorbis": ("a.ogg", ["-c:a", "libvorbis"]),
    "m4a (aac)": ("a.m4a", ["-c:a", "aac"]),
    "opus": ("a.opus", ["-c:a", "libopus"]),
    "webm (opus)": ("a.webm", ["-c:a", "libopus"]),
}


def ours(path):
    started = time.perf_counter()
    ran = subprocess.run([DECODE, path], capture_output=True, text=True, check=True)
    return time.perf_counter() - started, json.loads(ran.stdout)


def ffmpeg(path):
    started = time.perf_counter()
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-threads", "1", "-i", path]
    subprocess.run([*command, "-vn", "-ac", "1", "-ar", "16000", "-f", "f32le", "-y", "/dev/null"], check=True)
    return time.perf_counter() - started


def sound():
    WORK.mkdir(parents=True, exist_ok=True)
    source = MODELS / "sample-speech/two-cities.wav"
    print("Ten minutes of speech to 16 kHz mono, whole process, median of 5, interleaved.\n")
    print("| format | Medley s | ffmpeg s | ratio | Medley x real time | decoded by |\n|---|---|---|---|---|---|")
    for label, (name, options) in FORMATS.items():
        path = WORK / name
        if not path.exists():
            command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-stream_loop", "13", "-i", source, "-t", "600"]
            subprocess.run([*command, *options, path], check=True)
        mine, theirs = [], []
        for _ in range(ROUNDS):
            wall, found = ours(path)
            mine.append(wall)
            theirs.append(ffmpeg(path))
        a, b = statistics.median(mine), statistics.median(theirs)
        seconds, by = found["ok"]["seconds"], "ffmpeg child" if found["ok"]["external"] else "symphonia"
        print(f"| {label} | {a:.2f} | {b:.2f} | {b / a:.2f} | {seconds / a:.0f} | {by} |")


def pictures():
    print("\nPictures to RGB, in the process, median of 5, interleaved.\n")
    print("| picture | Medley ms | Pillow ms |\n|---|---|---|")
    for name in ("hubble.jpg", "rocket.jpg", "astronaut.png", "coffee.png"):
        path = MODELS / "sample-pictures" / name
        mine, theirs = [], []
        for _ in range(ROUNDS):
            mine.append(ours(path)[1]["wall_s"])
            started = time.perf_counter()
            Image.open(path).convert("RGB").load()
            theirs.append(time.perf_counter() - started)
        print(f"| {name} | {1e3 * statistics.median(mine):.1f} | {1e3 * statistics.median(theirs):.1f} |")


def damaged():
    data = os.environ.get("MEDLEY_EVAL_DATA")
    if not data:
        print("\nMEDLEY_EVAL_DATA is not set: damaged files were not looked at.")
        return
    folder = pathlib.Path(data) / "bad"
    items = json.loads((folder / "manifest.json").read_text())["items"]
    outcomes = collections.Counter()
    slowest = 0
    for item in items:
        ran = subprocess.run([DECODE, folder / item["file"]], capture_output=True, text=True, timeout=60, check=False)
        found = json.loads(ran.stdout) if ran.returncode == 0 else {"code": "CRASHED"}
        outcomes["decoded" if "ok" in found else found["code"]] += 1
        slowest = max(slowest, found.get("wall_s", 0))
    print(f"\n{len(items)} damaged or hostile files: {dict(outcomes)}; the slowest took {slowest:.2f} s.")


sound()
pictures()
damaged()
