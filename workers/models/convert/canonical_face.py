"""MediaPipe's canonical face (geometry pipeline metadata, a protocol buffer) -> a flat little-endian file.

usage: canonical_face.py metadata.binarypb OUT
out: u32 vertices V, u32 triangles T, f32[V][5] (x, y, z in cm; u, v in 0..1), u32[T][3] (vertex indices).
x points to the image's right, y up, z to the camera.
"""

import struct
import sys

import numpy as np


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data):
    """Yields (number, value) of a message: bytes for length-delimited fields, raw bytes for fixed ones."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire == 2:
            length, at = varint(data, at)
            value, at = data[at : at + length], at + length
        else:
            length = {1: 8, 5: 4}[wire]
            value, at = data[at : at + length], at + length
        yield number, value


def main(source, out):
    mesh = next(value for number, value in fields(open(source, "rb").read()) if number == 1)
    floats, indices = bytearray(), []
    for number, value in fields(mesh):
        if number == 3:  # packed, or one at a time: both are runs of 4 bytes
            floats += value
        elif number == 4 and isinstance(value, int):
            indices.append(value)
        elif number == 4:
            at = 0
            while at < len(value):
                index, at = varint(value, at)
                indices.append(index)
    vertices = np.frombuffer(bytes(floats), "<f4").reshape(-1, 5)
    triangles = np.array(indices, "<u4").reshape(-1, 3)
    assert vertices.shape == (468, 5) and len(triangles) == 898 and triangles.max() < 468
    with open(out, "wb") as sink:
        sink.write(struct.pack("<2I", len(vertices), len(triangles)))
        sink.write(vertices.tobytes())
        sink.write(triangles.tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
