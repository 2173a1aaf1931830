"""Draws a library, runs it, and prints what it took. Memory is the sum of the resident sizes of medley's processes
(pages that two of them share count twice), looked at ten times a second."""

import json, os, re, shutil, signal, subprocess, sys, threading, time
from io import BytesIO
from pathlib import Path

import numpy
from PIL import Image

medley, look, folder, count = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
photos, dataset = folder / f"images-{count}", folder / "dataset"
SIZE = (160, 120)
BARE = ["--objects=false", "--text=false", "--people=false", "--nsfw=false"]
SLOTS = int(os.environ.get("LIBRARY_SLOTS", os.cpu_count()))
# Paths on one command line of the example that only looks.
AT_ONCE = 10_000


def draw(number):
    """A JPEG of smooth random colours: about 3 KB, unlike the others."""
    seeds = numpy.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=numpy.uint8)
    out = BytesIO()
    Image.fromarray(seeds).resize(SIZE, Image.Resampling.BICUBIC).save(out, "JPEG", quality=85)
    return out.getvalue()


def fill():
    for number in range(count):
        path = photos / f"{number // 1000:03}" / f"{number:06}.jpg"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(draw(number))


def family(pid):
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid] + [one for child in children for one in family(int(child))]


def resident(pid):
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def run(kill_after=None):
    """Seconds, highest sum of resident bytes, and the manifest (none when it was killed)."""
    started = time.monotonic()
    command = [medley, "run", "library", str(photos), "--json", "-o", str(dataset), "--slots", str(SLOTS), "--keep-steps", *BARE]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    highest = 0
    out = {}
    reader = threading.Thread(target=lambda: out.update(zip(("out", "err"), child.communicate())))
    reader.start()
    while child.poll() is None:
        highest = max(highest, sum(map(resident, family(child.pid))))
        if kill_after and time.monotonic() - started > kill_after:
            child.send_signal(signal.SIGKILL)
        time.sleep(0.1)
    took = time.monotonic() - started
    reader.join()
    if kill_after:
        return took, highest, None
    assert child.returncode == 0, out["err"]
    return took, highest, json.loads(out["out"])


def looked():
    """Seconds that the same takes without job, list and data set (thumbnails and rows are not kept)."""
    files = sorted(str(path) for path in photos.rglob("*.jpg"))
    params, seconds = json.dumps({"objects": False, "text": False, "people": False, "nsfw": False, "thumbnail_px": 160}), 0.0
    for at in range(0, len(files), AT_ONCE):
        ran = subprocess.run([look, str(os.cpu_count()), params, *files[at:at + AT_ONCE]], capture_output=True, text=True, check=True)
        seconds += float(re.search(r"images, ([\d.]+) s", ran.stderr)[1])
    return seconds


def looking():
    """Seconds that the job's own look steps took: all else of its time is bookkeeping."""
    results = (json.loads(path.read_text()) for path in (dataset / ".medley/store").rglob("result.json"))
    return sum(result["lineage"]["compute_ms"] for result in results if result["id"]["stage"].startswith("look")) / 1000


def line(what, took, highest, manifest):
    compute = manifest["timings"]["compute_ms"] / 1000 if manifest else None
    shown = [what, f"{took:.1f}", f"{compute:.1f}" if compute is not None else "", f"{highest / 2**20:.0f}"]
    print("| " + " | ".join(shown) + " |", flush=True)


fill()
shutil.rmtree(dataset, ignore_errors=True)
added = photos / "000" / "000000-new.jpg"
added.unlink(missing_ok=True)
print(f"{count:,} images of {SIZE[0]} × {SIZE[1]} px; slots: {SLOTS}, their threads those of the machine\n")
print("| run | s | s in steps | MiB |\n|---|---:|---:|---:|")
took, highest, first = run()
line("first", took, highest, first)
steps, alone = looking(), looked()
line("again, nothing changed", *run())
added.write_bytes(draw(count))
line("one image more", *run())
added.unlink()
shutil.rmtree(dataset)
line(f"killed (SIGKILL) after {took / 2:.0f} s", *run(kill_after=took / 2))
line("the same command again", *run())
rows = sum(1 for _ in (dataset / "captions.jsonl").open())
assert rows == count, rows
seconds = time.monotonic()
subprocess.run([medley, "search", str(dataset), "red"], check=True, capture_output=True)
line("search of words", time.monotonic() - seconds, 0, None)
print(f"\nFirst run: {count / took:.0f} images/s; {steps:.1f} s of it in steps that look at images, so {1 - steps / SLOTS / took:.0%} is bookkeeping (list, queue, "
      f"store, merges, data set). The same looking without a job: {alone:.1f} s, {1 - alone / took:.0%} less than the whole.")
