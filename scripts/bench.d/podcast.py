"""Runs a long episode and prints Markdown; see the shell script beside it."""
import json, os, pathlib, random, re, statistics, subprocess, tempfile, threading, time

MEDLEY = os.environ["MEDLEY"]
DATA = pathlib.Path(os.environ["MEDLEY_EVAL_DATA"]) / "speech"
HOURS = float(os.environ.get("BENCH_HOURS", "3"))
SPAN = re.compile(r"(?:([\d.]+) h )?(?:(\d+) min )?(?:(\d+) s )?left")


def joined(folder, seconds):
    """English clips in changing order until they last `seconds`."""
    clips = sorted((DATA / "en").glob("*.*"))
    length = {clip: float(subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", clip], capture_output=True, text=True, check=True).stdout) for clip in clips}
    dice, names, total = random.Random(1), [], 0.0
    while total < seconds:
        dice.shuffle(clips)
        for clip in clips:
            if total < seconds:
                names.append(clip)
                total += length[clip]
    listing, episode = folder / "list.txt", folder / f"episode-{seconds:.0f}.flac"
    listing.write_text("".join(f"file '{clip}'\n" for clip in names))
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "concat", "-safe", "0", "-i", listing, "-ar", "16000", "-ac", "1", episode], check=True)
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
        for n in range(3):
            for kind in walls:
                walls[kind].append(run(kind, short, folder / f"{kind}-{n}")[0])
        transcribe, podcast = (statistics.median(walls[kind]) for kind in ("transcribe", "podcast"))
        print("| 10 minutes, tiny.en, median of 3 | s |\n|---|---|")
        print(f"| transcribe | {transcribe:.1f} |\n| podcast | {podcast:.1f} |\n| speed of the recipe against transcribe | {transcribe / podcast:.2f} |\n")

        episode = joined(folder, HOURS * 3600)
        wall, memory, told = run("podcast", episode, folder / "long")
        late = [(at, share, left) for at, share, left in told if share >= 10 and wall - at > 10]
        off = sorted(abs(left - (wall - at)) / (wall - at) for at, _, left in late)
        halves = [statistics.median(mb for at, mb in memory if low <= at / wall < low + 0.25) for low in (0.25, 0.75)]
        chapters = json.loads((folder / "long/chapters.json").read_text())["chapters"]
        print(f"| {HOURS:g} hours, tiny.en | |\n|---|---|")
        print(f"| wall | {wall:.0f} s, {HOURS * 3600 / wall:.0f} times real time |")
        print(f"| memory (PSS of all processes): peak; median of the second and of the last quarter | {max(mb for _, mb in memory):.0f} MB; {halves[0]:.0f}, {halves[1]:.0f} MB |")
        if off:
            print(f"| time left against what it was, after the first tenth: median, worst of {len(off)} lines | {statistics.median(off):.0%}, {off[-1]:.0%} off |")
        print(f"| cues that ffprobe reads in SRT, VTT | {cues(folder / 'long/transcript.srt')}, {cues(folder / 'long/transcript.vtt')} |")
        print(f"| chapters | {len(chapters)}, ascending: {chapters == sorted(chapters, key=lambda c: c['startTime'])} |")


if __name__ == "__main__":
    main()
