"""Golden tensors: an input and the outputs that Keras gave, shipped in the artifact so that anyone can replay them.

The input is always a generated picture, whatever the model was trained on: an artifact carries nobody's photo.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from exports.documents import MAX_FILE_BYTES, path_inside, read_bytes
from tuner.data import decode, open_dataset
from zoo._errors import BadArtifact
from zoo._specs import ModelSpec

FOLDER = "golden"
NUM_PICTURES = 2
SEED = 2_718


def golden_pictures(spec: ModelSpec) -> np.ndarray:
    """Return uint8 (2, height, width, channels): generated pictures of the model's task at model size."""
    dataset = open_dataset("synthetic", task=spec.task, limit=8, val_limit=1, seed=SEED)
    return decode(dataset.splits["train"][:NUM_PICTURES], spec.inputs).images


def write_golden(folder: Path, pictures: np.ndarray, outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Write raw little-endian tensors below `folder`/golden and return their manifest entry."""
    (folder / FOLDER).mkdir()

    def write(name: str, values: np.ndarray) -> dict[str, Any]:
        path = f"{FOLDER}/{name}.{values.dtype.name}.bin"
        (folder / path).write_bytes(values.astype(values.dtype.newbyteorder("<")).tobytes())
        return {"path": path, "shape": list(values.shape), "dtype": values.dtype.name}

    return {
        "input": write("input", pictures),
        "outputs": {name: write(name, values.astype(np.float32)) for name, values in outputs.items()},
    }


def read_golden(folder: Path, golden: Mapping[str, Any]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Read back what `write_golden` wrote: pictures and the expected outputs by name.

    `golden` is that of a manifest whose files were checked. Raises BadArtifact when a file is not as long as its shape
    says, or an expected output is not finite.
    """

    def read(entry: Mapping[str, Any]) -> np.ndarray:
        content = read_bytes(path_inside(folder, entry["path"], f"The manifest in {folder}"), MAX_FILE_BYTES)
        dtype = np.dtype(entry["dtype"]).newbyteorder("<")
        if len(content) != math.prod(entry["shape"]) * dtype.itemsize:
            raise BadArtifact(
                f"'{entry['path']}' in {folder} has {len(content):,} bytes, which is not shape {entry['shape']} of "
                f"{entry['dtype']}. Publish or download the artifact again."
            )
        values = np.frombuffer(content, dtype).reshape(entry["shape"])
        if not np.isfinite(values).all():
            raise BadArtifact(f"'{entry['path']}' in {folder} holds a number that is not finite. Publish again.")
        return values

    return read(golden["input"]), {name: read(entry) for name, entry in golden["outputs"].items()}
