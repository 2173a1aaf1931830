"""Thin pictures, damaged data sets, dates that never were."""

import shutil
import time

from harness import check, fault



def refused(room, kind, picture, *arguments):
    start = time.monotonic()
    done = room.run(kind, picture, *arguments, rc=1)
    check("error[media_too_large]" in done.err, done.err)
    check(time.monotonic() - start < 20, f"{kind} of {picture.name} takes {time.monotonic() - start:.0f} s")


@fault("hostile/00-thin-png-4GiB")
def thin(room):
    for picture in sorted(room.data.glob("*.png")):
        for kind in ("caption", "receipt", "control"):
            refused(room, kind, picture)


@fault("hostile/00-thin-png-4GiB:library")
def thin_in_a_library(room):
    photos = room.scratch / "photos"
    photos.mkdir()
    pictures = sorted(room.data.glob("*.png"))
    for picture in pictures:
        shutil.copy(picture, photos)
    (photos / "dot.ppm").write_bytes(b"P6 2 2 255\n" + bytes(12))
    room.run("library", photos)
    rows = room.text("captions.jsonl").splitlines()
    check(len(rows) == len(pictures) + 1, f"{len(rows)} rows")
    check(sum("media_too_large" in row for row in rows) == len(pictures), rows)


@fault("hostile/01-search-index-panic")
def damaged_index(room):
    shutil.copytree(room.data / "ds", room.scratch / "ds")
    done = room.medley("search", "ds", "coffee")
    check(done.rc == 1 and "error[index_damaged]" in done.err and "panic" not in done.err, done)


@fault("45-exif-impossible-date")
def impossible_date(room):
    for picture in sorted(room.data.glob("*.jpg")):
        room.run("caption", picture)
        row = room.text("captions.jsonl")
        check("2024" not in row, row)
