"""What the cases of scripts/faults share: running the binary in a folder of its own and reading what it left."""

import json
import os
import resource
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parent.parent.parent
MEDLEY = os.environ.get("MEDLEY", str(ROOT / "target/release/medley"))
CASES = []


@dataclass
class Done:
    """How a command ended."""

    rc: int
    out: str
    err: str


class Room:
    """A scratch folder for one case, with the case's inputs at `data`."""

    def __init__(self, data: Path, scratch: Path):
        self.data, self.scratch = data, scratch

    def medley(self, *arguments, timeout_s=300, env=None, memory_bytes=None, stdin=None, command=None) -> Done:
        """Runs the binary in the scratch folder. `memory_bytes` limits the address space of every process."""
        def limit():
            if memory_bytes:
                resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))

        done = subprocess.run([*(command or [MEDLEY]), *arguments], cwd=self.scratch, timeout=timeout_s,
                              env={**os.environ, **(env or {})}, input=stdin, capture_output=True, preexec_fn=limit)
        return Done(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def run(self, kind, *arguments, rc=0, **options) -> Done:
        """`medley run kind … -o out`, which must end with `rc`."""
        done = self.medley("run", kind, *map(str, arguments), "-o", "out", **options)
        check(done.rc == rc, f"exit {done.rc} instead of {rc}: {done.err.strip()[-600:]}")
        return done

    def json(self, path):
        return json.loads((self.scratch / "out" / path).read_text())

    def text(self, path):
        return (self.scratch / "out" / path).read_text()


@dataclass
class Case:
    name: str
    function: Callable

    def run(self, folder: Path):
        data = folder / self.name.split(":")[0]
        scratch = Path(tempfile.mkdtemp(prefix="medley-fault-"))
        try:
            self.function(Room(data, scratch))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def fault(name):
    """Registers a case: `name` is its folder below faults/, with `:something` behind it where a folder has several."""
    def register(function):
        CASES.append(Case(name, function))
        return function

    return register


def check(holds, sentence):
    if not holds:
        raise AssertionError(sentence)
