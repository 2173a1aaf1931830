"""One podcast on one worker and on two; prints Markdown. See the shell script beside it."""
import json, os, pathlib, statistics, subprocess, tempfile, time

from podcast import MEDLEY, joined

MINUTES = float(os.environ.get("BENCH_MINUTES", "60"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "1"))
MODEL = ["--model", "tiny.en"]


def worker(environment, folder, name):
    config = folder / "medley.toml"
    config.write_text("[worker]\nslots = 1\nthreads = 1\n")
    environment = {**os.environ, **environment, "XDG_CACHE_HOME": str(folder / name), "MEDLEY_MODELS": MODELS}
    command = [MEDLEY, "--config", config, "worker", "--log", "json"]
    return subprocess.Popen(command, env=environment, stderr=(folder / f"{name}.log").open("w"))


def fleet(environment, folder, episode, workers):
    """Seconds from submitting to the manifest, and the artifacts' hashes."""
    call = lambda *args: subprocess.run([MEDLEY, *args], env={**os.environ, **environment}, capture_output=True, text=True, check=True).stdout
    running = [worker(environment, folder, f"worker-{n}") for n in range(workers)]
    try:
        began = time.monotonic()
        job = call("submit", "podcast", episode, *MODEL).strip()
        manifest = json.loads(call("watch", job, "--json"))
        wall = time.monotonic() - began
    finally:
        for one in running:
            one.terminate()
        for one in running:
            one.wait()
    assert manifest["outcome"] == "succeeded", manifest
    return wall, sorted((one["name"], one["sha256"]) for one in manifest["artifacts"])


MODELS = os.environ.get("MEDLEY_MODELS") or str(pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "medley/models")


def main():
    services = subprocess.Popen([os.environ["SERVICES"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    fleets = iter(lambda: json.loads(services.stdout.readline()), None)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        episode = joined(folder, MINUTES * 60)
        walls, hashes = {1: [], 2: []}, set()
        for _ in range(ROUNDS):
            for workers in walls:
                wall, artifacts = fleet(next(fleets), folder, episode, workers)
                walls[workers].append(wall)
                hashes.add(json.dumps(artifacts))
        one, two = (statistics.median(walls[workers]) for workers in (1, 2))
        print(f"| {MINUTES:g} minutes, tiny.en, RabbitMQ and S3 on this machine, median of {ROUNDS} | s |\n|---|---:|")
        print(f"| one worker, one slot, one thread | {one:.0f} |\n| two of them | {two:.0f} |\n| two against one | {two / one:.2f} |\n")
        print("The artifacts of all runs are the same, byte for byte." if len(hashes) == 1 else f"**{len(hashes)} different sets of artifacts.**")
    services.stdin.close()
    services.wait()


main()
