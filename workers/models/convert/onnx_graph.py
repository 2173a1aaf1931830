"""A small builder of ONNX graphs."""

import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

BLOCK = 32


class Graph:
    def __init__(self):
        self.nodes, self.constants, self.inputs, self.outputs = [], {}, [], []
        self.quantised = {}

    def constant(self, name, value):
        self.constants.setdefault(name, nh.from_array(np.asarray(value, order="C"), name))
        return name

    def input(self, name, shape, dtype=T.FLOAT):
        self.inputs.append(h.make_tensor_value_info(name, dtype, shape))
        return name

    def output(self, name, shape, of):
        """Gives what the value `of` is under the name that the reader of the graph asks for."""
        self.nodes.append(h.make_node("Identity", [of], [name]))
        self.outputs.append(h.make_tensor_value_info(name, T.FLOAT, shape))

    def op(self, kind, *inputs, **attributes):
        name = f"{kind}_{len(self.nodes) + 1}"
        self.nodes.append(h.make_node(kind, list(inputs), [name], **attributes))
        return name

    def norm(self, x, name, gain, bias):
        gain, bias = self.constant(name + ".g", gain), self.constant(name + ".b", bias)
        return self.op("LayerNormalization", x, gain, bias, axis=-1, epsilon=1e-5)

    def linear(self, x, name, weight, bias):
        y = self.op("MatMul", x, self.constant(name + ".w", np.asarray(weight, np.float32).T))
        return self.biased(y, name, bias)

    def linear8_by_blocks(self, x, name, weight, bias):
        """Weights as 8 bits, 32 of a row to a scale; activations become 8 bits in the same blocks as they are read, so what a
        row gives does not hang on the rows beside it."""
        rows, columns = weight.shape
        blocks = np.asarray(weight, np.float32).reshape(rows, columns // BLOCK, BLOCK)
        step = np.maximum(np.abs(blocks).max(-1), 1e-9) / 127
        packed = (np.round(blocks / step[..., None]) + 128).astype(np.uint8)
        weight, scale = self.constant(name + ".w", packed), self.constant(name + ".s", step.astype(np.float32))
        attributes = dict(domain="com.microsoft", K=columns, N=rows, bits=8, block_size=BLOCK, accuracy_level=4)
        return self.biased(self.op("MatMulNBits", x, weight, scale, **attributes), name, bias)

    def linear8(self, x, name, weight, bias):
        """Weights as 8 bits with a scale for each output, activations with one scale for all: many rows go through four times
        as fast. 7 of the bits are used, since AVX2 adds pairs of products in 16."""
        weight = np.asarray(weight, np.float32).T
        step = np.maximum(np.abs(weight).max(0), 1e-9) / 63
        packed = np.round(weight / step).astype(np.int8)
        value, scale, zero = self.eight_bits(x)
        sums = self.op("MatMulInteger", value, self.constant(name + ".w", packed), zero)
        scales = self.op("Mul", scale, self.constant(name + ".s", step.astype(np.float32)))
        return self.biased(self.op("Mul", self.op("Cast", sums, to=T.FLOAT), scales), name, bias)

    def eight_bits(self, x):
        """An activation as u8, its scale and its zero; once for all that multiply it."""
        if x not in self.quantised:
            names = [f"{x}_{part}" for part in ("u8", "scale", "zero")]
            self.nodes.append(h.make_node("DynamicQuantizeLinear", [x], names))
            self.quantised[x] = names
        return self.quantised[x]

    def biased(self, y, name, bias):
        return y if bias is None else self.op("Add", y, self.constant(name + ".b", np.asarray(bias, np.float32)))

    def save(self, name, path, opset=20):
        graph = h.make_graph(self.nodes, name, self.inputs, self.outputs, list(self.constants.values()))
        opsets = [h.make_opsetid("", opset), h.make_opsetid("com.microsoft", 1)]
        onnx.save(h.make_model(graph, opset_imports=opsets, ir_version=9), path)
