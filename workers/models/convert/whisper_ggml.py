"""CTranslate2 Whisper -> whisper.cpp's ggml file with 16-bit weights.

usage: whisper_ggml.py model.bin vocabulary.(txt|json) OUT
"""

import json
import math
import struct
import sys

import ct2
import numpy as np

F32 = {
    "encoder.conv1.bias",
    "encoder.conv2.bias",
    "encoder.positional_embedding",
    "decoder.positional_embedding",
}


def hz_to_mel(hz):
    return 15 + math.log(hz / 1000) / (math.log(6.4) / 27) if hz >= 1000 else hz * 3 / 200


def mel_to_hz(mel):
    return 1000 * math.exp(math.log(6.4) / 27 * (mel - 15)) if mel >= 15 else mel * 200 / 3


def mel_filters(bands, rate_hz=16_000, window=400):
    """Slaney's mel bank as Whisper's assets/mel_filters.npz has it, f32 [bands, window / 2 + 1].

    Scalar functions of `math`: those of numpy differ in the last bit between processors.
    """
    bins = np.linspace(0, rate_hz / 2, window // 2 + 1)
    highest = hz_to_mel(rate_hz / 2)
    edges = np.array([mel_to_hz(highest * i / (bands + 1)) for i in range(bands + 2)])
    widths = np.diff(edges)
    ramps = edges[:, None] - bins[None]
    triangles = np.maximum(0, np.minimum(-ramps[:-2] / widths[:-1, None], ramps[2:] / widths[1:, None]))
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


def byte_of_char():
    """GPT-2's printable stand-ins for bytes, backwards."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    table.update({chr(256 + n): byte for n, byte in enumerate(others)})
    return table


def vocabulary(path):
    """The tokens as bytes, up to the first special one: whisper.cpp knows the names of the others."""
    text = open(path, encoding="utf-8").read()
    tokens = json.loads(text) if path.endswith(".json") else text.split("\n")
    table = byte_of_char()
    plain = []
    for token in tokens:
        if token.startswith("<|endoftext"):
            break
        plain.append(bytes(table[char] for char in token))
    return plain


def main(source, words, out):
    values = ct2.read(source)
    tensors = ct2.whisper_tensors(values)
    tokens = vocabulary(words)
    token_count, state = tensors["decoder.token_embedding.weight"].shape
    mels = tensors["encoder.conv1.weight"].shape[1]
    header = [
        token_count,
        tensors["encoder.positional_embedding"].shape[0],
        state,
        ct2.heads(values, "encoder"),
        ct2.layers(tensors, "encoder"),
        tensors["decoder.positional_embedding"].shape[0],
        state,
        ct2.heads(values, "decoder"),
        ct2.layers(tensors, "decoder"),
        mels,
        1,  # 16-bit weights
    ]
    with open(out, "wb") as sink:
        sink.write(struct.pack("<I11i", 0x67676D6C, *header))
        filters = mel_filters(mels)
        sink.write(struct.pack("<2i", *filters.shape) + filters.tobytes())
        sink.write(struct.pack("<i", len(tokens)))
        for token in tokens:
            sink.write(struct.pack("<i", len(token)) + token)
        for name, tensor in tensors.items():
            half = tensor.ndim >= 2 and name not in F32
            tensor = np.ascontiguousarray(tensor, np.float16 if half else np.float32)
            name = name.encode()
            sink.write(struct.pack("<3i", tensor.ndim, len(name), half))
            sink.write(struct.pack(f"<{tensor.ndim}i", *reversed(tensor.shape)))
            sink.write(name + tensor.tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
