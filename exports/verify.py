"""Does the page compute what Keras computes? Replays an artifact's golden input in Keras and in real TF.js.

TF.js runs unmodified under Node, or in Chromium with the runtime of the pages, once per back end. Every output of the
graph model is compared with the golden one, every output of the layers model with what Keras computes from its weights;
a difference counts relative to the largest expected value where that is above 1. In a browser, what a detector found is
compared too, in pixels.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import zoo
from exports.browser import replay_in_browser
from exports.golden import read_golden
from exports.importing import load_trainable
from exports.layers_model import FOLDER
from exports.load import Loaded, load_artifact
from exports.manifest import read_manifest
from exports.tfjs import SCRIPTS, layers_job, relative, run_script
from tuner.learners import DetectionLearner
from tuner.training import as_input, predict
from zoo._errors import unknown
from zoo._specs import GridHead

TOLERANCE = 1e-3
"""Largest relative difference between golden outputs and a replay; float32 kernels were seen to differ by 1e-5."""
BOX_TOLERANCE_PX = 1.0
"""Largest distance of edges and landmarks between what the page finds and what Keras' outputs say."""
SCORE_TOLERANCE = 1e-2
NODE, BROWSER, NONE = "node", "browser", "none"
BACKENDS = {NODE: ("wasm", "cpu"), BROWSER: ("wasm", "cpu", "webgl")}
"""Where TF.js can run, and the back ends that are tried there unless told otherwise."""


@dataclass(frozen=True)
class Verification:
    """Largest relative difference per runtime ('keras', 'tfjs wasm', ...), None where an output was not a number.

    `distances_px` are those of what a detector found, None where a find is missing; only a browser tells them.
    """

    folder: Path
    differences: Mapping[str, float | None]
    milliseconds: Mapping[str, float]
    distances_px: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return all(_within(found, TOLERANCE) for found in self.differences.values()) and all(
            _within(found, BOX_TOLERANCE_PX) for found in self.distances_px.values()
        )

    def sentence(self) -> str:
        """Return what is too far off."""
        far = [f"{name} {_text(found)}" for name, found in self.differences.items() if not _within(found, TOLERANCE)]
        far += [
            f"{name} {_text(found)} px"
            for name, found in self.distances_px.items()
            if not _within(found, BOX_TOLERANCE_PX)
        ]
        return f"largest differences: {', '.join(far)}; {TOLERANCE:g} is allowed, and {BOX_TOLERANCE_PX:g} px"

    @property
    def largest_tfjs_difference(self) -> float | None:
        """None also where TF.js did not run."""
        return _largest([value for name, value in self.differences.items() if name != "keras"])

    def summary(self) -> str:
        """Return where the artifact was replayed and how far off it was at most."""
        where = [name for name in self.differences if name != "keras"]
        if not where:
            return "in Keras alone, not in TF.js"
        return f"{', '.join(where)}; relative differences up to {_text(self.largest_tfjs_difference)}"

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "artifact": str(self.folder),
            "passed": self.passed,
            "tolerance": TOLERANCE,
            "largest_relative_difference": dict(self.differences),
            "ms": dict(self.milliseconds),
            "largest_distance_px": dict(self.distances_px),
        }


def chosen_runtime(asked: str | None) -> str | None:
    """Return where TF.js is to run: as asked, else Node where it is installed, else nowhere, which is told on stderr.

    Raises: UnknownName for a runtime that does not exist.
    """
    known = (*BACKENDS, NONE)
    if asked is None:
        if shutil.which("node") and (SCRIPTS / "node_modules").is_dir():
            return NODE
        print("not replayed in TF.js: Node and its packages are not installed here", file=sys.stderr)
        return None
    if asked not in known:
        raise unknown("runtime", asked, known, f"Runtimes are: {', '.join(known)}.")
    return None if asked == NONE else asked


def verify(folder: Path, runtime: str | None = NODE, backends: Sequence[str] | None = None) -> Verification:
    """Check all hashes, then replay the golden input in Keras and in TF.js, in Node or in a browser, unless nowhere.

    Raises BadArtifact for files that are torn or altered, ZooError when what runs TF.js is missing. A replay that
    differs is a result, not an exception: see `Verification.passed`.
    """
    tried = _tried(runtime, backends)
    manifest = read_manifest(folder)
    loaded = load_artifact(folder)
    pictures, expected = read_golden(folder, manifest["golden"])
    differences: dict[str, float | None] = {
        "keras": _largest_difference(predict(loaded.network, pictures, loaded.spec.inputs), expected)
    }
    milliseconds, distances = {}, {}
    if runtime is None:
        return Verification(folder, differences, {})
    if runtime == BROWSER:
        for backend, report in replay_in_browser(folder, manifest, pictures, tried).items():
            name = f"chromium {backend}"
            differences[name] = _largest_difference(report["outputs"], expected)
            milliseconds[name] = report["milliseconds"]
            if isinstance(loaded.spec.head, GridHead):
                distances[f"{name}, finds"] = _largest_distance_px(loaded, expected, report["found"])
        return Verification(folder, differences, milliseconds, distances)
    with ThreadPoolExecutor(max_workers=1) as pool:
        replaying = pool.submit(replay_in_node, folder, tried)
        layers = _replay_layers_model(folder, manifest, pictures, tried[0]) if "trainable" in manifest else None
        replay = replaying.result()
    for backend, result in replay["backends"].items():
        name = f"tfjs {backend}"
        differences[name] = _largest([relative(output) for output in result["outputs"].values()])
        milliseconds[name] = result["median_ms"]
    if "trainable" in manifest:
        differences[f"tfjs {tried[0]}, layers model"] = layers
    return Verification(folder, differences, milliseconds)


def _tried(runtime: str | None, asked: Sequence[str] | None) -> Sequence[str]:
    """Return the back ends to try: those asked for, else all of the runtime. Raises UnknownName for one it has not."""
    known = () if runtime is None else BACKENDS[runtime]
    for backend in asked or ():
        if backend not in known:
            raise unknown("back end", backend, known, f"In {runtime} there are: {', '.join(known)}.")
    return asked or known


def replay_in_node(folder: Path, backends: Sequence[str]) -> dict[str, Any]:
    """Run TF.js under Node over the golden input and return its report."""
    words = [word for backend in backends for word in ("--backend", backend)]
    return run_script("verify.mjs", [folder, *words], about=folder)


def _replay_layers_model(folder: Path, manifest: Mapping[str, Any], pictures: np.ndarray, backend: str) -> float | None:
    """Return the largest relative difference between the layers model in TF.js and Keras with its weights."""
    spec = zoo.get(manifest["keras"]["architecture"])
    trainable = folder / FOLDER
    outputs = predict(load_trainable(folder), pictures, spec.inputs)
    expected = [outputs[name] for name in manifest["trainable"]["outputs"]]
    with tempfile.TemporaryDirectory() as scratch:
        job = layers_job(trainable, Path(scratch), as_input(pictures, spec.inputs), expected, backend=backend)
        [report] = run_script("layers.mjs", document={"jobs": [job]}, about=trainable)["jobs"]
    return _largest([relative(output) for output in report["outputs"]])


def _largest_distance_px(
    loaded: Loaded, outputs: Mapping[str, np.ndarray], found: Sequence[Sequence[Mapping[str, Any]]]
) -> float | None:
    """Return how far the page's finds lie from those in Keras' outputs, None where one is missing.

    A find whose score is within the tolerance of the threshold may be missing. Near-equal scores may swap places, so
    each is paired with the nearest of its label.
    """
    head, inputs = loaded.spec.head, loaded.spec.inputs
    assert isinstance(head, GridHead)
    size = np.array([inputs.width, inputs.height])
    largest = 0.0
    for mine, theirs in zip(DetectionLearner(loaded.spec, len(loaded.labels)).detections(outputs), found, strict=True):
        for box, score, label, points in zip(mine.boxes, mine.scores, mine.classes, mine.keypoints, strict=True):
            expected = np.concatenate([box.reshape(2, 2) * size, points * size])
            distances = [
                float(np.abs(_corners(one) - expected).max())
                for one in theirs
                if one["label"] == loaded.labels[label] and abs(one["score"] - score) <= SCORE_TOLERANCE
            ]
            if not distances and score > head.score_threshold + SCORE_TOLERANCE:
                return None
            largest = max(largest, min(distances, default=0.0))
    return largest


def _corners(find: Mapping[str, Any]) -> np.ndarray:
    """Return two corners and the landmarks of a page's find, (2 + k, 2)."""
    box = find["box"]
    corners = [[box["x"], box["y"]], [box["x"] + box["width"], box["y"] + box["height"]]]
    return np.array([*corners, *([point["x"], point["y"]] for point in find["landmarks"].values())])


def _within(value: float | None, tolerance: float) -> bool:
    return value is not None and value <= tolerance


def _text(value: float | None) -> str:
    return "not a number" if value is None else f"{value:.1e}"


def _largest_difference(outputs: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> float | None:
    differences = [
        np.abs(outputs[name] - values).max() / max(1.0, float(np.abs(values).max()))
        for name, values in expected.items()
    ]
    return float(max(differences)) if np.isfinite(differences).all() else None


def _largest(differences: Sequence[float | None]) -> float | None:
    """Return the largest, or None where one is not a number."""
    numbers = [difference for difference in differences if difference is not None]
    return max(numbers, default=None) if len(numbers) == len(differences) else None
