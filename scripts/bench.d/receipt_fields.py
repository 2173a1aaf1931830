"""What the benches of receipts share: whether a field is right, and a reader as a whole process."""

import collections
import json
import math
import os
import re
import sys
import time
import unicodedata
from pathlib import Path

FIELDS = ("company", "date", "address", "total")
MONTHS = {name: i + 1 for i, name in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split())}


# ---- fields: exact match after normalisation


def plain(text):
    """Capitals and digits only."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.upper()) if c.isascii() and c.isalnum())


def iso(text):
    text = text.upper()
    if found := re.match(r"(\d{4})[-/.]?(\d\d?)[-/.]?(\d\d?)$", text):
        return "%04d-%02d-%02d" % tuple(map(int, found.groups()))
    if found := re.match(r"(\d\d?)[-/. ](\d\d?|[A-Z]{3})[-/. ](\d{2,4})$", text):
        day, month, year = found.groups()
        year = int(year) + (2000 if int(year) < 100 else 0)
        return "%04d-%02d-%02d" % (year, MONTHS.get(month) or int(month), int(day))
    return text


def same(field, true, got):
    """Whether a field is right."""
    if field == "date":
        return iso(true) == got
    if field == "total":
        return bool(got) and float(re.sub(r"[^\d.-]", "", true)) == float(got)
    return plain(true) == plain(got)


def field_counts(data, out):
    """Right, found, wanted for each field, the receipts that add up, and what went wrong."""
    right, found, wanted, sums, misses = collections.Counter(), collections.Counter(), 0, 0, []
    for key in sorted((data / "key").iterdir()):
        truth, path = json.loads(key.read_text()), out / key.stem / "receipt.json"
        wanted += 1
        if not path.exists():
            continue
        receipt = json.loads(path.read_text())
        value = lambda field: field["value"] if field else ""
        got = {
            "company": value(receipt["merchant"]["name"]),
            "address": value(receipt["merchant"]["address"]),
            "date": value(receipt["date"]),
            "total": value(receipt["total"]),
        }
        sums += receipt["quality"]["adds_up"] is True
        for field in FIELDS:
            found[field] += bool(got[field])
            is_right = same(field, truth[field], got[field])
            right[field] += is_right
            if not is_right:
                misses.append((key.stem, field, truth[field], got[field]))
    return right, found, wanted, sums, misses


def wilson(k, n, z=1.96):
    if not n:
        return 0.0, 0.0
    p, d = k / n, 1 + z * z / n
    middle, half = (p + z * z / (2 * n)) / d, z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / d
    return middle - half, middle + half


def f1(right, found, wanted):
    return 2 * sum(right.values()) / max(1, sum(found.values()) + len(FIELDS) * wanted)


def child(command, env=None):
    """Standard output, wall seconds, and the child's peak resident memory in MB."""
    read, write = os.pipe()
    start = time.time()
    pid = os.fork()
    if pid == 0:
        os.dup2(write, 1)
        os.close(read)
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, 2)
        os.execve(command[0], command, {**os.environ, **(env or {})})
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"{command[0]} ended with status {status}")
    return text, time.time() - start, usage.ru_maxrss / 1024


def ours(tool, out, files, *flags):
    text, wall, memory = child([tool, str(out), *flags, *map(str, files)])
    for line in text.splitlines():
        answer = json.loads(line)
        if "error" in answer:
            print(f"error: {answer['file']}: {answer['error']}", file=sys.stderr)
    lines = {}
    for file in files:
        path = out / Path(file).stem / "receipt.json"
        lines[Path(file).stem] = json.loads(path.read_text())["lines"] if path.exists() else []
    return lines, wall, memory
