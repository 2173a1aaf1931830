"""One metadata entry of an ONNX file as a text file.

usage: metadata_lines.py model.onnx KEY OUT
"""

import sys

import onnx


def main(source, key, out):
    model = onnx.load(source)
    value = next(entry.value for entry in model.metadata_props if entry.key == key)
    open(out, "w", encoding="utf-8", newline="").write(value)


if __name__ == "__main__":
    main(*sys.argv[1:])
