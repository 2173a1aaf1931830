"""Reads the tensors of a PyTorch checkpoint in the format before zip files, without PyTorch."""

import pickle

import numpy as np

DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


class Table(dict):
    """An ordered dictionary that also takes attributes, as PyTorch's state dictionaries have them."""


class Later:
    """A tensor whose numbers come after the pickle."""

    def __init__(self, storage, offset, size, stride, *_):
        self.storage, self.offset, self.size, self.stride = storage, offset, size, stride

    def of(self, storages):
        flat = storages[self.storage]
        steps = [step * flat.itemsize for step in self.stride]
        return np.lib.stride_tricks.as_strided(flat[self.offset :], self.size, steps).copy()


class Unpickler(pickle.Unpickler):
    """Refuses every class that a checkpoint of weights does not need."""

    def __init__(self, file):
        super().__init__(file)
        self.storages = {}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return Table
        if module == "torch" and name in DTYPES:
            return np.dtype(DTYPES[name])
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return Later
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a checkpoint of weights")

    def persistent_load(self, saved):
        _, dtype, key, _, count, *_ = saved
        self.storages[key] = (dtype, count)
        return key


def read(path):
    """The tensors of a state dictionary by name."""
    with open(path, "rb") as file:
        for _ in range(3):  # magic number, protocol version, facts about the machine
            pickle.load(file)
        reader = Unpickler(file)
        found, storages = reader.load(), {}
        for key in pickle.load(file):
            dtype, count = reader.storages[key]
            assert int.from_bytes(file.read(8), "little") == count
            storages[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    return {name: tensor.of(storages) for name, tensor in found.items() if isinstance(tensor, Later)}
