"""Does the page compute what Keras computes? Replays an artifact's golden input in Keras and in real TF.js.

TF.js runs unmodified under Node, `web/verify.mjs`, once per back end. Every output is compared with the golden one;
a difference counts relative to the largest expected value where that is above 1.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from exports.golden import read_golden
from exports.load import load_artifact
from exports.manifest import read_manifest
from exports.store import check_against_catalog
from tuner.training import predict
from zoo._errors import BadArtifact, ZooError

TOLERANCE = 1e-3
"""Largest relative difference between golden outputs and a replay; float32 kernels were seen to differ by 1e-5."""
BACKENDS = ("wasm", "cpu")
REPLAY_SCRIPT = Path(__file__).parent / "web" / "verify.mjs"
TIMEOUT_SECONDS = 300


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
        differences[f"tfjs {backend}"] = _largest([_relative(output) for output in result["outputs"].values()])
        milliseconds[f"tfjs {backend}"] = result["median_ms"]
    return Verification(folder, differences, milliseconds, replay["tfjs"])


def replay_in_node(folder: Path, backends: Sequence[str]) -> dict[str, Any]:
    """Run TF.js under Node over the golden input and return its report."""
    node = shutil.which("node")
    if node is None:
        raise ZooError(
            "Verifying needs Node 20 or newer, and there is no 'node' on the PATH. Install it, then verify again."
        )
    if not (REPLAY_SCRIPT.parent / "node_modules").is_dir():
        raise ZooError(
            f"Verifying needs TF.js, which is not installed. Run 'npm ci --prefix {REPLAY_SCRIPT.parent}', then verify "
            f"again."
        )
    command = [node, str(REPLAY_SCRIPT), str(folder)]
    for backend in backends:
        command += ["--backend", backend]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise ZooError(
            f"TF.js did not answer within {TIMEOUT_SECONDS} s for {folder}. Try again on an idle machine."
        ) from error
    if done.returncode != 0:
        reason = done.stderr.strip().split("\n")[-1] or f"exit code {done.returncode}"
        raise BadArtifact(f"TF.js could not run {folder}: {reason}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


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


def _relative(output: Mapping[str, Any]) -> float | None:
    difference, expected = output["max_abs_difference"], output["max_abs_expected"]
    return None if difference is None or expected is None else difference / max(1.0, expected)
