"""Receipts of shops that no rule was written for: folds by merchant.

`receipt_folds.py DATA READ_RECEIPT WORK_DIR` reads every receipt of DATA and of `more/` beside it and prints the score of
each of five folds. All receipts of a merchant are in one fold. Rules are written with folds 1 to 4 at hand; fold 5 is
counted and not looked at (`--misses` prints what went wrong in folds 1 to 4). `RECEIPT_LINES=FILE` keeps the lines as they
were read: made by `read_text` where the file is missing, read by `read_fields`, which takes a second for all."""

import collections
import json
import os
import subprocess
import sys
from pathlib import Path

from receipt_fields import FIELDS, f1, ours, plain, same

FOLDS = 5
HELD_OUT = FOLDS
# Confidences are reported in these bins.
BINS = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def merchant(name):
    """A merchant whatever its branch, legal form and punctuation: the first five letters or digits."""
    return plain(name)[:5]


def folds(truths):
    """The fold, from 1, of each receipt: merchants from the most receipts to the fewest, each to the smallest fold."""
    groups = collections.defaultdict(list)
    for stem, truth in truths.items():
        groups[merchant(truth["company"])].append(stem)
    sizes, fold_of = [0] * FOLDS, {}
    for _, stems in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])):
        fold = sizes.index(min(sizes))
        sizes[fold] += len(stems)
        fold_of.update({stem: fold + 1 for stem in stems})
    return fold_of


def judged(truth, path):
    """For each field: what was found, whether it is right, its confidence; and whether the receipt asks for a look."""
    record = json.loads(path.read_text()) if path.exists() else None
    value = lambda field: field["value"] if field else ""
    sure = lambda field: field["confidence"] if field else 0.0
    got = {name: None for name in FIELDS}
    review = []
    if record:
        fields = {"company": record["merchant"]["name"], "address": record["merchant"]["address"]}
        fields |= {"date": record["date"], "total": record["total"]}
        got = {name: (value(field), sure(field)) for name, field in fields.items()}
        review = record["quality"].get("review", [])
    answers = {}
    for name in FIELDS:
        found, confidence = got[name] or ("", 0.0)
        answers[name] = (found, same(name, truth[name], found), confidence)
    return answers, review, bool(record and record["quality"]["adds_up"])


def read(data, tool, work, files):
    """Where the records are."""
    kept = os.environ.get("RECEIPT_LINES")
    if not kept:
        out = work / "read" / "folds"
        ours(tool, out, files, "--slots", "2", "--threads", "2", "--params", '{"overlay":false}')
        return out
    kept, out = Path(kept), work / "read" / "folds-kept"
    if not kept.exists():
        with open(kept, "w") as lines:
            subprocess.run([str(Path(tool).with_name("read_text")), *map(str, files)], stdout=lines, check=True)
    with open(kept) as lines:
        subprocess.run([os.environ.get("RECEIPT_FIELDS", str(Path(tool).with_name("read_fields"))), str(out)], stdin=lines, check=True)
    return out


def main(data, tool, work, show_misses=False):
    truths, files = {}, []
    for part in (data, data.parent / "more"):
        for key in sorted((part / "key").iterdir()):
            truths[key.stem] = json.loads(key.read_text())
        files += sorted((part / "img").iterdir())
    fold_of = folds(truths)
    out = read(data, tool, work, files)
    right, found, wanted = [collections.defaultdict(collections.Counter) for _ in range(3)]
    by_merchant, bins, misses = collections.defaultdict(list), collections.defaultdict(list), []
    asked, sums = collections.Counter(), collections.Counter()
    for stem, truth in sorted(truths.items()):
        fold = fold_of[stem]
        answers, review, adds_up = judged(truth, out / stem / "receipt.json")
        sums[fold] += adds_up
        for name, (value, is_right, confidence) in answers.items():
            wanted[fold][name] += 1
            found[fold][name] += bool(value)
            right[fold][name] += is_right
            asked[fold, is_right, named(name) in review] += 1
            if value:
                bins[fold == HELD_OUT, name].append((confidence, is_right))
            if not is_right and fold != HELD_OUT:
                misses.append((fold, stem, name, truth[name], value, round(confidence, 2)))
        by_merchant[fold, merchant(truth["company"])].append(sum(is_right for _, is_right, _ in answers.values()) / 4)
    print("| fold | receipts | merchants | company | date | address | total | F1 | merchants weigh alike | add up |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    means = []
    for fold in range(1, FOLDS + 1):
        size = wanted[fold]["total"]
        shops = [sum(scores) / len(scores) for (f, _), scores in by_merchant.items() if f == fold]
        score = f1(right[fold], found[fold], size)
        means.append([right[fold][name] / size for name in FIELDS] + [score, sum(shops) / len(shops)])
        cells = " | ".join(f"{right[fold][name]}/{size}" for name in FIELDS)
        title = f"{fold}, held out" if fold == HELD_OUT else fold
        print(f"| {title} | {size} | {len(shops)} | {cells} | {score:.3f} | {means[-1][-1]:.3f} | {sums[fold]}/{size} |")
    mean = [sum(column) / FOLDS for column in zip(*means)]
    print("| mean | | | " + " | ".join(f"{value:.3f}" for value in mean) + " | |")
    print("\n| confidence | folds 1 to 4: right | held out: right |\n|---|---|---|")
    for low, high in zip(BINS, (*BINS[1:], 1.01)):
        cells = []
        for held_out in (False, True):
            inside = [ok for (side, _), all in bins.items() if side == held_out for sure, ok in all if low <= sure < high]
            cells.append(f"{sum(inside)}/{len(inside)}")
        print(f"| {low:.2f} to {min(high, 1.0):.2f} | {' | '.join(cells)} |")
    for name in FIELDS:
        cells = []
        for held_out in (False, True):
            inside = [ok for sure, ok in bins[held_out, name] if sure >= 0.9]
            cells.append(f"{sum(inside)}/{len(inside)}")
        print(f"| {name}, from 0.90 | {' | '.join(cells)} |")
    for held_out in (False, True):
        of = lambda ok, named: sum(n for (fold, o, m), n in asked.items() if (fold == HELD_OUT, o, m) == (held_out, ok, named))
        title = "held out" if held_out else "folds 1 to 4"
        print(f"\n`quality.review`, {title}: names {of(False, True)} of {of(False, True) + of(False, False)} wrong fields", end="")
        print(f" and {of(True, True)} of {of(True, True) + of(True, False)} right ones", end="")
    print()
    if show_misses:
        for miss in sorted(misses, key=lambda miss: (miss[2], miss[3])):
            print("\n  ".join(map(str, miss)))


def named(field):
    """A field of the truth as `quality.review` names it."""
    return {"company": "merchant.name", "address": "merchant.address"}.get(field, field)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), "--misses" in sys.argv)
