"""The TF.js graph model: from Keras through a SavedModel and the tensorflowjs converter to `model.json` and a shard.

The converter writes float32 under long names, which outweigh the weights of the smallest networks. Here every node
gets a number, but for inputs and outputs, and each weight the place of its Keras variable in a list of paths, which the
manifest keeps; the weights are stored again in their quantized form. Reading the folder gives the variables back by
path.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import tempfile
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from exports.quantize import Quantized
from exports.topology import INPUT_NODE, base_name, rename, slim
from exports.weights import TOPOLOGY_FILE, WEIGHTS_FILE, pack_weights, read_topology, read_weights
from zoo._errors import BadArtifact, ZooError
from zoo._quiet import quiet_stderr


def write_graph_model(model: keras.Model, weights: Mapping[str, Quantized], folder: Path) -> list[str]:
    """Write `model` with the given weights as a TF.js graph model of two files into `folder`; return their paths.

    `weights` has one entry per variable of `model`, by `path`; the model's own values are replaced by theirs.
    Inputs and outputs become graph nodes of the same names; `read_graph_weights` needs the paths. Raises ZooError when
    a weight does not survive the conversion unchanged.
    """
    values = {path: quantized.dequantized() for path, quantized in weights.items()}
    for variable in model.variables:
        variable.assign(values[variable.path])
    document, constants = _convert(model)
    outputs = [base_name(tensor["name"]) for tensor in document["signature"]["outputs"].values()]
    slim(document["modelTopology"], constants, outputs)
    path_of = _recognised(constants, values)
    paths = list(path_of.values())
    names = _node_names(document, path_of)

    tensors = {}
    for old, constant in constants.items():
        found = path_of.get(old)
        tensor = Quantized(constant, constant.dtype.name) if found is None else weights[found]
        tensors[names[old]] = replace(tensor, stored=tensor.stored.reshape(constant.shape))
    groups, shard = pack_weights(tensors)
    rename(document, names)
    topology = {
        "format": "graph-model",
        "signature": document["signature"],
        "modelTopology": document["modelTopology"],
        "weightsManifest": groups,
    }
    (folder / TOPOLOGY_FILE).write_text(json.dumps(topology, separators=(",", ":")), encoding="utf-8")
    (folder / WEIGHTS_FILE).write_bytes(shard)
    return paths


def read_graph_weights(
    folder: Path, paths: Sequence[str], listed: Collection[str] | None = None
) -> dict[str, np.ndarray]:
    """Return the weights of a graph model folder by path, widened to what TF.js computes with.

    `paths` is what `write_graph_model` returned; `listed` is that of `read_weights`. Raises BadArtifact when the
    topology or its shards are torn or not understood, or a path has no weight.
    """
    values = read_weights(folder, read_topology(folder), listed)
    lost = next((path for number, path in enumerate(paths) if str(number) not in values), None)
    if lost is not None:
        raise BadArtifact(f"The topology of {folder} has no weight for '{lost}'. Publish or download the model again.")
    return {path: values[str(number)] for number, path in enumerate(paths)}


def _convert(model: keras.Model) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Run the converter; return its model.json and its constants by node name, in shard order."""
    import tensorflow as tf

    os.environ.setdefault("TFDF_DISABLE_WELCOME_MESSAGE", "1")  # a dependency of the converter greets on stdout
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the converter's dependencies announce deprecations at import
        from tensorflowjs.converters.tf_saved_model_conversion_v2 import convert_tf_saved_model

    @tf.function(
        input_signature=[tf.TensorSpec((None, *model.input.shape[1:]), tf.float32, name=INPUT_NODE)], autograph=False
    )
    def serve(pictures: Any) -> Any:
        return model(pictures, training=False)

    served = tf.Module()  # its variables alone: a Keras model would be traced for each way to call it
    served.kept = [variable.value for variable in model.variables]
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as scratch, contextlib.redirect_stdout(io.StringIO()), quiet_stderr():
        saved, converted = Path(scratch) / "saved", Path(scratch) / "converted"
        tf.saved_model.save(served, str(saved), signatures=serve)
        convert_tf_saved_model(str(saved), str(converted), signature_def="serving_default")
        document = json.loads((converted / TOPOLOGY_FILE).read_text(encoding="utf-8"))
        return document, read_weights(converted, read_topology(converted))


def _recognised(constants: Mapping[str, np.ndarray], values: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Return the variable path of each constant that is one.

    A variable is recognised by its values and, among equals, by the layer in the node's name.
    """
    unclaimed = {path: value for path, value in values.items() if np.any(value)}  # zero biases vanish in conversion
    path_of = {}
    for name, constant in constants.items():
        equal = [
            path
            for path, value in unclaimed.items()
            if value.size == constant.size and value.tobytes() == constant.tobytes()
        ]
        if equal:
            path = next((path for path in equal if path.split("/")[0] in name), equal[0])
            path_of[name] = path
            del unclaimed[path]
    lost = list(unclaimed)
    if lost:
        raise ZooError(
            f"The converter changed {len(lost)} weights ({', '.join(lost[:3])}), so the page would not compute what "
            f"Keras does. Use layers that TF.js runs as they are, with normalisation directly behind a convolution."
        )
    return path_of


def _node_names(document: Mapping[str, Any], path_of: Mapping[str, str]) -> dict[str, str]:
    """Choose the new name of every node: the input's stays, outputs as in the signature, the rest are numbered.

    Weights come first, so that their number is their place in the list of paths.
    """
    names = {name: str(number) for number, name in enumerate(path_of)}
    names[INPUT_NODE] = INPUT_NODE
    for output, tensor in document["signature"]["outputs"].items():
        names[base_name(tensor["name"])] = output
    number = len(path_of)
    for node in document["modelTopology"]["node"]:
        if node["name"] not in names:
            names[node["name"]] = str(number)
            number += 1
    return names
