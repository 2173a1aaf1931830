"""The token embeddings of a CTranslate2 Whisper model -> a bare table, f16 little-endian [tokens][state].

usage: whisper_embeddings.py model.bin OUT
"""

import sys

import ct2
import numpy as np


def main(source, out):
    table = ct2.whisper_tensors(ct2.read(source))["decoder.token_embedding.weight"]
    np.ascontiguousarray(table, np.dtype("<f2")).tofile(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
