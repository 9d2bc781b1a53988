"""Golden tensors: an input and the outputs that Keras gave, shipped in the artifact so that anyone can replay them.

The input is always a generated picture, whatever the model was trained on: an artifact carries nobody's photo.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tuner.data import decode, open_dataset
from zoo._specs import ModelSpec

FOLDER = "golden"
NUM_PICTURES = 2
SEED = 2_718


def golden_pictures(spec: ModelSpec) -> np.ndarray:
    """Return uint8 (2, height, width, channels): generated pictures of the model's task at model size."""
    dataset = open_dataset("synthetic", task=spec.task, limit=8, seed=SEED)
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
    """Read back what `write_golden` wrote: pictures and the expected outputs by name."""

    def read(entry: Mapping[str, Any]) -> np.ndarray:
        content = (folder / entry["path"]).read_bytes()
        return np.frombuffer(content, np.dtype(entry["dtype"]).newbyteorder("<")).reshape(entry["shape"])

    return read(golden["input"]), {name: read(entry) for name, entry in golden["outputs"].items()}
