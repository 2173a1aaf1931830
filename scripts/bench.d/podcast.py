"""Runs a long episode and prints Markdown; see the shell script beside it."""
import json, os, pathlib, random, re, statistics, subprocess, tempfile, threading, time

MEDLEY = os.environ["MEDLEY"]
DATA = pathlib.Path(os.environ["MEDLEY_EVAL_DATA"]) / "speech"
HOURS = float(os.environ.get("BENCH_HOURS", "3"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SPAN = re.compile(r"(?:([\d.]+) h )?(?:(\d+) min )?(?:(\d+) s )?left")


def joined(folder, seconds):
    """English clips in changing order until they last `seconds`."""
    # Decoded one by one: the clips differ in format and rate, which ffmpeg's own joining takes for broken time stamps.
    decode = lambda clip: subprocess.run(["ffmpeg", "-v", "error", "-i", clip, "-ar", "16000", "-ac", "1", "-f", "s16le", "-"], capture_output=True, check=True).stdout
    clips = [decode(clip) for clip in sorted((DATA / "en").glob("*.*"))]
    episode, dice, wanted = folder / f"episode-{seconds:.0f}.flac", random.Random(1), int(seconds * 16000) * 2
    encode = subprocess.Popen(["ffmpeg", "-v", "error", "-y", "-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "-", episode], stdin=subprocess.PIPE)
    while wanted > 0:
        dice.shuffle(clips)
        for clip in clips:
            encode.stdin.write(clip[:max(0, wanted)])
            wanted -= len(clip)
    encode.stdin.close()
    assert encode.wait() == 0, "ffmpeg could not write the episode"
    return episode


def tree(pid):
    pids, found = [pid], []
    while pids:
        pid = pids.pop()
        found.append(pid)
        try:
            pids += [int(child) for task in pathlib.Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
        except OSError:
            pass
    return found


def pss_mb(pid):
    total = 0
    for one in tree(pid):
        try:
            total += int(re.search(r"^Pss: +(\d+)", pathlib.Path(f"/proc/{one}/smaps_rollup").read_text(), re.M)[1])
        except (OSError, TypeError):
            pass
    return total / 1024


def run(kind, episode, out):
    """Wall seconds, PSS over time, and the time left that was told over time."""
    start, memory, told = time.monotonic(), [], []
    process = subprocess.Popen([MEDLEY, "run", kind, episode, "--model", "tiny.en", "-o", out], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)

    def watch():
        while process.poll() is None:
            memory.append((time.monotonic() - start, pss_mb(process.pid)))
            time.sleep(1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for line in process.stderr:
        share, left = re.search(r": (\d+) %", line), SPAN.search(line)
        if share and left:
            h, m, s = (float(part or 0) for part in left.groups())
            told.append((time.monotonic() - start, int(share[1]), h * 3600 + m * 60 + s))
    assert process.wait() == 0, f"{kind} ended with {process.returncode}"
    wall = time.monotonic() - start
    watcher.join()
    return wall, memory, told


def cues(path):
    probe = subprocess.run(["ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", path], capture_output=True, text=True, check=True)
    assert not probe.stderr, probe.stderr
    return int(probe.stdout)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        short = joined(folder, 600)
        walls = {"transcribe": [], "podcast": []}
        for n in range(ROUNDS):
            for kind in walls:
                walls[kind].append(run(kind, short, folder / f"{kind}-{n}")[0])
        transcribe, podcast = (statistics.median(walls[kind]) for kind in ("transcribe", "podcast"))
        print(f"| 10 minutes, tiny.en, {ROUNDS} interleaved rounds | s, median (range) |\n|---|---|")
        for kind, took in walls.items():
            print(f"| {kind} | {statistics.median(took):.1f} ({min(took):.1f} to {max(took):.1f}) |")
        print(f"| speed of the recipe against transcribe | {transcribe / podcast:.2f} |\n", flush=True)
        if HOURS <= 0:
            return

        episode = joined(folder, HOURS * 3600)
        wall, memory, told = run("podcast", episode, folder / "long")
        late = [(at, left, wall - at) for at, _, left in told if at >= wall / 10]
        off = [abs(left - true) / true for _, left, true in late]
        kept = pathlib.Path(os.environ.get("MEDLEY_BENCH_DIR", name)) / "podcast-time-left.json"
        kept.write_text(json.dumps(late))
        halves = [statistics.median(mb for at, mb in memory if low <= at / wall < low + 0.25) for low in (0.25, 0.75)]
        chapters = json.loads((folder / "long/chapters.json").read_text())["chapters"]
        print(f"| {HOURS:g} hours, tiny.en | |\n|---|---|")
        print(f"| wall | {wall:.0f} s, {HOURS * 3600 / wall:.0f} times real time |")
        print(f"| memory (PSS of all processes): peak; median of the second and of the last quarter | {max(mb for _, mb in memory):.0f} MB; {halves[0]:.0f}, {halves[1]:.0f} MB |")
        if off:
            close = sum(one <= 0.3 for one in off)
            print(f"| time left against what it was, after the first tenth ({len(off)} lines) | median {statistics.median(off):.0%} off; {close} of {len(off)} within 30 % |")
            wrong = [f"{left:.0f} s told at {true:.0f} s" for (_, left, true), one in zip(late, off) if one > 0.3]
            print(f"| lines that were further off | {', '.join(wrong) or 'none'} |")
        print(f"| cues that ffprobe reads in SRT, VTT | {cues(folder / 'long/transcript.srt')}, {cues(folder / 'long/transcript.vtt')} |")
        print(f"| chapters | {len(chapters)}, ascending: {chapters == sorted(chapters, key=lambda c: c['startTime'])} |")


if __name__ == "__main__":
    main()
