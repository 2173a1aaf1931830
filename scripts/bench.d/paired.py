"""Two builds by turns, each as a whole process; prints the median of the ratios pair by pair, and its 95 % interval."""

import math
import shutil
import statistics
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import numpy
from PIL import Image

OLD, NEW, SPEECH, DIR = (Path(word).resolve() for word in sys.argv[1:5])
ROUNDS = int(sys.argv[5])
IMAGES = 300


def of_the_bare_loop(build, command, row):
    """The last column of a row of an example's table: its speed as a share of the bare loop's in the same process."""
    words = [str(build / "examples" / command[0]), *command[1:]]
    printed = subprocess.run(words, check=True, capture_output=True, text=True, cwd=DIR).stdout
    return float(next(line for line in printed.splitlines() if row in line).strip("| ").split("|")[-1])


def seconds(build, *words):
    """A whole command with nothing remembered, as a user types it; models are in the page cache."""
    shutil.rmtree(DIR / "out", ignore_errors=True)
    began = time.monotonic()
    subprocess.run([str(build / "medley"), "run", *words, "-o", str(DIR / "out")], check=True, capture_output=True)
    return time.monotonic() - began


def library():
    """JPEGs of smooth random colours."""
    folder = DIR / f"images-{IMAGES}"
    folder.mkdir(exist_ok=True)
    for number in range(len(list(folder.iterdir())), IMAGES):
        seeds = numpy.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=numpy.uint8)
        out = BytesIO()
        Image.fromarray(seeds).resize((640, 480), Image.Resampling.BICUBIC).save(out, "JPEG", quality=85)
        (folder / f"{number:06}.jpg").write_bytes(out.getvalue())
    return str(folder)


def speed_of_steps(build):
    return of_the_bare_loop(build, ["step_bench", "3"], "a whole step")


def speed_of_queue(build):
    return of_the_bare_loop(build, ["queue_bench", "sqlite", "3"], "8 at a time")


def speed_of_transcript(build):
    return 1 / seconds(build, "transcribe", str(SPEECH / "en" / "librivox-0880.wav"))


def speed_of_library(build):
    return 1 / seconds(build, "library", library(), "--text=false", "--people=false", "--nsfw=false")


PARTS = {
    "step": ("whole steps, of a bare loop", speed_of_steps),
    "queue": ("SqliteQueue, 8 at a time, of a bare loop", speed_of_queue),
    "transcribe": ("`medley run transcribe`", speed_of_transcript),
    "library": (f"`medley run library`, {IMAGES} images, bare", speed_of_library),
}


def interval(ratios):
    """Order statistics that hold the median in at least 95 % of samples."""
    ordered, n, tail = sorted(ratios), len(ratios), 0.0
    for k in range(n // 2):
        tail += math.comb(n, k) / 2**n
        if 2 * tail > 0.05:
            return ordered[k], ordered[n - 1 - k]
    return ordered[0], ordered[-1]


def main():
    print("| | rounds | this build of the other, median | 95 % interval |")
    print("|---|---:|---:|---:|")
    for part in sys.argv[6:] or PARTS:
        name, speed = PARTS[part]
        speed(OLD), speed(NEW)  # warms both up
        ratios = []
        for turn in range(ROUNDS):
            first, second = (OLD, NEW) if turn % 2 else (NEW, OLD)
            speeds = {first: speed(first), second: speed(second)}
            ratios.append(speeds[NEW] / speeds[OLD])
        low, high = interval(ratios)
        print(f"| {name} | {ROUNDS} | {statistics.median(ratios):.3f} | {low:.3f} to {high:.3f} |", flush=True)


main()
