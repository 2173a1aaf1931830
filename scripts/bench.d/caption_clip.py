"""CLIP ViT-B/32's two towers as ONNX, true shapes and random weights: what they cost, not what they know."""
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Graph:
    def __init__(self):
        self.nodes, self.weights, self.count, self.dice = [], [], 0, np.random.default_rng(0)

    def op(self, kind, *inputs, **attributes):
        self.count += 1
        out = f"v{self.count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], **attributes))
        return out

    def const(self, value):
        self.count += 1
        self.weights.append(numpy_helper.from_array(np.asarray(value), f"w{self.count}"))
        return f"w{self.count}"

    def random(self, *shape):
        return self.const((self.dice.standard_normal(shape) * 0.02).astype(np.float32))

    def linear(self, x, wide, narrow):
        return self.op("Add", self.op("MatMul", x, self.random(wide, narrow)), self.random(narrow))

    def norm(self, x, width):
        one = self.const(np.ones(width, np.float32))
        return self.op("LayerNormalization", x, one, self.random(width), axis=-1, epsilon=1e-5)

    def block(self, x, width, heads, tokens, mask):
        y = self.norm(x, width)
        split = self.const(np.array([0, tokens, heads, width // heads], np.int64))
        q, k, v = (self.op("Reshape", self.linear(y, width, width), split) for _ in range(3))
        q = self.op("Mul", self.op("Transpose", q, perm=[0, 2, 1, 3]), self.const(np.float32((width // heads) ** -0.5)))
        scores = self.op("MatMul", q, self.op("Transpose", k, perm=[0, 2, 3, 1]))
        if mask is not None:
            scores = self.op("Add", scores, mask)
        y = self.op("MatMul", self.op("Softmax", scores, axis=-1), self.op("Transpose", v, perm=[0, 2, 1, 3]))
        y = self.op("Reshape", self.op("Transpose", y, perm=[0, 2, 1, 3]), self.const(np.array([0, tokens, width], np.int64)))
        x = self.op("Add", x, self.linear(y, width, width))
        y = self.linear(self.norm(x, width), width, 4 * width)
        y = self.op("Mul", y, self.op("Sigmoid", self.op("Mul", y, self.const(np.float32(1.702)))))
        return self.op("Add", x, self.linear(y, 4 * width, width))

    def save(self, path, kind, shape, out):
        self.nodes.append(helper.make_node("Identity", [out], ["output"]))
        graph = helper.make_graph(
            self.nodes, "clip", [helper.make_tensor_value_info("input", kind, shape)],
            [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 512])], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.save(model, path)


def make(folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    g = Graph()
    x = g.op("Conv", "input", g.random(768, 3, 32, 32), strides=[32, 32])
    x = g.op("Transpose", g.op("Reshape", x, g.const(np.array([0, 768, 49], np.int64))), perm=[0, 2, 1])
    zeros = g.op("Mul", g.op("ReduceSum", x, g.const(np.array([1], np.int64)), keepdims=1), g.const(np.float32(0)))
    x = g.op("Concat", g.op("Add", zeros, g.random(1, 1, 768)), x, axis=1)
    x = g.norm(g.op("Add", x, g.random(50, 768)), 768)
    for _ in range(12):
        x = g.block(x, 768, 12, 50, None)
    x = g.norm(g.op("Gather", x, g.const(np.int64(0)), axis=1), 768)
    g.save(folder / "visual.onnx", TensorProto.FLOAT, ["batch", 3, 224, 224], g.op("MatMul", x, g.random(768, 512)))

    g = Graph()
    x = g.op("Add", g.op("Gather", g.random(49408, 512), "input"), g.random(77, 512))
    mask = g.const(np.triu(np.full((77, 77), -1e9, np.float32), 1))
    for _ in range(12):
        x = g.block(x, 512, 8, 77, mask)
    x = g.norm(x, 512)
    # The end has the highest id.
    at = g.op("OneHot", g.op("ArgMax", "input", axis=1, keepdims=1), g.const(np.int64(77)), g.const(np.array([0, 1], np.float32)))
    x = g.op("Squeeze", g.op("MatMul", at, x), g.const(np.array([1], np.int64)))
    g.save(folder / "textual.onnx", TensorProto.INT64, ["batch", 77], g.op("MatMul", x, g.random(512, 512)))
