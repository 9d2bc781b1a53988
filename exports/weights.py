"""How weights travel in TF.js files: the `weightsManifest` of a `model.json` and the shards that it names.

Read with suspicion, since the files may come from anywhere: shards lie beside the topology, their length is what the
shapes and types say, every number is finite, and nothing is allocated on the word of a shape alone.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from exports.documents import MAX_DOCUMENT_BYTES, MAX_FILE_BYTES, parse_document, path_inside, read_bytes, shown
from exports.quantize import LEVELS, Quantized
from zoo._budget import PRECISION_BYTES
from zoo._errors import BadArtifact

TOPOLOGY_FILE = "model.json"
WEIGHTS_FILE = "weights.bin"
PLAIN_TYPES = ("float32", "int32", "bool")
"""Types that travel as they are; int32 and bool are of tensors that are no weights, such as the shape of a reshape."""
QUANTIZED_TYPES = tuple(precision for precision in PRECISION_BYTES if precision != "float32")
MAX_AXES = 8
MAX_VALUES = MAX_FILE_BYTES // 4
"""No honest model has more numbers, since as float32 they would outgrow the largest file."""


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
    path = path_inside(folder, TOPOLOGY_FILE, f"The model {folder}")
    document = parse_document(read_bytes(path, MAX_DOCUMENT_BYTES), str(path))
    if not isinstance(document, dict):
        raise BadArtifact(f"{path} holds no JSON object. Publish or download the model again.")
    return document


def read_weights(
    folder: Path, document: Mapping[str, Any], listed: Collection[str] | None = None
) -> dict[str, np.ndarray]:
    """Return the tensors that a model.json tells of, by name, widened to what TF.js computes with.

    `listed` names the shards whose hashes were checked, the only ones that are read then; left out, any in `folder`.
    Raises BadArtifact when an entry is not understood, two have one name, a shard is missing or lies outside `folder`,
    or the shards are shorter or longer than the entries say.
    """
    try:
        groups = list(document["weightsManifest"])
        entries = [entry for group in groups for entry in group["weights"]]
        names = [str(path) for group in groups for path in group["paths"]]
    except (KeyError, TypeError) as error:
        raise BadArtifact(
            f"The {TOPOLOGY_FILE} in {folder} has no weightsManifest that is understood ({type(error).__name__}: "
            f"{shown(str(error))}). Publish or download the model again."
        ) from error
    content = _read_shards(folder, names, listed)
    weights: dict[str, np.ndarray] = {}
    offset = values = 0
    for entry in entries:
        name, shape, stored_type, quantization = _checked(entry, folder)
        if name in weights:
            raise BadArtifact(f"The topology of {folder} has two weights {shown(name)}. Do not use it.")
        count = math.prod(shape)
        end, values = offset + count * stored_type.itemsize, values + count
        if end > len(content):
            raise BadArtifact(
                f"The weights of {folder} end after {len(content):,} bytes, inside {shown(name)}. Download or "
                f"save the model again."
            )
        if values > MAX_VALUES:
            raise BadArtifact(f"The weights of {folder} are more than {MAX_VALUES:,} numbers. Do not use them.")
        stored = np.frombuffer(content, stored_type.newbyteorder("<"), count, offset).reshape(shape)
        offset = end
        weights[name] = _widened(stored, quantization)
        if not np.isfinite(weights[name]).all():
            raise BadArtifact(f"Weight {shown(name)} of {folder} holds a number that is not finite. Publish again.")
    if offset != len(content):
        raise BadArtifact(
            f"The weights of {folder} hold {len(content):,} bytes where the topology tells of {offset:,}."
        )
    return weights


def _read_shards(folder: Path, names: list[str], listed: Collection[str] | None) -> bytes:
    content = bytearray()
    seen: set[Path] = set()
    for name in names:
        path = path_inside(folder, name, f"The topology in {folder}")
        if path in seen:
            raise BadArtifact(f"The topology in {folder} names the shard {shown(name)} twice. Do not use it.")
        if listed is not None and name not in listed:
            raise BadArtifact(f"The manifest lists no hash for {shown(name)} in {folder}, so it cannot be trusted.")
        seen.add(path)
        content += read_bytes(path, MAX_FILE_BYTES - len(content))
    return bytes(content)


def _widened(stored: np.ndarray, quantization: Mapping[str, Any]) -> np.ndarray:
    if not quantization:
        return stored
    return Quantized(
        stored, quantization["dtype"], quantization.get("scale", 1.0), quantization.get("min", 0.0)
    ).dequantized()


def _checked(entry: Any, folder: Path) -> tuple[str, tuple[int, ...], np.dtype, Mapping[str, Any]]:
    """Return name, shape, stored type and quantization of a manifest entry, all of the kinds they should be."""
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        raise BadArtifact(f"A weight in the topology of {folder} has no name. Publish or download the model again.")
    weight = f"Weight {shown(name)} of {folder}"
    shape = entry.get("shape")
    if not isinstance(shape, list) or len(shape) > MAX_AXES or not all(map(_is_side, shape)):
        raise BadArtifact(
            f"{weight} has shape {shown(shape)}; a shape is a list of at most {MAX_AXES} whole numbers from 0 to "
            f"{MAX_FILE_BYTES:,}."
        )
    stored_type, quantization = entry.get("dtype"), entry.get("quantization", {})
    if "quantization" in entry:
        if not isinstance(quantization, dict) or stored_type != "float32":
            raise BadArtifact(
                f"{weight} is {shown(stored_type)} with quantization {shown(quantization)}; only float32 is quantized, "
                f"and an object says how."
            )
        stored_type = quantization.get("dtype")
    known = QUANTIZED_TYPES if "quantization" in entry else PLAIN_TYPES
    if stored_type not in known:
        raise BadArtifact(f"{weight} is stored as {shown(stored_type)}; known are {', '.join(known)}.")
    if stored_type in LEVELS:
        _check_range(weight, quantization, LEVELS[stored_type])
    return name, tuple(shape), np.dtype(stored_type), quantization


def _is_side(side: Any) -> bool:
    return isinstance(side, int) and not isinstance(side, bool) and 0 <= side <= MAX_FILE_BYTES


def _check_range(weight: str, quantization: Mapping[str, Any], levels: int) -> None:
    for key in ("scale", "min"):
        value = quantization.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise BadArtifact(f"{weight} has the {key} {shown(value)}; it must be a finite number.")
    largest = abs(quantization["scale"]) * levels + abs(quantization["min"])
    if largest > float(np.finfo(np.float32).max):
        raise BadArtifact(f"{weight} has a scale and a min that lead beyond float32, to {largest:g}. Do not use it.")
