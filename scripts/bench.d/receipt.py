"""Scores receipts: `receipt.py DATA READ_RECEIPT WORK_DIR [speed] [large] [spoiled] [rendered] [text] [folds]`, or `receipt.py --peer FILE...` to be
the peer."""

import collections
import json
import math
import os
import statistics
import sys
import time
from pathlib import Path

import receipt_folds
from receipt_fields import FIELDS, child, f1, field_counts, ours, wilson

# ---- the peer


def peer(files):
    """RapidOCR as it comes: one line of JSON for each file, then the time of all."""
    import logging

    from rapidocr import RapidOCR

    logging.disable(logging.CRITICAL)
    engine = RapidOCR()
    start = time.time()
    for file in files:
        result = engine(file)
        boxes = result.boxes if result.boxes is not None else []
        lines = [{"polygon": b.tolist(), "text": t} for b, t in zip(boxes, result.txts or [])]
        print(json.dumps({"file": file, "lines": lines}))
    print(json.dumps({"seconds": time.time() - start}))


# ---- text: characters and words against the truth's lines


def edits(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def bounds(polygon):
    xs, ys = [p[0] for p in polygon], [p[1] for p in polygon]
    return min(xs), min(ys), max(xs), max(ys)


def true_lines(path):
    lines = []
    for line in path.read_text(encoding="utf8", errors="replace").splitlines():
        parts = line.split(",", 8)
        if len(parts) == 9:
            numbers = list(map(int, parts[:8]))
            lines.append((bounds(list(zip(numbers[::2], numbers[1::2]))), parts[8]))
    return lines


def overlap(a, b):
    """The shared area as a share of the smaller box."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0
    return width * height / min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))


def text_counts(truth, lines):
    """Edits and characters over groups of overlapping lines (a line of one may be two of the other), without case and
    spaces; words in common, in the truth, read."""
    read = [(bounds(line["polygon"]), line["text"]) for line in lines]
    boxes = truth + read
    parent = list(range(len(boxes)))

    def root(i):
        while parent[i] != i:
            i = parent[i]
        return i

    for i, (a, _) in enumerate(truth):
        for j, (b, _) in enumerate(read):
            if overlap(a, b) > 0.5:
                parent[root(i)] = root(len(truth) + j)
    groups = collections.defaultdict(lambda: ([], []))
    for i, box in enumerate(boxes):
        groups[root(i)][i >= len(truth)].append(box)

    def joined(group):
        def place(box):
            (left, top, _, bottom), _ = box
            return round((top + bottom) / 2 / (0.7 * (bottom - top) + 1)), left

        return "".join(text for _, text in sorted(group, key=place)).upper().replace(" ", "")

    wrong = total = 0
    for true, seen in groups.values():
        a, b = joined(true), joined(seen)
        wrong, total = wrong + edits(a, b), total + len(a)
    words = [collections.Counter(w for _, text in part for w in text.upper().split()) for part in (truth, read)]
    return [wrong, total, sum((words[0] & words[1]).values()), sum(words[0].values()), sum(words[1].values())]


def text_score(data, lines_of):
    sums = [0] * 5
    for stem, lines in lines_of.items():
        sums = [a + b for a, b in zip(sums, text_counts(true_lines(data / "box" / f"{stem}.csv"), lines))]
    wrong, total, common, true, read = sums
    return wrong / max(1, total), 2 * common / max(1, true + read)


def theirs(files):
    text, wall, memory = child([sys.executable, __file__, "--peer", *map(str, files)])
    answers = [json.loads(line) for line in text.splitlines()]
    return {Path(a["file"]).stem: a["lines"] for a in answers if "file" in a}, wall, memory


# ---- what happens to paper


def spoil(kind, picture):
    import numpy as np
    from PIL import Image

    width, height = picture.size
    if kind.startswith("turned"):
        return picture.rotate(-int(kind.split()[1]), expand=True)
    if kind == "leaning 10":
        return picture.rotate(-10, expand=True, resample=Image.Resampling.BICUBIC, fillcolor=(120, 120, 120))
    if kind == "half in shadow":
        x = np.linspace(0, 1, width)[None, :, None] + 0.15 * np.linspace(-1, 1, height)[:, None, None]
        shade = 0.35 + 0.65 / (1 + np.exp((x - 0.5) * 40))
        return Image.fromarray((np.asarray(picture) * shade).astype("uint8"))
    if kind == "crumpled":
        # Waves across and along, the deepest about half a line high.
        y, x = np.mgrid[0:height, 0:width].astype("float32")
        depth = 0.006 * width
        u = x + depth * np.sin(y / width * 9.0) + depth * 0.6 * np.sin(x / width * 11.0 + y / width * 4.0)
        v = y + depth * np.sin(x / width * 7.0 + 1.0) + depth * 0.6 * np.sin(y / width * 13.0)
        import cv2

        return Image.fromarray(cv2.remap(np.asarray(picture), u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    return picture


SPOILED = ["as scanned", "turned 90", "turned 180", "turned 270", "leaning 10", "half in shadow", "crumpled", "JPEG quality 20"]


def degradations(data, tool, work):
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    print("| what happened to it | company | date | address | total | F1 | adds up |\n|---|---|---|---|---|---|---|")
    chosen = os.environ.get("RECEIPT_SPOILED", "").split(",")
    for kind in [kind for kind in SPOILED if chosen == [""] or kind in chosen]:
        folder = work / "spoiled" / kind.replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        files = []
        for source in sorted((data / "img").iterdir()):
            target = folder / (source.stem + (".jpg" if kind == "JPEG quality 20" else ".png"))
            if not target.exists():
                with Image.open(source) as picture:
                    picture = spoil(kind, picture.convert("RGB"))
                    picture.save(target, **({"quality": 20} if target.suffix == ".jpg" else {"compress_level": 1}))
            files.append(target)
        out = work / "read" / folder.name
        ours(tool, out, files, "--slots", "2", "--threads", "2", "--params", '{"overlay":false}')
        right, found, wanted, sums, _ = field_counts(data, out)
        cells = " | ".join(f"{right[field]}/{wanted}" for field in FIELDS)
        print(f"| {kind} | {cells} | {f1(right, found, wanted):.3f} | {sums}/{wanted} |", flush=True)


def speed(data, tool, work):
    files = sorted((data / "img").iterdir())
    rounds = int(os.environ.get("RECEIPT_ROUNDS", "3"))
    runs = collections.defaultdict(list)
    for _ in range(rounds):
        runs["ours"].append(ours(tool, work / "out", files, "--slots", "2", "--threads", "2"))
        runs["one"].append(ours(tool, work / "out", files, "--slots", "1", "--threads", "2"))
        runs["peer"].append(theirs(files))
    print(f"{len(files)} receipts; images per second: median of {rounds} interleaved rounds, models loaded in the time\n")
    print("| | line CER | word F1 | images/s | peak memory, MB |\n|---|---|---|---|---|")
    names = {"ours": "Medley, 2 slots of 1 thread", "one": "Medley, 1 slot of 2 threads", "peer": "RapidOCR 3.10.0"}
    speeds = {}
    for key, name in names.items():
        cer, words = text_score(data, runs[key][-1][0])
        speeds[key] = len(files) / statistics.median(wall for _, wall, _ in runs[key])
        memory = max(memory for *_, memory in runs[key])
        print(f"| {name} | {cer:.4f} | {words:.3f} | {speeds[key]:.2f} | {memory:.0f} |")
    print(f"\nSpeed against RapidOCR: {speeds['ours'] / speeds['peer']:.2f} times\n")
    right, found, wanted, sums, misses = field_counts(data, work / "out")
    print("| field | right | 95 % interval |\n|---|---|---|")
    for field in FIELDS:
        low, high = wilson(right[field], wanted)
        print(f"| {field} | {right[field]}/{wanted} | {low:.2f}–{high:.2f} |")
    low, high = wilson(sum(right.values()), wanted * len(FIELDS))
    print(f"| all: F1 {f1(right, found, wanted):.3f} | {sum(right.values())}/{wanted * len(FIELDS)} | {low:.2f}–{high:.2f} |")
    print(f"\n{sums} of {wanted} add up.\n")
    (work / "misses.json").write_text(json.dumps(misses, indent=1, ensure_ascii=False))


def large(data, tool, work):
    """A receipt of 30 megapixels by itself: seconds and memory."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    file = work / "30-megapixels.jpg"
    if not file.exists():
        with Image.open(sorted((data / "img").iterdir())[0]) as picture:
            picture = picture.convert("RGB")
            scale = math.sqrt(30e6 / (picture.width * picture.height))
            size = (round(picture.width * scale), round(picture.height * scale))
            picture.resize(size, Image.Resampling.LANCZOS).save(file, quality=92)
    _, wall, memory = ours(tool, work / "large", [file], "--slots", "1", "--threads", "2")
    print(f"One receipt of 30 megapixels, overlay drawn, models loaded in the time: {wall:.1f} s, {memory:.0f} MB at most\n")


def rendered(_data, tool, work):
    """Layouts of many kinds, made by receipt_render.py; RECEIPT_SEED (2) makes others of the same."""
    import receipt_render
    import receipt_rendered

    root, out = work / "rendered", work / "read" / "rendered"
    receipt_render.render(root, int(os.environ.get("RECEIPT_SEED", "2")))
    ours(tool, out, sorted((root / "img").iterdir()), "--slots", "2", "--threads", "2", "--params", '{"overlay":false}')
    misses = receipt_rendered.table(root, out)
    (work / "rendered-misses.json").write_text(json.dumps(misses, indent=1, ensure_ascii=False))


def text(_data, tool, work):
    """The same layouts from their text alone, without a reader."""
    import subprocess

    import receipt_render
    import receipt_rendered

    root, out = work / "rendered-text", work / "read" / "rendered-text"
    receipt_render.render(root, int(os.environ.get("RECEIPT_SEED", "2")))
    fields = os.environ.get("RECEIPT_FIELDS", str(Path(tool).with_name("read_fields")))
    with open(root / "lines.jsonl") as lines:
        subprocess.run([fields, str(out)], stdin=lines, check=True)
    misses = receipt_rendered.table(root, out)
    (work / "rendered-text-misses.json").write_text(json.dumps(misses, indent=1, ensure_ascii=False))


def folds(data, tool, work):
    """Shops that no rule was written for."""
    receipt_folds.main(data, tool, work)


SECTIONS = {"speed": speed, "large": large, "spoiled": degradations, "rendered": rendered, "folds": folds, "text": text}


def main():
    data, tool, work = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    for section in sys.argv[4:] or SECTIONS:
        SECTIONS[section](data, tool, work)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        peer(sys.argv[2:])
    else:
        main()
