"""Checks deploy/monitoring: the rules by their unit tests, the dashboard's queries, the anchors of the runbook, and all of
it by a real Prometheus that scrapes a real gateway and a real worker, until an alert fires and ends.

Takes the path of the binary."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
MONITORING = ROOT / "deploy" / "monitoring"
MEDLEY = sys.argv[1]
PATIENCE_S = 300
# What a fleet that works has none of, or none yet: these have to stand in the code.
RARE = {"medley_dead_letters_total", "medley_attempts_failed_total", "medley_child_restarts_total",
        "medley_webhook_tries_total", "medley_work_speech_seconds_total", "medley_work_audio_seconds_total",
        "medley_work_film_seconds_total", "medley_work_images_total", "medley_work_pages_total",
        "medley_work_receipts_total"}


def rules():
    return (MONITORING / "medley.rules.yaml").read_text()


def dashboard():
    """The queries of the panels, with the variable put in."""
    panels = [panel for panel in json.loads((MONITORING / "dashboard.json").read_text())["panels"] if panel["type"] != "row"]
    for panel in panels:
        assert panel["title"] and panel["description"] and panel["fieldConfig"]["defaults"]["unit"], panel["title"]
    return [target["expr"].replace("$kind", ".*") for panel in panels for target in panel["targets"]]


def metrics_of(text):
    """The names of series in expressions, without what Prometheus adds for histograms."""
    names = set(re.findall(r"\bmedley[_:][a-z_:]+[a-z]", text))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


def check_statically():
    run = {"check": True, "capture_output": True, "text": True}
    subprocess.run(["promtool", "check", "rules", MONITORING / "medley.rules.yaml"], **run)
    subprocess.run(["promtool", "test", "rules", "medley.rules.test.yaml"], cwd=MONITORING, **run)
    queries = dashboard()
    assert len(queries) > 20
    with tempfile.TemporaryDirectory() as folder:
        # promtool parses rules; each query of the dashboard becomes one.
        file = pathlib.Path(folder, "dashboard.rules.json")
        made = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries)]
        file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": made}]}))
        subprocess.run(["promtool", "check", "rules", file], **run)
        made[0]["expr"] = "sum(("
        file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": made}]}))
        assert subprocess.run(["promtool", "check", "rules", file], capture_output=True, check=False).returncode, "anything parses"
    recorded = set(re.findall(r"record: (\S+)", rules()))
    code = "".join(path.read_text() for path in ROOT.glob("workers/*/src/**/*.rs"))
    kept = set(re.findall(r'"(medley_[a-z_]+)"', code))
    # Counters of work are called after the units in which kinds report progress.
    units = set(re.findall(r'progress\([^;]*?"([a-z ]+)"\s*\)', code, re.S)) | set(re.findall(r'\.work\([^;]*?"([a-z ]+)"\)', code, re.S))
    words = lambda unit: re.sub(r"^s of (.*)$", r"\1 seconds", unit).replace(" ", "_")
    kept |= {f"medley_work_{words(unit)}_total" for unit in units}
    for place, text in (("a rule", re.sub(r"record: .*|runbook_url: .*|name: .*", "", rules())), ("the dashboard", " ".join(queries))):
        for name in metrics_of(text) - recorded:
            assert name in kept, f"{place} asks for {name}, which nothing keeps"
    headings = re.findall(r"^#+ (.*)$", (ROOT / "docs" / "operations.md").read_text(), re.M)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    linked = re.findall(r"runbook_url: docs/operations\.md#(\S+)", rules())
    assert len(linked) == len(re.findall(r"- alert: ", rules())), "an alert without a runbook"
    for anchor in linked:
        assert anchor in anchors, f"docs/operations.md has no #{anchor}"
    return (metrics_of(rules()) | metrics_of(" ".join(queries))) - recorded - RARE


# --- The real thing.

def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, holds):
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            found = holds()
        except OSError as error:
            found, what = None, f"{what} ({error})"
        if found:
            return found
        assert time.monotonic() < end, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.2)


class Prometheus:
    def __init__(self, folder, targets):
        # The alerts as they are, but for how long they wait until they fire.
        hurried = re.sub(r"for: \d+m", "for: 1s", rules())
        assert hurried != rules()
        (folder / "medley.rules.yaml").write_text(hurried)
        jobs = [{"job_name": job, "static_configs": [{"targets": [target]}]} for job, target in targets.items()]
        config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                  "rule_files": ["medley.rules.yaml"], "scrape_configs": jobs}
        (folder / "prometheus.yaml").write_text(json.dumps(config))
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/api/v1/"
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={folder / 'prometheus.yaml'}", f"--storage.tsdb.path={folder / 'tsdb'}",
             f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"])

    def get(self, path, **query):
        with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def value(self, query):
        found = self.get("query", query=query)["result"]
        return float(found[0]["value"][1]) if found else None

    def firing(self):
        return {alert["labels"]["alertname"]: alert for alert in self.get("alerts")["alerts"] if alert["state"] == "firing"}

    def names(self):
        return set(self.get("label/__name__/values"))


def run_it(needed):
    processes = []
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        config = folder / "medley.toml"
        config.write_text("[worker]\nsweep_every_s = 1\n")
        environment = {**os.environ, "XDG_DATA_HOME": str(folder / "data"), "MEDLEY_CONFIG": str(config), "MEDLEY_LOG": "error"}

        def medley(*arguments):
            return subprocess.run([MEDLEY, *arguments], env=environment, check=True, capture_output=True, text=True).stdout

        try:
            gateway = subprocess.Popen([MEDLEY, "serve", "--listen", "127.0.0.1:0"], env=environment, stdout=subprocess.PIPE, text=True)
            processes.append(gateway)
            address = gateway.stdout.readline().strip().rsplit("/", 1)[1]
            monitor = f"127.0.0.1:{free_port()}"
            prometheus = Prometheus(folder, {"medley-gateway": address, "medley-worker": monitor})
            processes.append(prometheus.process)
            photo = medley("models", "path", "sample-pictures", "chelsea.png").strip()
            (folder / "none.png").write_text("no picture")
            medley("submit", "control", photo, "--annotators", "canny")
            medley("submit", "control", str(folder / "none.png"), "--annotators", "canny")

            # Two steps wait, and there is no worker: that wakes somebody, and KEDA sees the work of a kind at nought.
            alert = until("MedleyNoWorkers", lambda: prometheus.firing().get("MedleyNoWorkers"))
            assert alert["annotations"]["runbook_url"] == "docs/operations.md#a-queue-stands-still", alert
            ahead = 'medley:work_ahead_seconds{kind="control"}'
            # A minute for each of two steps, as nobody knows yet how long they take.
            until("two minutes of work ahead", lambda: prometheus.value(ahead) == 120)
            until("a gateway that is there", lambda: "MedleyGatewayAway" not in prometheus.firing())

            worker = subprocess.Popen([MEDLEY, "worker", "--monitor", monitor], env=environment)
            processes.append(worker)
            until("two jobs to end", lambda: prometheus.value("sum(medley_jobs_finished_total)") == 2)
            until("the alert to end", lambda: "MedleyNoWorkers" not in prometheus.firing())
            until("no work ahead", lambda: prometheus.value(ahead) == 0)
            until("a sweep", lambda: prometheus.value("max(medley_open_jobs)") == 0)
            found = {re.sub(r"_(bucket|sum|count)$", "", name) for name in prometheus.names()}
            until("every metric that is asked for", lambda: not needed - {
                re.sub(r"_(bucket|sum|count)$", "", name) for name in prometheus.names()})
            assert not needed & RARE and len(needed) > 12, needed

            # The gateway goes: its alert comes.
            gateway.send_signal(signal.SIGTERM)
            until("MedleyGatewayAway", lambda: prometheus.firing().get("MedleyGatewayAway"))
            return len(found)
        finally:
            for process in processes:
                process.kill()
                process.wait()


needed = check_statically()
began = time.monotonic()
seen = run_it(needed)
print(f"{len(needed)} metrics asked for, {seen} names scraped, in {time.monotonic() - began:.0f} s")
