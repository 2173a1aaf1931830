"""What work costs: each part submits its jobs to a store and a queue of its own, lets one worker with one slot do them,
and reads what the worker says of itself and the kernel of it. Standard library only."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

MEDLEY = os.environ.get("MEDLEY", "medley")
DATA = os.environ.get("MEDLEY_EVAL_DATA")
PICTURES = ("astronaut.png", "coffee.png", "chelsea.png")


def sample(model, name):
    return pathlib.Path(subprocess.check_output([MEDLEY, "models", "path", model, name], text=True).strip())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def scrape(port):
    """The worker's metrics, summed over their labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    sums = {}
    for name, value in re.findall(r"^(medley_\w+)(?:\{[^}]*\})? (\S+)$", text, re.M):
        sums[name] = sums.get(name, 0.0) + float(value)
    return sums


def of_tree(pid):
    """The memory (PSS, KiB) and CPU seconds of a process and all below it."""
    kib, ticks, todo = 0, 0, [pid]
    while todo:
        process = todo.pop()
        try:
            for task in os.listdir(f"/proc/{process}/task"):
                todo += map(int, pathlib.Path(f"/proc/{process}/task/{task}/children").read_text().split())
            rollup = pathlib.Path(f"/proc/{process}/smaps_rollup").read_text()
            kib += int(re.search(r"^Pss:\s+(\d+)", rollup, re.M).group(1))
            # utime, stime, and those of children that were waited for.
            ticks += sum(map(int, pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[11:15]))
        except (OSError, AttributeError):
            continue
    return kib, ticks / os.sysconf("SC_CLK_TCK")


def stored_bytes(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measure(name, jobs, amount, unit):
    """Submits `jobs` (lists of arguments of `medley submit`) and lets a worker do them; a row of the table."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="medley-capacity-"))
    environment = {**os.environ, "XDG_DATA_HOME": str(folder / "data"), "MEDLEY_LOG": "error"}
    for job in jobs:
        subprocess.run([MEDLEY, "submit", *job], env=environment, check=True, stdout=subprocess.DEVNULL)
    port, peak = free_port(), 0
    worker = subprocess.Popen([MEDLEY, "worker", "--slots", "1", "--monitor", f"127.0.0.1:{port}"], env=environment)
    began = time.monotonic()
    seen = {}
    while seen.get("medley_jobs_finished_total", 0) < len(jobs):
        time.sleep(0.2)
        kib, _ = of_tree(worker.pid)
        peak = max(peak, kib)
        try:
            seen = scrape(port)
        except OSError:
            pass
        if worker.poll() is not None:
            sys.exit(f"{name}: the worker ended with {worker.returncode}")
    wall, (_, cpu_s) = time.monotonic() - began, of_tree(worker.pid)
    worker.terminate()
    worker.wait()
    listed = subprocess.check_output([MEDLEY, "list", "-n", str(len(jobs))], env=environment, text=True)
    done = listed.count("succeeded")
    bytes_stored = stored_bytes(folder / "data")
    shutil.rmtree(folder)
    steps = seen["medley_step_run_seconds_count"]
    print(
        f"| {name} | {amount:g} {unit} | {done} of {len(jobs)} | {cpu_s:.1f} | {wall:.1f} "
        f"| {peak / 1024:.0f} | {steps:.0f} | {seen['medley_step_run_seconds_sum'] / steps:.2f} "
        f"| {bytes_stored / 2**20:.2f} |",
        flush=True,
    )


def copies(folder, sources, count):
    """Files of other bytes and the same picture, so that no cached result answers."""
    folder.mkdir()
    made = []
    for number in range(count):
        source = sources[number % len(sources)]
        made.append(folder / f"{number:04}{source.suffix}")
        made[-1].write_bytes(source.read_bytes() + f"\n{number}".encode())
    return made


def speech(folder, seconds):
    source = sample("sample-speech", "two-cities.wav")
    target = folder / f"speech-{seconds}.wav"
    command = ["ffmpeg", "-y", "-v", "error", "-stream_loop", "-1", "-i", source, "-t", str(seconds), "-ac", "1", "-ar", "16000"]
    subprocess.run([*map(str, command), str(target)], check=True)
    return target


class Tap:
    """A port that passes everything on to another one, and counts bytes and HTTP requests."""

    def __init__(self, host, port):
        self.target, self.bytes, self.requests = (host, port), 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(self.target)
            for source, target, asks in ((client, server, True), (server, client, False)):
                threading.Thread(target=self.pass_on, args=(source, target, asks), daemon=True).start()

    def pass_on(self, source, target, asks):
        try:
            while data := source.recv(1 << 16):
                self.bytes += len(data)
                if asks:
                    self.requests += len(re.findall(rb"(?:GET|PUT|HEAD|POST|DELETE) \S+ HTTP/1\.1\r\n", data))
                target.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, target):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


def measure_wire(environment, name, jobs):
    """Bytes and requests that jobs take between worker, broker and store; submitting them counts, listing does not."""
    queue = re.match(r"(amqp://(?:[^@/]*@)?)([^:/]+):(\d+)(.*)", environment["MEDLEY_QUEUE"])
    store = re.match(r"http://([^:/]+):(\d+)", environment["MEDLEY_ENDPOINT"])
    to_queue, to_store = Tap(queue[2], int(queue[3])), Tap(store[1], int(store[2]))
    tapped = {
        **os.environ, **environment, "MEDLEY_LOG": "error",
        "MEDLEY_QUEUE": f"{queue[1]}127.0.0.1:{to_queue.port}{queue[4]}",
        "MEDLEY_ENDPOINT": f"http://127.0.0.1:{to_store.port}",
    }
    port = free_port()
    worker = subprocess.Popen([MEDLEY, "worker", "--slots", "1", "--monitor", f"127.0.0.1:{port}"], env=tapped)

    def finished():
        try:
            return scrape(port).get("medley_jobs_finished_total", 0)
        except OSError:
            return -1

    while finished() < 0:
        time.sleep(0.1)
    time.sleep(2)
    # What a worker without work takes in ten seconds is no job's.
    idle = (to_queue.bytes, to_store.bytes, to_store.requests)
    time.sleep(10)
    idle = [(after - before) / 10 for before, after in zip(idle, (to_queue.bytes, to_store.bytes, to_store.requests))]
    before, began = (to_queue.bytes, to_store.bytes, to_store.requests), time.monotonic()
    for job in jobs:
        subprocess.run([MEDLEY, "submit", *job], env=tapped, check=True, stdout=subprocess.DEVNULL)
    while finished() < len(jobs):
        time.sleep(0.1)
    spent = time.monotonic() - began
    after = (to_queue.bytes, to_store.bytes, to_store.requests)
    worker.terminate()
    worker.wait()
    queue_bytes, store_bytes, requests = (
        (now - then - rate * spent) / len(jobs) for then, now, rate in zip(before, after, idle))
    print(f"| {name} | {queue_bytes / 2**10:.1f} | {store_bytes / 2**20:.2f} | {requests:.0f} |", flush=True)


def wire(folder, pictures, receipts):
    services = subprocess.Popen([os.environ["SERVICES"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    environment = lambda: json.loads(services.stdout.readline())
    print("\n| a job, over RabbitMQ and S3 | KiB to and from the broker | MiB to and from the store | requests to the store |")
    print("|---|---:|---:|---:|")
    made = copies(folder / "wire-canny", pictures, 20)
    measure_wire(environment(), "control, canny", [["control", str(path), "--annotators", "canny"] for path in made])
    made = copies(folder / "wire-receipts", receipts, 10)
    measure_wire(environment(), "receipt", [["receipt", str(path)] for path in made])
    job = ["transcribe", str(speech(folder, 600)), "--language", "en", "--model", "tiny.en"]
    measure_wire(environment(), "transcribe, 10 minutes (18 MiB of WAV)", [job])
    made = copies(folder / "wire-library", pictures, 100)
    del made
    measure_wire(environment(), "library, 100 images as an archive", [["library", archive(folder, "wire-library")]])
    services.stdin.close()
    services.wait()


def archive(folder, name):
    return shutil.make_archive(str(folder / name), "zip", folder / name)


def main():
    default = "speech podcast speak images library canny receipts film wire"
    parts = os.environ.get("CAPACITY_PARTS", default).split()
    print("| what | amount | succeeded | CPU s | wall s | peak MiB | steps | s a step | MiB in store and queue |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory(prefix="medley-capacity-") as place:
        folder = pathlib.Path(place)
        pictures = [sample("sample-pictures", name) for name in PICTURES]
        receipts = sorted(pathlib.Path(DATA, "receipts").rglob("*.jpg")) if DATA else []
        receipts = receipts[:20] or [sample("sample-pictures", "page.png")]
        if "speech" in parts:
            minutes = speech(folder, 600)
            for model in ("tiny.en", "auto"):
                job = ["transcribe", str(minutes), "--language", "en", "--model", model]
                measure(f"transcribe, model {model}", [job], 600, "s of speech")
        if "podcast" in parts:
            job = ["podcast", str(speech(folder, 600)), "--language", "en", "--model", "tiny.en"]
            measure("podcast, model tiny.en", [job], 600, "s of speech")
        if "speak" in parts:
            text = folder / "script.txt"
            text.write_text("The harbour was closed this morning because of fog. It opens again at noon.\n\n" * 72)
            measure("speak, hibari", [["speak", str(text), "--voice", "hibari"]], 1008, "words")
        if "images" in parts:
            jobs = [["caption", str(path)] for path in copies(folder / "caption", pictures, 50)]
            measure("caption, a job an image", jobs, 50, "images")
        if "library" in parts:
            copies(folder / "library", pictures, 100)
            measure("library, one job", [["library", str(folder / "library")]], 100, "images")
        if "canny" in parts:
            made = copies(folder / "canny", pictures, 100)
            measure("control, canny", [["control", str(path), "--annotators", "canny"] for path in made], 100, "images")
        if "receipts" in parts:
            made = copies(folder / "receipts", receipts, 20)
            measure("receipt", [["receipt", str(path)] for path in made], 20, "receipts")
        if "film" in parts:
            photo, voice = sample("sample-clip", "franz-kafka.jpg"), speech(folder, 60)
            measure("portrait", [["portrait", str(photo), str(voice)]], 60, "s of film")
        if "wire" in parts:
            wire(folder, pictures, receipts)


if __name__ == "__main__":
    main()
