"""The decoder of a CTranslate2 Whisper model, as far as it tells when words were said -> ONNX, 8-bit weights.

One pass over tokens that are known already gives what the alignment heads attend to; there is no vocabulary at the end
and the last layer stops at its attention. Token embeddings come in from outside (`whisper_embeddings.py`): a row each is
read from a file, and the table need not be in memory.

usage: whisper_aligner.py model.bin HEADS OUT       HEADS like "1.0 2.0 2.5": layer.head
in:  `embedded` f32 [1, N, state], `encoded` f32 [1, T, state] (the encoder's output, cut to the sound)
out: `attention` f32 [heads, N, T], soft-maxed over T
"""

import sys

import ct2
import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

nodes, constants = [], []


def constant(name, value):
    if all(known.name != name for known in constants):
        constants.append(nh.from_array(np.ascontiguousarray(value), name))
    return name


def op(kind, *inputs, outputs=1, **attributes):
    names = [f"{kind}_{len(nodes) + 1}" + (f"_{n}" if n else "") for n in range(outputs)]
    nodes.append(h.make_node(kind, list(inputs), names, **attributes))
    return names if outputs > 1 else names[0]


def quantised(x):
    """u8, scale, zero point of an activation, for as many matrices as multiply it."""
    return op("DynamicQuantizeLinear", x, outputs=3)


def linear(x, name, weight, bias):
    """Weights as 8 bits with a scale for each output; 7 bits are used, since AVX2 adds pairs of products in 16."""
    value, scale, zero = x
    weight = np.asarray(weight, np.float32).T
    step = np.maximum(np.abs(weight).max(0), 1e-9) / 63
    packed = np.round(weight / step).astype(np.int8)
    sums = op("MatMulInteger", value, constant(name + ".w", packed), zero)
    scales = op("Mul", scale, constant(name + ".s", step.astype(np.float32)))
    y = op("Mul", op("Cast", sums, to=T.FLOAT), scales)
    return y if bias is None else op("Add", y, constant(name + ".b", np.asarray(bias, np.float32)))


def main(source, wanted, out):
    values = ct2.read(source)
    tensors = {name: value.astype(np.float32) for name, value in ct2.whisper_tensors(values).items()}
    heads = ct2.heads(values, "decoder")
    state = tensors["decoder.positional_embedding"].shape[1]
    width = state // heads
    scale = np.float32(width**-0.5)
    wanted = [tuple(map(int, one.split("."))) for one in wanted.split()]
    last = max(layer for layer, _ in wanted)
    found = []

    def norm(x, name):
        gain, bias = constant(name + ".g", tensors[name + ".weight"]), constant(name + ".b", tensors[name + ".bias"])
        return op("LayerNormalization", x, gain, bias, axis=-1, epsilon=1e-5)

    def by_head(x, chosen):
        """[1, L, state] -> [chosen, L, width]"""
        x = op("Reshape", x, constant("split", np.array([-1, heads, width])))
        x = op("Gather", x, constant(f"heads{chosen}", np.array(chosen)), axis=1)
        return op("Transpose", x, perm=[1, 0, 2])

    one, zero = constant("one", np.array([1])), constant("zero", np.array([0]))
    count = op("Slice", op("Shape", "embedded"), one, constant("two", np.array([2])))
    positions = constant("positions", tensors["decoder.positional_embedding"])
    x = op("Add", "embedded", op("Slice", positions, zero, count, zero))
    encoded = quantised("encoded")
    for layer in range(last + 1):
        block = f"decoder.blocks.{layer}"

        def part(name):
            return tensors[f"{block}.{name}"]

        y = quantised(norm(x, f"{block}.attn_ln"))
        query = linear(y, f"{block}.q", part("attn.query.weight") * scale, part("attn.query.bias") * scale)
        key = linear(y, f"{block}.k", part("attn.key.weight"), None)
        value = linear(y, f"{block}.v", part("attn.value.weight"), part("attn.value.bias"))
        attention = {"domain": "com.microsoft", "num_heads": heads, "scale": 1.0}  # the scale is in the query already
        said = op("MultiHeadAttention", query, key, value, unidirectional=1, **attention)
        x = op("Add", x, linear(quantised(said), f"{block}.o", part("attn.out.weight"), part("attn.out.bias")))

        y = quantised(norm(x, f"{block}.cross_attn_ln"))
        query = linear(y, f"{block}.cq", part("cross_attn.query.weight") * scale, part("cross_attn.query.bias") * scale)
        key = linear(encoded, f"{block}.ck", part("cross_attn.key.weight"), None)
        chosen = [head for of, head in wanted if of == layer]
        if chosen:
            scores = op("MatMul", by_head(query, chosen), op("Transpose", by_head(key, chosen), perm=[0, 2, 1]))
            found.append(op("Softmax", scores, axis=-1))
        if layer == last:
            break
        value = linear(encoded, f"{block}.cv", part("cross_attn.value.weight"), part("cross_attn.value.bias"))
        heard = op("MultiHeadAttention", query, key, value, **attention)
        x = op("Add", x, linear(quantised(heard), f"{block}.co", part("cross_attn.out.weight"), part("cross_attn.out.bias")))

        y = quantised(norm(x, f"{block}.mlp_ln"))
        y = op("Gelu", linear(y, f"{block}.f1", part("mlp.0.weight"), part("mlp.0.bias")))
        x = op("Add", x, linear(quantised(y), f"{block}.f2", part("mlp.2.weight"), part("mlp.2.bias")))
    nodes.append(h.make_node("Concat", found, ["attention"], axis=0))
    graph = h.make_graph(
        nodes,
        "whisper_aligner",
        [
            h.make_tensor_value_info("embedded", T.FLOAT, [1, "N", state]),
            h.make_tensor_value_info("encoded", T.FLOAT, [1, "T", state]),
        ],
        [h.make_tensor_value_info("attention", T.FLOAT, [len(wanted), "N", "T"])],
        constants,
    )
    opsets = [h.make_opsetid("", 20), h.make_opsetid("com.microsoft", 1)]
    onnx.save(h.make_model(graph, opset_imports=opsets, ir_version=9), out)


if __name__ == "__main__":
    main(*sys.argv[1:])
