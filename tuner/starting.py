"""Weights that a training starts from instead of random ones.

They may be of the same network, of one whose heads have other labels, or of a narrower one, whose answers the wider one
begins with: Net2WiderNet (Chen, Goodfellow, Shlens, arXiv:1511.05641) with one change. Where the paper splits a filter
in two, new filters here keep their random kernels and what reads them begins at zero, so no two learn the same.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

import zoo
from zoo._errors import ZooError
from zoo._loading import load_folder

PUBLISHED = "manifest.json"
"""The file by which a published model's folder is known."""

LEAST_FITTING = 0.5
"""A network starts from weights that fit at least this share of its own; heads of other labels may differ."""


def read_start(place: str) -> Any:
    """Return the network whose weights are at `place`, as a request has it.

    Raises: ZooError when it cannot be read any more; UnknownName and BadArtifact as `zoo.load`.
    """
    path = Path(place)
    if not path.is_absolute():
        return zoo.load(place, trainable=True)
    if (path / PUBLISHED).is_file():
        return load_folder(path, trainable=True)
    file = path / "winner.keras" if path.is_dir() else path
    if not file.is_file():
        raise ZooError(
            f"There are no weights to start from in {path}. Name a finished run, a .keras file, or a published model."
        )
    try:
        return keras.models.load_model(file, compile=False)
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ZooError(f"{file} cannot be read as a Keras model ({reason}).") from error


def start_from(model: Any, source: Any) -> None:
    """Give `model` the weights of the network `source` that fit it by path and shape; the others keep what they have.

    Where the outputs agree, weights of a narrower network of the same layers fit too; `model` then answers as `source`.

    Raises: ZooError when most do not fit, or when a wider network could not answer as `source`: because layers are not
    the same, or join maps side by side.
    """
    ends_alike = _values_per_output(model) == _values_per_output(source)
    given = {variable.path: keras.ops.convert_to_numpy(variable) for variable in source.variables}
    fitting = [
        (layer, variable, given[variable.path])
        for layer, variable in _variables(model)
        if variable.path in given and _fits(given[variable.path].shape, tuple(variable.shape), wider=ends_alike)
    ]
    if len(fitting) < LEAST_FITTING * len(model.variables):
        raise ZooError(
            f"Of the {len(model.variables)} weights of '{model.name}', only {len(fitting)} are among those to start "
            f"from. {_advice(model, given)}"
        )
    wider = any(value.shape != tuple(variable.shape) for _, variable, value in fitting)
    if wider:
        _check_same_layers(model, source)
    for layer, variable, value in fitting:
        variable.assign(_widened(layer, keras.ops.convert_to_numpy(variable), value))


def _advice(model: Any, given: Mapping[str, np.ndarray]) -> str:
    """Say what to do about weights that do not fit: those of a wider network do once its options are given too."""
    narrower = [
        variable
        for _, variable in _variables(model)
        if variable.path in given and _fits(tuple(variable.shape), given[variable.path].shape, wider=True)
    ]
    if len(narrower) < LEAST_FITTING * len(model.variables):
        return "Name a run of the same architecture with the same options, or of a narrower one."
    return "They are of a wider network: give the options that it was built with; its card tells them."


def _check_same_layers(model: Any, source: Any) -> None:
    """Raise ZooError when a wider `model` could not answer as `source` does."""
    advice = "Start from a network of the same width."
    changed = sorted({layer.name for layer in model.layers} ^ {layer.name for layer in source.layers})
    if changed:
        raise ZooError(
            f"'{model.name}' is wider than the network to start from, and only one of them has the layer "
            f"'{changed[0]}'. {advice}"
        )
    joins = [layer.name for layer in model.layers if _joins_filters(layer)]
    if joins:
        raise ZooError(
            f"'{model.name}' is wider than the network to start from, and its layer '{joins[0]}' joins maps side by "
            f"side, where new filters would shift old ones. {advice}"
        )


def _variables(model: Any) -> Iterator[tuple[Any, Any]]:
    return ((layer, variable) for layer in model.layers for variable in layer.variables)


def _values_per_output(model: Any) -> dict[str, int]:
    return {name: tensor.shape[-1] for name, tensor in model.output.items()}


def _fits(old: tuple[int, ...], new: tuple[int, ...], *, wider: bool) -> bool:
    if not wider:
        return old == new
    return len(old) == len(new) and old[:-2] == new[:-2] and all(a <= b for a, b in zip(old, new, strict=True))


def _joins_filters(layer: Any) -> bool:
    return isinstance(layer, keras.layers.Concatenate) and layer.axis in (-1, len(layer.output.shape) - 1)


def _widened(layer: Any, random: np.ndarray, old: np.ndarray) -> np.ndarray:
    """Return `old` where it is, `random` for the new filters, and 0 where an old filter would read a new one."""
    wide = random.copy()
    wide[tuple(slice(side) for side in old.shape)] = old
    if old.ndim > 1 and not isinstance(layer, keras.layers.DepthwiseConv2D):
        wide[..., old.shape[-2] :, : old.shape[-1]] = 0
    return wide
