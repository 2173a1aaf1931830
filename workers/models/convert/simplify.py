"""Takes out of an ONNX graph what costs time and changes nothing.

usage: simplify.py model.onnx OUT

- Weights that training let decay to denormal numbers become zero: a CPU takes a hundred times as long over them. (PP-OCRv6's
  detector spends two thirds of its time in two layers because of them.)
- Casts of f32 to f32 go.
- What scales or shifts the channels of a convolution (a normalisation that was exported as Sub, Mul, Add) goes into
  its weights, also behind a Transpose to channels last.
"""
import sys

import numpy as np
import onnx
from onnx import TensorProto as T, numpy_helper as nh

SMALLEST = 1e-30  # what is below multiplies to nothing
CHANNELS_LAST = [0, 2, 3, 1]


class Model:
    def __init__(self, path):
        self.proto = onnx.load(path)
        self.graph = self.proto.graph
        self.constants = {tensor.name: tensor for tensor in self.graph.initializer}
        for node in self.graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self.constants[node.output[0]] = node.attribute[0].t
            if node.op_type == "Identity" and node.input[0] in self.constants:
                self.constants[node.output[0]] = self.constants[node.input[0]]
        self.outputs = {value.name for value in self.graph.output}

    def value(self, name):
        tensor = self.constants.get(name)
        return None if tensor is None or tensor.data_type != T.FLOAT else nh.to_array(tensor)

    def readers(self):
        found = {}
        for node in self.graph.node:
            for name in node.input:
                found.setdefault(name, []).append(node)
        return found

    def without(self, gone, renamed):
        """Leaves out the nodes that make these; who read a name reads what it was renamed to."""
        kept = [node for node in self.graph.node if node.output[0] not in gone]
        for node in kept:
            for at, name in enumerate(node.input):
                while name in renamed:
                    name = renamed[name]
                node.input[at] = name
        kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
        del self.graph.node[:]
        self.graph.node.extend(kept)


def without_denormals(model):
    for tensor in model.constants.values():
        if tensor.data_type == T.FLOAT:
            weights = nh.to_array(tensor)
            small = (weights != 0) & (np.abs(weights) < SMALLEST)
            if small.any():
                tensor.CopyFrom(nh.from_array(np.where(small, np.float32(0), weights), tensor.name))


def without_casts(model):
    inferred = onnx.shape_inference.infer_shapes(model.proto).graph
    values = [*inferred.value_info, *inferred.input, *inferred.output]
    kinds = {value.name: value.type.tensor_type.elem_type for value in values}
    casts = [
        node
        for node in model.graph.node
        if node.op_type == "Cast" and node.attribute[0].i == T.FLOAT and kinds.get(node.input[0]) == T.FLOAT
    ]
    casts = [node for node in casts if node.output[0] not in model.outputs]
    casts = {node.output[0]: node.input[0] for node in casts}
    model.without(casts, casts)


def per_channel(constant, channels, last):
    """The value for each channel, if it is the same everywhere in a channel."""
    if constant is None:
        return None
    if constant.size == 1:
        return np.repeat(constant.reshape(1), channels).astype(np.float64)
    wanted = (1,) * 3 + (channels,) if last else (1, channels, 1, 1)
    padded = (1,) * (4 - constant.ndim) + constant.shape
    return constant.reshape(channels).astype(np.float64) if padded == wanted else None


def with_folded_channels(model):
    readers = model.readers()
    renamed = {}

    def only_reader(name):
        found = readers.get(name, [])
        return found[0] if len(found) == 1 and name not in model.outputs else None

    for conv in model.graph.node:
        weights = model.value(conv.input[1]) if conv.op_type == "Conv" else None
        bias = model.value(conv.input[2]) if weights is not None and len(conv.input) > 2 else 0.0
        if weights is None or weights.ndim != 4 or bias is None:
            continue
        channels = weights.shape[0]
        gain, shift = np.ones(channels), np.zeros(channels) + bias
        end, last, steps = conv.output[0], False, []
        while (node := only_reader(end)) is not None:
            if node.op_type == "Transpose" and not last and list(node.attribute[0].ints) == CHANNELS_LAST:
                end, last = node.output[0], True
                continue
            sides = [per_channel(model.value(name), channels, last) for name in node.input]
            at = next((at for at, side in enumerate(sides) if side is not None), None)
            if node.op_type not in ("Add", "Sub", "Mul", "Div") or at is None or (at == 0 and node.op_type in ("Sub", "Div")):
                break
            by = sides[at]
            if node.op_type in ("Mul", "Div"):
                by = by if node.op_type == "Mul" else 1 / by
                gain, shift = gain * by, shift * by
            else:
                shift = shift + (by if node.op_type == "Add" else -by)
            steps.append((node, node.input[1 - at]))
            end = node.output[0]
        if not steps:
            continue
        folded = (weights * gain[:, None, None, None]).astype(np.float32)
        name = conv.output[0]
        for part, value in (("w", folded), ("b", shift.astype(np.float32))):
            model.graph.initializer.append(nh.from_array(value, f"{name}_{part}"))
        conv.input[:] = [conv.input[0], f"{name}_w", f"{name}_b"]
        for node, source in steps:
            renamed[node.output[0]] = source
    model.without(renamed, renamed)


def without_unread(model):
    """Nodes and constants that lead to no output go."""
    read = set(model.outputs)
    gone = set()
    for node in reversed(model.graph.node):
        if read.isdisjoint(node.output):
            gone.add(node.output[0])
        else:
            read.update(node.input)
    model.without(gone, {})
    for at in reversed(range(len(model.graph.initializer))):
        if model.graph.initializer[at].name not in read:
            del model.graph.initializer[at]


def main(source, out):
    model = Model(source)
    without_denormals(model)
    without_casts(model)
    with_folded_channels(model)
    without_unread(model)
    onnx.save(model.proto, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
