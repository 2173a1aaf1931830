"""Teaches what the mouth does from the sound alone: writes `src/animation/regression.json`.

Synthetic voices say sentences whose phoneme times are known; the program's own co-articulation (`src/drive`, its table
of shapes is read from there) says what the mouth should do in each frame; ridge regression finds it again in nine frames of
cepstra. Prints r on sentences and a voice that were not taught.

    apt-get install libespeak-ng1; pip install numpy==2.2.6
    python guess.py [OUT.json]
"""
import ctypes, json, re, sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
RIDGE = 60.0
LEAD_S, FPS = 0.02, 25
VOICES = [("en-us", 150), ("en-us+f2", 165), ("en-us+m3", 135)]
HELD_OUT_VOICE = ("en-us+f5", 155)
SENTENCES = """The quick brown fox jumps over the lazy dog while a small bird watches from above.
Please put the paper cups back on the top shelf before the boys arrive.
She sells sea shells by the shore, and every summer we buy some of them.
How much wood would a woodchuck chuck, if a woodchuck could chuck wood?
The government promised on Friday to build five thousand new homes this year.
My mother baked a marvellous apple pie, and my father made coffee for everybody.
Children who live near the harbour often learn to swim before they learn to read.
Heavy clouds moved over the valley, and thunder rolled through the mountains at night.
He opened the window, looked at the empty road and thought about his old friend.
Both teams were tired, but neither of them gave up until the whistle blew.
We hope that you will join us for the music festival in the park tomorrow evening.
A thin layer of ice covered the river, so the boats had to wait for warmer weather.
Farmers and fishermen have very different views of the weather, as you may imagine.
Would you bring me a bottle of water and a few of those oranges over there?
Open the door, turn on the light, and tell me honestly what you can see.
The museum shows pottery, jewellery and paintings of the fifteenth century.""".split("\n")
TAUGHT = 14


class Espeak:
    """Speech with phoneme times out of libespeak-ng."""

    class Event(ctypes.Structure):
        _fields_ = [("type", ctypes.c_int), ("uid", ctypes.c_uint), ("text", ctypes.c_int), ("length", ctypes.c_int),
                    ("audio_ms", ctypes.c_int), ("sample", ctypes.c_int), ("user", ctypes.c_void_p), ("id", ctypes.c_char * 8)]

    def __init__(self):
        self.lib = ctypes.CDLL("libespeak-ng.so.1")
        self.rate = self.lib.espeak_Initialize(2, 0, None, 3)

    def say(self, text, voice, rate):
        pcm, events = [], []

        @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(self.Event))
        def heard(samples, count, event):
            if count > 0:
                pcm.append(np.ctypeslib.as_array(samples, (count,)).copy())
            i = 0
            while event[i].type:
                if event[i].type == 7:
                    events.append((event[i].sample / self.rate, event[i].id.decode("utf8", "ignore")))
                i += 1
            return 0

        self.lib.espeak_SetSynthCallback(heard)
        if self.lib.espeak_SetVoiceByName(voice.encode()) != 0:
            sys.exit(f"espeak-ng has no voice {voice}")
        self.lib.espeak_SetParameter(1, rate, 0)
        self.lib.espeak_Synth(text.encode(), len(text.encode()) + 1, 0, 1, 0, 1, None, None)
        self.lib.espeak_Synchronize()
        y = np.concatenate(pcm).astype(np.float64) / 32768
        ends = [t for t, _ in events[1:]] + [len(y) / self.rate]
        at = np.arange(int(len(y) * 16000 / self.rate)) * self.rate / 16000
        return np.interp(at, np.arange(len(y)), y), [(re.sub("[ˈˌ_:; ̩͡0-9]", "", p), a, b) for (a, p), b in zip(events, ends)]


def cepstra(y):
    """`src/alignment/cepstra.rs`: 13 mel cepstra, 50 frames a second, normalised."""
    hop, window, bands = 320, 512, 24
    y = np.append(y[:1], y[1:] - 0.95 * y[:-1])
    mel = lambda hz: 2595 * np.log10(1 + hz / 700)
    edges = 700 * (10 ** (np.linspace(mel(100), mel(7000), bands + 2) / 2595) - 1)
    hz = np.arange(window // 2 + 1) * 16000 / window
    filters = [np.clip(np.minimum((hz - a) / (b - a), (c - hz) / (c - b)), 0, None) for a, b, c in zip(edges, edges[1:], edges[2:])]
    cosines = np.cos(np.pi / bands * (np.arange(bands) + 0.5) * np.arange(13)[:, None])
    padded = np.pad(y, (window // 2, window))
    frames = np.array([padded[i * hop : i * hop + window] for i in range(len(y) // hop + 1)]) * np.hanning(window)
    x = np.log(np.abs(np.fft.rfft(frames)) ** 2 @ np.array(filters).T + 1e-6) @ cosines.T
    quiet, quieter, loud = np.percentile(x[:, 0], [10, 5, 90])
    speech = x[:, 0] > quiet + 0.35 * (loud - quiet)
    x[:, 1:] = (x[:, 1:] - x[speech, 1:].mean(0)) / (x[speech, 1:].std(0) + 1e-3)
    x[:, 0] = 3 * (x[:, 0] - loud) / (loud - quieter + 1e-3)
    return x


def inputs(y, frames):
    """Nine frames of cepstra about the middle of each frame of film, and 1."""
    x = cepstra(y)
    middle = np.floor((np.arange(frames) / FPS + LEAD_S) * 50 + 0.5).astype(int)
    at = np.minimum(np.maximum(middle[:, None] + np.arange(9) - 4, 0), len(x) - 1)
    return np.hstack([x[at].reshape(frames, -1), np.ones((frames, 1))])


def tables():
    text = (HERE.parent / "src/drive/shape.rs").read_text()
    shapes = {m[1]: [float(v) for v in m[2].split(",")] for m in re.finditer(r"Self::(\w+) => \[([^\]]+)\]", text)}
    sounds = [(m[1], m[2], m[4]) for m in re.finditer(r'\("([^"]+)", (\w+), (None|Some\((\w+)\))\)', text)]
    crisp = float(re.search(r"CRISP: f64 = ([\d.]+)", text)[1])
    vowels = set(re.search(r"matches!\(self, ([A-Z| ]+)\)", text)[1].split(" | "))
    return shapes, sounds, crisp, vowels


def articulate(sounds, frames, end_s):
    """`src/animation/articulate.rs` without its closures, which cannot be heard: the eight aims of each frame."""
    shapes, ipa, crisp, vowels = tables()
    segments, before = [], -3600.0
    for phoneme, a, b in sounds + [("", end_s, end_s + 3600)]:
        found = next(((x, y) for start, x, y in ipa if phoneme.startswith(start)), None)
        if found is None and phoneme:
            continue
        if a - before > 0.03:
            segments.append(("Sil", before, a))
        if found is None:
            segments.append(("Sil", a, b))
            continue
        turn = a + 0.55 * (b - a) if found[1] else b
        segments += [(found[0], a, turn)] + ([(found[1], turn, b)] if found[1] else [])
        before = b
    t = np.arange(frames) / FPS + LEAD_S
    total, weights = np.zeros((frames, 8)), np.full(frames, 1e-3)
    for shape, a, b in segments:
        *aims, strength, before_s, after_s = shapes[shape]
        away = (np.maximum(a - t, 0) / (crisp * before_s)) ** 1.2 + (np.maximum(t - b, 0) / (crisp * after_s)) ** 1.2
        weight = strength * min(1, 0.35 + (b - a) / 0.09) * np.exp(-away)
        aims = np.array(aims)
        if shape in vowels:
            aims[0] *= min(max(0.55 + (b - a) / 0.2, 0.6), 1.05)
        total += weight[:, None] * aims
        weights += weight
    aims = total / weights[:, None]
    padded = np.pad(aims, ((1, 1), (0, 0)), mode="edge")
    aims = 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
    aims[:, 0] = np.maximum(aims[:, 0], 0) ** float(re.search(r"LOOKS_OPEN: f64 = ([\d.]+)", (HERE.parent / "src/animation/articulate.rs").read_text())[1])
    return aims


def main():
    espeak = Espeak()

    def lesson(text, voice, rate):
        y, sounds = espeak.say(text, voice, rate)
        frames = int(len(y) / 16000 * FPS)
        return inputs(y, frames), articulate(sounds, frames, len(y) / 16000)

    taught = [lesson(text, *voice) for voice in VOICES for text in SENTENCES[:TAUGHT]]
    x, y = (np.vstack(part) for part in zip(*taught))
    penalty = RIDGE * np.eye(x.shape[1])
    penalty[-1, -1] = 0
    weights = np.linalg.solve(x.T @ x + penalty, x.T @ y).T
    held = [lesson(text, *HELD_OUT_VOICE) for text in SENTENCES[TAUGHT:]]
    x, y = (np.vstack(part) for part in zip(*held))
    for name, a, b in zip("jaw wide round upper lower press tuck tongue".split(), (x @ weights.T).T, y.T):
        print(f"{name}: r {np.corrcoef(a, b)[0, 1]:.2f}")
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "src/animation/regression.json"
    rows = ",\n".join("[" + ",".join(f"{v:.5g}" for v in row) + "]" for row in weights)
    out.write_text(f"[{rows}]\n")


main()
