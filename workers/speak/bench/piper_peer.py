"""Speaks lines with Piper's own Python and the same voice: the peer of the bench.

usage: piper_peer.py VOICE.onnx VOICE.json < lines.txt      prints seconds of sound and of work as JSON
"""
import json
import sys
import time

from piper import PiperVoice, SynthesisConfig

voice = PiperVoice.load(sys.argv[1], sys.argv[2])
config = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0)
lines = [line.strip() for line in sys.stdin if line.strip()]
list(voice.synthesize("Ready.", config))
started, audio_s, firsts = time.perf_counter(), 0.0, []
for line in lines:
    begun = time.perf_counter()
    for n, chunk in enumerate(voice.synthesize(line, config)):
        if n == 0:
            firsts.append(time.perf_counter() - begun)
        audio_s += len(chunk.audio_int16_array) / chunk.sample_rate
wall_s = time.perf_counter() - started
print(json.dumps({"audio_s": round(audio_s, 2), "wall_s": round(wall_s, 3), "rtf": round(wall_s / audio_s, 4),
                  "first_ms": round(1e3 * sorted(firsts)[len(firsts) // 2], 1)}))
