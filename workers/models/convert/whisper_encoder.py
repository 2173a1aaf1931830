"""The encoder of a CTranslate2 Whisper model -> ONNX, f32, with ONNX Runtime's fused attention.

usage: whisper_encoder.py model.bin OUT
in:  `mel` f32 [B, 80, F], F even, at most 3000
out: `out` f32 [B, F / 2, state]
"""

import sys

import ct2
import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

nodes, constants = [], []


def constant(name, value):
    constants.append(nh.from_array(np.ascontiguousarray(value), name))
    return name


def op(kind, *inputs, **attributes):
    name = f"{kind}_{len(nodes) + 1}"
    nodes.append(h.make_node(kind, list(inputs), [name], **attributes))
    return name


def linear(x, name, weight, bias):
    y = op("MatMul", x, constant(name + ".w", np.asarray(weight, np.float32).T))
    return y if bias is None else op("Add", y, constant(name + ".b", np.asarray(bias, np.float32)))


def main(source, out):
    values = ct2.read(source)
    tensors = {name: value.astype(np.float32) for name, value in ct2.whisper_tensors(values).items()}
    heads = ct2.heads(values, "encoder")
    state = tensors["encoder.positional_embedding"].shape[1]
    scale = np.float32((state // heads) ** -0.5)

    def norm(x, name):
        gain, bias = constant(name + ".g", tensors[name + ".weight"]), constant(name + ".b", tensors[name + ".bias"])
        return op("LayerNormalization", x, gain, bias, axis=-1, epsilon=1e-5)

    def conv(x, name, **attributes):
        weight = constant(name + ".w", tensors[name + ".weight"])
        bias = constant(name + ".b", tensors[name + ".bias"].ravel())
        return op("Gelu", op("Conv", x, weight, bias, kernel_shape=[3], pads=[1, 1], **attributes))

    x = conv("mel", "encoder.conv1")
    x = conv(x, "encoder.conv2", strides=[2])
    x = op("Transpose", x, perm=[0, 2, 1])
    # Positions for as many frames as there are.
    frames = op("Slice", op("Shape", x), constant("one", np.array([1])), constant("two", np.array([2])))
    zero = constant("zero", np.array([0]))
    positions = constant("positions", tensors["encoder.positional_embedding"])
    x = op("Add", x, op("Slice", positions, zero, frames, zero))
    for layer in range(ct2.layers(tensors, "encoder")):
        block = f"encoder.blocks.{layer}"

        def part(name):
            return tensors[f"{block}.{name}"]

        y = norm(x, f"{block}.attn_ln")
        query = linear(y, f"{block}.q", part("attn.query.weight") * scale, part("attn.query.bias") * scale)
        key = linear(y, f"{block}.k", part("attn.key.weight"), None)
        value = linear(y, f"{block}.v", part("attn.value.weight"), part("attn.value.bias"))
        # The scale is in the query already.
        heard = op("MultiHeadAttention", query, key, value, domain="com.microsoft", num_heads=heads, scale=1.0)
        x = op("Add", x, linear(heard, f"{block}.o", part("attn.out.weight"), part("attn.out.bias")))
        y = norm(x, f"{block}.mlp_ln")
        y = op("Gelu", linear(y, f"{block}.f1", part("mlp.0.weight"), part("mlp.0.bias")))
        x = op("Add", x, linear(y, f"{block}.f2", part("mlp.2.weight"), part("mlp.2.bias")))
    norm(x, "encoder.ln_post")
    nodes[-1].output[0] = "out"
    graph = h.make_graph(
        nodes,
        "whisper_encoder",
        [h.make_tensor_value_info("mel", T.FLOAT, ["B", 80, "F"])],
        [h.make_tensor_value_info("out", T.FLOAT, ["B", "T", state])],
        constants,
    )
    opsets = [h.make_opsetid("", 20), h.make_opsetid("com.microsoft", 1)]
    onnx.save(h.make_model(graph, opset_imports=opsets, ir_version=9), out)


if __name__ == "__main__":
    main(*sys.argv[1:])
