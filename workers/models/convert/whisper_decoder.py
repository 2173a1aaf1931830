"""The decoder of a CTranslate2 Whisper model -> ONNX with 8-bit weights: one step with its cache, for several windows, or
for several hypotheses of one window, at once.

usage: whisper_decoder.py model.bin HEADS OUT      HEADS: those that follow the sound, as layer.head
in:  `embedded` f32 [R, N, state]: N tokens (whisper_embeddings.py has the table) of R rows; a window has R / B of them
     `positions` i64 [N]; `mask` f32 [N, P + N], 0 where a token may look, -inf where not; `bias` f32 [tokens], added to logits
     `past.key.L` f32 [R, heads, width, P], `past.value.L` f32 [R, heads, P, width]: what earlier steps gave
     `cross.key.L`, `cross.value.L` [B, ...]: what the encoder gave
out: `logprobs` f32 [R, tokens] after the last of the N; `key.L`, `value.L`: the past of the next step
     `attention` f32 [B, len(HEADS), R / B * N, T]: where in the sound those heads look
"""

import sys

import ct2
import numpy as np
from onnx import TensorProto as T
from onnx_graph import Graph


def main(source, wanted, out):
    values = ct2.read(source)
    tensors = {name: value.astype(np.float32) for name, value in ct2.whisper_tensors(values).items()}
    heads = ct2.heads(values, "decoder")
    table = tensors["decoder.token_embedding.weight"]
    tokens, state = table.shape
    width = state // heads
    scale = np.float32(width**-0.5)
    wanted = [tuple(map(int, one.split("."))) for one in wanted.split()]
    g = Graph()
    split = g.constant("split", np.array([0, 0, heads, width]))
    merge = g.constant("merge", np.array([0, 0, state]))

    def norm(x, name):
        return g.norm(x, name, tensors[name + ".weight"], tensors[name + ".bias"])

    def by_head(x, perm, shape=split):
        return g.op("Transpose", g.op("Reshape", x, shape), perm=perm)

    embedded = g.input("embedded", ["R", "N", state])
    positions, mask = g.input("positions", ["N"], T.INT64), g.input("mask", ["N", "P_N"])
    bias = g.input("bias", [tokens])
    like_embedded = g.op("Shape", embedded)
    table_of_positions = g.constant("positions_table", tensors["decoder.positional_embedding"])
    x = g.op("Add", embedded, g.op("Gather", table_of_positions, positions, axis=0))
    found = []
    for layer in range(ct2.layers(tensors, "decoder")):
        block = f"decoder.blocks.{layer}"

        def linear(x, name, bias=True, scale=np.float32(1)):
            weight = tensors[f"{block}.{name}.weight"] * scale
            return g.linear8_by_blocks(x, f"{block}.{name}", weight, tensors[f"{block}.{name}.bias"] * scale if bias else None)

        y = norm(x, f"{block}.attn_ln")
        query = by_head(linear(y, "attn.query", scale=scale), [0, 2, 1, 3])
        key = by_head(linear(y, "attn.key", bias=False), [0, 2, 3, 1])
        value = by_head(linear(y, "attn.value"), [0, 2, 1, 3])
        key = g.op("Concat", g.input(f"past.key.{layer}", ["R", heads, width, "P"]), key, axis=-1)
        value = g.op("Concat", g.input(f"past.value.{layer}", ["R", heads, "P", width]), value, axis=-2)
        g.output(f"key.{layer}", ["R", heads, width, "P_N"], key)
        g.output(f"value.{layer}", ["R", heads, "P_N", width], value)
        looks = g.op("Softmax", g.op("Add", g.op("MatMul", query, key), mask), axis=-1)
        said = g.op("Reshape", g.op("Transpose", g.op("MatMul", looks, value), perm=[0, 2, 1, 3]), merge)
        x = g.op("Add", x, linear(said, "attn.out"))

        # All rows of a window are queries to its one set of keys.
        key = g.input(f"cross.key.{layer}", ["B", heads, width, "T"])
        value = g.input(f"cross.value.{layer}", ["B", heads, "T", width])
        windows = g.op("Slice", g.op("Shape", key), g.constant("zero", np.array([0])), g.constant("one", np.array([1])))
        of_window = g.op("Concat", windows, g.constant("rest", np.array([-1, heads, width])), axis=0)
        query = by_head(linear(norm(x, f"{block}.cross_attn_ln"), "cross_attn.query", scale=scale), [0, 2, 1, 3], of_window)
        looks = g.op("Softmax", g.op("MatMul", query, key), axis=-1)
        chosen = [head for of, head in wanted if of == layer]
        if chosen:
            found.append(g.op("Gather", looks, g.constant(f"heads.{layer}", np.array(chosen)), axis=1))
        heard = g.op("Transpose", g.op("MatMul", looks, value), perm=[0, 2, 1, 3])
        x = g.op("Add", x, linear(g.op("Reshape", heard, like_embedded), "cross_attn.out"))

        y = g.op("Gelu", linear(norm(x, f"{block}.mlp_ln"), "mlp.0"))
        x = g.op("Add", x, linear(y, "mlp.2"))
    g.output("attention", ["B", len(wanted), "G_N", "T"], g.op("Concat", *found, axis=1))
    last = g.op("Gather", x, g.constant("last", np.array(-1)), axis=1)
    logits = g.op("Add", g.linear8_by_blocks(norm(last, "decoder.ln"), "logits", table, None), bias)
    g.output("logprobs", ["R", tokens], g.op("LogSoftmax", logits, axis=-1))
    g.save("whisper_decoder", out)


if __name__ == "__main__":
    main(*sys.argv[1:])
