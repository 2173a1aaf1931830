"""Measures clips of the portrait worker: lips against sound, closures, jitter, what changes outside the lower face, speed.

usage: portrait.py SPEAK-BINARY [synthetic] [human] [speed] [long]   (the example `speak` of workers/portrait; all but long)
Needs ffmpeg, libespeak-ng, numpy, opencv-python-headless, onnxruntime, pocketsphinx, the model cache of `medley models pull`, and for
`human` the binary MEDLEY and MEDLEY_EVAL_DATA.
"""
import ctypes, json, math, os, re, subprocess, sys, tempfile, wave
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

CACHE = Path(os.environ.get("MEDLEY_MODELS") or Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "medley/models") / "models"
ASTRONAUT, KAFKA = CACHE / "sample-pictures/astronaut.png", CACHE / "sample-clip/franz-kafka.jpg"
TEXT = (
    "Good evening. The prime minister said on Monday that a brand new bridge over the river will open before the end of May. "
    "Many people from both banks have been waiting for more than five years. Bob Palmer, who builds boats by the harbour, "
    "believes that business will improve. Meanwhile, farmers fear that heavy rain may harm their wheat and apples. "
    "Police remind everybody to drive slowly, because a small part of the old road remains blocked. Tomorrow will be warm "
    "with a few showers in the evening. We will be back at half past seven with the football."
)
# How far a mouth is open for a sound, of a wide a: phonetics' vowel height, not the numbers of the program.
OPEN = {
    "ɑ": 1, "a": 1, "æ": 0.85, "ʌ": 0.7, "ɐ": 0.7, "ɔ": 0.7, "ɒ": 0.85, "ɛ": 0.6, "e": 0.5, "ɜ": 0.45, "ɚ": 0.4, "ə": 0.4, "o": 0.5,
    "ɪ": 0.35, "i": 0.25, "ᵻ": 0.35, "ʊ": 0.3, "u": 0.2, "h": 0.35, "l": 0.25, "ɹ": 0.2, "r": 0.2, "k": 0.25, "ɡ": 0.25, "ŋ": 0.25,
    "t": 0.15, "d": 0.15, "n": 0.15, "ɾ": 0.2, "θ": 0.2, "ð": 0.2, "s": 0.1, "z": 0.1, "ʃ": 0.1, "ʒ": 0.1, "f": 0.08, "v": 0.08,
    "j": 0.2, "w": 0.15, "p": 0, "b": 0, "m": 0,
}


class Espeak:
    """Speech with phoneme times out of libespeak-ng (the program prints none)."""

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
        assert self.lib.espeak_SetVoiceByName(voice.encode()) == 0, voice
        self.lib.espeak_SetParameter(1, rate, 0)
        self.lib.espeak_Synth(text.encode(), len(text.encode()) + 1, 0, 1, 0, 1, None, None)
        self.lib.espeak_Synchronize()
        y = np.concatenate(pcm)
        ends = [t for t, _ in events[1:]] + [len(y) / self.rate]
        sounds = [(re.sub("[ˈˌː_:; ]", "", p), a, b) for (a, p), b in zip(events, ends) if b > a]
        return y, [(p, a, b) for p, a, b in sounds if p and p[0] in OPEN]


def write_speech(folder, name, y, rate, sounds, text):
    with wave.open(str(folder / f"{name}.wav"), "wb") as w:
        w.setparams((1, 2, rate, 0, "NONE", ""))
        w.writeframes(y.astype("<i2").tobytes())
    viseme = lambda p: "PP" if p[0] in "pbm" else "FF" if p[0] in "fv" else "AA" if OPEN[p[0]] > 0.6 else "E"
    duration = len(y) / rate
    timing = {"duration_s": duration, "words": [],
              "sentences": [{"start_s": 0, "end_s": duration, "text": text, "language": "en"}],
              "phonemes": [{"start_s": a, "end_s": b, "phoneme": p, "viseme": viseme(p)} for p, a, b in sounds]}
    (folder / f"{name}.json").write_text(json.dumps(timing))
    return folder / f"{name}.wav", folder / f"{name}.json"


class Mesh:
    """MediaPipe's face mesh, written for this bench: nothing of the program's own code."""

    def __init__(self):
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        load = lambda path: ort.InferenceSession(str(CACHE / path), options, providers=["CPUExecutionProvider"])
        self.detector, self.mesh = load("face-detector/detector.onnx"), load("face-mesh/mesh.onnx")
        self.anchors = np.array([((x + .5) / g, (y + .5) / g) for g, n in ((16, 2), (8, 6)) for y in range(g) for x in range(g) for _ in range(n)])

    def crop(self, image, centre, side, angle, out):
        k = side / out
        c, s = math.cos(angle) * k, math.sin(angle) * k
        m = np.array([[c, -s, centre[0] - (c - s) * out / 2], [s, c, centre[1] - (s + c) * out / 2]])
        return cv2.warpAffine(image, m, (out, out), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP), m

    def find(self, image):
        h, w = image.shape[:2]
        tile, m = self.crop(image, (w / 2, h / 2), max(h, w), 0, 128)
        boxes, scores = self.detector.run(None, {self.detector.get_inputs()[0].name: (tile[None] / 127.5 - 1).astype(np.float32)})
        best = int(scores[0, :, 0].argmax())
        box = boxes[0, best] / 128
        place = lambda p: m[:, :2] @ ((np.array(p) + self.anchors[best]) * 128) + m[:, 2]
        left, right = place(box[4:6]), place(box[6:8])
        return place(box[:2]), max(box[2:4]) * 128 * m[0, 0] * 1.5, math.atan2(right[1] - left[1], right[0] - left[0])

    def points(self, image, roi):
        tile, m = self.crop(image, *roi, 192)
        points = self.mesh.run(None, {self.mesh.get_inputs()[0].name: (tile[None] / 255).astype(np.float32)})[0].reshape(468, 3)
        return points[:, :2] @ m[:, :2].T + m[:, 2]

    def roi(self, p):
        d = p[263] - p[33]
        a = math.atan2(d[1], d[0])
        turn = np.array([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]])
        q = p @ turn.T
        low, high = q.min(0), q.max(0)
        return turn.T @ ((low + high) / 2), max(high - low) * 1.5, a


def frames(path):
    film = cv2.VideoCapture(str(path))
    while True:
        ok, frame = film.read()
        if not ok:
            return
        yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


def openness(sounds, count, fps, rounding=0.05):
    """What the sounds ask for, smoothed as a jaw moves; not the program's model of co-articulation."""
    t = np.arange(count * 8) / (fps * 8)
    x = np.zeros(len(t))
    for p, a, b in sounds:
        x[(t >= a) & (t < b)] = OPEN[p[0]]
    k = np.exp(-0.5 * (np.arange(-60, 61) / (rounding * fps * 8)) ** 2)
    smooth = np.convolve(x, k / k.sum(), "same")[: count * 8]
    return smooth.reshape(count, 8).mean(1)  # over the time that a frame is on the screen


def level(path, count, fps):
    pcm = subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-ac", "1", "-ar", "16000", "-f", "f32le", "-"], capture_output=True, check=True).stdout
    y = np.frombuffer(pcm, np.float32)
    hop = 16000 // fps
    return np.array([np.sqrt((y[max(0, i * hop - hop // 2):i * hop + hop] ** 2).mean() + 1e-12) if i * hop < len(y) else 1e-6 for i in range(count)])


def measure(path, sounds, still_reference=None):
    """r at offsets of -3 to 3 frames, closures, jitter; PSNR outside the lower face against a still of the same clip."""
    mesh, gaps, eyes, psnr, roi = Mesh(), [], [], [], None
    for i, frame in enumerate(frames(path)):
        if roi is None:
            roi = mesh.find(frame)
            roi = mesh.roi(mesh.points(frame, roi))
            eye = np.linalg.norm(sum(mesh.points(frame, roi)[[33, 133]]) / 2 - sum(mesh.points(frame, roi)[[263, 362]]) / 2)
            if still_reference is not None:
                p = mesh.points(still_reference, roi)
                oval = cv2.convexHull(p.astype(np.int32))
                centre = p.mean(0)
                grown = (centre + (oval[:, 0] - centre) * 1.45).astype(np.int32)
                outside = np.ones(frame.shape[:2], np.uint8)
                cv2.fillConvexPoly(outside, grown, 0)
                outside[: int(p[4][1])] = 1
        p = mesh.points(frame, roi)
        roi = mesh.roi(p)
        gaps.append(np.linalg.norm(p[[13, 82, 312]] - p[[14, 87, 317]], axis=1).mean() / eye)  # steadier than one pair
        eyes.append(p[[33, 133, 362, 263, 168]])
        if still_reference is not None and i % 5 == 0:
            error = ((frame.astype(float) - still_reference) ** 2)[outside > 0].mean()
            psnr.append(10 * math.log10(65025 / max(error, 1e-9)))
    gaps, fps = np.array(gaps), 25
    want = openness(sounds, len(gaps), fps)
    def at(lag):
        u, v = np.roll(gaps, -lag)[5:-5], want[5:-5]
        return float(np.corrcoef(u, v)[0, 1])
    r = {lag: at(lag) for lag in range(-3, 4)}
    loud = level(path, len(gaps), fps)
    closed = [(a + b) / 2 for p, a, b in sounds if p[0] in "pbm"]
    low, high = np.percentile(gaps, 5), np.percentile(gaps, 95)
    limit = low + 0.25 * (high - low)
    # A closure is seen in the frame nearest to its middle, or in the one before: lips lead.
    hit = [min(gaps[max(0, int(round(c * fps)) - 1):int(round(c * fps)) + 1], default=1) < limit for c in closed]
    steps = np.diff(np.array(eyes), axis=0)
    jitter = np.median(np.abs(np.diff(steps, axis=0)))
    return {"r": r, "closures": (sum(hit), len(hit)), "closed_share": float((gaps < limit).mean()), "loud": float(np.corrcoef(gaps, loud)[0, 1]),
            "jitter": float(jitter), "psnr": float(np.min(psnr)) if psnr else None, "frames": len(gaps)}


def speak(binary, inputs, out, params):
    """Frames a second of the render step, and the largest resident size of the process in MiB."""
    log = out.with_suffix(".log")
    with open(log, "w") as said:
        child = subprocess.Popen([binary, *map(str, inputs), str(out), json.dumps(params)], stderr=said)
        _, status, usage = os.wait4(child.pid, 0)
    text = log.read_text()
    assert status == 0, text[-2000:]
    return float(re.search(r"([\d.]+) a second", text)[1]), usage.ru_maxrss / 1024


HEAD = "| lips from | r at -2 / -1 / 0 / +1 / +2 frames | best offset | closed in p b m (all frames) | r with loudness | jitter px | PSNR outside | frames/s |"


def row(name, out, sounds, fps="–", still=None):
    m = measure(out, sounds, still)
    rs = " / ".join(f"{m['r'][lag]:.2f}" for lag in range(-2, 3))
    psnr = f"{m['psnr']:.1f} dB" if m["psnr"] else "–"
    print(f"| {name} | {rs} | {max(m['r'], key=m['r'].get)} | {m['closures'][0]} of {m['closures'][1]} ({m['closed_share']:.2f}) "
          f"| {m['loud']:.2f} | {m['jitter']:.2f} | {psnr} | {fps} |", flush=True)


def synthetic(binary, folder):
    espeak = Espeak()
    y, sounds = espeak.say(TEXT, "en-us", 155)
    wav, timing = write_speech(folder, "speech", y, espeak.rate, sounds, TEXT)
    z, other = espeak.say(TEXT, "en-us+f2", 140)
    reference = write_speech(folder, "reference", z, espeak.rate, other, TEXT)
    cases = [
        ("astronaut, timing given, head still", ASTRONAUT, [wav, timing], {"framing": "head", "still": True}),
        ("astronaut, timing given, head moving", ASTRONAUT, [wav, timing], {"framing": "head"}),
        ("astronaut, words laid over by DTW (another voice)", ASTRONAUT, [wav, *reference], {"framing": "head"}),
        ("astronaut, sound alone", ASTRONAUT, [wav], {"framing": "head"}),
        ("Kafka, timing given, head moving", KAFKA, [wav, timing], {"framing": "head"}),
    ]
    print(f"Synthetic speech of {len(y) / espeak.rate:.0f} s, 512 x 512, measured on the MP4.\n\n{HEAD}\n|---|---|---|---|---|---|---|---|")
    for name, photo, inputs, params in cases:
        out = folder / "clip.mp4"
        fps, _ = speak(binary, [photo, *inputs], out, params)
        row(name, out, sounds, f"{fps:.0f}", next(frames(out)) if params.get("still") else None)


# CMU's phonemes in the letters of OPEN.
ARPA = dict(zip("AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH".split(),
                "ɑ æ ʌ ɔ a a ɛ ɚ e ɪ i o ɔ ʊ u b ʃ d ð f ɡ h ʒ k l m n ŋ p ɹ s ʃ t θ v w j z ʒ".split()))


def heard(pcm, text, offset):
    """When which phoneme of a known text is heard: pocketsphinx, which the program knows nothing of."""
    from pocketsphinx import Decoder

    decoder = Decoder(lm=None, samprate=16000, loglevel="FATAL")
    words = [word for word in re.sub(r"[^a-z' ]", " ", text.lower()).split() if decoder.lookup_word(word) is not None]
    decoder.set_align_text(" ".join(words))
    for second in (False, True):
        if second:
            decoder.set_alignment()
        decoder.start_utt()
        decoder.process_raw(pcm, full_utt=True)
        decoder.end_utt()
    sounds = []
    for phone in (phone for word in decoder.get_alignment() for phone in word):
        name, length = ARPA.get(phone.name.rstrip("012")), phone.duration / 100
        if name:
            # The dictionary writes a weak vowel like the one of "cup".
            name = "ə" if phone.name.startswith("AH") and length < 0.08 else name
            sounds.append((name, offset + phone.start / 100, offset + phone.start / 100 + length))
    return sounds


def human(folder):
    data = Path(os.environ["MEDLEY_EVAL_DATA"]) / "speech"
    pcm, sounds, names = b"", [], []
    for item in json.loads((data / "manifest.json").read_text())["items"]:
        if item["file"].startswith("en/") and item["voice"] == "human" and item["duration_s"] > 1.5:
            sound = subprocess.run(["ffmpeg", "-v", "error", "-i", str(data / item["file"]), "-ac", "1", "-ar", "16000", "-f", "s16le", "-"],
                                   capture_output=True, check=True).stdout
            sounds += heard(sound, item["text"], len(pcm) / 32000)
            pcm += sound + bytes(16000)
            names.append(Path(item["file"]).stem)
    wav = folder / "human.wav"
    with wave.open(str(wav), "wb") as w:
        w.setparams((1, 2, 16000, 0, "NONE", ""))
        w.writeframes(pcm)
    print(f"\nHuman speech of {len(pcm) / 32000:.0f} s ({', '.join(names)}) without a timing.json, by the program itself: `medley run portrait`.\n\n{HEAD}\n|---|---|---|---|---|---|---|---|")
    for name, photo, params in (("astronaut, words, head still", ASTRONAUT, ["--still"]), ("astronaut, words, head moving", ASTRONAUT, []),
                                ("Kafka, words, head moving", KAFKA, []), ("astronaut, sound alone", ASTRONAUT, ["--lips", "sound"])):
        out = Path(tempfile.mkdtemp(dir=folder))
        subprocess.run([os.environ["MEDLEY"], "run", "portrait", str(photo), str(wav), "--framing", "head", *params, "-o", str(out), "-q"], check=True)
        row(name, out / "video.mp4", sounds)


def speed(binary, folder):
    espeak = Espeak()
    y, sounds = espeak.say(TEXT, "en-us", 155)
    wav, timing = write_speech(folder, "speech", y, espeak.rate, sounds, TEXT)
    print("\nSpeed of the render step, encoder included, and the largest memory of the whole process.\n\n| clip | frames/s | memory MiB |\n|---|---|---|")
    for name, params in (("512 x 512", {"framing": "head"}), ("1080 x 1080", {"framing": "head", "head_px": 1080}), ("1080 x 1080, still", {"framing": "head", "head_px": 1080, "still": True})):
        rates = [speak(binary, [ASTRONAUT, wav, timing], folder / "clip.mp4", params) for _ in range(3)]
        print(f"| {name} | {np.median([r for r, _ in rates]):.0f} | {max(m for _, m in rates):.0f} |", flush=True)


def long(binary, folder):
    """Ten minutes in one clip."""
    espeak = Espeak()
    y, sounds = espeak.say(TEXT, "en-us", 155)
    times = math.ceil(600 * espeak.rate / len(y))
    length = len(y) / espeak.rate
    many = [(p, a + n * length, b + n * length) for n in range(times) for p, a, b in sounds]
    wav, timing = write_speech(folder, "long", np.tile(y, times), espeak.rate, many, TEXT)
    rate, memory = speak(binary, [ASTRONAUT, wav, timing], folder / "long.mp4", {"framing": "head"})
    print(f"\n{times * length:.0f} s of film, 512 x 512: {rate:.0f} frames/s, {memory:.0f} MiB")


def main():
    binary, *wanted = sys.argv[1:]
    wanted = wanted or ["synthetic", "human", "speed"]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if "synthetic" in wanted:
            synthetic(binary, folder)
        if "human" in wanted:
            human(folder)
        if "speed" in wanted:
            speed(binary, folder)
        if "long" in wanted:
            long(binary, folder)


main()
