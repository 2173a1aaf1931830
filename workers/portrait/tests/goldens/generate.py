"""Makes what the tests of the engine `wav2lip` compare with.

    pip install numpy==2.2.6 onnx==1.18.0 librosa==0.11.0
    python generate.py
"""
import json
from pathlib import Path

import librosa
import numpy as np
import onnx
from onnx import TensorProto, helper as H

HERE = Path(__file__).parent


def network():
    """Wav2Lip's contract with a body that one can check: the face given back, the louder its loudest band the brighter."""
    nodes = [
        H.make_node("Slice", ["target", "from", "to", "axis"], ["face"]),
        H.make_node("ReduceMax", ["source"], ["level"], axes=[1, 2, 3], keepdims=1),
        H.make_node("Sigmoid", ["level"], ["share"]),
        H.make_node("Mul", ["face", "share"], ["output"]),
    ]
    value = lambda name, shape: H.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    number = lambda name, v: H.make_tensor(name, TensorProto.INT64, [1], [v])
    graph = H.make_graph(
        nodes, "wav2lip", [value("source", ["n", 1, 80, 16]), value("target", ["n", 6, 96, 96])],
        [value("output", ["n", 3, 96, 96])], [number("from", 3), number("to", 6), number("axis", 1)])
    model = H.make_model(graph, opset_imports=[H.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, HERE / "wav2lip.onnx")


def mel():
    """Wav2Lip's `audio.melspectrogram` (its hparams) of a chirp, every eighth frame."""
    t = np.arange(16000) / 16000
    wav = (0.4 * np.sin(2 * np.pi * (120 * t + 2500 * t * t))).astype(np.float32)
    wav = np.append(wav[0], wav[1:] - 0.97 * wav[:-1])
    d = np.abs(librosa.stft(y=wav, n_fft=800, hop_length=200, win_length=800, pad_mode="reflect"))
    basis = librosa.filters.mel(sr=16000, n_fft=800, n_mels=80, fmin=55, fmax=7600)
    s = 20 * np.log10(np.maximum(1e-5, basis @ d)) - 20
    s = np.clip(8 * (s + 100) / 100 - 4, -4, 4)
    (HERE / "mel.json").write_text(json.dumps([[round(float(v), 3) for v in frame] for frame in s.T[::8]]))


network()
mel()
