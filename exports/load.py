"""Back from files to Keras: published artifacts with their quantized weights, runs, and `.keras` files.

An artifact's network is built from the registry and given the artifact's weights, so Keras computes what the page does.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

import zoo
from exports.architecture import build_as_told, spec_as_told
from exports.documents import shown
from exports.graph_model import read_graph_weights
from exports.manifest import MANIFEST_FILE, read_manifest
from exports.network import export_network, resized_network
from tuner.data import FORMATS, SYNTHETIC
from tuner.runs import RunFolder
from zoo._errors import BadArtifact, ZooError
from zoo._specs import EmbeddingHead, GridHead, Head, ModelSpec


@dataclass(frozen=True)
class Loaded:
    """A network ready to predict. `labels` is empty for embeddings and where the file does not tell them.

    `trained_on` is where the training data lie, None where that is not known, and `trained_format` the format that
    they were read in, None for generated ones; `seed` is that of the training.
    """

    network: keras.Model
    spec: ModelSpec
    labels: tuple[str, ...]
    precision: str
    trained_on: str | None = None
    trained_format: str | None = None
    seed: int = 0


def load_target(path: Path) -> Loaded:
    """Load an artifact folder, a run folder or a `.keras` file. Raises ZooError when it is none of them."""
    if path.suffix == ".keras":
        return _load_keras_file(path, labels=())
    if (path / MANIFEST_FILE).exists():
        return load_artifact(path)
    if (path / "run.json").exists():
        record = RunFolder.open(path).record()
        loaded = _load_keras_file(path / "winner.keras", labels=tuple(record["data"]["labels"]))
        data = record["data"]
        trained_format = data.get("format") if data.get("format") in FORMATS else None
        return replace(loaded, trained_on=data["location"], trained_format=trained_format, seed=record["seed"])
    raise ZooError(
        f"{path} is neither a published artifact, a run folder nor a .keras file. 'zoo find' lists artifacts, "
        f"'zoo sweep' prints its run folder."
    )


def at_input_size(loaded: Loaded, side_px: int) -> Loaded:
    """Return the same network for square pictures of another size.

    Raises: ZooError when the size is no multiple of the coarsest stride, or a weight depends on the size.
    """
    spec = replace(loaded.spec, inputs=replace(loaded.spec.inputs, height=side_px, width=side_px))
    try:
        network = resized_network(loaded.network, side_px, side_px)
    except ValueError as error:
        inputs = loaded.spec.inputs
        raise ZooError(
            f"'{spec.name}' has weights for every place of a {inputs.height}x{inputs.width} picture, so it cannot take "
            f"{side_px}x{side_px}. Leave out --input-size."
        ) from error
    return replace(loaded, network=network, spec=spec)


def load_artifact(folder: Path, *, manifest_sha256: str | None = None) -> Loaded:
    """Load a published artifact after checking every hash; the manifest's is told by the entry it was found by.

    Raises BadArtifact when files are torn or altered, or when its weights do not fit the architecture it names;
    UnknownName when that architecture is not installed, BudgetExceeded when its options outgrow the budget.
    """
    manifest = read_manifest(folder, sha256=manifest_sha256)
    spec = spec_as_told(manifest["keras"]["architecture"], folder)
    size = (manifest["input"]["height"], manifest["input"]["width"], manifest["input"]["channels"])
    if size != spec.inputs.shape:
        raise BadArtifact(
            f"{folder} takes {size} pictures but '{spec.name}' is now built for {spec.inputs.shape}. Publish again."
        )
    weights = read_graph_weights(folder, manifest["keras"]["weights"], manifest["files"])
    network = export_network(build_as_told(spec.name, manifest["keras"]["options"], folder))
    _check_outputs(network, manifest, folder)
    _assign(network, weights, folder)
    spec = replace(spec, head=_measured_head(spec.head, manifest["decode"]))
    is_generated = manifest["training"]["data"]["name"] == SYNTHETIC
    return Loaded(
        network,
        spec,
        tuple(manifest["labels"]),
        manifest["model"]["precision"],
        trained_on=SYNTHETIC if is_generated else None,
        seed=manifest["training"]["seed"],
    )


def _measured_head(head: Head, rule: Mapping[str, Any]) -> Head:
    """Return the head with the thresholds that were measured for these weights."""
    if isinstance(head, GridHead):
        return replace(head, score_threshold=rule["score_threshold"])
    if isinstance(head, EmbeddingHead):
        return replace(head, similarity_threshold=rule.get("similarity_threshold"))
    return head


def _check_outputs(network: keras.Model, manifest: Mapping[str, Any], folder: Path) -> None:
    told = {output["name"]: tuple(output["shape"]) for output in manifest["outputs"]}
    built = {name: tuple(tensor.shape[1:]) for name, tensor in network.output.items()}
    if told != built:
        raise BadArtifact(
            f"{folder} tells of the outputs {told}, but the architecture it names gives {built}. Publish again."
        )


def _assign(network: keras.Model, weights: Mapping[str, np.ndarray], folder: Path) -> None:
    strange = sorted(set(weights) - {variable.path for variable in network.variables})
    if strange:
        raise BadArtifact(
            f"{folder} holds the weight {shown(strange[0])}, which the architecture does not have. It was published "
            f"from another version of that architecture; publish again."
        )
    for variable in network.variables:
        values = weights.get(variable.path)
        if values is None and len(variable.shape) == 1:
            values = np.zeros(variable.shape, np.float32)  # the converter drops biases of zero
        if values is None or values.shape != tuple(variable.shape) or values.dtype != np.float32:
            found = "nothing" if values is None else f"{values.dtype} of shape {values.shape}"
            raise BadArtifact(
                f"{folder} holds {found} for weight '{variable.path}' where the architecture needs "
                f"{tuple(variable.shape)}. "
                f"It was published from another version of that architecture; publish again."
            )
        variable.assign(values)


def _load_keras_file(path: Path, labels: tuple[str, ...]) -> Loaded:
    if not path.is_file():
        raise ZooError(f"There is no file {path}. Give a .keras file that a sweep left.")
    try:
        network = keras.models.load_model(path, compile=False)
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError) as error:
        reason = str(error).strip().split("\n", 1)[0]
        raise BadArtifact(f"{path} cannot be read as a Keras model ({reason}). Sweep again.") from error
    return Loaded(network, zoo.get(network.name), labels, "float32")
