"""Speech to text and episodes: languages, players, markup."""

import shutil

from harness import check, fault


@fault("06-two-languages")
def each_part_is_heard_in_its_own_language(room):
    room.run("transcribe", room.data / "a11-enzhen.mp3")
    transcript, quality = room.json("transcript.json"), room.json("manifest.json")["quality"]
    heard = [(segment["language"], segment["start_s"], segment["end_s"]) for segment in transcript["segments"]]
    order = [language for n, (language, *_) in enumerate(heard) if n == 0 or heard[n - 1][0] != language]
    check(order == ["en", "zh", "en"], f"languages in order: {order}")
    chinese = [(start, end) for language, start, end in heard if language == "zh"]
    check(chinese[0][0] < 12.5 and chinese[-1][1] > 17.5, f"Chinese from {chinese[0][0]} to {chinese[-1][1]}")
    check(set(transcript["languages"]) == {"en", "zh"}, transcript["languages"])
    check(any("languages" in warning for warning in quality["warnings"]), quality["warnings"])
    check(quality["unheard_s"] == 0, f"{quality['unheard_s']} s without words")
    check(all(segment["text"] != "And" for segment in transcript["segments"]), transcript["text"])


@fault("06-two-languages:one")
def a_language_that_is_asked_for_is_kept(room):
    room.run("transcribe", room.data / "a11-enzhen.mp3", "--language", "en")
    check(set(room.json("transcript.json")["languages"]) == {"en"}, "another language was heard")


@fault("42-html-audio-src")
def the_player_finds_any_name(room):
    name = (room.data / "name.txt").read_text().strip()
    sample = room.medley("models", "path", "sample-speech", "beckett.wav").out.strip()
    shutil.copy(sample, room.scratch / name)
    room.run("podcast", name, "--model", "tiny.en")
    page = room.text("transcript.html")
    check('src="a%20b%2520c%231%3F.wav"' in page, page[page.find("<audio"):][:200])


@fault("hostile/24-summary-md")
def a_name_is_no_markup(room):
    name = "<svg onload=alert(1)>.wav"
    sample = room.medley("models", "path", "sample-speech", "beckett.wav").out.strip()
    shutil.copy(sample, room.scratch / name)
    room.run("podcast", name, "--model", "tiny.en")
    for file in ("summary.md", "transcript.html"):
        check("<svg" not in room.text(file), f"raw markup in {file}")
