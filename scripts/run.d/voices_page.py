"""Makes a page with a sample of every voice, beside what is known of it and whether what it says may be sold.

usage: MEDLEY=medley voices_page.py FOLDER      (writes FOLDER/index.html and a sound for each voice)
"""
import html
import json
import os
import pathlib
import struct
import subprocess
import sys

SAMPLES = {
    "en": "The old library stays open through the winter. Would you like to come along?",
    "zh": "老图书馆整个冬天都开放，你想一起去看看吗？",
}
STYLE = "body{font:16px system-ui;margin:2em auto;max-width:72em}td,th{padding:.3em .8em;text-align:left}audio{height:2em}"


def with_length(sound):
    """A stream does not know its length when it begins; a browser shows one."""
    with open(sound, "r+b") as file:
        size = file.seek(0, 2)
        for place, length in ((4, size - 8), (40, size - 44)):
            file.seek(place)
            file.write(struct.pack("<I", length))


def main(medley, folder):
    voices = json.loads(subprocess.run([medley, "voices", "--json"], check=True, capture_output=True).stdout)
    folder = pathlib.Path(folder)
    rows = []
    for voice in voices:
        name = voice["name"]
        sound = folder / f"{name}.wav"
        sound.parent.mkdir(parents=True, exist_ok=True)
        print(name, file=sys.stderr)
        with open(sound, "wb") as file:
            command = [medley, "run", "speak", SAMPLES[voice["language"]], "--voice", name, "--stdout"]
            subprocess.run(command, check=True, stdout=file, stderr=subprocess.DEVNULL)
        with_length(sound)
        said = [name, voice["accent"], voice["sex"], voice["grade"] or "", voice["licence"], voice["data"], voice["commercial"]]
        cells = "".join(f"<td>{html.escape(text)}</td>" for text in said)
        rows.append(f'<tr>{cells}<td><audio controls preload="none" src="{sound.name}"></audio></td></tr>')
    head = "".join(f"<th>{text}</th>" for text in
                   ("voice", "language", "sex", "grade", "licence", "training data", "commercial use", "sample"))
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Voices</title><style>{STYLE}</style>' \
           f"<h1>Voices</h1><table><tr>{head}</tr>{''.join(rows)}</table></html>"
    (folder / "index.html").write_text(page, encoding="utf-8")
    print(folder / "index.html")


if __name__ == "__main__":
    main(os.environ["MEDLEY"], sys.argv[1])
