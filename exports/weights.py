"""How weights travel in TF.js files: the `weightsManifest` of a `model.json` and the shards that it names.

Read with suspicion, since the files may come from anywhere: shards lie beside the topology, their length is what the
shapes and types say, and nothing is allocated on the word of a shape alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from exports.quantize import Quantized
from zoo._budget import PRECISION_BYTES
from zoo._errors import BadArtifact

TOPOLOGY_FILE = "model.json"
WEIGHTS_FILE = "weights.bin"
OTHER_TYPES = ("int32", "bool")
"""Types of tensors that are no weights, such as the shape of a reshape; they travel as they are."""


def pack_weights(tensors: Mapping[str, Quantized]) -> tuple[list[dict[str, Any]], bytes]:
    """Return the `weightsManifest` of some tensors, all in one shard named `WEIGHTS_FILE`, and that shard."""
    entries, shard = [], bytearray()
    for name, tensor in tensors.items():
        dtype = "float32" if tensor.precision in PRECISION_BYTES else tensor.precision
        entry: dict[str, Any] = {"name": name, "shape": list(tensor.stored.shape), "dtype": dtype}
        if tensor.tfjs_entry():
            entry["quantization"] = tensor.tfjs_entry()
        entries.append(entry)
        shard += tensor.stored.astype(tensor.stored.dtype.newbyteorder("<")).tobytes()
    return [{"paths": [WEIGHTS_FILE], "weights": entries}], bytes(shard)


def read_topology(folder: Path) -> dict[str, Any]:
    """Return the parsed model.json of a TF.js model folder. Raises BadArtifact when it is missing or no JSON object."""
    path = folder / TOPOLOGY_FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadArtifact(f"{path} cannot be read as JSON ({error}). Publish or download the model again.") from error
    if not isinstance(document, dict):
        raise BadArtifact(f"{path} holds no JSON object. Publish or download the model again.")
    return document


def read_weights(folder: Path, document: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the tensors that a model.json tells of, by name, widened to what TF.js computes with.

    Raises BadArtifact when an entry is not understood, a shard is missing or lies outside `folder`, or the shards are
    shorter or longer than the entries say.
    """
    try:
        groups = list(document["weightsManifest"])
        entries = [entry for group in groups for entry in group["weights"]]
        names = [str(path) for group in groups for path in group["paths"]]
    except (KeyError, TypeError) as error:
        raise BadArtifact(
            f"The {TOPOLOGY_FILE} in {folder} has no weightsManifest that is understood ({error!r}). "
            f"Publish or download the model again."
        ) from error
    content = b"".join(_read_shard(folder, name) for name in names)
    weights, offset = {}, 0
    for entry in entries:
        name, shape, stored_type, quantization = _checked(entry, folder)
        count = math.prod(shape)
        end = offset + count * stored_type.itemsize
        if end > len(content):
            raise BadArtifact(f"The weights of {folder} end after {len(content):,} bytes, inside '{name}'.")
        stored = np.frombuffer(content, stored_type.newbyteorder("<"), count, offset).reshape(shape)
        offset = end
        if quantization:
            affine = Quantized(
                stored, quantization["dtype"], quantization.get("scale", 1.0), quantization.get("min", 0.0)
            )
            stored = affine.dequantized()
        weights[name] = stored
    if offset != len(content):
        raise BadArtifact(
            f"The weights of {folder} hold {len(content):,} bytes where the topology tells of {offset:,}."
        )
    return weights


def _read_shard(folder: Path, name: str) -> bytes:
    path = folder / name
    inside = path.resolve().is_relative_to(folder.resolve())
    if ".." in PurePosixPath(name).parts or "\\" in name or name.startswith("/") or not inside:
        raise BadArtifact(f"The topology in {folder} names the shard '{name}', which lies outside. Do not use it.")
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadArtifact(
            f"The shard '{name}' of {folder} cannot be read ({error.strerror}). Publish or download the model again."
        ) from error


def _checked(entry: Any, folder: Path) -> tuple[str, tuple[int, ...], np.dtype, Mapping[str, Any]]:
    """Return name, shape, stored type and quantization of a manifest entry, all of the kinds they should be."""
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        raise BadArtifact(f"A weight in the topology of {folder} has no name. Publish or download the model again.")
    shape, quantization = entry.get("shape"), entry.get("quantization") or {}
    sides = shape if isinstance(shape, list) else [None]
    if not all(isinstance(side, int) and not isinstance(side, bool) and side >= 0 for side in sides):
        raise BadArtifact(f"Weight '{name}' of {folder} has shape {shape!r}; a shape is a list of whole numbers.")
    stored_type = quantization.get("dtype", entry.get("dtype")) if isinstance(quantization, dict) else None
    if stored_type not in (*PRECISION_BYTES, *OTHER_TYPES):
        raise BadArtifact(
            f"Weight '{name}' of {folder} is stored as {stored_type!r}; known are {', '.join(PRECISION_BYTES)}."
        )
    for key in ("scale", "min"):
        value = quantization.get(key, 0.0)
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise BadArtifact(f"Weight '{name}' of {folder} has the {key} {value!r}; it must be a finite number.")
    return name, tuple(sides), np.dtype(stored_type), quantization
