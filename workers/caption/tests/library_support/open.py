"""Opens a data set of 1,202 images (one unreadable, one twin) in every form; any difference is an error."""

import json, subprocess, sys, tarfile
from pathlib import Path

import datasets, pyarrow.parquet, webdataset
from pycocotools.coco import COCO

dataset, photos = map(Path, sys.argv[1:])
rows = [json.loads(line) for line in (dataset / "captions.jsonl").open(encoding="utf-8")]
assert len(rows) == 1202
kept = [row for row in rows if row["dropped"] is None]
assert all(row["caption"].startswith("sks waves") for row in kept)
reasons = {row["path"]: row["dropped"] for row in rows if row["dropped"]}
assert reasons["bad.jpg"] == "unreadable" and set(reasons.values()) == {"unreadable", "duplicate"}, reasons
twins = {row["path"] for row in rows if row["group"] is not None and row["group"] == next(r["group"] for r in rows if r["path"] == "twin.jpg")}
assert {"00005.jpg", "twin.jpg"} <= twins, twins

table = pyarrow.parquet.read_table(dataset / "captions.parquet").to_pylist()
assert len(table) == len(rows)
for row, cells in zip(rows, table):
    for name in ("path", "sha256", "bytes", "width", "height", "format", "orientation", "caption", "text", "people", "nsfw", "phash", "embedding", "group", "dropped"):
        assert cells[name] == row[name], (name, cells[name], row[name])
    assert cells["colours"] == [colour["name"] for colour in row["colours"]]
    assert cells["tags"] == [tag["label"] for tag in row["tags"]]
    assert all(abs(a - b["share"]) < 1e-6 for a, b in zip(cells["colour_shares"], row["colours"], strict=True))
    assert cells["error"] == (row["error"] or {}).get("code")

coco = COCO(dataset / "captions_coco.json")
assert len(coco.getImgIds()) == len(coco.getAnnIds()) == len(kept)
for row, image in zip(kept, coco.loadImgs(coco.getImgIds())):
    assert (image["file_name"], image["width"], image["height"]) == (row["path"], row["width"], row["height"])
    [annotation] = coco.imgToAnns[image["id"]]
    assert annotation["caption"] == row["caption"]

archives = sorted(str(path) for path in dataset.glob("train-*.tar"))
assert len(archives) == 2
samples = list(webdataset.WebDataset(archives, shardshuffle=False).decode("pil"))
assert len(samples) == len(kept)
for row, sample in zip(kept, samples):
    assert sample["txt"] == row["caption"] and sample["json"]["path"] == row["path"]
    assert sample["jpg"].size == (row["width"], row["height"])

subprocess.run(["tar", "-xf", dataset / "sidecars.tar", "-C", photos], check=True)
for row in kept:
    assert (photos / row["path"]).with_suffix(".txt").read_text(encoding="utf-8") == row["caption"]
assert not (photos / "bad.txt").exists()

(photos / "metadata.jsonl").write_bytes((dataset / "metadata.jsonl").read_bytes())
loaded = datasets.load_dataset("imagefolder", data_dir=str(photos), split="train")
assert sorted(loaded["text"]) == sorted(row["caption"] for row in kept)
assert loaded[0]["image"].size == (96, 64)
