"""The vocabulary in a tokenizer.json of WordPiece -> a piece a line, in the order of their numbers.

usage: wordpiece_vocabulary.py tokenizer.json OUT
"""

import json
import sys


def main(source, out):
    model = json.load(open(source, encoding="utf-8"))["model"]
    assert model["type"] == "WordPiece" and model["continuing_subword_prefix"] == "##", "it is another tokeniser"
    pieces = sorted(model["vocab"], key=model["vocab"].get)
    assert [model["vocab"][piece] for piece in pieces] == list(range(len(pieces))), "numbers are missing"
    open(out, "w", encoding="utf-8", newline="\n").write("".join(f"{piece}\n" for piece in pieces))


if __name__ == "__main__":
    main(*sys.argv[1:])
