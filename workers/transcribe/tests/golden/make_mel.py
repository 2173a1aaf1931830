"""Log-mel spectra by faster-whisper's feature extractor (pip install faster-whisper==1.2.1) -> mel.json beside this file.

A tone that rises from 100 Hz to 6.5 kHz within 2 s and is cut off at full loudness, in 30 s of silence.
"""
import json
import pathlib

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor

at = np.arange(32_000) / 16_000
tone = (0.5 * np.sin(2 * np.pi * (100 + 1600 * at) * at)).astype(np.float32)
mel = FeatureExtractor()(np.pad(tone, (0, 480_000 - len(tone))), padding=0)
frames = [0, 1, 50, 199, 200, 201, 202, 2999]
found = {str(n): [round(float(value), 4) for value in mel[:, n]] for n in frames}
pathlib.Path(__file__).with_name("mel.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")
