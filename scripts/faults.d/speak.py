"""speak: texts that were read wrong. What is heard is compared with the same text written out in words."""

import itertools

from harness import Room, check, fault


def heard(room: Room, text: str) -> list[str]:
    """The phonemes of a text, without times."""
    room.run("speak", text)
    return [phoneme["phoneme"] for phoneme in room.json("timing.json")["phonemes"]]


def same(room: Room, written: str, said: str):
    got, wanted = heard(room, written), heard(room, said)
    check(got == wanted, f"{written!r} is heard as {' '.join(got)}, not as {said!r}: {' '.join(wanted)}")


@fault("10-roman-I-C-D")
def roman(room: Room):
    for line in (room.data / "cases.txt").read_text().splitlines():
        said = line.replace(" I ", " eye ").replace(" C ", " see ").replace(" D ", " dee ")
        same(room, line, said)
    same(room, "World War II and Louis XIV.", "World War two and Louis the fourteenth.")
    same(room, "Type II diabetes in Chapter IV.", "Type two diabetes in Chapter four.")


@fault("12-codes-as-quantities")
def codes(room: Room):
    lines = (room.data / "cases.txt").read_text().split("\n")
    digits = dict(zip("0123456789", "zero one two three four five six seven eight nine".split()))
    han = dict(zip("0123456789", "零一二三四五六七八九"))
    for line in filter(None, lines):
        if line.isascii():
            said = "".join(f" {digits[c]} " if c.isdigit() else " " if c in "()" else c for c in line)
        else:
            said = "".join(han.get(c, "，" if c == "-" else c) for c in line)
        same(room, line, said)


@fault("13-zh-blank-after-number")
def blanks(room: Room):
    said = ["二零二三年五月一日", "买了两个苹果", "增长百分之十左右", "约二分之一"]
    for written, words in zip((room.data / "cases.txt").read_text().split("\n"), said):
        same(room, written, words)


@fault("15-zh-two-and-measures")
def two(room: Room):
    said = ["他买了两根黄瓜和两罐啤酒", "第二页有两页纸", "两集电视剧，两栋楼，两户人家，两封信", "等了两到三个小时", "两到三天"]
    for written, words in zip((room.data / "cases.txt").read_text().split("\n"), said):
        same(room, written, words)


@fault("17-traditional-polyphones")
def traditional(room: Room):
    simplified = ["银行在重庆", "他觉得音乐很好听，头发很长，睡觉了", "会计系重新调整参数", "他还钱了"]
    for written, simple in zip((room.data / "cases.txt").read_text().split("\n"), simplified):
        same(room, written, simple)
    # A final is two phonemes of the same name here.
    phonemes = [phoneme for phoneme, _ in itertools.groupby(heard(room, "銀行在重慶"))]
    check(phonemes[-4:] == ["ch", "ong", "q", "ing"], f"重慶 is read {' '.join(phonemes[-4:])}, not chong qing")


@fault("19-markdown-code-and-front-matter")
def markdown(room: Room):
    room.run("speak", room.data / "doc.md")
    said = " ".join(sentence["text"] for sentence in room.json("timing.json")["sentences"])
    for unwanted in ["title", "2024-01-01", "print", "python", "[x]", "[^1]", "&amp;", "`"]:
        check(unwanted not in said, f"{unwanted!r} is spoken: {said}")
    for wanted in ["Release notes", "See the guide and diagram.", "Apple, $3", "done item", "second code item", "HTML & more", "The note text.", "End."]:
        check(wanted in said, f"{wanted!r} is not spoken: {said}")
