"""Speaks a text of so many words as a whole job and tells how large the largest of its processes became.

usage: memory.py MEDLEY SENTENCES.tsv WORDS DIR      prints a row of a Markdown table
"""
import itertools
import os
import resource
import shutil
import subprocess
import sys
import time

medley, sentences, count, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
shutil.rmtree(folder, ignore_errors=True)
os.makedirs(folder)
lines = [line.split("\t")[0].strip() for line in open(sentences, encoding="utf-8")]
words = 0
with open(f"{folder}/text.txt", "w", encoding="utf-8") as file:
    for n, line in enumerate(itertools.cycle(lines)):
        # A number in front makes every sentence another one, so that nothing is taken from the cache.
        words += file.write(f"Number {n}. {line}\n\n") and len(line.split()) + 2
        if words >= count:
            break
started = time.perf_counter()
subprocess.run([medley, "run", "speak", f"{folder}/text.txt", "--audio", "mp3", "-q", "-o", f"{folder}/out"], check=True)
seconds = time.perf_counter() - started
largest_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(f"| English, hibari | {words} | {seconds:.0f} | {largest_mib:.0f} |")
shutil.rmtree(folder)
