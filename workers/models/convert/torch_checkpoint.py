"""Reads the tensors of a PyTorch checkpoint (the format that is a zip file) without PyTorch."""

import pickle
import zipfile

import numpy as np

DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8", "IntStorage": "<i4", "HalfStorage": "<f2", "DoubleStorage": "<f8"}


class Table(dict):
    """An ordered dictionary that also takes attributes, as PyTorch's state dictionaries have them."""


class Checkpoint(pickle.Unpickler):
    """Refuses every class that a checkpoint of weights does not need."""

    def __init__(self, path):
        self.zip = zipfile.ZipFile(path)
        self.root = next(name for name in self.zip.namelist() if name.endswith("/data.pkl"))[: -len("data.pkl")]
        super().__init__(self.zip.open(self.root + "data.pkl"))

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return Table
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self.tensor
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a checkpoint of weights")

    def persistent_load(self, saved):
        _, dtype, key, _, count = saved[:5]
        return np.frombuffer(self.zip.read(f"{self.root}data/{key}"), dtype, count)

    @staticmethod
    def tensor(flat, offset, size, stride, *_):
        steps = [step * flat.itemsize for step in stride]
        return np.lib.stride_tricks.as_strided(flat[offset:], size, steps).copy()


def read(path):
    """The checkpoint's object, with numpy arrays in the place of tensors."""
    return Checkpoint(path).load()
