"""Resemblyzer's GE2E speaker encoder (a PyTorch checkpoint) -> ONNX, without PyTorch.

usage: ge2e_to_onnx.py pretrained.pt OUT
in:  `mels` f32 [B, T, 40]; 40 mel bands of 16 kHz sound, 25 ms windows, 10 ms hops, T = 160 in training
out: `embedding` f32 [B, 256], of length 1
"""

import pickle
import sys
import zipfile

import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

HIDDEN = 256
LAYERS = 3
DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


class Storage:
    """A storage type's name, as the pickle refers to it."""

    def __init__(self, name):
        self.dtype = np.dtype(DTYPES[name])


class Table(dict):
    """An ordered dictionary that also takes attributes, as PyTorch's state dictionaries have them."""


class Lazy:
    """A tensor whose storage comes after the pickle (the checkpoint format before zip files)."""

    def __init__(self, key, offset, size, stride):
        self.key, self.offset, self.size, self.stride = key, offset, size, stride

    def of(self, storages):
        flat = storages[self.key]
        strides = [s * flat.itemsize for s in self.stride]
        return np.lib.stride_tricks.as_strided(flat[self.offset :], self.size, strides).copy()


class Unpickler(pickle.Unpickler):
    """Loads only what a checkpoint of tensors needs; every other class becomes a plain dictionary or nothing."""

    def __init__(self, file, storages):
        super().__init__(file)
        self.storages = storages

    def find_class(self, module, name):
        if module == "collections" and name == "OrderedDict":
            return Table
        if module == "torch" and name in DTYPES:
            return Storage(name)
        if module == "torch._utils" and name == "_rebuild_tensor_v2":
            return lambda key, offset, size, stride, *_: Lazy(key, offset, size, stride)
        if module == "torch._utils" and name == "_rebuild_parameter":
            return lambda tensor, *_: tensor
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a checkpoint of weights")

    def persistent_load(self, saved):
        _, storage, key, _, count, *_ = saved
        self.storages[key] = (storage.dtype, count)
        return key


def read_checkpoint(path):
    """The checkpoint's object with numpy arrays in the place of tensors."""
    storages = {}
    if zipfile.is_zipfile(path):
        archive = zipfile.ZipFile(path)
        root = archive.namelist()[0].split("/")[0]
        found = Unpickler(archive.open(f"{root}/data.pkl"), storages).load()
        data = {k: np.frombuffer(archive.read(f"{root}/data/{k}"), t) for k, (t, _) in storages.items()}
    else:
        file = open(path, "rb")
        for _ in range(3):  # magic number, protocol version, facts about the machine
            pickle.load(file)
        found = Unpickler(file, storages).load()
        data = {}
        for key in pickle.load(file):
            dtype, count = storages[key]
            assert int.from_bytes(file.read(8), "little") == count
            data[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    return {k: v.of(data) for k, v in found["model_state"].items() if isinstance(v, Lazy)}


def iofc(matrix):
    """PyTorch keeps the gates as input, forget, cell, output; ONNX as input, output, forget, cell."""
    i, f, c, o = np.split(matrix, 4)
    return np.concatenate([i, o, f, c])


def main(source, out):
    weights = read_checkpoint(source)
    nodes, constants = [], []

    def constant(name, value):
        constants.append(nh.from_array(np.ascontiguousarray(value), name))
        return name

    nodes.append(h.make_node("Transpose", ["mels"], ["x0"], perm=[1, 0, 2]))  # [T, B, 40]
    one = constant("axis1", np.array([1]))
    for layer in range(LAYERS):
        w, r, bw, br = (
            iofc(weights[f"lstm.{kind}_l{layer}"]) for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        inputs = [
            f"x{layer}",
            constant(f"w{layer}", w[None]),
            constant(f"r{layer}", r[None]),
            constant(f"b{layer}", np.concatenate([bw, br])[None]),
        ]
        nodes.append(h.make_node("LSTM", inputs, [f"y{layer}", f"h{layer}"], hidden_size=HIDDEN))
        nodes.append(h.make_node("Squeeze", [f"y{layer}", one], [f"x{layer + 1}"]))  # the one direction
    zero = constant("axis0", np.array([0]))
    nodes += [
        h.make_node("Squeeze", [f"h{LAYERS - 1}", zero], ["last"]),
        h.make_node("MatMul", ["last", constant("linear.w", weights["linear.weight"].T)], ["z0"]),
        h.make_node("Add", ["z0", constant("linear.b", weights["linear.bias"])], ["z1"]),
        h.make_node("Relu", ["z1"], ["z2"]),
        h.make_node("LpNormalization", ["z2"], ["embedding"], axis=1, p=2),
    ]
    graph = h.make_graph(
        nodes,
        "ge2e",
        [h.make_tensor_value_info("mels", T.FLOAT, ["B", "T", 40])],
        [h.make_tensor_value_info("embedding", T.FLOAT, ["B", HIDDEN])],
        constants,
    )
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
