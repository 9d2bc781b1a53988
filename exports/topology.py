"""A TF.js graph topology with only what TF.js reads: for the smallest models, the topology is the size.

Works on the parsed `model.json` of the converter and its constants; knows nothing of Keras. What TF.js reads of
each operation stands in @tensorflow/tfjs-converter's `operations/op_list`; what is dropped here is either absent
there or the default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Graph = dict[str, Any]
Constants = dict[str, np.ndarray]

INPUT_NODE = "image"

UNREAD_ATTRIBUTES = frozenset({"Index", "out_type", "use_cudnn_on_gpu", "num_host_args", "filter_format"})
"""Hints for another runtime. Attributes named T... are types, which TF.js takes from the tensors; _... are notes."""

DEFAULT_ATTRIBUTES: Mapping[str, Any] = {
    "data_format": {"s": "TkhXQw=="},  # "NHWC"
    "explicit_paddings": {"list": {}},
    "epsilon": {"f": 0.0},
    "begin_mask": {"i": "0"},
    "end_mask": {"i": "0"},
    "ellipsis_mask": {"i": "0"},
    "new_axis_mask": {"i": "0"},
    "align_corners": {"b": False},
}

FUSED_CONVOLUTIONS = ("_FusedConv2D", "FusedDepthwiseConv2dNative")
UNDILATED = {"list": {"i": ["1", "1", "1", "1"]}}
"""The default of a fused convolution alone."""


def slim(graph: Graph, constants: Constants, outputs: list[str]) -> None:
    """Drop from the graph, in place, what TF.js does not read and what no output needs.

    Reshapes that compute the batch size at run time get a constant shape with -1 in its place; biases become vectors;
    equal whole numbers, such as the axes of concatenations, become one; whole numbers are no longer written as text.
    """
    _fix_reshapes(graph, constants)
    _flatten_biases(graph, constants)
    _share_whole_numbers(graph, constants)
    _prune(graph, constants, outputs)
    for node in graph["node"]:
        attributes = {} if node["op"] == "Const" else node.get("attr", {})  # values and types stand in the manifest
        kept = {
            name: value
            for name, value in attributes.items()
            if name not in UNREAD_ATTRIBUTES
            and not name.startswith(("T", "_"))
            and DEFAULT_ATTRIBUTES.get(name) != value
        }
        if node["op"] in FUSED_CONVOLUTIONS and kept.get("dilations") == UNDILATED:
            del kept["dilations"]
        if not _fuses_leaky_relu(kept):
            kept.pop("leakyrelu_alpha", None)
        numbers = {name: _as_numbers(value) for name, value in kept.items()}
        slimmed = {"name": node["name"], "op": node["op"], "input": node.get("input"), "attr": numbers}
        node.clear()
        node.update({key: value for key, value in slimmed.items() if value})
    for key in set(graph) - {"node", "versions"}:
        del graph[key]


def rename(document: dict[str, Any], names: Mapping[str, str]) -> None:
    """Put new node names into topology and signature, in place; `names` has one for every node."""
    for node in document["modelTopology"]["node"]:
        node["name"] = names[node["name"]]
        if "input" in node:
            node["input"] = [_renamed(reference, names) for reference in node["input"]]
    for tensors in document["signature"].values():
        for tensor in tensors.values():
            tensor["name"] = _renamed(tensor["name"], names)


def base_name(reference: str) -> str:
    """Return the node of a reference: 'node', 'node:output' or '^control'."""
    return reference.removeprefix("^").partition(":")[0]


def _renamed(reference: str, names: Mapping[str, str]) -> str:
    control = "^" if reference.startswith("^") else ""
    _, colon, output = reference.partition(":")
    return f"{control}{names[base_name(reference)]}{colon}{output}"


def _fix_reshapes(graph: Graph, constants: Constants) -> None:
    nodes = {node["name"]: node for node in graph["node"]}
    shapes: dict[tuple[int, ...], str] = {}
    for node in [node for node in graph["node"] if node["op"] == "Reshape"]:
        pack = nodes[base_name(node["input"][1])]
        if pack["op"] != "Pack" or not _is_batch_size(nodes[base_name(pack["input"][0])], nodes, constants):
            continue
        rest = [base_name(reference) for reference in pack["input"][1:]]
        if not all(name in constants for name in rest):
            continue
        shape = (-1, *(int(constants[name]) for name in rest))
        if shape not in shapes:
            shapes[shape] = f"{node['name']}/fixed_shape"
            constants[shapes[shape]] = np.array(shape, np.int32)
            graph["node"].insert(0, {"name": shapes[shape], "op": "Const"})
        node["input"] = [node["input"][0], shapes[shape]]


def _flatten_biases(graph: Graph, constants: Constants) -> None:
    """Make biases of fused convolutions vectors: for one filter the converter leaves four axes, which wasm refuses."""
    for node in graph["node"]:
        if node["op"] in FUSED_CONVOLUTIONS:
            for name in map(base_name, node["input"][2:3]):
                if name in constants and constants[name].size == constants[name].shape[-1]:
                    constants[name] = constants[name].reshape(-1)


def _share_whole_numbers(graph: Graph, constants: Constants) -> None:
    """Let operations share constants of whole numbers that are equal; `_prune` drops those that none uses any more."""
    first: dict[tuple[Any, ...], str] = {}
    same = {}
    for name, constant in constants.items():
        if np.issubdtype(constant.dtype, np.integer):
            same[name] = first.setdefault((constant.dtype, constant.shape, constant.tobytes()), name)
    for node in graph["node"]:
        if "input" in node:
            node["input"] = [same.get(reference, reference) for reference in node["input"]]


def _as_numbers(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return an attribute whose whole numbers, which the converter writes as text, are numbers: TF.js reads both."""
    if "i" in value:
        return {"i": int(value["i"])}
    if "i" in value.get("list", {}):
        return {"list": {"i": [int(number) for number in value["list"]["i"]]}}
    return dict(value)


def _is_batch_size(node: Mapping[str, Any], nodes: Mapping[str, Any], constants: Constants) -> bool:
    """Tell whether a node is element 0 of the shape of a tensor."""
    if node["op"] != "StridedSlice" or nodes[base_name(node["input"][0])]["op"] != "Shape":
        return False
    begin, end = (constants.get(base_name(reference)) for reference in node["input"][1:3])
    return begin is not None and end is not None and begin.tolist() == [0] and end.tolist() == [1]


def _prune(graph: Graph, constants: Constants, outputs: list[str]) -> None:
    nodes = {node["name"]: node for node in graph["node"]}
    needed: set[str] = set()
    pending = [*outputs, *(name for name, node in nodes.items() if node["op"] == "Placeholder")]
    while pending:
        name = pending.pop()
        if name not in needed:
            needed.add(name)
            pending += [base_name(reference) for reference in nodes[name].get("input", ())]
    graph["node"] = [node for node in graph["node"] if node["name"] in needed]
    for name in set(constants) - needed:
        del constants[name]


def _fuses_leaky_relu(attributes: Mapping[str, Any]) -> bool:
    return "TGVha3lSZWx1" in attributes.get("fused_ops", {}).get("list", {}).get("s", [])  # "LeakyRelu"
