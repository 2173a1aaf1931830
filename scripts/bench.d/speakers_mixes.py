"""Conversations mixed from clips of single voices, with the truth of who speaks when.

Each conversation has two to five voices, in turns that follow one another with a pause (75 %), after a long pause (10 %) or
before the other one has ended (15 %). Every voice has a level of its own. A quarter each is as recorded, in a room (a decaying
echo for each voice), over a telephone (300 to 3,400 Hz, 8 bits by mu-law) and with noise 15 to 25 dB below the speech. Speech in
a clip is where its level is at most 40 dB below its loud parts and well above its noise; pauses below 0.3 s count as speech.
"""
import pathlib, random, subprocess, wave

import numpy as np

RATE = 16000
FRAME = RATE // 100


def read(path):
    """16 kHz, mono, -1..1."""
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-ar", str(RATE), "-ac", "1", "-f", "f32le", "-"], capture_output=True, check=True).stdout
    return np.frombuffer(raw, "<f4")


def write(path, sound):
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())


def speech(sound, filled_s=0.3):
    """Where somebody speaks in a clean clip: spans in seconds."""
    frames = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME)
    level = 10 * np.log10((frames**2).mean(1) + 1e-10)
    # A recording has a floor of noise; halfway to it is no speech either.
    quiet, loudest = np.percentile(level, [5, 95])
    loud = level > max(loudest - 40, quiet + 0.4 * (loudest - quiet))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(int), [0]])))
    spans = []
    for start, end in zip(edges[::2] / 100, edges[1::2] / 100):
        if spans and start - spans[-1][1] < filled_s:
            spans[-1][1] = end
        else:
            spans.append([start, end])
    return [span for span in spans if span[1] - span[0] >= 0.15]


def utterances(clips):
    """A voice's clips cut at their pauses into pieces of at most 9 s, each with its speech."""
    pieces = []
    for clip in clips:
        sound = read(clip)
        spans = speech(sound)
        group = []
        for span in spans + [None]:
            if group and (span is None or span[1] - group[0][0] > 9):
                start, end = max(0, group[0][0] - 0.05), group[-1][1] + 0.05
                cut = sound[int(start * RATE) : int(end * RATE)]
                pieces.append((cut / max(1e-3, np.sqrt((cut**2).mean())) * 0.06, [(a - start, b - start) for a, b in group]))
                group = []
            if span is not None:
                group.append(span)
    return pieces


def room(sound, dice):
    seconds = dice.uniform(0.25, 0.5)
    noise = np.random.default_rng(dice.randrange(1 << 30)).standard_normal(int(seconds * RATE))
    echo = noise * np.exp(-6.9 * np.arange(len(noise)) / len(noise)) * 0.03
    echo[0] = 1
    n = len(sound) + len(echo) - 1
    return np.fft.irfft(np.fft.rfft(sound, n) * np.fft.rfft(echo, n), n)[: len(sound)]


def telephone(sound):
    spectrum = np.fft.rfft(sound)
    hz = np.fft.rfftfreq(len(sound), 1 / RATE)
    sound = np.fft.irfft(spectrum * ((hz > 300) & (hz < 3400)), len(sound))
    mu = np.sign(sound) * np.log1p(255 * np.abs(np.clip(sound, -1, 1))) / np.log(256)
    mu = np.round(mu * 127) / 127
    return np.sign(mu) * (256 ** np.abs(mu) - 1) / 255


def pink(count, dice):
    noise = np.random.default_rng(dice.randrange(1 << 30)).standard_normal(count)
    spectrum = np.fft.rfft(noise)
    noise = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 1), count)
    return noise / np.sqrt((noise**2).mean())


CHANNELS = ["as recorded", "room", "telephone", "noise"]


def conversation(voices, number, seed, seconds=(60, 120)):
    """Sound, turns [(start, end, voice)] and the channel of one conversation."""
    dice = random.Random(seed * 1000 + number)
    chosen = dice.sample(sorted(voices), min(2 + number % 4, len(voices)))
    channel = CHANNELS[number // 4 % 4]
    left = {voice: dice.sample(range(len(voices[voice])), len(voices[voice])) for voice in chosen}
    gain = {voice: 10 ** (dice.uniform(-4, 4) / 20) for voice in chosen}
    wanted = dice.uniform(*seconds)
    sound, turns, at, voice = np.zeros(int((wanted + 60) * RATE)), [], 0.5, None
    # The first turns are everybody's, and a conversation ends only when each has said something.
    waiting = dice.sample(chosen, len(chosen)) * 2
    end_s = 0.0
    while at < wanted or waiting:
        voice = waiting.pop(0) if waiting and waiting[0] != voice else dice.choice([other for other in chosen if other != voice])
        if not left[voice]:
            left[voice] = dice.sample(range(len(voices[voice])), len(voices[voice]))
        piece, spans = voices[voice][left[voice].pop()]
        piece = piece * gain[voice]
        if channel == "room":
            piece = room(piece, dice)
        start = int(at * RATE)
        if start + len(piece) > len(sound):
            break
        sound[start : start + len(piece)] += piece
        turns += [(at + a, at + b, voice) for a, b in spans]
        end_s = max(end_s, at + len(piece) / RATE)
        kind = dice.random()
        at = end_s + (dice.uniform(0.1, 1.2) if kind < 0.75 else dice.uniform(1.2, 3) if kind < 0.85 else -dice.uniform(0.2, 0.8))
    sound = sound[: int((end_s + 0.5) * RATE)]
    if channel == "telephone":
        sound = telephone(sound)
    if channel == "noise":
        sound = sound + pink(len(sound), dice) * np.sqrt((sound**2).mean()) * 10 ** (-dice.uniform(15, 25) / 20)
    return sound, sorted(turns), channel


def voices_of(folders):
    """The utterances of each folder of clips, by its name."""
    voices = {}
    for folder in folders:
        clips = sorted(path for path in pathlib.Path(folder).iterdir() if path.suffix in (".wav", ".flac", ".mp3"))
        found = utterances(clips)
        if sum(b - a for _, spans in found for a, b in spans) >= 8:
            voices[pathlib.Path(folder).name] = found
    return voices
