"""Back from a page: a layers model that was trained in TF.js becomes a run folder, which every later step accepts.

A page saves `model.json` and a shard, with `model.save('downloads://model')` or otherwise. What the publisher wrote
into `userDefinedMetadata` comes back in it: architecture, options and labels. A page may add `trained`, an object with
any of `batch_size`, `learning_rate`, `epochs` and `pictures`, which the manifest of a later publish then tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

import zoo
from exports.architecture import build_as_told
from exports.layers_model import FOLDER, METADATA_KEY, assign_weights, read_layers_model
from exports.manifest import read_manifest
from tuner.learners import learner_for
from tuner.runs import RunFolder, versions
from zoo._errors import BadArtifact, ZooError
from zoo._specs import ModelSpec

DATA_NAME = "page"
TRAINED = {"batch_size": int, "learning_rate": float, "epochs": int, "pictures": int}
MOST_TRAINED = 1_000_000
"""Larger numbers are no training's; what a page tells of them is left out."""


@dataclass(frozen=True)
class Imported:
    """A run folder made from a page's model, and the names of what it holds."""

    folder: Path
    model: str
    options: Mapping[str, Any]
    labels: tuple[str, ...]
    parameters: int

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "run": str(self.folder),
            "model": self.model,
            "options": dict(self.options),
            "labels": list(self.labels),
            "parameters": self.parameters,
        }


def import_layers_model(
    folder: Path, *, out: Path = Path("runs"), model: str | None = None, options: Mapping[str, Any] | None = None
) -> Imported:
    """Make a run folder below `out` of a layers model that a page saved in `folder`.

    `model` and `options` name the architecture; left out, they are those that the file tells. Raises UnknownName for an
    architecture or option that does not exist, BadArtifact for files that are torn or do not fit the architecture;
    nothing is written then.
    """
    if not folder.is_dir():
        raise ZooError(f"There is no folder {folder}. Name the one that holds the model.json which a page saved.")
    document, weights = read_layers_model(folder)
    about = _about(document, folder)
    name = model or about.get("architecture")
    if not isinstance(name, str):
        raise ZooError(f"{folder} does not tell which architecture it is of. Name one of 'zoo list' with --model.")
    spec = zoo.get(name)
    known = about.get("options") if about.get("architecture") == name else {}
    built_with = {**(known if isinstance(known, dict) else {}), **(options or {})}
    labels = about.get("labels")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        labels = []
    network = build_as_told(name, built_with, folder)
    assign_weights(network, weights, folder)
    trained = _trained(about)
    run = RunFolder.create(out, name, _run_record(spec, built_with, labels, trained))
    run.save_model("winner.keras", network)
    run.write_json(
        "winner.json",
        {
            "batch_size": trained.get("batch_size"),
            "learning_rate": trained.get("learning_rate"),
            "best_epoch": trained.get("epochs"),
            "score": None,  # measured when it is evaluated or published
            "metric": learner_for(spec, max(1, len(labels))).metric,
            "model": name,
            "options": built_with,
        },
    )
    return Imported(run.path, name, built_with, tuple(labels), network.count_params())


def load_trainable(folder: Path, manifest_sha256: str | None = None) -> keras.Model:
    """Return the network of a published artifact as its training left it, to train further.

    Raises BadArtifact when files are torn or altered, do not fit the architecture, or hold no network to train.
    """
    manifest = read_manifest(folder, sha256=manifest_sha256)
    if "trainable" not in manifest:
        raise BadArtifact(f"{folder} was published without a network to train further. Publish it again.")
    network = build_as_told(manifest["keras"]["architecture"], manifest["keras"]["options"], folder)
    listed = {name.removeprefix(f"{FOLDER}/") for name in manifest["files"] if name.startswith(f"{FOLDER}/")}
    _, weights = read_layers_model(folder / FOLDER, listed)
    assign_weights(network, weights, folder / FOLDER)
    return network


def _about(document: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    metadata = document.get("userDefinedMetadata")
    about = metadata.get(METADATA_KEY, {}) if isinstance(metadata, dict) else {}
    if not isinstance(about, dict):
        raise BadArtifact(f"What {folder} tells of itself under '{METADATA_KEY}' is no JSON object. Save it again.")
    return about


def _trained(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page told of its training, as far as it is of the right kinds and sizes."""
    told = about.get("trained")
    if not isinstance(told, dict):
        return {}
    return {
        name: kind(told[name])
        for name, kind in TRAINED.items()
        if isinstance(told.get(name), int | float)
        and not isinstance(told[name], bool)
        and 0 < told[name] <= MOST_TRAINED
    }


def _run_record(
    spec: ModelSpec, options: Mapping[str, Any], labels: list[str], trained: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "model": spec.name,
        "task": spec.task,
        "options": dict(options),
        "trials": 0,
        "seed": 0,
        "data": {
            "location": None,  # on the page's machine; name other data to measure on
            "name": DATA_NAME,
            "format": DATA_NAME,
            "labels": labels,
            "sha256": None,
            "limit": None,
            "train_pictures": trained.get("pictures"),
            "val_pictures": None,
            "skipped": [],
        },
        "versions": versions(),
    }
