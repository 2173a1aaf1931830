"""Measures who speaks when and prints Markdown; see the shell script beside it."""
import itertools, json, os, pathlib, statistics, subprocess, sys, tempfile, threading, time

import numpy as np

import speakers_mixes as mixes

MEDLEY = os.environ["MEDLEY"]
DIR = pathlib.Path(sys.argv[1])
DATA = pathlib.Path(os.environ["MEDLEY_EVAL_DATA"]) if os.environ.get("MEDLEY_EVAL_DATA") else None
PARTS = os.environ.get("BENCH_PARTS", "mixes meetings cost").split()
COUNT = int(os.environ.get("BENCH_MIXES", "30"))
SEED = int(os.environ.get("BENCH_SEED", "7"))
HOURS = float(os.environ.get("BENCH_HOURS", "0"))
STEP_S = 0.01
COLLAR_S = 0.25

# Voices that Medley speaks with, and what each says. A voice that this build does not have is left out.
OWN = {"en": "hibari joe af_heart am_michael bf_emma bm_george af_bella am_fenrir af_nicole am_puck bf_isabella bm_lewis", "zh": "baker zf_xiaoxiao zm_yunxi"}
OWN = {language: [voice for voice in voices.split() if voice in os.environ.get("BENCH_SPEAK", voices).split()] for language, voices in OWN.items()}
SAID = {
    "en": ["Good morning, and thank you for coming to this meeting about the new library.",
           "I think that we should open it in the spring, when the students come back. That is true.",
           "The budget is three hundred thousand pounds, and half of it is for the building itself.",
           "Could you tell us how long the work will take, and who is going to lead it?",
           "No, I do not agree with that at all. Let me explain why.",
           "First of all, the people who live nearby were never asked, and they are angry about the noise at night."],
    "zh": ["大家早上好，感谢各位来参加这次关于新图书馆的会议。", "我认为我们应该在春天开放，那时候学生们都回来了。",
           "预算是三十万元，其中一半用于建筑本身。", "你能告诉我们这项工作需要多长时间，由谁来负责吗？",
           "不，我完全不同意这个看法。让我来解释一下原因。"],
}
# Recordings of one person each, below the evaluation's folder `speech`.
REAL = {"azure-en": ["en/azure-training-audio2.wav"], "azure-zh": ["zh/azure-training-audio2.wav"],
        "librivox": ["en/librivox-0870.wav", "en/librivox-0880.wav"],
        "baker-person": ["zh/baker-000001.wav", "zh/baker-000002.wav", "zh/baker-000003.wav"]}


def folders():
    """A folder of clips for each voice."""
    found = []
    for language, voices in OWN.items():
        for voice in voices:
            folder = DIR / "voices" / voice
            folder.mkdir(parents=True, exist_ok=True)
            for n, text in enumerate(SAID[language]):
                clip = folder / f"{n}.wav"
                if not clip.exists():
                    with tempfile.TemporaryDirectory() as out:
                        args = ["run", "speak", text, "--language", language, "-q", "-o", out]
                        args += ["--voice", voice]
                        if subprocess.run([MEDLEY, *args], capture_output=True).returncode == 0:
                            pathlib.Path(out, "speech.wav").rename(clip)
            found.append(folder)
    sample = subprocess.run([MEDLEY, "models", "path", "sample-speech", "two-cities.wav"], capture_output=True, text=True).stdout.strip()
    sources = {"two-cities": [sample]} if sample else {}
    if DATA:
        sources |= {name: [DATA / "speech" / file for file in files] for name, files in REAL.items()}
    for name, files in sources.items():
        folder = DIR / "voices" / name
        folder.mkdir(parents=True, exist_ok=True)
        for file in map(pathlib.Path, files):
            link = folder / file.name
            if file.exists() and not link.exists():
                link.symlink_to(file)
        found.append(folder)
    if os.environ.get("BENCH_VOICES"):
        found += sorted(path for path in pathlib.Path(os.environ["BENCH_VOICES"]).iterdir() if path.is_dir())
    return [folder for folder in found if any(folder.iterdir())]


def rttm(text):
    turns = []
    for fields in (line.split() for line in text.splitlines()):
        if fields and fields[0] == "SPEAKER":
            turns.append((float(fields[3]), float(fields[3]) + float(fields[4]), fields[7]))
    return turns


def grid(turns, names, count):
    """Who speaks in each hundredth of a second."""
    cells = np.zeros((len(names), count), bool)
    for start, end, who in turns:
        cells[names.index(who), round(start / STEP_S) : round(end / STEP_S)] = True
    return cells


def errors(truth, found, duration_s, overlap):
    """Seconds scored, missed, false and confused; those within the collar of a border of the truth are not scored."""
    count = round(duration_s / STEP_S)
    truth_names, found_names = (sorted({who for _, _, who in turns}) for turns in (truth, found))
    true, heard = grid(truth, truth_names, count), grid(found, found_names, count)
    scored = np.ones(count, bool)
    for start, end, _ in truth:
        for border in (start, end):
            scored[max(0, round((border - COLLAR_S) / STEP_S)) : round((border + COLLAR_S) / STEP_S)] = False
    if not overlap:
        scored &= true.sum(0) < 2
    true, heard = true[:, scored], heard[:, scored]
    together = true.astype(int) @ heard.T.astype(int)
    right = best(together)
    n_true, n_heard = true.sum(0), heard.sum(0)
    both = np.minimum(n_true, n_heard).sum()
    missed, false = np.maximum(n_true - n_heard, 0).sum(), np.maximum(n_heard - n_true, 0).sum()
    return np.array([n_true.sum(), missed, false, both - right]) * STEP_S


def best(together):
    """The most that any one-to-one naming of speakers gets right."""
    if together.shape[0] > together.shape[1]:
        together = together.T
    reach = {0: 0}
    for row in together:
        further = dict(reach)
        for used, sum_ in reach.items():
            for column, value in enumerate(row):
                if not used >> column & 1:
                    key = used | 1 << column
                    further[key] = max(further.get(key, -1), sum_ + value)
        reach = further
    return max(reach.values(), default=0)


def run(sound, *more):
    with tempfile.TemporaryDirectory() as out:
        start = time.monotonic()
        ran = subprocess.run([MEDLEY, "run", "transcribe", sound, "--model", "tiny.en", "--silence", "empty", "-q", "-o", out, *more], capture_output=True, text=True)
        if ran.returncode != 0:
            sys.exit(f"{sound}: {ran.stderr}")
        file = pathlib.Path(out, "transcript.rttm")
        return rttm(file.read_text()) if file.exists() else [], time.monotonic() - start


def rate(sums):
    return 100 * sums[1:].sum() / max(sums[0], 1e-9)


def row(name, results):
    """One line: DER without and with overlap, its parts without, speakers counted right."""
    plain, full = (sum(result[key] for result in results) for key in ("plain", "full"))
    parts = " / ".join(f"{100 * part / plain[0]:.1f}" for part in plain[1:])
    right = sum(result["found"] == result["true"] for result in results)
    near = sum(abs(result["found"] - result["true"]) <= 1 for result in results)
    print(f"| {name} | {len(results)} | {rate(plain):.1f} | {parts} | {rate(full):.1f} | {right} of {len(results)} | {near} |")


HEAD = "| | files | DER % without overlap | missed / false / confused | DER % with overlap | speakers counted right | within one |\n|---|---|---|---|---|---|---|"


def score(truth, found, duration_s):
    return {"plain": errors(truth, found, duration_s, False), "full": errors(truth, found, duration_s, True),
            "true": len({who for _, _, who in truth}), "found": len({who for _, _, who in found})}


def mixed():
    voices = mixes.voices_of(folders())
    print(f"{COUNT} conversations of {len(voices)} voices ({', '.join(sorted(voices))}), seed {SEED}, collar {COLLAR_S} s\n")
    results, known = [], []
    out = DIR / f"mixes-{SEED}"
    out.mkdir(exist_ok=True)
    for number in range(COUNT):
        sound, truth, channel = mixes.conversation(voices, number, SEED)
        path = out / f"{number:02d}.wav"
        mixes.write(path, sound)
        (out / f"{number:02d}.rttm").write_text("".join(f"SPEAKER {number:02d} 1 {a:.3f} {b - a:.3f} <NA> <NA> {who} <NA> <NA>\n" for a, b, who in truth))
        seconds = len(sound) / mixes.RATE
        result = score(truth, run(path, "--speakers", "auto")[0], seconds) | {"channel": channel, "number": number}
        results.append(result)
        known.append(score(truth, run(path, "--speakers", str(result["true"]))[0], seconds))
    print(HEAD)
    row("all", results)
    for channel in mixes.CHANNELS:
        row(channel, [result for result in results if result["channel"] == channel])
    for count in sorted({result["true"] for result in results}):
        row(f"{count} speakers", [result for result in results if result["true"] == count])
    row("all, number of speakers given", known)
    each = ", ".join(f"{rate(result['plain']):.0f} ({result['found']} for {result['true']})" for result in results)
    print(f"\nEach: {each}\n")


def meetings():
    if not DATA or not (DATA / "diarization").is_dir():
        return print("The evaluation's meetings are not there.\n")
    items = json.loads((DATA / "diarization/manifest.json").read_text())["items"]
    print(HEAD)
    for item in items:
        truth = [(turn["start"], turn["end"], turn["speaker"]) for turn in item["turns"]]
        found, _ = run(DATA / "diarization" / item["file"], "--speakers", "auto")
        row(f"{item['file']} ({item['split']})", [score(truth, found, item["duration_s"])])
    print()


def cost():
    """Words alone and words with speakers by turns, on ten minutes of conversation."""
    voices = mixes.voices_of(folders())
    sound, _, _ = mixes.conversation(voices, 1, SEED, (600, 601))
    path = DIR / "ten-minutes.wav"
    mixes.write(path, sound)
    seconds = len(sound) / mixes.RATE
    print("| ten minutes | words | words and speakers | of the speed |\n|---|---|---|---|")
    for kind, model in (("transcribe", "tiny.en"), ("transcribe", "base"), ("podcast", "base")):
        took = {"off": [], "auto": []}
        for _, speakers in itertools.product(range(3), took):
            with tempfile.TemporaryDirectory() as out:
                start = time.monotonic()
                subprocess.run([MEDLEY, "run", kind, path, "--model", model, "--speakers", speakers, "-q", "-o", out], check=True, capture_output=True)
                took[speakers].append(time.monotonic() - start)
        off, auto = (statistics.median(took[key]) for key in ("off", "auto"))
        print(f"| {kind}, {model} | {off:.1f} s ({off / seconds:.3f}) | {auto:.1f} s ({auto / seconds:.3f}) | {off / auto:.2f} |")
    print()


def pss_mb(pid):
    total, pids = 0, [pid]
    while pids:
        one = pids.pop()
        try:
            rollup = pathlib.Path(f"/proc/{one}/smaps_rollup").read_text()
            total += int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1])
            pids += [int(child) for task in pathlib.Path(f"/proc/{one}/task").iterdir() for child in (task / "children").read_text().split()]
        except (OSError, StopIteration):
            pass
    return total / 1024


def hours():
    """A conversation that goes on: memory over time."""
    voices = mixes.voices_of(folders())
    sound, truth, _ = mixes.conversation(voices, 2, SEED, (600, 601))
    mixes.write(DIR / "loop.wav", sound)
    loops = round(HOURS * 3600 * mixes.RATE / len(sound))
    path = DIR / "hours.flac"
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-stream_loop", str(loops - 1), "-i", DIR / "loop.wav", path], check=True)
    memory = []
    with tempfile.TemporaryDirectory() as out:
        start = time.monotonic()
        process = subprocess.Popen([MEDLEY, "run", "transcribe", path, "--model", "tiny.en", "--speakers", "auto", "-q", "-o", out])

        def watch():
            while process.poll() is None:
                memory.append(pss_mb(process.pid))
                time.sleep(2)

        watcher = threading.Thread(target=watch)
        watcher.start()
        assert process.wait() == 0
        watcher.join()
        found = rttm(pathlib.Path(out, "transcript.rttm").read_text())
    took = time.monotonic() - start
    repeated = [(a + n * len(sound) / mixes.RATE, b + n * len(sound) / mixes.RATE, who) for n in range(loops) for a, b, who in truth]
    result = score(repeated, found, loops * len(sound) / mixes.RATE)
    quarter = len(memory) // 4
    print(f"| {HOURS:.0f} hours | |\n|---|---|\n| wall | {took:.0f} s |")
    print(f"| memory (PSS of all processes): peak; median of the second and of the last quarter | {max(memory):.0f} MB; {statistics.median(memory[quarter:2 * quarter]):.0f}, {statistics.median(memory[-quarter:]):.0f} MB |")
    print(f"| speakers; DER without overlap | {result['found']} for {result['true']}; {rate(result['plain']):.1f} % |\n")


if __name__ == "__main__":
    for name, part in (("mixes", mixed), ("meetings", meetings), ("cost", cost)):
        if name in PARTS:
            part()
    if HOURS:
        hours()
