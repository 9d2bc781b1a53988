"""A training's checkpoint as one file, so that its parts can never be of different epochs.

An uncompressed `.npz`: `fit` is JSON (scores, history, counted patience), then, numbered, the arrays of the network, of
the optimizer, of the best weights and of the weights' average. NumPy checks each part's CRC, so a torn file is told
from a whole one.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from tuner.recipe import Checkpoint, Fit, Patience
from zoo._files import write_atomically

CHECKPOINT_FILE = "checkpoint.npz"


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write atomically; `path` holds the checkpoint before or the new one, whenever the process ends.

    Without fsync, which would cost more than many an epoch: only a power cut can lose it, and is then noticed.
    """
    fit = asdict(replace(checkpoint.fit, weights=[]))
    del fit["weights"]
    parts = {
        "network": checkpoint.network,
        "optimizer": checkpoint.optimizer,
        "best": checkpoint.fit.weights,
        "average": checkpoint.average,
    }
    arrays = {f"{part}/{index}": array for part, found in parts.items() for index, array in enumerate(found)}
    buffer = io.BytesIO()
    steps = np.array(checkpoint.average_steps)
    np.savez(buffer, allow_pickle=False, fit=np.array(json.dumps(fit)), average_steps=steps, **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getbuffer(), sync=False)


def read_checkpoint(path: Path) -> Checkpoint | None:
    """Return the checkpoint, or None where there is none, or a torn one."""
    parts = _read(path)
    if parts is None:
        return None
    fit = json.loads(str(parts["fit"]))
    fit["plateau"], fit["stop"] = Patience(**fit["plateau"]), Patience(**fit["stop"])
    best, network, optimizer, average = (_numbered(parts, part) for part in ("best", "network", "optimizer", "average"))
    return Checkpoint(Fit(**fit, weights=best), network, optimizer, average, int(parts["average_steps"]))


def epochs_done(path: Path) -> int:
    """Return how many epochs a checkpoint stands for, 0 where there is none."""
    parts = _read(path, only="fit")
    return 0 if parts is None else len(json.loads(str(parts["fit"]))["history"])


def _read(path: Path, only: str | None = None) -> dict[str, np.ndarray] | None:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            return {name: file[name] for name in file.files if only in (None, name)}
    except (FileNotFoundError, EOFError, zipfile.BadZipFile, ValueError):
        return None


def _numbered(parts: dict[str, np.ndarray], part: str) -> list[np.ndarray]:
    count = sum(name.startswith(f"{part}/") for name in parts)
    return [parts[f"{part}/{index}"] for index in range(count)]
