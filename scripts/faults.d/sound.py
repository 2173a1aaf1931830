"""Sound in: joined files, several tracks, chained Ogg, headers without sense; and programs that are started."""

import gzip
import os
import subprocess
import time

from harness import MEDLEY, check, fault


def text(room, *arguments):
    room.run("transcribe", *arguments, timeout_s=600)
    return room.json("transcript.json")["text"].lower()


def both_sentences(room, name):
    """The first sentence to its end, and the second (whose middle the model may mishear at a low rate)."""
    heard = text(room, room.data / name)
    for words in ("do for them", "he was not an ill", "young man"):
        check(words in heard, f"{words!r} is missing: {heard}")


@fault("01-joined-mp3:identical")
def _(room):
    both_sentences(room, "a7-cat-identical.mp3")


@fault("01-joined-mp3:adinsert-rates")
def _(room):
    both_sentences(room, "a7-adinsert-rates.mp3")


@fault("01-joined-mp3:noxing-rates")
def _(room):
    both_sentences(room, "a7-cat-noxing-rates.mp3")


@fault("01-joined-mp3:noxing-long")
def _(room):
    text(room, room.data / "a7-cat-noxing-long.mp3")
    heard_s = room.json("transcript.json")["duration_s"]
    check(heard_s > 30, f"{heard_s} s of 31 were read")


@fault("03-several-sound-tracks:obs-mkv")
def _(room):
    check(len(text(room, room.data / "a4-obs.mkv").split()) > 5, "the track that speaks was not read")


@fault("03-several-sound-tracks:obs-mp4")
def _(room):
    check(len(text(room, room.data / "a4-obs.mp4").split()) > 5, "the track that speaks was not read")


@fault("03-several-sound-tracks:default2")
def _(room):
    text(room, room.data / "a4-default2.mkv")
    language = room.json("transcript.json")["language"]
    check(language == "en", f"the flagged track is English, not {language}")


@fault("05-chained-ogg-rate")
def _(room):
    both_sentences(room, "a7-chained-rates.ogg")


@fault("hostile/08-pdf-warnings")
def _(room):
    pdf = room.scratch / "warnings.pdf"
    pdf.write_bytes(gzip.decompress((room.data / "warnings.pdf.gz").read_bytes()))
    room.run("receipt", pdf)


@fault("hostile/12-orphan-pdftoppm")
def _(room):
    """A page of very many operations: the run is killed while pdftoppm works, and nothing of it may be left."""
    pdf = room.scratch / "many_ops.pdf"
    pdf.write_bytes(many_operations())
    run = subprocess.Popen([MEDLEY, "run", "receipt", str(pdf), "-o", "out"], cwd=room.scratch,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: of_file(pdf), 120, "pdftoppm never began")
    finally:
        run.kill()
        run.wait()
    wait_until(lambda: not of_file(pdf), 10, "a program still works on the PDF of a killed run")


def many_operations():
    drawing = b"0.5 w\n" + b"".join(
        b"%d %d m %d %d l S\n" % (n % 600, n * 7 % 800, n * 13 % 600, n * 3 % 800) for n in range(1_500_000))
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
               b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R>>",
               b"<</Length %d>>stream\n" % len(drawing) + drawing + b"\nendstream"]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj" % number + body + b"endobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + b"xref\n0 5\n0000000000 65535 f \n" + table + b"trailer<</Size 5/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % len(out)


def of_file(pdf):
    """Processes of poppler that read this file."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0")
        except OSError:
            continue
        if line[0].rsplit(b"/")[-1].startswith(b"pdf") and any(pdf.name.encode() in part for part in line):
            found.append(pid)
    return found


def wait_until(holds, seconds, sentence):
    end = time.monotonic() + seconds
    while not holds():
        check(time.monotonic() < end, sentence)
        time.sleep(0.02)


@fault("hostile/19-wav-1hz")
def _(room):
    path = next(path for path in room.data.iterdir() if path.suffix == ".wav")
    done = room.run("transcribe", path, rc=1, timeout_s=30)
    check("media_undecodable" in done.err, done.err)
