"""Does the page compute what Keras computes? Replays an artifact's golden input in Keras and in real TF.js.

TF.js runs unmodified under Node, once per back end. Every output of the graph model is compared with the golden one,
every output of the layers model with what Keras computes from its weights; a difference counts relative to the largest
expected value where that is above 1.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import zoo
from exports.architecture import build_as_told
from exports.golden import read_golden
from exports.layers_model import FOLDER, assign_weights, read_layers_model
from exports.load import load_artifact
from exports.manifest import read_manifest
from exports.store import check_against_catalog
from exports.tfjs import layers_job, relative, run_script
from tuner.training import as_input, predict

TOLERANCE = 1e-3
"""Largest relative difference between golden outputs and a replay; float32 kernels were seen to differ by 1e-5."""
BACKENDS = ("wasm", "cpu")


@dataclass(frozen=True)
class Verification:
    """Largest relative difference per runtime ('keras', 'tfjs wasm', ...), None where an output was not a number."""

    folder: Path
    differences: Mapping[str, float | None]
    milliseconds: Mapping[str, float]
    tfjs_version: str

    @property
    def passed(self) -> bool:
        return all(difference is not None and difference <= TOLERANCE for difference in self.differences.values())

    @property
    def largest_tfjs_difference(self) -> float | None:
        return _largest([value for name, value in self.differences.items() if name != "keras"])

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "artifact": str(self.folder),
            "passed": self.passed,
            "tolerance": TOLERANCE,
            "largest_relative_difference": dict(self.differences),
            "median_ms": dict(self.milliseconds),
            "tfjs": self.tfjs_version,
        }


def verify(folder: Path, backends: Sequence[str] = BACKENDS) -> Verification:
    """Check all hashes, then replay the golden input in Keras and in TF.js.

    Raises BadArtifact for files that are torn or altered, ZooError when Node or its packages are missing. A replay that
    differs is a result, not an exception: see `Verification.passed`.
    """
    manifest = read_manifest(folder)
    check_against_catalog(folder)
    loaded = load_artifact(folder)
    pictures, expected = read_golden(folder, manifest["golden"])
    outputs = predict(loaded.network, pictures, loaded.spec.inputs)
    replay = replay_in_node(folder, backends)
    differences: dict[str, float | None] = {"keras": _largest_difference(outputs, expected)}
    milliseconds = {}
    for backend, result in replay["backends"].items():
        differences[f"tfjs {backend}"] = _largest([relative(output) for output in result["outputs"].values()])
        milliseconds[f"tfjs {backend}"] = result["median_ms"]
    if "trainable" in manifest:
        name = f"tfjs {backends[0]}, layers model"
        differences[name] = _replay_layers_model(folder, manifest, pictures, backends[0])
    return Verification(folder, differences, milliseconds, replay["tfjs"])


def replay_in_node(folder: Path, backends: Sequence[str]) -> dict[str, Any]:
    """Run TF.js under Node over the golden input and return its report."""
    words = [word for backend in backends for word in ("--backend", backend)]
    return run_script("verify.mjs", [folder, *words], about=folder)


def _replay_layers_model(folder: Path, manifest: Mapping[str, Any], pictures: np.ndarray, backend: str) -> float | None:
    """Return the largest relative difference between the layers model in TF.js and Keras with its weights."""
    spec = zoo.get(manifest["keras"]["architecture"])
    network = build_as_told(spec.name, manifest["keras"]["options"], folder)
    trainable = folder / FOLDER
    listed = {name.removeprefix(f"{FOLDER}/") for name in manifest["files"] if name.startswith(f"{FOLDER}/")}
    _, weights = read_layers_model(trainable, listed)
    assign_weights(network, weights, trainable)
    outputs = predict(network, pictures, spec.inputs)
    expected = [outputs[name] for name in manifest["trainable"]["outputs"]]
    with tempfile.TemporaryDirectory() as scratch:
        job = layers_job(trainable, Path(scratch), as_input(pictures, spec.inputs), expected, backend=backend)
        [report] = run_script("layers.mjs", document={"jobs": [job]}, about=trainable)["jobs"]
    return _largest([relative(output) for output in report["outputs"]])


def _largest_difference(outputs: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> float | None:
    differences = [
        np.abs(outputs[name] - values).max() / max(1.0, float(np.abs(values).max()))
        for name, values in expected.items()
    ]
    return float(max(differences)) if np.isfinite(differences).all() else None


def _largest(differences: Sequence[float | None]) -> float | None:
    """Return the largest, or None where one is not a number."""
    numbers = [difference for difference in differences if difference is not None]
    return max(numbers) if len(numbers) == len(differences) else None
