"""The encoder of a CTranslate2 Whisper model -> ONNX with ONNX Runtime's fused attention. What it gives is what the decoder
reads of the sound: the keys and values of each of its layers. Weights are 8 bits but for the convolutions and the second
layer of each MLP, whose input has outliers that one scale does not serve.

usage: whisper_encoder.py model.bin OUT
in:  `mel` f32 [B, 80, F], F even, at most 3000
out: `cross.key.L` f32 [B, heads, width, F / 2], `cross.value.L` f32 [B, heads, F / 2, width] for each layer L of the decoder
"""

import sys

import ct2
import numpy as np
from onnx_graph import Graph


def main(source, out):
    values = ct2.read(source)
    tensors = {name: value.astype(np.float32) for name, value in ct2.whisper_tensors(values).items()}
    heads = ct2.heads(values, "encoder")
    state = tensors["encoder.positional_embedding"].shape[1]
    scale = np.float32((state // heads) ** -0.5)
    g = Graph()

    def norm(x, name):
        return g.norm(x, name, tensors[name + ".weight"], tensors[name + ".bias"])

    def conv(x, name, **attributes):
        weight = g.constant(name + ".w", tensors[name + ".weight"])
        bias = g.constant(name + ".b", tensors[name + ".bias"].ravel())
        return g.op("Gelu", g.op("Conv", x, weight, bias, kernel_shape=[3], pads=[1, 1], **attributes))

    x = conv(g.input("mel", ["B", 80, "F"]), "encoder.conv1")
    x = conv(x, "encoder.conv2", strides=[2])
    x = g.op("Transpose", x, perm=[0, 2, 1])
    # Positions for as many frames as there are.
    frames = g.op("Slice", g.op("Shape", x), g.constant("one", np.array([1])), g.constant("two", np.array([2])))
    zero = g.constant("zero", np.array([0]))
    positions = g.constant("positions", tensors["encoder.positional_embedding"])
    x = g.op("Add", x, g.op("Slice", positions, zero, frames, zero))
    for layer in range(ct2.layers(tensors, "encoder")):
        block = f"encoder.blocks.{layer}"

        def part(name):
            return tensors[f"{block}.{name}"]

        y = norm(x, f"{block}.attn_ln")
        query = g.linear8(y, f"{block}.q", part("attn.query.weight") * scale, part("attn.query.bias") * scale)
        key = g.linear8(y, f"{block}.k", part("attn.key.weight"), None)
        value = g.linear8(y, f"{block}.v", part("attn.value.weight"), part("attn.value.bias"))
        # The scale is in the query already.
        heard = g.op("MultiHeadAttention", query, key, value, domain="com.microsoft", num_heads=heads, scale=1.0)
        x = g.op("Add", x, g.linear8(heard, f"{block}.o", part("attn.out.weight"), part("attn.out.bias")))
        y = norm(x, f"{block}.mlp_ln")
        y = g.op("Gelu", g.linear8(y, f"{block}.f1", part("mlp.0.weight"), part("mlp.0.bias")))
        x = g.op("Add", x, g.linear(y, f"{block}.f2", part("mlp.2.weight"), part("mlp.2.bias")))
    x = norm(x, "encoder.ln_post")
    heads = ct2.heads(values, "decoder")
    width = state // heads
    split = g.constant("split", np.array([0, 0, heads, width]))
    for layer in range(ct2.layers(tensors, "decoder")):
        block = f"decoder.blocks.{layer}.cross_attn"
        key = g.linear8(x, f"{block}.k", tensors[f"{block}.key.weight"], None)
        value = g.linear8(x, f"{block}.v", tensors[f"{block}.value.weight"], tensors[f"{block}.value.bias"])
        key = g.op("Transpose", g.op("Reshape", key, split), perm=[0, 2, 3, 1])
        value = g.op("Transpose", g.op("Reshape", value, split), perm=[0, 2, 1, 3])
        g.output(f"cross.key.{layer}", ["B", heads, width, "T"], key)
        g.output(f"cross.value.{layer}", ["B", heads, "T", width], value)
    g.save("whisper_encoder", out)


if __name__ == "__main__":
    main(*sys.argv[1:])
