"""The converters that rewrite graphs, on small ones: the same numbers come out, by ONNX's own reference evaluator.

usage: converters.py FOLDER_OF_CONVERTERS (run by the tests in src/python.rs)
"""
import base64
import io
import json
import pathlib
import pickle
import sys
import tarfile
import tempfile

import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh
from onnx.reference import ReferenceEvaluator

sys.path.insert(0, sys.argv[1])
import eight_bits
import kokoro_graph
import kokoro_voices
import onnx_part
import simplify
import tfjs_to_onnx
import torch_legacy
import wordpiece_vocabulary

dice = np.random.default_rng(7)
folder = tempfile.TemporaryDirectory()  # removed in the end
work = pathlib.Path(folder.name)


def random(*shape):
    return dice.standard_normal(shape).astype(np.float32)


def saved(name, nodes, constants, shape_in, outputs, opset=17):
    constants = [nh.from_array(np.asarray(value), key) for key, value in constants.items()]
    graph = h.make_graph(
        nodes, name, [h.make_tensor_value_info("x", T.FLOAT, shape_in)],
        [h.make_tensor_value_info(key, T.FLOAT, None) for key in outputs], constants)
    path = work / f"{name}.onnx"
    onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", opset)], ir_version=9), path)
    return path


def run(path, x):
    return ReferenceEvaluator(str(path)).run(None, {"x": x})


def kinds(path):
    return [node.op_type for node in onnx.load(path).graph.node]


def normalised_convolution():
    """As TensorFlow's exporter writes it: channels last, a normalisation in three steps, casts that do nothing."""
    weights = random(6, 3, 3, 3)
    weights[0, 0, 0, 0] = 1e-40
    channels = {key: random(1, 1, 1, 6) for key in ("bias", "mean", "gain", "beta", "both")}
    constants = dict(w=weights, unread=random(4), half=np.float32(2), **channels)
    nodes = [
        h.make_node("Cast", ["x"], ["x32"], to=T.FLOAT),
        h.make_node("Conv", ["x32", "w"], ["c"], kernel_shape=[3, 3]),
        h.make_node("Transpose", ["c"], ["t"], perm=[0, 2, 3, 1]),
        h.make_node("Identity", ["bias"], ["alias"]),
        h.make_node("Add", ["alias", "t"], ["a"]),
        h.make_node("Sub", ["a", "mean"], ["s"]),
        h.make_node("Mul", ["s", "gain"], ["m"]),
        h.make_node("Div", ["m", "half"], ["d"]),
        h.make_node("Add", ["d", "beta"], ["y"]),
        h.make_node("Relu", ["y"], ["r"]),
        # Two read it: what stands behind must stay.
        h.make_node("Mul", ["r", "both"], ["out"]),
        h.make_node("Sub", ["both", "r"], ["other"]),
    ]
    source, simple = saved("conv", nodes, constants, [1, 3, 8, 8], ["out", "other"]), work / "simple.onnx"
    simplify.main(str(source), str(simple))
    x = random(1, 3, 8, 8)
    for before, after in zip(run(source, x), run(simple, x)):
        assert before.shape == after.shape and np.abs(before - after).max() < 1e-5
    assert kinds(simple) == ["Conv", "Transpose", "Relu", "Mul", "Sub"], kinds(simple)
    left = {tensor.name: nh.to_array(tensor) for tensor in onnx.load(simple).graph.initializer}
    assert "unread" not in left and all(abs(v) > 1e-30 or v == 0 for value in left.values() for v in value.ravel())


def what_is_no_channels_own_stays():
    """A bias for each column of the picture, and a constant that is divided, are not a convolution's."""
    constants = dict(w=random(4, 4, 1, 1), columns=random(1, 1, 1, 4), one=np.float32(1))
    nodes = [
        h.make_node("Conv", ["x", "w"], ["c"], kernel_shape=[1, 1]),
        h.make_node("Add", ["c", "columns"], ["a"]),
        h.make_node("Conv", ["a", "w"], ["e"], kernel_shape=[1, 1]),
        h.make_node("Div", ["one", "e"], ["out"]),
    ]
    source, simple = saved("stays", nodes, constants, [1, 4, 4, 4], ["out"]), work / "stays-simple.onnx"
    simplify.main(str(source), str(simple))
    x = random(1, 4, 4, 4)
    assert np.array_equal(run(source, x)[0], run(simple, x)[0])
    assert kinds(simple) == ["Conv", "Add", "Conv", "Div"]


def matrices_in_8_bits(opset):
    width = 160
    constants = dict(a=random(width, width), b=random(width, width), bias=random(width), last=random(width, width), thin=random(width, 8))
    nodes = [
        h.make_node("MatMul", ["x", "a"], ["y"]),
        h.make_node("Tanh", ["y"], ["z"]),
        h.make_node("Reshape", ["z", "flat"], ["rows"]),
        h.make_node("Gemm", ["rows", "b", "bias"], ["g"], transB=1),
        h.make_node("MatMul", ["g", "last"], ["out"]),
        h.make_node("MatMul", ["g", "thin"], ["few"]),
    ]
    constants["flat"] = np.array([-1, width], np.int64)
    source, small = saved(f"m{opset}", nodes, constants, [2, 5, width], ["out", "few"], opset), work / f"m{opset}-8.onnx"
    eight_bits.main(str(source), str(small))
    x = random(2, 5, width)
    x[0, 0] *= 1000  # one token is large, the others keep their precision
    x[1, 4] = 0
    for before, after in zip(run(source, x), run(small, x)):
        cosines = (before * after).sum(-1) / np.linalg.norm(before, axis=-1) / np.linalg.norm(after, axis=-1)
        assert cosines[0] > 0.98 and cosines[1:].min() > 0.997, cosines
    assert kinds(small).count("MatMulInteger") == 2 and kinds(small).count("MatMul") == 2, kinds(small)
    assert small.stat().st_size < source.stat().st_size * 0.6


def a_graph_without_large_matrices_is_refused():
    source = saved("small", [h.make_node("MatMul", ["x", "w"], ["out"])], dict(w=random(4, 4)), [1, 4], ["out"])
    try:
        eight_bits.main(str(source), str(work / "no.onnx"))
    except SystemExit as error:
        assert "no large matrices" in str(error)
    else:
        raise AssertionError("it was taken")


def one_of_two_towers():
    constants = dict(w=random(4, 4), v=random(4, 4))
    nodes = [h.make_node("MatMul", ["x", "w"], ["left"]), h.make_node("MatMul", ["x", "v"], ["right"])]
    source = saved("both", nodes, constants, [1, 4], ["left", "right"])
    x = random(1, 4)
    onnx.save(onnx_part.part(onnx.load(source), "right"), work / "right.onnx")
    assert np.array_equal(run(work / "right.onnx", x)[0], x @ constants["v"])
    assert [tensor.name for tensor in onnx.load(work / "right.onnx").graph.initializer] == ["v"]


def products_of_seven_bits_do_not_overflow():
    """AVX2 adds two products of u8 and i8 in 16 bits. A channel whose weights fit 7 bits keeps them."""
    weights = dice.integers(-200, 200, (40, 6))
    weights[:, 0] = dice.integers(-64, 64, 40)
    packed, factor = kokoro_graph.bits7(weights)
    assert 2 * 255 * np.abs(packed.astype(int)).max() < 2**15
    assert np.array_equal(packed[:, 0], weights[:, 0]) and factor[0] == 1
    assert np.abs(packed * factor - weights).max() <= factor.max() / 2 + 1e-6


def windows_of_a_signal_give_its_convolution():
    """The rows that are gathered, times the weights, are the convolution, also with strides, gaps and zero points."""
    for taps, step, spread, before, after, name in ((3, 1, 1, 1, 1, "a"), (11, 1, 3, 15, 15, "resblocks.5/"), (4, 2, 1, 1, 1, "b")):
        zero, channels = np.uint8(7), 5
        signal = dice.integers(0, 255, (1, channels, 30)).astype(np.uint8)
        weights = dice.integers(-64, 64, (6, channels, taps)).astype(np.int8)
        graph = h.make_graph([], "g", [h.make_tensor_value_info("x", T.UINT8, [1, channels, 30])], [])
        model = kokoro_graph.Rewriter(h.make_model(graph, opset_imports=[h.make_opsetid("", 20)], ir_version=9))
        model.constant("zero", zero)
        parts = kokoro_graph.rows_of(model, name, ("x", "zero"), (channels, taps, step, spread, before, after))
        assert len(parts) == (kokoro_graph.PARTS if name.startswith("res") else 1)
        model.graph.output.extend(h.make_tensor_value_info(part, T.UINT8, None) for part in parts)
        model.refresh()
        model.save(work / "windows.onnx")
        rows = np.concatenate(ReferenceEvaluator(str(work / "windows.onnx")).run(None, {"x": signal}), 1)[0].astype(int) - int(zero)
        padded = np.pad(signal[0].astype(int) - int(zero), ((0, 0), (before, after)))
        count = (padded.shape[1] - (taps - 1) * spread - 1) // step + 1
        wanted = np.array([[sum((padded[:, t * step + k * spread] * weights[o, :, k]).sum() for k in range(taps)) for o in range(6)]
                           for t in range(count)])
        got = rows @ weights.transpose(2, 1, 0).reshape(taps * channels, 6).astype(int)
        assert np.array_equal(got, wanted), name


def voices_of_some_languages():
    archive = work / "voices.tgz"
    with tarfile.open(archive, "w:gz") as file:
        for n, name in enumerate(("package/voices/zf_b.bin", "package/voices/af_a.bin", "package/voices/bm_c.bin", "package/README.md")):
            data = bytes([n]) * kokoro_voices.VOICE_BYTES
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    kokoro_voices.main(str(archive), "ab", str(work / "styles.bin"))
    styles = (work / "styles.bin").read_bytes()
    assert styles[: kokoro_voices.HEADER_BYTES].decode().split() == ["af_a", "bm_c"]
    assert len(styles) == kokoro_voices.HEADER_BYTES + 2 * kokoro_voices.VOICE_BYTES and styles[-1] == 2


def a_graph_of_tensorflow_js():
    """A padded convolution with channels last, halves as weights, an addition, and an end that is laid out again."""
    kernel, bias = dice.standard_normal((3, 3, 3, 4)).astype(np.float16), random(4)
    pads, order, shape = np.array([[0, 0], [1, 1], [1, 1], [0, 0]]), np.array([0, 3, 1, 2]), np.array([1, 4, 9])
    held = dict(kernel=kernel, bias=bias, pads=pads.astype(np.int32), order=order.astype(np.int32), shape=shape.astype(np.int32))
    manifest = [dict(name=name, shape=list(value.shape), dtype=str(value.dtype).replace("16", "32")) for name, value in held.items()]
    manifest[0]["quantization"] = dict(dtype="float16")
    said = lambda text: base64.b64encode(text.encode()).decode()
    numbers = lambda *values: dict(list=dict(i=[str(value) for value in values]))
    node = lambda op, name, *inputs, **attr: dict(op=op, name=name, input=list(inputs), attr=attr)
    conv = dict(strides=numbers(1, 2, 2, 1), dilations=numbers(1, 1, 1, 1), padding=dict(s=said("VALID")))
    sides = dict(shape=dict(dim=[dict(size=str(side)) for side in (1, 5, 5, 3)]))
    nodes = [
        node("Placeholder", "in", shape=sides), node("Pad", "padded", "in", "pads"),
        node("Conv2D", "conv", "padded", "kernel", **conv), node("AddV2", "sum", "conv", "bias"),
        node("Relu6", "clipped", "sum"), node("Transpose", "turned", "clipped", "order"), node("Reshape", "out", "turned", "shape"),
    ]
    (work / "weights.bin").write_bytes(b"".join(value.tobytes() for value in held.values()))
    model = dict(modelTopology=dict(node=nodes), weightsManifest=[dict(paths=["weights.bin"], weights=manifest)])
    (work / "model.json").write_text(json.dumps(model))
    tfjs_to_onnx.main(str(work / "model.json"), str(work / "weights.bin"), "out,clipped", str(work / "tfjs.onnx"))
    x = random(1, 3, 5, 5)
    out, clipped = ReferenceEvaluator(str(work / "tfjs.onnx")).run(None, {"image": x})
    padded = np.pad(x[0], ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))[:, ::2, ::2]
    wanted = np.einsum("cyxij,ijco->oyx", windows, kernel.astype(np.float32)) + bias[:, None, None]
    assert np.abs(clipped[0] - wanted.clip(0, 6)).max() < 1e-4 and np.array_equal(out, clipped.reshape(1, 4, 9))
    assert kinds(work / "tfjs.onnx") == ["Conv", "Clip", "Reshape", "Identity", "Identity"], kinds(work / "tfjs.onnx")


def a_checkpoint_before_zip_files():
    """Tensors come out; a class that has no place in weights does not."""
    path = work / "weights.pth"

    class Storage:
        """Stands for the numbers that come after the pickle."""

    class Saved:
        def __reduce__(self):
            return rebuild, (Storage(), 1, (2, 3), (3, 1), False, {})

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return ("storage", storage, "0", "cpu", 7) if isinstance(value, Storage) else None

    torch, utils = type(sys)("torch"), type(sys)("torch._utils")
    storage = type("FloatStorage", (), dict(__module__="torch"))
    def rebuild(*_):
        raise AssertionError("the file's code runs")
    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    torch.FloatStorage, utils._rebuild_tensor_v2 = storage, rebuild
    sys.modules.update({"torch": torch, "torch._utils": utils})
    values = random(7)
    with open(path, "wb") as file:
        for fact in (1, 2, 3):
            pickle.dump(fact, file)
        Pickler(file, 2).dump({"layer.weight": Saved(), "note": "kept out"})
        pickle.dump(["0"], file)
        file.write((7).to_bytes(8, "little") + values.tobytes())
    found = torch_legacy.read(path)
    assert list(found) == ["layer.weight"] and np.array_equal(found["layer.weight"], values[1:].reshape(2, 3))
    with open(path, "wb") as file:
        for fact in (1, 2, 3, pathlib.PurePosixPath("/")):
            pickle.dump(fact, file)
    try:
        torch_legacy.read(path)
    except pickle.UnpicklingError as error:
        assert "has no place" in str(error)
    else:
        raise AssertionError("it was loaded")


def a_vocabulary_in_the_order_of_its_numbers():
    vocabulary = {"[PAD]": 0, "ok": 2, "##é": 1}
    (work / "tokenizer.json").write_text(json.dumps(dict(model=dict(type="WordPiece", continuing_subword_prefix="##", vocab=vocabulary))))
    wordpiece_vocabulary.main(work / "tokenizer.json", work / "vocab.txt")
    assert (work / "vocab.txt").read_bytes() == "[PAD]\n##é\nok\n".encode()


products_of_seven_bits_do_not_overflow()
windows_of_a_signal_give_its_convolution()
voices_of_some_languages()
normalised_convolution()
what_is_no_channels_own_stays()
matrices_in_8_bits(17)
matrices_in_8_bits(20)
a_graph_without_large_matrices_is_refused()
one_of_two_towers()
a_graph_of_tensorflow_js()
a_checkpoint_before_zip_files()
a_vocabulary_in_the_order_of_its_numbers()
