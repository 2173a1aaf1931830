"""A transformer whose large matrices multiply in 8 bits: two to three times as fast, a quarter of the size.

usage: eight_bits.py model.onnx OUT

Weights become i8 with a scale for each column, of which 7 bits are used, since AVX2 adds pairs of products in 16.
Activations become u8 as they are read, with a scale for each row (a token): a token with large values, as vision
transformers have them, costs the others no precision. Attention itself, convolutions, norms and the last matrix, which
gives the vector, stay as they are.
"""
import sys

import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

SMALLEST_SIDE = 128  # of a matrix that is worth it


class Rewriter:
    def __init__(self, model):
        self.model, self.graph = model, model.graph
        self.weights = {tensor.name: tensor for tensor in self.graph.initializer}
        for node in self.graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self.weights[node.output[0]] = node.attribute[0].t
        self.nodes, self.quantised, self.made = [], {}, {}
        opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
        self.axes_are_input = opset >= 18

    def constant(self, name, value):
        if name not in self.made:
            self.made[name] = nh.from_array(np.asarray(value), name)
        return name

    def op(self, kind, name, *inputs, **attributes):
        self.nodes.append(h.make_node(kind, list(inputs), [name], **attributes))
        return name

    def rows_as_u8(self, x):
        """u8 around 128 and the scale of each row; once for all that multiply it."""
        if x not in self.quantised:
            size = self.op("Abs", f"{x}/abs", x)
            if self.axes_are_input:
                most = self.op("ReduceMax", f"{x}/most", size, self.constant("eight/last", np.array([-1], np.int64)), keepdims=1)
            else:
                most = self.op("ReduceMax", f"{x}/most", size, axes=[-1], keepdims=1)
            step = self.op("Mul", f"{x}/step", most, self.constant("eight/127th", np.float32(1 / 127)))
            step = self.op("Max", f"{x}/least", step, self.constant("eight/tiny", np.float32(1e-12)))
            # To cast cuts off: with the half it rounds.
            up = self.op("Add", f"{x}/up", self.op("Div", f"{x}/steps", x, step), self.constant("eight/128.5", np.float32(128.5)))
            self.quantised[x] = self.op("Cast", f"{x}/u8", up, to=T.UINT8), step
        return self.quantised[x]

    def multiply(self, x, weight, out):
        """x · weight, f32 [K, N], as `out`."""
        scale = np.maximum(np.abs(weight).max(0), 1e-9) / 63
        packed = self.constant(f"{out}/i8", np.round(weight / scale).astype(np.int8))
        value, step = self.rows_as_u8(x)
        sums = self.op("MatMulInteger", f"{out}/sums", value, packed, self.constant("eight/128", np.uint8(128)))
        # First the rows' scales: ONNX Runtime fuses the other order into a product that knows one scale for all rows.
        by_row = self.op("Mul", f"{out}/rows", self.op("Cast", f"{out}/f32", sums, to=T.FLOAT), step)
        return self.op("Mul", out, by_row, self.constant(f"{out}/scale", scale.astype(np.float32)))

    def matrix(self, node):
        """The constant matrix of a node, [K, N], if it has one that is worth it."""
        if node.op_type not in ("MatMul", "Gemm"):
            return None
        tensor = self.weights.get(node.input[1])
        if tensor is None or tensor.data_type != T.FLOAT or len(tensor.dims) != 2 or min(tensor.dims) < SMALLEST_SIDE:
            return None
        set_to = {a.name: h.get_attribute_value(a) for a in node.attribute}
        if set_to.get("transA") or set_to.get("alpha", 1.0) != 1.0 or set_to.get("beta", 1.0) != 1.0:
            return None
        return nh.to_array(tensor).T if set_to.get("transB") else nh.to_array(tensor)

    def rewrite(self):
        found = [node.output[0] for node in self.graph.node if self.matrix(node) is not None]
        for node in self.graph.node:
            weight = self.matrix(node) if node.output[0] in found[:-1] else None
            if weight is None:
                self.nodes.append(onnx.NodeProto.FromString(node.SerializeToString()))
                continue
            out = node.output[0]
            if len(node.input) > 2 and node.input[2]:
                self.op("Add", out, self.multiply(node.input[0], weight, f"{out}/product"), node.input[2])
            else:
                self.multiply(node.input[0], weight, out)
        read = {name for node in self.nodes for name in node.input} | {value.name for value in self.graph.output}
        self.nodes = [node for node in self.nodes if node.op_type != "Constant" or node.output[0] in read]
        kept = [onnx.TensorProto.FromString(t.SerializeToString()) for t in self.graph.initializer if t.name in read]
        del self.graph.node[:], self.graph.initializer[:]
        self.graph.node.extend(self.nodes)
        self.graph.initializer.extend([*kept, *self.made.values()])
        return max(0, len(found) - 1)


def main(source, out):
    model = onnx.load(source)
    if not Rewriter(model).rewrite():
        sys.exit(f"{source} has no large matrices")
    onnx.save(model, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
