"""What captions say, judged: `scripts/bench sentences`.

CIDEr-D (Vedantam et al., arXiv:1411.5726; n = 1..4, sigma 6, no stemming, document frequencies of these photos), recall of the
photo by its captions with `medley search`, counts of people against COCO's keypoints, and what is said of photos without
people, of scans and of screenshots. The rules' constants were chosen on every other photo (tuned); the others are held out.
"""
import json, math, pathlib, re, shutil, subprocess, sys

medley, data, work = sys.argv[1], *map(pathlib.Path, sys.argv[2:4])
here = pathlib.Path(__file__).parent
# Of the sets imagenet and skimage: a person or a part of one is seen in these.
WITH_PEOPLE = {"n02098286_West_Highland_white_terrier.JPEG", "n02837789_bikini.JPEG", "n04133789_sandal.JPEG", "camera.png"}
# No photos of things: pages, handwriting, stars, a microscope's view, coins.
NOT_NAMEABLE = {"page.png", "text.png", "hubble_deep_field.jpg", "retina.jpg", "coins.png"}
SCANS = 10


def library(name, files, *flags):
    """The rows of a library of these files, by file name."""
    folder, out = work / "quality" / name, work / "quality" / f"{name}-dataset"
    for old in (folder, out):
        shutil.rmtree(old, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in files:
        shutil.copy(file, folder)
    run = subprocess.run([medley, "run", "library", folder, *flags, "-o", out, "-q"], capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stderr)
    rows = [json.loads(line) for line in (out / "captions.jsonl").read_text().splitlines()]
    return {row["path"]: row for row in rows}, out


def words(text):
    return re.findall(r"[a-z0-9']+", text.lower())


def grams(text):
    found = {}
    for n in range(1, 5):
        for at in range(len(text) - n + 1):
            gram = tuple(text[at : at + n])
            found[gram] = found.get(gram, 0) + 1
    return found


class Cider:
    def __init__(self, captions):
        self.photos, self.seen = len(captions), {}
        for own in captions.values():
            for gram in {gram for caption in own for gram in grams(words(caption))}:
                self.seen[gram] = self.seen.get(gram, 0) + 1

    def vector(self, text):
        parts = [{} for _ in range(4)]
        for gram, count in grams(text).items():
            parts[len(gram) - 1][gram] = count * math.log(self.photos / max(1, self.seen.get(gram, 0)))
        return parts, [math.sqrt(sum(value * value for value in part.values())) for part in parts]

    def score(self, said, captions):
        own, lengths = self.vector(words(said))
        total = 0
        for caption in captions:
            other, others = self.vector(words(caption))
            brevity = math.exp(-((len(words(said)) - len(words(caption))) ** 2) / 72)
            for a, b, na, nb in zip(own, other, lengths, others):
                if na and nb:
                    total += sum(min(value, b.get(gram, 0)) * b.get(gram, 0) for gram, value in a.items()) / na / nb * brevity
        return 10 * total / 4 / len(captions)


def mean(values):
    values = list(values)
    return sum(values) / max(1, len(values))


def first_sentence(caption):
    """Without text, day and place, of which COCO's captions do not speak."""
    return re.split(r"(?<=\.) (?=With the words|Taken )", caption)[0]


def ranks(dataset, queries, row_of):
    """Of each (photo, text): the place of the photo among the results, from 0."""
    found = []
    for photo, text in queries:
        run = subprocess.run([medley, "search", dataset, text, "--json", "--most", "30"], capture_output=True, text=True)
        if run.returncode:
            sys.exit(run.stderr)
        hits = [json.loads(line)["path"] for line in run.stdout.splitlines()]
        found.append((photo, hits.index(row_of[photo]) if row_of[photo] in hits else len(row_of)))
    return found


photos = sorted((data / "coco" / "dev").glob("*.jpg"))
number = {path.name: int(path.stem) for path in photos}
captions = {}
for note in json.loads((data / "coco" / "captions_dev.json").read_text())["annotations"]:
    captions.setdefault(note["image_id"], []).append(note["caption"].strip())
tuned = set(sorted(captions)[::2])
folds = {"tuned": lambda photo: photo in tuned, "held out": lambda photo: photo not in tuned, "all": lambda _: True}
rows, dataset = library("english", photos)
said = {number[path]: first_sentence(row["caption"]) for path, row in rows.items()}
row_of = {number[path]: path for path in rows}
cider = Cider(captions)
judge = {
    "CIDEr-D": {photo: cider.score(said[photo], captions[photo]) for photo in said},
    "CIDEr-D of one person against four": {photo: mean(cider.score(own[n], own[:n] + own[n + 1 :]) for n in range(len(own))) for photo, own in captions.items()},
}
english = ranks(dataset, [(photo, text) for photo, own in captions.items() for text in own], row_of)
chinese_rows, chinese_dataset = library("chinese", photos, "--caption-language", "zh")
translated = {int(photo): texts for photo, texts in json.loads((here / "sentences_zh.json").read_text()).items()}
asked = {
    f"English, {len(english)} captions": english,
    "English, the first two captions": ranks(dataset, [(photo, text) for photo, own in captions.items() for text in own[:2]], row_of),
    "Chinese, the first caption translated": ranks(chinese_dataset, [(photo, texts[0]) for photo, texts in translated.items()], row_of),
    "Chinese, the second caption translated": ranks(chinese_dataset, [(photo, texts[1]) for photo, texts in translated.items()], row_of),
}
print(f"{len(photos)} photos of COCO, {len(tuned)} of them tuned on\n\n| | tuned | held out | all |\n|---|---|---|---|")
for name, scores in judge.items():
    print(f"| {name} | " + " | ".join(f"{mean(score for photo, score in scores.items() if is_in(photo)):.3f}" for is_in in folds.values()) + " |")
for name, found in asked.items():
    for most in (1, 5):
        print(f"| R@{most}, {name} | " + " | ".join(f"{mean(rank < most for photo, rank in found if is_in(photo)):.3f}" for is_in in folds.values()) + " |")

people, crowds = {}, set()
for note in json.loads((data / "coco" / "person_keypoints_dev.json").read_text())["annotations"]:
    people[note["image_id"]] = people.get(note["image_id"], 0) + (not note["iscrowd"])
    crowds |= {note["image_id"]} if note["iscrowd"] else set()
counted = {number[path]: row["people"] for path, row in rows.items()}
few = sorted(photo for photo in counted if people.get(photo, 0) <= 5 and photo not in crowds)
wrong = [f"{photo}: {people.get(photo, 0)} counted as {counted[photo]}" for photo in few if people.get(photo, 0) != counted[photo]]
print(f"\nPeople on {len(few)} photos with at most five: exact on {1 - len(wrong) / len(few):.2f} ({'; '.join(wrong)})")

other = sorted(path for folder in ("imagenet/dev", "skimage") for path in (data / folder).iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
without = [path for path in other if path.name not in WITH_PEOPLE | NOT_NAMEABLE]
empty = [path for path in other if path.name in NOT_NAMEABLE]
empty += sorted((data / "receipts" / "dev" / "img").iterdir())[:SCANS] + sorted((data / "annotators" / "screens").glob("*.png"))
others, _ = library("others", [path for path in other if path not in empty])
nothing, _ = library("nothing", empty)
seen = [f"{path.name}: {others[path.name]['people']}" for path in without if others[path.name]["people"]]
print(f"People on {len(without)} photos without any: {len(seen)} photos ({'; '.join(seen)})")
print(f"Things named on {len(nothing)} scans, pages, screenshots and pictures of nothing nameable: {sum(bool(row['objects']) for row in nothing.values())} pictures")
for title, found, chinese in (("COCO", rows, chinese_rows), ("others", others, {}), ("nothing nameable", nothing, {})):
    print(f"\n{title}\n")
    for path, row in found.items():
        tags = ", ".join(f"{tag['label']} {tag['score']:.2f}" for tag in row["tags"][:6])
        print(f"- {path}: {row['caption']} {chinese.get(path, {}).get('caption', '')} [{tags}; people {row['people']}]")
