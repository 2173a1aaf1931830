"""Takes the part of an ONNX graph that leads to one of its outputs: onnx_part.py MODEL OUTPUT OUT

The part has the inputs that it needs and no others: of a CLIP model in one graph, `image_embeds` gives the image tower and
`text_embeds` the text tower.
"""
import sys

import onnx


def reads(node):
    """The names that a node reads, in graphs inside of it too."""
    inner = [a.g for a in node.attribute if a.HasField("g")] + [graph for a in node.attribute for graph in a.graphs]
    return list(node.input) + [name for graph in inner for node in graph.node for name in reads(node)]


def part(model, output):
    """The model, cut down in place."""
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    needed, open_names = set(), [output]
    while open_names:
        name = open_names.pop()
        if name in needed:
            continue
        needed.add(name)
        if name in makers:
            open_names += reads(makers[name])
    if output not in {value.name for value in graph.output}:
        raise SystemExit(f"the graph has no output {output}")
    for values, keep in (
        (graph.node, lambda node: any(name in needed for name in node.output)),
        (graph.initializer, lambda tensor: tensor.name in needed),
        (graph.input, lambda value: value.name in needed),
        (graph.output, lambda value: value.name == output),
        (graph.value_info, lambda value: value.name in needed),
    ):
        for at in reversed(range(len(values))):
            if not keep(values[at]):
                del values[at]
    return model


if __name__ == "__main__":
    source, output, out = sys.argv[1:]
    onnx.save(part(onnx.load(source), output), out)
