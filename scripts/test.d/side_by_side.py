"""Runs test binaries side by side, as many as there are cores: most of their time they wait for services and processes.

    cargo test --no-run --message-format=json | side_by_side.py

A binary's output is printed whole when it ends. All run whatever one of them finds; the exit status tells.
"""

import concurrent.futures
import json
import os
import subprocess
import sys
import time

# What takes longest begins first, or the last one runs alone. Any order is right.
LONGEST_FIRST = ["life", "gateway", "conformance_queue", "library", "command_line", "fleet"]


def binaries(messages):
    """Name, executable and package folder of each test binary that cargo built."""
    for line in messages:
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message.get("executable") and message["profile"]["test"]:
            yield message["target"]["name"], message["executable"], os.path.dirname(message["manifest_path"])


def place(binary):
    name = binary[0]
    return LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)


def run(binary):
    name, executable, folder = binary
    begun = time.monotonic()
    # As cargo runs it: in the package's folder.
    ran = subprocess.run([executable], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, env={**os.environ, "CARGO_MANIFEST_DIR": folder})
    return name, ran.returncode, time.monotonic() - begun, ran.stdout


def main():
    found = sorted(binaries(sys.stdin), key=place)
    if not found:
        sys.exit("no test binaries were built")
    failed = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run, binary) for binary in found]):
            name, code, seconds, output = done.result()
            sys.stdout.buffer.write(output)
            print(f"-- {name}: {'ok' if code == 0 else f'FAILED ({code})'}, {seconds:.0f} s\n", flush=True)
            if code != 0:
                failed.append(name)
    print(f"{len(found)} test binaries, {len(failed)} failed{': ' if failed else ''}{', '.join(sorted(failed))}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
