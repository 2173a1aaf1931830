"""Portraits and news."""

from harness import check, fault


def photo(room):
    done = room.medley("models", "path", "sample-pictures", "astronaut.png")
    check(done.rc == 0, done.err)
    return done.out.strip()


def portrait_of(name, lips):
    @fault(f"40-portrait-not-latin-or-no-speech:{name}")
    def case(room):
        room.run("portrait", photo(room), room.data / name, "--framing", "head", "--head-px", "128", timeout_s=600)
        quality = room.json("manifest.json")["quality"]
        check(quality["lips_from"] == lips, f"lips from {quality['lips_from']}")
        check(quality["warnings"], "nobody is told that the lips follow the sound alone")
        check((room.scratch / "out/video.mp4").stat().st_size > 10_000, "there is no film")


for file in ["ru.wav", "ja.wav", "music.mp3", "sil.mp3"]:
    portrait_of(file, "sound")
