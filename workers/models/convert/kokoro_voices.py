"""Kokoro's voices of some languages in one file.

usage: kokoro_voices.py ARCHIVE.tgz LETTERS OUT      (LETTERS: the first letters of the voices' names, such as `ab`)

The first 4,096 bytes are the voices' names, apart by spaces and filled up with spaces; a voice's styles follow in their
order: 510 × 256 f32, of which row n is for n + 1 phonemes, the first half of it timbre, the second prosody.
"""
import sys
import tarfile

HEADER_BYTES, VOICE_BYTES = 4096, 510 * 256 * 4


def main(archive, letters, out):
    voices = {}
    with tarfile.open(archive, "r:gz") as members:
        for member in members:
            folder, _, file = member.name.rpartition("/")
            name = file.removesuffix(".bin")
            if folder == "package/voices" and name != file and name[0] in letters:
                voices[name] = members.extractfile(member).read()
    if not voices or any(len(styles) != VOICE_BYTES for styles in voices.values()):
        sys.exit(f"{archive} has no voices of 510 x 256 numbers")
    names = " ".join(sorted(voices)).encode()
    with open(out, "wb") as file:
        file.write(names.ljust(HEADER_BYTES))
        for name in sorted(voices):
            file.write(voices[name])


if __name__ == "__main__":
    main(*sys.argv[1:])
