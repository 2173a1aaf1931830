"""A graph model of TensorFlow.js (model.json and its weights) -> ONNX, without TensorFlow.

usage: tfjs_to_onnx.py model.json weights.bin OUTPUT[,OUTPUT...] OUT
in:  `image` f32 [1, 3, H, W], whether the source takes channels first or last
out: the named outputs; those of rank 4 as [1, C, H, W]

A tensor of rank 4 stays in the order that ONNX's convolutions want ("channels first", while the source's graph means its
transpose). The source's transposes then cost nothing; only what cannot take such a tensor gets a transposed copy.
"""

import base64
import json
import sys

import numpy as np
from onnx import helper as h, numpy_helper as nh

from onnx_graph import Graph

DTYPES = {"float16": np.float16, "float32": np.float32, "int32": np.int32, "uint8": np.uint8, "uint16": np.uint16}
# Where an axis of [N, H, W, C] is in [N, C, H, W].
AXIS = {0: 0, 1: 2, 2: 3, 3: 1}


def read_weights(manifest, path):
    """The tensors by name, as f32 and i64."""
    data, at, found = open(path, "rb").read(), 0, {}
    for weight in (weight for group in manifest for weight in group["weights"]):
        packed = weight.get("quantization")
        dtype = np.dtype(DTYPES[packed["dtype"] if packed else weight["dtype"]])
        count = int(np.prod(weight["shape"]))
        value = np.frombuffer(data, dtype, count, at).reshape(weight["shape"])
        at += count * dtype.itemsize
        if packed and dtype.kind == "u":
            value = value.astype(np.float32) * packed["scale"] + packed["min"]
        found[weight["name"]] = value.astype(np.int64 if weight["dtype"] == "int32" else np.float32)
    assert at == len(data), f"{len(data)} bytes of weights where {at} are described"
    return found


class Constant:
    def __init__(self, value):
        self.value = value


class Tensor:
    """A value of the new graph; `first` when its channels are first and the source means them last."""

    def __init__(self, name, first):
        self.name, self.first = name, first


class Converter:
    def __init__(self, model, weights):
        self.source = {node["name"]: node for node in model["modelTopology"]["node"]}
        self.weights, self.graph, self.done, self.constants = weights, Graph(), {}, 0

    def constant(self, value):
        self.constants += 1
        return self.graph.constant(f"c{self.constants}", np.asarray(value))

    def value(self, name):
        node, _, output = name.partition(":")
        if node not in self.done:
            self.done[node] = Constant(self.weights[node]) if node in self.weights else self.convert(self.source[node])
        made = self.done[node]
        return made[int(output or 0)] if isinstance(made, list) else made

    def known(self, name):
        value = self.value(name)
        assert isinstance(value, Constant), f"{name} is not constant"
        return value.value

    def channels_first(self, value):
        if isinstance(value, Constant):
            return self.constant(value.value.transpose(0, 3, 1, 2))
        return value.name if value.first else self.graph.op("Transpose", value.name, perm=[0, 3, 1, 2])

    def as_meant(self, value):
        if isinstance(value, Constant):
            return self.constant(value.value)
        return self.graph.op("Transpose", value.name, perm=[0, 2, 3, 1]) if value.first else value.name

    def convert(self, node):
        kind, inputs, attributes = node["op"], node.get("input", []), node.get("attr", {})
        return getattr(self, HANDLERS[kind])(kind, inputs, attributes)

    def placeholder(self, _, inputs, attributes):
        batch, *sides = (int(side["size"]) for side in attributes["shape"]["shape"]["dim"])
        last = sides[-1] == 3
        channels_first = [sides[2], *sides[:2]] if last else sides
        return Tensor(self.graph.input("image", [batch, *channels_first]), last)

    def same(self, _, inputs, attributes):
        return self.value(inputs[0])

    def convolution(self, kind, inputs, attributes):
        weights = self.known(inputs[1])
        groups = 1
        if "epthwise" in kind:
            height, width, groups, times = weights.shape
            weights = weights.reshape(height, width, 1, groups * times)
        weights = np.ascontiguousarray(weights.transpose(3, 2, 0, 1))
        fused = [text(name) for name in attributes.get("fused_ops", {}).get("list", {}).get("s", [])]
        values = [self.channels_first(self.value(inputs[0])), self.constant(weights)]
        if "BiasAdd" in fused:
            values.append(self.constant(self.known(inputs[2])))
        out = self.graph.op(
            "Conv", *values, group=groups, kernel_shape=weights.shape[2:], strides=numbers(attributes["strides"])[1:3],
            dilations=numbers(attributes["dilations"])[1:3], auto_pad=padding(attributes))
        for name in fused:
            if name != "BiasAdd":
                out = self.activated(name, out, attributes)
        return Tensor(out, True)

    def activated(self, kind, name, attributes):
        if kind == "Relu6":
            return self.graph.op("Clip", name, self.constant(np.float32(0)), self.constant(np.float32(6)))
        extra = {"alpha": float(attributes["alpha"]["f"])} if kind == "LeakyRelu" else {}
        return self.graph.op(kind, name, **extra)

    def activation(self, kind, inputs, attributes):
        value = self.value(inputs[0])
        return Tensor(self.activated(kind, value.name, attributes), value.first)

    def pool(self, _, inputs, attributes):
        value = self.channels_first(self.value(inputs[0]))
        sizes = dict(kernel_shape=numbers(attributes["ksize"])[1:3], strides=numbers(attributes["strides"])[1:3])
        return Tensor(self.graph.op("MaxPool", value, auto_pad=padding(attributes), **sizes), True)

    def resize(self, _, inputs, attributes):
        mode = "asymmetric"
        if attributes.get("half_pixel_centers", {}).get("b"):
            mode = "half_pixel"
        if attributes["align_corners"]["b"]:
            mode = "align_corners"
        value = self.channels_first(self.value(inputs[0]))
        shape = self.graph.op("Shape", value, start=0, end=2)
        shape = self.graph.op("Concat", shape, self.constant(self.known(inputs[1])), axis=0)
        how = dict(mode="linear", coordinate_transformation_mode=mode)
        return Tensor(self.graph.op("Resize", value, "", "", shape, **how), True)

    def transpose(self, _, inputs, attributes):
        value, order = self.value(inputs[0]), self.known(inputs[1]).tolist()
        if isinstance(value, Constant):
            return Constant(value.value.transpose(order))
        if value.first and order == [0, 3, 1, 2]:
            return Tensor(value.name, False)
        if not value.first and order == [0, 2, 3, 1]:
            return Tensor(value.name, True)
        return Tensor(self.graph.op("Transpose", self.as_meant(value), perm=order), False)

    def pad(self, kind, inputs, attributes):
        value, widths = self.value(inputs[0]), self.known(inputs[1])
        fill = self.known(inputs[2]) if kind == "PadV2" else 0
        if value.first:
            widths = widths[[0, 3, 1, 2]]
        widths = self.constant(np.concatenate([widths[:, 0], widths[:, 1]]))
        return Tensor(self.graph.op("Pad", value.name, widths, self.constant(np.float32(fill))), value.first)

    def arithmetic(self, kind, inputs, attributes):
        values = [self.value(name) for name in inputs]
        kind = kind.removesuffix("V2")
        if all(isinstance(value, Constant) for value in values):
            of = {"Add": np.add, "Mul": np.multiply, "Sub": np.subtract}[kind]
            return Constant(of(*(value.value for value in values)))
        first = any(isinstance(value, Tensor) and value.first for value in values)
        return Tensor(self.graph.op(kind, *(self.operand(value, first) for value in values)), first)

    def operand(self, value, first):
        if not first:
            return self.as_meant(value)
        if isinstance(value, Constant) and value.value.ndim < 4:
            return self.constant(value.value[:, None, None] if value.value.ndim == 1 else value.value)
        return self.channels_first(value)

    def concatenation(self, _, inputs, attributes):
        values, axis = [self.value(name) for name in inputs[:-1]], int(self.known(inputs[-1]))
        first = values[0].first
        names = [self.channels_first(value) if first else self.as_meant(value) for value in values]
        return Tensor(self.graph.op("Concat", *names, axis=AXIS[axis % 4] if first else axis), first)

    def split(self, _, inputs, attributes):
        value, sizes, axis = self.as_meant(self.value(inputs[0])), self.known(inputs[1]), int(self.known(inputs[2]))
        names = [f"{value}_part{n}" for n in range(len(sizes))]
        self.graph.nodes.append(h.make_node("Split", [value, self.constant(sizes)], names, axis=axis))
        return [Tensor(name, False) for name in names]

    def reshape(self, _, inputs, attributes):
        value = self.as_meant(self.value(inputs[0]))
        return Tensor(self.graph.op("Reshape", value, self.constant(self.known(inputs[1]))), False)

    def mean(self, _, inputs, attributes):
        value, axes = self.value(inputs[0]), sorted(np.atleast_1d(self.known(inputs[1])).tolist())
        keep = attributes.get("keep_dims", {}).get("b", False)
        if value.first and keep and [axis % 4 for axis in axes] == [1, 2]:
            return Tensor(self.graph.op("GlobalAveragePool", value.name), True)
        return Tensor(self.graph.op("ReduceMean", self.as_meant(value), self.constant(axes), keepdims=int(keep)), False)

    def sparse(self, _, inputs, attributes):
        """A constant that is stored as a list of its values; in a model of pictures, the corners of a padding."""
        at, shape, values, rest = (self.known(name) for name in inputs)
        full = np.full(shape.tolist(), rest)
        for place, value in zip(at.reshape(-1, full.ndim), np.broadcast_to(values, len(at))):
            full[tuple(place)] = value
        return Constant(full)


HANDLERS = {
    "Placeholder": "placeholder", "Identity": "same", "SparseToDense": "sparse", "Conv2D": "convolution",
    "_FusedConv2D": "convolution", "DepthwiseConv2dNative": "convolution", "FusedDepthwiseConv2dNative": "convolution",
    "MaxPool": "pool", "ResizeBilinear": "resize", "Transpose": "transpose", "Pad": "pad", "PadV2": "pad",
    "Relu": "activation", "Relu6": "activation", "Sigmoid": "activation", "LeakyRelu": "activation",
    "Add": "arithmetic", "AddV2": "arithmetic", "Mul": "arithmetic", "Sub": "arithmetic", "ConcatV2": "concatenation",
    "SplitV": "split", "Reshape": "reshape", "Mean": "mean",
}


def text(encoded):
    return base64.b64decode(encoded).decode()


def numbers(attribute):
    return [int(number) for number in attribute["list"]["i"]]


def padding(attributes):
    return {"SAME": "SAME_UPPER", "VALID": "VALID"}[text(attributes["padding"]["s"])]


def in_order(nodes, given):
    """Nodes after what they read: the outputs were asked for one by one."""
    have, left, ordered = {*given, ""}, list(nodes), []
    while left:
        ready = [node for node in left if have.issuperset(node.input)]
        assert ready, "the graph is cut"
        have.update(name for node in ready for name in node.output)
        ordered += ready
        left = [node for node in left if node not in ready]
    return ordered


def fold(graph):
    """An addition to each channel becomes the convolution's bias, and a padding with zeros its own padding."""
    makers = {node.output[0]: node for node in graph.nodes}
    readers = {}
    for node in graph.nodes:
        for name in node.input:
            readers[name] = readers.get(name, 0) + 1
    gone = []
    for node in graph.nodes:
        for name, bias in (node.input, node.input[::-1]) if node.op_type == "Add" else ():
            conv, constant = makers.get(name), graph.constants.get(bias)
            is_bias = constant is not None and list(constant.dims)[-2:] == [1, 1]
            if conv is not None and conv.op_type == "Conv" and len(conv.input) == 2 and readers[name] == 1 and is_bias:
                del constant.dims[:-3]
                del constant.dims[1:]
                conv.input.append(bias)
                conv.output[0] = node.output[0]
                gone.append(node)
                break
    graph.nodes = [node for node in graph.nodes if not any(node is other for other in gone)]
    graph.nodes, gone = list(graph.nodes), []
    makers = {node.output[0]: node for node in graph.nodes}
    for node in graph.nodes:
        pad = makers.get(node.input[0])
        if node.op_type != "Conv" or pad is None or pad.op_type != "Pad" or readers[node.input[0]] != 1:
            continue
        how = {attribute.name: attribute for attribute in node.attribute}
        fill, widths = (nh.to_array(graph.constants[name]) for name in (pad.input[2], pad.input[1]))
        if fill == 0 and how["auto_pad"].s == b"VALID" and not widths[[0, 1, 4, 5]].any():
            node.attribute.remove(how["auto_pad"])
            node.attribute.append(h.make_attribute("pads", widths[[2, 3, 6, 7]].tolist()))
            node.input[0] = pad.input[0]
            gone.append(pad)
    graph.nodes = [node for node in graph.nodes if not any(node is other for other in gone)]
    read = {name for node in graph.nodes for name in node.input}
    graph.constants = {name: constant for name, constant in graph.constants.items() if name in read}


def main(source, weights, outputs, out):
    model = json.load(open(source))
    converter = Converter(model, read_weights(model["weightsManifest"], weights))
    graph = converter.graph
    for name in outputs.split(","):
        graph.output(name.split("/")[-1], None, converter.value(name).name)
    fold(graph)
    graph.nodes = in_order(graph.nodes, [*graph.constants, "image"])
    graph.save("tfjs", out)


if __name__ == "__main__":
    main(*sys.argv[1:])
