"""Makes an inner tensor of an ONNX model one of its outputs.

A protobuf message that is appended to another is merged into it, so the model gains `graph.output` and keeps every
other byte; ONNX Runtime infers the tensor's type and shape.

usage: expose_output.py model.onnx TENSOR OUT
"""
import sys

import onnx


def main(source, tensor, out):
    model = onnx.load(source)
    if not any(tensor in node.output for node in model.graph.node):
        sys.exit(f"{source} has no tensor {tensor}")
    addition = onnx.ModelProto()
    addition.graph.output.add().name = tensor
    with open(source, "rb") as original, open(out, "wb") as sink:
        sink.write(original.read())
        sink.write(addition.SerializePartialToString())


if __name__ == "__main__":
    main(*sys.argv[1:])
