"""Speaks scripted episodes, makes podcasts of them, and compares chapters with the script; see the shell script beside it."""
import json, os, pathlib, random, re, subprocess, sys, wave

MEDLEY = os.environ["MEDLEY"]
DIR = pathlib.Path(sys.argv[1])
COUNT = int(os.environ.get("BENCH_EPISODES", "12"))
BANK = json.loads(pathlib.Path(__file__).with_name("episodes_bank.json").read_text())
# Host and guest.
VOICES = {"en": (["--voice", "hibari"], ["--voice", "joe"]), "zh": (["--voice", "zf_xiaoxiao"], ["--voice", "zm_yunxi"])}
WITHIN_S = 10


def script(number):
    """Language and lines [(who, text, the topic that begins here)] of an episode."""
    dice = random.Random(number)
    language = "zh" if number % 3 == 2 else "en"
    bank = BANK[language]
    topics = dice.sample(sorted(bank["topics"]), 3 + number % 2 if language == "zh" else 3 + number % 3)
    listed = "、".join(topics[:-1]) + "和" + topics[-1] if language == "zh" else ", ".join(topics[:-1]) + " and " + topics[-1]
    lines = [("host", text.format(list=listed), None) for text in bank["hello"]]
    announce = bank["announce"][:1] + dice.sample(bank["announce"][1:-1], len(bank["announce"]) - 2)
    for n, topic in enumerate(topics):
        phrase = announce[n] if n < len(topics) - 1 or n == 0 else bank["announce"][-1]
        said = [part for part in re.split(r"(?<=[.。])\s*", phrase.format(topic=topic)) if part]
        lines += [("host", text, topic if k == 0 else None) for k, text in enumerate(said)]
        for question, answer in dice.sample(bank["topics"][topic], len(bank["topics"][topic])):
            lines += [("host", question, None), ("guest", answer, None)]
    return language, lines + [("host", text, None) for text in bank["bye"]]


def speak(text, language, voice, path):
    if not path.exists():
        out = path.with_suffix(".out")
        subprocess.run([MEDLEY, "run", "speak", text, "--language", language, *voice, "--sample-rate-hz", "24000", "-q", "-o", out], check=True, capture_output=True)
        (out / "speech.wav").rename(path)
        subprocess.run(["rm", "-r", out], check=True)


def episode(number):
    """The sound, and where each topic begins and ends."""
    language, lines = script(number)
    folder = DIR / f"{number:02d}"
    folder.mkdir(exist_ok=True)
    sound, at, topics, turns = bytearray(), 0.0, [], []
    for n, (who, text, topic) in enumerate(lines):
        clip = folder / f"{n:03d}.wav"
        speak(text, language, VOICES[language][who == "guest"], clip)
        with wave.open(str(clip)) as source:
            rate, data = source.getframerate(), source.readframes(source.getnframes())
        if topic:
            topics.append((at, topic))
        sound += data
        turns.append((at, at + len(data) / rate / 2, who))
        pause = random.Random(number * 1000 + n).uniform(0.25, 0.7)
        sound += bytes(int(pause * rate) * 2)
        at = len(sound) / rate / 2
    path = folder / "episode.wav"
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1), out.setsampwidth(2), out.setframerate(rate)
        out.writeframes(sound)
    return language, path, topics, turns


def match(truth, found):
    """How many starts have a partner within the tolerance."""
    left, hits = list(found), []
    for at, topic in truth:
        near = min(left, key=lambda chapter: abs(chapter["startTime"] - at), default=None)
        if near and abs(near["startTime"] - at) <= WITHIN_S:
            left.remove(near)
            hits.append((topic, near["title"]))
    return hits


def main():
    totals = {"truth": 0, "found": 0, "hits": 0, "inside": 0, "named": 0}
    print("| episode | length | topics | chapters (without the first) | within 10 s | inside a turn | topic in the title |\n|---|---|---|---|---|---|---|")
    for number in range(COUNT):
        language, path, topics, turns = episode(number)
        out = path.parent / "out"
        subprocess.run([MEDLEY, "run", "podcast", path, "--language", language, "--summary", "extractive", "-q", "--fresh", "-o", out], check=True, capture_output=True)
        # The first chapter begins at 0 by definition, and nobody finds it.
        chapters = json.loads((out / "chapters.json").read_text())["chapters"][1:]
        hits = match(topics, chapters)
        # A sentence of the host may begin a chapter; an answer holds none.
        inside = sum(any(a + 0.5 < chapter["startTime"] < b - 0.5 for a, b, who in turns if who == "guest") for chapter in chapters)
        bare = lambda text: text.lower().removeprefix("the ")
        named = sum(bare(topic) in bare(title) for topic, title in hits)
        row = {"truth": len(topics), "found": len(chapters), "hits": len(hits), "inside": inside, "named": named}
        totals = {key: totals[key] + row[key] for key in totals}
        print(f"| {number} ({language}) | {turns[-1][1]:.0f} s | {len(topics)} | {len(chapters)} | {len(hits)} | {inside} | {named} |", flush=True)
    precision, recall = totals["hits"] / max(totals["found"], 1), totals["hits"] / totals["truth"]
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    print(f"| all | | {totals['truth']} | {totals['found']} | {totals['hits']}: precision {precision:.2f}, recall {recall:.2f}, F1 {f1:.2f} | {totals['inside']} | {totals['named']} |")


main()
