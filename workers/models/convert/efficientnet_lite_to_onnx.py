"""EfficientNet-Lite (a checkpoint of lukemelas's PyTorch port of TensorFlow's TPU models) -> ONNX, without PyTorch.

usage: efficientnet_lite_to_onnx.py checkpoint.pth DEPTH SIDE OUT      DEPTH 1.2 and SIDE 260 of Lite2
in:  `image` f32 [N, 3, SIDE, SIDE], RGB, (0..255 - 127) / 128
out: `logits` [N, 1000] in the order of ImageNet's classes, `features` [N, 1280]

Normalisations are folded into the convolutions before them.
"""

import math
import sys

import numpy as np

import torch_legacy
from onnx_graph import Graph

# For each stage: blocks (times DEPTH but in the first and the last stage), stride of its first block.
STAGES = [(1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1)]
EPSILON = 1e-3


class Network(Graph):
    def __init__(self, weights):
        super().__init__()
        self.weights = weights

    def convolved(self, x, conv, norm, stride=1, clipped=True):
        w, of = self.weights[f"{conv}.weight"], lambda part: self.weights[f"{norm}.{part}"]
        gain = of("weight") / np.sqrt(of("running_var") + EPSILON)
        bias = of("bias") - of("running_mean") * gain
        groups = len(w) if "depthwise" in conv else 1
        w, bias = self.constant(f"{conv}.w", w * gain[:, None, None, None]), self.constant(f"{conv}.b", bias)
        sizes = dict(strides=[stride] * 2, group=groups, kernel_shape=self.weights[f"{conv}.weight"].shape[2:])
        y = self.op("Conv", x, w, bias, auto_pad="SAME_UPPER", **sizes)
        if not clipped:
            return y
        return self.op("Clip", y, self.constant("zero", np.float32(0)), self.constant("six", np.float32(6)))

    def block(self, x, name, stride):
        """Expand, filter, project; what went in is added where its shape allows."""
        channels_in, y = self.weights[f"{name}._depthwise_conv.weight"].shape[0], x
        if f"{name}._expand_conv.weight" in self.weights:
            channels_in = self.weights[f"{name}._expand_conv.weight"].shape[1]
            y = self.convolved(y, f"{name}._expand_conv", f"{name}._bn0")
        y = self.convolved(y, f"{name}._depthwise_conv", f"{name}._bn1", stride)
        y = self.convolved(y, f"{name}._project_conv", f"{name}._bn2", clipped=False)
        same = stride == 1 and channels_in == self.weights[f"{name}._project_conv.weight"].shape[0]
        return self.op("Add", x, y) if same else y


def main(source, depth, side, out):
    depth, side, network, block = float(depth), int(side), Network(torch_legacy.read(source)), 0
    x = network.convolved(network.input("image", ["N", 3, side, side]), "_conv_stem", "_bn0", 2)
    for stage, (count, stride) in enumerate(STAGES):
        if 0 < stage < len(STAGES) - 1:
            count = math.ceil(count * depth)
        for n in range(count):
            x = network.block(x, f"_blocks.{block}", stride if n == 0 else 1)
            block += 1
    assert f"_blocks.{block}._project_conv.weight" not in network.weights, "the network is deeper than DEPTH says"
    x = network.op("Flatten", network.op("GlobalAveragePool", network.convolved(x, "_conv_head", "_bn1")))
    network.output("features", ["N", 1280], x)
    weight, bias = (network.constant(f"fc.{part}", network.weights[f"_fc.{part}"]) for part in ("weight", "bias"))
    network.output("logits", ["N", 1000], network.op("Gemm", x, weight, bias, transB=1))
    network.save("efficientnet_lite", out)


if __name__ == "__main__":
    main(*sys.argv[1:])
