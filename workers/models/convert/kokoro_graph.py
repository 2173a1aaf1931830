"""Kokoro's published 8-bit graph, with its decoder rewritten so that ONNX Runtime's CPU provider is fast at it.

usage: kokoro_graph.py model.onnx OUT

- A convolution in 8 bits (ConvInteger and the five nodes after it) becomes one product of matrices: the windows of the
  quantised signal are gathered as rows, and the weights stand in a constant matrix that is packed once. ConvInteger packs its
  windows anew at every call and takes four times as long. The few small convolutions of the prosody stay, so durations are
  the same to the frame.
- The weights become i8 of which 7 bits are used, with a scale for each channel: i8 is twice as fast as u8, and AVX2 adds
  pairs of products in 16 bits, which 8 bits overflow. A channel whose weights fit 7 bits keeps every one of them.
- A normalisation that was exported as nine nodes becomes InstanceNormalization; the snake y + sin²(a·y) / a behind it
  takes its `a` into the scale and the shift of the normalisation.
- The frames of each token become the output `durations`, and the input `pitch` multiplies the curve of F0.
"""
import sys
from collections import deque

import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

# What the published graph has of each; another graph is refused.
CONVOLUTIONS, NORMS, SNAKES = 66, 68, 48
BITS7 = 64  # two products of u8 and i8 up to this fit 16 bits
# The windows of the longest signals are gathered in so many parts: all at once are a third of what a sentence needs in memory.
LONGEST, PARTS, WIDE = 1, 4, 7
DURATIONS = "/encoder/Gather_output_0"
F0 = "/encoder/F0_proj/Conv_output_0"


class Rewriter:
    def __init__(self, model):
        self.model, self.graph = model, model.graph
        self.constants = {tensor.name: tensor for tensor in self.graph.initializer}
        self.nodes = list(self.graph.node)
        self.indices, self.windows = {}, {}
        self.refresh()

    def refresh(self):
        self.maker = {name: node for node in self.nodes for name in node.output if name}
        self.readers = {}
        for node in self.nodes:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)

    def value(self, name):
        return nh.to_array(self.constants[name])

    def constant(self, name, value):
        if name not in self.constants:
            self.constants[name] = nh.from_array(np.ascontiguousarray(value), name)
        return name

    def op(self, kind, out, *inputs, domain="", **attributes):
        self.nodes.append(h.make_node(kind, list(inputs), [out], name=out, domain=domain, **attributes))
        return out

    def reader(self, name, kind):
        """The one node that reads a value."""
        found = self.readers.get(name, [])
        if len(found) != 1 or found[0].op_type != kind:
            sys.exit(f"{name} is not read by one {kind}: this is not the graph that is known")
        return found[0]

    def replace(self, gone):
        gone = {id(node) for node in gone}
        self.nodes = [node for node in self.nodes if id(node) not in gone]
        self.refresh()

    def save(self, path):
        """What leads to the outputs, in an order in which everything is made before it is read."""
        needed, ask = set(), [value.name for value in self.graph.output]
        while ask:
            node = self.maker.get(ask.pop())
            if node is not None and id(node) not in needed:
                needed.add(id(node))
                ask += [name for name in node.input if name]
        nodes = [node for node in self.nodes if id(node) in needed]
        have = set(self.constants) | {value.name for value in self.graph.input} | {""}
        missing = [len({name for name in node.input if name not in have}) for node in nodes]
        waiting = {}
        for at, node in enumerate(nodes):
            for name in {name for name in node.input if name not in have}:
                waiting.setdefault(name, []).append(at)
        ready, ordered = deque(at for at, count in enumerate(missing) if count == 0), []
        while ready:
            node = nodes[ready.popleft()]
            ordered.append(node)
            for name in node.output:
                for at in waiting.pop(name, []):
                    missing[at] -= 1
                    if missing[at] == 0:
                        ready.append(at)
        if len(ordered) != len(nodes):
            sys.exit("the rewritten graph has a circle")
        read = {name for node in ordered for name in node.input}
        constants = [tensor for name, tensor in self.constants.items() if name in read]
        del self.graph.node[:], self.graph.initializer[:], self.graph.value_info[:]
        self.graph.node.extend(ordered)
        self.graph.initializer.extend(constants)
        onnx.save(self.model, path)


def attributes(node):
    return {attribute.name: h.get_attribute_value(attribute) for attribute in node.attribute}


def bits7(weight):
    """u8 [K·C, O] around a zero point, as i8 of 7 bits with a factor for each column."""
    most = np.abs(weight).max(0)
    factor = np.maximum(most / BITS7, 1.0)
    return np.round(weight / factor).astype(np.int8), factor.astype(np.float32)


def matrices_of_convolutions(model):
    count, gone = 0, []
    for conv in [node for node in model.nodes if node.op_type == "ConvInteger"]:
        weight = model.value(conv.input[1])
        how = attributes(conv)
        out_channels, channels, taps = weight.shape
        step, spread = how.get("strides", [1])[0], how.get("dilations", [1])[0]
        before, after = how.get("pads", [0, 0])
        grouped = how.get("group", 1) != 1
        if grouped or 1 in (channels, out_channels) or conv.name.startswith("/encoder") or (step != 1 and taps % step):
            continue
        quantise = model.maker[conv.input[0]]
        values, scale, zero = quantise.output
        scaled, bias, weight_scale = sums_as_floats(model, conv, scale)
        rows = rows_of(model, conv.name, (values, zero), (channels, taps, step, spread, before, after))
        weight = weight.astype(np.int32) - int(model.value(conv.input[3]))
        weight, factor = bits7(weight.transpose(2, 1, 0).reshape(taps * channels, out_channels))
        name = conv.name
        matrix = model.constant(f"{name}/weight", weight)
        steps = model.constant(f"{name}/weight_scale", factor * model.value(weight_scale).reshape(-1))
        nothing = model.constant(f"zero/{out_channels}", np.zeros(out_channels, np.int8))
        products = [
            model.op("MatMulIntegerToFloat", f"{name}/product{n}", part, matrix, scale, steps, zero, nothing,
                     *([bias] if bias else []), domain="com.microsoft")
            for n, part in enumerate(rows)
        ]
        gone.append(scaled)
        if len(products) == 1:
            model.op("Transpose", scaled.output[0], products[0], perm=[0, 2, 1])
        else:
            parts = [model.op("Transpose", f"{part}/time", part, perm=[0, 2, 1]) for part in products]
            model.op("Concat", scaled.output[0], *parts, axis=2)
        count += 1
    if count != CONVOLUTIONS:
        sys.exit(f"there are {count} convolutions of the decoder and not {CONVOLUTIONS}: this is not the graph that is known")
    model.replace(gone)


def sums_as_floats(model, conv, scale):
    """The node that scales the sums of a convolution, its bias if it has one, and the scale of its weights."""
    at, bias = model.readers[conv.output[0]], None
    if len(at) == 1 and at[0].op_type == "Add":
        other = next(name for name in at[0].input if name != conv.output[0])
        while model.maker[other].op_type != "Div":
            other = model.maker[other].input[0]
        bias = model.maker[other].input[0]
        conv = at[0]
    cast = model.reader(conv.output[0], "Cast")
    scaled = model.reader(cast.output[0], "Mul")
    both = model.maker[next(name for name in scaled.input if name != cast.output[0])]
    return scaled, bias, next(name for name in both.input if name != scale)


def rows_of(model, name, quantised, shape):
    """The windows of a signal [1, C, T] as rows [1, T', taps·C], in one or several parts; which elements they are is computed
    once for all signals of a length."""
    values, zero = quantised
    channels, taps, step, spread, before, after = shape
    if values not in model.windows:
        model.windows[values] = model.op("Transpose", f"{values}/rows", values, perm=[0, 2, 1])
    rows = model.windows[values]
    if taps == 1 and step == 1:
        return [rows]
    if before or after:
        pads = model.constant(f"pads/{before}_{after}", np.array([0, before, 0, 0, after, 0], np.int64))
        rows = model.op("Pad", f"{name}/padded", rows, pads, zero, mode="constant")
    rows = model.op("Reshape", f"{name}/flat", rows, model.constant(f"shape/{channels}", np.array([-1, channels], np.int64)))
    stage = stage_of(name)
    key = (stage, taps, spread, step, before, after)
    if key not in model.indices:
        length = model.op("Shape", f"{name}/shape", rows, start=0, end=1)
        length = model.op("Squeeze", f"{name}/length", model.op("Cast", f"{name}/shape32", length, to=T.INT32))
        reach = (taps - 1) * spread
        count = model.op("Sub", f"{name}/count", length, model.constant(f"reach/{reach}", np.int32(reach)))
        starts = model.op("Range", f"{name}/starts", model.constant("int/0", np.int32(0)), count,
                          model.constant(f"int/{step}", np.int32(step)))
        starts = model.op("Unsqueeze", f"{name}/column", starts, model.constant("axis/1", np.array([1], np.int64)))
        offsets = model.constant(f"taps/{taps}_{spread}", (np.arange(taps, dtype=np.int32) * spread)[None])
        places = model.op("Add", f"{name}/places", starts, offsets)
        model.indices[key] = [places]
        if stage == LONGEST and taps >= WIDE:
            model.indices[key] = [f"{name}/places{n}" for n in range(PARTS)]
            model.nodes.append(h.make_node("Split", [places], model.indices[key], f"{name}/parts", axis=0, num_outputs=PARTS))
    wide = model.constant(f"shape/1_{taps * channels}", np.array([1, -1, taps * channels], np.int64))
    parts = []
    for n, places in enumerate(model.indices[key]):
        gathered = model.op("Gather", f"{name}/windows{n}", rows, places, axis=0)
        parts.append(model.op("Reshape", f"{name}/matrix{n}", gathered, wide))
    return parts


def stage_of(name):
    """Convolutions of a stage have signals of one length; others share with nobody."""
    for stage, blocks in enumerate((("resblocks.0/", "resblocks.1/", "resblocks.2/", "noise_res.0/"),
                                    ("resblocks.3/", "resblocks.4/", "resblocks.5/", "noise_res.1/"))):
        if any(block in name for block in blocks):
            return stage
    return name


def instance_norms(model):
    norms = snakes = 0
    gone = []
    flat = model.constant("shape/-1", np.array([-1], np.int64))
    for mean in [node for node in model.nodes if node.op_type == "ReduceMean"]:
        found = norm_of(model, mean)
        if found is None:
            continue
        epsilon, normalised = found
        for n, scaled in enumerate(model.readers[normalised.output[0]]):
            shifted = model.reader(scaled.output[0], "Add")
            gain = next(name for name in scaled.input if name != normalised.output[0])
            shift = next(name for name in shifted.input if name != scaled.output[0])
            name, out = f"{mean.name}/norm{n}", shifted.output[0]
            gain = model.op("Reshape", f"{name}/gain", gain, flat)
            shift = model.op("Reshape", f"{name}/shift", shift, flat)
            snake = snake_of(model, out)
            if snake:
                alpha, inverse, last = snake
                alpha = model.constant(f"{alpha}/flat", model.value(alpha).reshape(-1))
                gain = model.op("Mul", f"{name}/gain_alpha", gain, alpha)
                shift = model.op("Mul", f"{name}/shift_alpha", shift, alpha)
                out = f"{name}/scaled"
                sine = model.op("Sin", f"{name}/sine", out)
                square = model.op("Mul", f"{name}/square", sine, sine)
                model.op("Mul", last.output[0], model.op("Add", f"{name}/sum", out, square), inverse)
                gone.append(last)
                snakes += 1
            model.op("InstanceNormalization", out, mean.input[0], gain, shift, epsilon=epsilon)
            gone.append(shifted)
            norms += 1
    if (norms, snakes) != (NORMS, SNAKES):
        sys.exit(f"there are {norms} norms and {snakes} snakes, not {NORMS} and {SNAKES}: this is not the graph that is known")
    model.replace(gone)


def norm_of(model, mean):
    """If this mean over time begins (x − mean) / √(variance + ε): its ε, and the node that has the quotient."""
    x = mean.input[0]
    apart = [node for node in model.readers.get(mean.output[0], []) if node.op_type == "Sub" and node.input[0] == x]
    over_time = mean.input[1] in model.constants and list(model.value(mean.input[1])) in ([2], [-1])
    if not apart or not over_time or len(apart) != len(model.readers[mean.output[0]]):
        return None
    squares = normalised = None
    for difference in apart:
        for node in model.readers[difference.output[0]]:
            if node.op_type == "Pow" or (node.op_type == "Mul" and node.input[0] == node.input[1]):
                squares = node
            elif node.op_type == "Div":
                normalised = node
    if squares is None or normalised is None:
        return None
    variance = model.reader(squares.output[0], "ReduceMean")
    guarded = model.reader(variance.output[0], "Add")
    epsilon = next((name for name in guarded.input if name in model.constants), None)
    return None if epsilon is None else (float(model.value(epsilon).reshape(-1)[0]), normalised)


def snake_of(model, y):
    """If y + sin²(a·y) / a is all that is made of y: `a`, 1 / a, and the last node."""
    readers = model.readers[y]
    inside = [node for node in readers if node.op_type == "Mul" and any("alpha" in name for name in node.input)]
    if len(inside) != 1 or len(readers) != 2:
        return None
    alpha = next(name for name in inside[0].input if name in model.constants)
    sine = model.reader(inside[0].output[0], "Sin")
    square = model.readers[sine.output[0]][0]
    divided = model.reader(square.output[0], "Mul")
    inverse = next(name for name in divided.input if name in model.constants)
    return alpha, inverse, model.reader(divided.output[0], "Add")


def squares(model):
    """x · x is cheaper than x to the power of 2."""
    for node in model.nodes:
        if node.op_type == "Pow" and node.input[1] in model.constants and (model.value(node.input[1]) == 2).all():
            node.op_type, node.input[1] = "Mul", node.input[0]


def durations_and_pitch(model):
    model.op("Identity", "durations", DURATIONS)
    model.graph.output.append(h.make_tensor_value_info("durations", T.INT64, ["sequence_length"]))
    model.graph.input.append(h.make_tensor_value_info("pitch", T.FLOAT, [1]))
    for node in model.readers[F0]:
        node.input[list(node.input).index(F0)] = f"{F0}/pitched"
    model.op("Mul", f"{F0}/pitched", F0, "pitch")
    model.refresh()


def main(source, out):
    model = Rewriter(onnx.load(source))
    matrices_of_convolutions(model)
    instance_norms(model)
    squares(model)
    durations_and_pitch(model)
    model.save(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
