"""`zoo.load` and `zoo.open_model`: a published model as a Keras model, and as one that answers for pictures.

The one place here that reaches up, to `exports`, and only when called: opening an artifact takes a framework.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from zoo._places import Location, is_url
from zoo.catalog import named_store, open_catalog, source_of


def load(reference: str, store: Location | None = None, *, trainable: bool = False) -> Any:
    """Return the Keras model that `name`, `name@alias` or `name@version` means, with its published weights.

    That is the network which a page runs: quantized, batch normalisation folded away. With `trainable` it is the one to
    train further: in full precision, as the training left it.

    Every file is checked against its hash. A store behind a URL is fetched into a folder of the cache first. Raises
    UnknownName when nothing is published under the reference, BadArtifact for files that are torn or altered, ZooError
    when there is no store. Where none is named, and the default one has no such model, it is one of those that come
    with the package; `store` "shipped" means these alone.
    """
    return load_folder(*_fetched(reference, store), trainable=trainable)


def load_folder(folder: Path, manifest_sha256: str | None = None, *, trainable: bool = False) -> Any:
    """Return the Keras model of a published artifact's folder, as `load` does. Raises: BadArtifact as it does."""
    if trainable:
        return importlib.import_module("exports.importing").load_trainable(folder, manifest_sha256)
    return importlib.import_module("exports.load").load_artifact(folder, manifest_sha256=manifest_sha256).network


def open_model(reference: str, store: Location | None = None) -> Any:
    """Return what answers for pictures with the model that a reference means, as `load` reads it.

    By its task that is a `Detector`, with `detect(picture)`, a `Recognizer`, with `embed(picture, landmarks)`, or a
    `Classifier`, with `classify(picture)`, of `exports.answers`. Raises as `load` does.
    """
    folder, sha256 = _fetched(reference, store)
    loaded = importlib.import_module("exports.load").load_artifact(folder, manifest_sha256=sha256)
    return importlib.import_module("exports.answers").model_of(loaded)


def _fetched(reference: str, store: Location | None) -> tuple[Path, str]:
    """Return an artifact's folder, fetched where it is behind a URL, and the hash that its manifest should have."""
    place = named_store(store) if store is not None else source_of(reference)
    if is_url(place):
        place, entry = importlib.import_module("exports.transfer").cached(reference, place)
    else:
        entry = open_catalog(place).resolve(reference)
    return Path(place) / entry.path, entry.manifest_sha256
