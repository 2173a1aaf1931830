"""A ggml Whisper file with 16-bit weights -> the same with q8_0 weights (blocks of 32 share a scale).

usage: whisper_quantise.py ggml-f16.bin OUT
"""

import struct
import sys

import numpy as np

F16, Q8_0 = 1, 8  # types of a tensor
MOSTLY_Q8_0 = 2007  # type of a file: version 2 of the format, GGML_FTYPE_MOSTLY_Q8_0
BLOCK = 32


def q8_0(raw):
    blocks = np.frombuffer(raw, np.float16).reshape(-1, BLOCK).astype(np.float32)
    scale = np.abs(blocks).max(1) / 127
    inverse = np.where(scale > 0, 1 / np.where(scale > 0, scale, 1), 0)
    values = np.round(blocks * inverse[:, None]).astype(np.int8)
    scale = scale.astype(np.float16).view(np.uint8).reshape(-1, 2)
    return np.concatenate([scale, values.view(np.uint8)], 1).tobytes()


def main(source, out):
    data = open(source, "rb").read()
    header = list(struct.unpack_from("<11i", data, 4))
    header[10] = MOSTLY_Q8_0
    at = 48
    bands, bins = struct.unpack_from("<2i", data, at)
    at += 8 + 4 * bands * bins
    (tokens,) = struct.unpack_from("<i", data, at)
    at += 4
    for _ in range(tokens):
        at += 4 + struct.unpack_from("<i", data, at)[0]
    with open(out, "wb") as sink:
        sink.write(data[:4] + struct.pack("<11i", *header) + data[48:at])
        while at < len(data):
            axes, name_bytes, kind = struct.unpack_from("<3i", data, at)
            shape = struct.unpack_from(f"<{axes}i", data, at + 12)
            at += 12 + 4 * axes
            name = data[at : at + name_bytes]
            at += name_bytes
            size = int(np.prod(shape)) * (2 if kind == F16 else 4)
            raw = data[at : at + size]
            at += size
            if axes == 2 and kind == F16 and shape[0] % BLOCK == 0:
                raw, kind = q8_0(raw), Q8_0
            sink.write(struct.pack("<3i", axes, name_bytes, kind) + struct.pack(f"<{axes}i", *shape) + name + raw)


if __name__ == "__main__":
    main(*sys.argv[1:])
