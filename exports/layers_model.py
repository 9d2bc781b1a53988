"""The TF.js layers model: the network as it was trained, for a page that trains it further.

Written from the configuration of the Keras 3 functional model by a small translator, since tensorflowjs writes Keras 3
configurations as they are and TF.js reads those of Keras 2. Batch normalisation stays unfolded. Layers are kept by
name, and a weight is named `layer/weight`, so that what a page has trained finds its way back into Keras.

What TF.js reads of each layer stands in @tensorflow/tfjs-layers' `layers/`; a setting that it does not know is refused
here unless it has the value that TF.js computes with.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from exports.documents import shown
from exports.quantize import quantize_weights
from exports.weights import TOPOLOGY_FILE, WEIGHTS_FILE, pack_weights, read_topology, read_weights
from zoo._errors import BadArtifact, ZooError

FOLDER = "trainable"
METADATA_KEY = "pocket_zoo"
"""Under `userDefinedMetadata`, which TF.js keeps and writes again when a page saves the model."""
PRECISIONS = ("float32", "float16")

READ_BY_TFJS: Mapping[str, tuple[str, ...]] = {
    "Activation": ("activation",),
    "Add": (),
    "AveragePooling2D": ("pool_size", "strides", "padding"),
    "BatchNormalization": ("axis", "momentum", "epsilon"),
    "Concatenate": ("axis",),
    "Conv2D": ("filters", "kernel_size", "strides", "padding", "dilation_rate", "activation", "use_bias"),
    "Dense": ("units", "activation", "use_bias"),
    "DepthwiseConv2D": ("kernel_size", "strides", "padding", "depth_multiplier", "activation", "use_bias"),
    "Dropout": ("rate",),
    "Flatten": (),
    "GlobalAveragePooling2D": (),
    "GlobalMaxPooling2D": (),
    "InputLayer": ("batch_shape", "dtype"),
    "LayerNormalization": ("axis", "epsilon"),
    "LeakyReLU": ("negative_slope",),
    "MaxPooling2D": ("pool_size", "strides", "padding"),
    "Multiply": (),
    "ReLU": ("max_value",),
    "Rescaling": ("scale", "offset"),
    "Reshape": ("target_shape",),
    "UpSampling2D": ("size",),
}
"""The layers that have a twin in TF.js, and what that reads of their settings."""
TFJS_NAMES: Mapping[str, str] = {"negative_slope": "alpha", "batch_shape": "batch_input_shape"}
COMPUTED_WITH: Mapping[str, Any] = {
    "data_format": "channels_last",
    "dilation_rate": [1, 1],
    "groups": 1,
    "interpolation": "nearest",
    "negative_slope": 0.0,
    "renorm": False,
    "rms_scaling": False,
    "threshold": 0.0,
}
"""What TF.js computes with where it does not read a setting."""
ONLY_IN_TRAINING = ("_regularizer", "_constraint")
ACTIVATIONS = ("elu", "linear", "relu", "relu6", "sigmoid", "softmax", "softplus", "tanh")

Layer = dict[str, Any]


@dataclass(frozen=True)
class Topology:
    """A network as TF.js reads it: its configuration, the names of its outputs in order, and weights that stay."""

    config: dict[str, Any]
    outputs: list[str]
    frozen: dict[str, np.ndarray]


def write_layers_model(
    model: keras.Model, folder: Path, *, metadata: Mapping[str, Any] | None = None, precision: str = "float32"
) -> list[str]:
    """Write a functional model with its weights as a TF.js layers model of two files into `folder`.

    Returns the names of the outputs in the order in which the layers model gives them. With `precision` "float16"
    kernels travel in half the bytes; biases and what normalisation learned stay float32. `metadata` is kept in the
    file for `zoo import`. Raises ZooError for a layer or a setting that TF.js has no twin of.
    """
    topology = translate(model)
    weights = {name: keras.ops.convert_to_numpy(variable) for name, variable in named_variables(model).items()}
    groups, shard = pack_weights(quantize_weights({**weights, **topology.frozen}, precision))
    document = {
        "format": "layers-model",
        "userDefinedMetadata": {METADATA_KEY: {**(metadata or {}), "outputs": topology.outputs}},
        "modelTopology": topology.config,
        "weightsManifest": groups,
    }
    folder.mkdir(exist_ok=True)
    (folder / TOPOLOGY_FILE).write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")
    (folder / WEIGHTS_FILE).write_bytes(shard)
    return topology.outputs


def translate(model: keras.Model) -> Topology:
    """Translate the configuration of a functional model whose outputs have names. Raises ZooError where TF.js differs.

    Names of layers stay. Where TF.js needs several layers in place of one, the last has its name.
    """
    config = model.get_config()
    outputs: dict[str, list[Any]] = config["output_layers"]
    if not isinstance(outputs, dict):
        raise ZooError(f"The outputs of '{model.name}' have no names. Build the model with a dictionary of outputs.")
    layers: list[Layer] = []
    frozen = {}
    for layer in config["layers"]:
        kind, name, settings = layer["class_name"], layer["name"], layer["config"]
        _check_settings(kind, name, settings)
        kept = {TFJS_NAMES.get(key, key): settings[key] for key in READ_BY_TFJS[kind]}
        if not settings.get("trainable", True):
            kept["trainable"] = False
        inbound = _inbound(layer)
        shape = model.get_layer(name).output.shape[1:]
        if kind == "UpSampling2D":
            layers += _repeated(name, settings["size"], shape, inbound)
        elif settings.get("keepdims"):  # TF.js pools to a vector
            layers.append(_layer(kind, f"{name}_pooled", inbound, **kept))
            layers.append(_layer("Reshape", name, [f"{name}_pooled"], target_shape=list(shape)))
        else:
            if kind == "LayerNormalization":
                # TF.js cannot differentiate it without scale and offset, so it gets some that stay 1 and 0.
                kept |= {"trainable": False}
                frozen[f"{name}/gamma"] = np.ones(shape[-1], np.float32)
                frozen[f"{name}/beta"] = np.zeros(shape[-1], np.float32)
            layers.append(_layer(kind, name, inbound, **kept))
    first = config["input_layers"]
    topology = {
        "name": config["name"],
        "layers": layers,
        "input_layers": [first] if isinstance(first[0], str) else first,
        "output_layers": list(outputs.values()),
    }
    return Topology({"class_name": "Functional", "config": topology}, list(outputs), frozen)


def named_variables(model: keras.Model) -> dict[str, Any]:
    """Return the model's variables under the names that their twins have in TF.js: `layer/weight`."""
    return {
        f"{layer.name}/{_weight_name(layer, variable)}": variable
        for layer in model.layers
        for variable in layer.weights
    }


def read_layers_model(
    folder: Path, listed: Collection[str] | None = None
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the model.json of a layers model folder and its weights by name; `listed` is that of `read_weights`.

    Raises BadArtifact when it is torn, not understood, or no layers model.
    """
    document = read_topology(folder)
    if document.get("format") != "layers-model":
        raise BadArtifact(
            f"{folder / TOPOLOGY_FILE} is a {shown(document.get('format'))}, not a 'layers-model'. Give a folder that "
            f"a page saved with 'model.save', or the folder '{FOLDER}' of an artifact."
        )
    return document, read_weights(folder, document, listed)


def assign_weights(model: keras.Model, weights: Mapping[str, np.ndarray], source: Path) -> None:
    """Give `model` the weights of its layers model, by name. Raises BadArtifact when they are not exactly its own."""
    variables = named_variables(model)
    strange = sorted(set(weights) - set(variables) - set(translate(model).frozen))
    if strange:
        raise BadArtifact(
            f"{source} holds the weight {shown(strange[0])}, which '{model.name}' does not have. Name the architecture "
            f"and the options that the model was built with."
        )
    for name, variable in variables.items():
        values = weights.get(name)
        if values is None or values.shape != tuple(variable.shape) or values.dtype != np.float32:
            found = "nothing" if values is None else f"{values.dtype} of shape {values.shape}"
            raise BadArtifact(
                f"{source} holds {found} for weight '{name}', where '{model.name}' needs {tuple(variable.shape)}. Name "
                f"the architecture and the options that the model was built with."
            )
        variable.assign(values)


def _check_settings(kind: str, name: str, settings: Mapping[str, Any]) -> None:
    if kind not in READ_BY_TFJS:
        raise ZooError(
            f"Layer '{name}' is a {kind}, which pages cannot train. Layers with a twin in TF.js are: "
            f"{', '.join(READ_BY_TFJS)}."
        )
    expected = dict(COMPUTED_WITH)
    if kind.endswith("Normalization"):
        expected["center"] = expected["scale"] = kind == "BatchNormalization"
    for key, value in settings.items():
        if key in expected and key not in READ_BY_TFJS[kind] and _plain(value) != expected[key]:
            raise ZooError(f"Layer '{name}' has {key}={value!r}; TF.js computes with {expected[key]!r} alone.")
        if key.endswith(ONLY_IN_TRAINING) and value is not None:
            raise ZooError(f"Layer '{name}' has a {key}, which would not be there in a page. Leave it out.")
    if settings.get("activation", "linear") not in ACTIVATIONS:
        raise ZooError(
            f"Layer '{name}' has the activation {settings['activation']!r}; pages train with {', '.join(ACTIVATIONS)}."
        )
    if kind == "Rescaling" and not all(isinstance(settings[key], int | float) for key in ("scale", "offset")):
        raise ZooError(f"Layer '{name}' rescales each channel by its own number; TF.js takes one for all.")


def _layer(kind: str, name: str, inbound: Sequence[str | list[Any]], **settings: Any) -> Layer:
    """Lay a layer out as TF.js reads it. `inbound` names the layers, or [layer, node, tensor], that it is called on."""
    calls = [[one, 0, 0, {}] if isinstance(one, str) else [*one, {}] for one in inbound]
    return {
        "class_name": kind,
        "name": name,
        "config": {"name": name, **settings},
        "inbound_nodes": [calls] if calls else [],
    }


def _repeated(
    name: str, size: Sequence[int], shape: Sequence[int], inbound: Sequence[str | list[Any]]
) -> Iterator[Layer]:
    """Repeat rows and columns by joining copies: values lie row by row, so a copy per channel is a column.

    TF.js' own layer does the same faster, but its cpu back end (4.22) mixes up the pictures of a batch in the gradient.
    The first layer does nothing: TF.js frees a tensor too early that one layer takes twice and another once.
    """
    rows, columns = size
    height, width, filters = shape
    row = height // rows
    yield _layer("Activation", f"{name}_alone", inbound, activation="linear")
    yield _layer("Concatenate", f"{name}_columns", [f"{name}_alone"] * columns, axis=-1)  # (B, H, W, columns·filters)
    yield _layer("Reshape", f"{name}_flat", [f"{name}_columns"], target_shape=[row, width * filters])
    yield _layer("Concatenate", f"{name}_rows", [f"{name}_flat"] * rows, axis=-1)
    yield _layer("Reshape", name, [f"{name}_rows"], target_shape=[height, width, filters])


def _inbound(layer: Mapping[str, Any]) -> list[list[Any]]:
    """Return [layer, node, tensor] of each tensor that a layer is called on."""
    nodes = layer["inbound_nodes"]
    if len(nodes) > 1:
        raise ZooError(f"Layer '{layer['name']}' is called {len(nodes)} times; give each call a layer of its own.")
    return list(_histories(nodes[0]["args"])) if nodes else []


def _histories(value: Any) -> Iterator[list[Any]]:
    if isinstance(value, Mapping):
        if "keras_history" in value.get("config", {}):
            yield value["config"]["keras_history"]
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _histories(one)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _weight_name(layer: Any, variable: Any) -> str:
    """Return TF.js' name: that of Keras but for one."""
    is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D) and variable.name == "kernel"
    return "depthwise_kernel" if is_depthwise else variable.name
