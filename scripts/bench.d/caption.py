"""Prints the tables of `scripts/bench caption`."""
import json, multiprocessing, os, pathlib, re, shutil, statistics, subprocess, sys

import caption_clip

data, tools, work = map(pathlib.Path, sys.argv[1:4])
only = sys.argv[4:] or ["stages", "clip"]
here = pathlib.Path(__file__).parent
rounds = int(os.environ.get("CAPTION_ROUNDS", 3))
cores = multiprocessing.cpu_count()
photos = sorted(str(path) for folder in ("coco", "imagenet") for path in (data / folder).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
STAGES = {
    "decode, colours, sharpness, hash": [],
    "the same and faces, poses": ["people"],
    "the same as the first and Open-NSFW": ["nsfw"],
    "the same as the first and text": ["text"],
    "the same as the first and things, kind, vector": ["objects"],
    "all": ["objects", "people", "nsfw", "text"],
}


def ours(stages):
    params = {stage: stage in stages for stage in ("text", "objects", "people", "nsfw")}
    run = subprocess.run([tools / "analyze", str(cores), json.dumps(params), *photos], capture_output=True, text=True, check=True)
    return float(re.search(r"images, ([\d.]+) s", run.stderr)[1])


def theirs(*args):
    run = subprocess.run([sys.executable, here / "caption_peer.py", *args, *photos], capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stderr)
    return json.loads(run.stdout.strip().splitlines()[-1])["seconds"]


def table(rows):
    print("| | Medley, images/s | a core | Python, images/s | times |\n|---|---|---|---|---|")
    for name, (mine, other) in rows.items():
        mine, other = (len(photos) / statistics.median(seconds) for seconds in (mine, other))
        print(f"| {name} | {mine:.2f} | {mine / cores:.2f} | {other:.2f} | {mine / other:.2f} |", flush=True)
    print()


print(f"{len(photos)} photographs (COCO, ImageNet), {cores} cores, median of {rounds} interleaved rounds, models loaded before\n")
if "stages" in only:
    rows = {}
    for name, stages in STAGES.items():
        rows[name] = ([], [])
        for _ in range(rounds):
            rows[name][0].append(ours(stages))
            rows[name][1].append(theirs(",".join(stages) or "none"))
    table(rows)
if "clip" in only:
    towers, small = work / "vit-b-32-random", work / "vit-b-32-random-8bit"
    if not (towers / "textual.onnx").exists():
        caption_clip.make(towers)
    small.mkdir(exist_ok=True)
    converter = here.parent.parent / "workers/models/convert/eight_bits.py"
    subprocess.run([sys.executable, converter, towers / "visual.onnx", small / "visual.onnx"], check=True)
    shutil.copyfile(towers / "textual.onnx", small / "textual.onnx")
    rows = {}
    for folder, kind in ((towers, ""), (small, ", 8 bits")):
        for batch in (1, 16):
            mine, other = rows[f"CLIP ViT-B/32{kind}, batch {batch}"] = ([], [])
            for _ in range(rounds):
                run = subprocess.run([tools / "embed", folder, str(cores), str(batch), *photos], capture_output=True, text=True, check=True)
                mine.append(float(re.search(r"images, ([\d.]+) s", run.stderr)[1]))
                other.append(theirs("clip", str(folder), str(batch)))
    table(rows)
