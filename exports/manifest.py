"""The manifest: everything a page or a program must know about a published model, and proof of its files.

One JSON document per artifact, `manifest.json`. This module owns its layout, writes it, and reads it with
suspicion: paths stay inside the folder, sizes and SHA-256 hashes must match before anything else looks at a file.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from exports.topology import INPUT_NODE
from exports.weights import TOPOLOGY_FILE, WEIGHTS_FILE
from tuner.losses import BOX_WEIGHT, KEYPOINT_WEIGHT
from zoo._errors import BadArtifact
from zoo._specs import FACE_RECOGNITION, ClassHead, EmbeddingHead, GridHead, ModelSpec
from zoo.tasks.alignment import template
from zoo.tasks.assignment import CENTRE_RADIUS
from zoo.tasks.grid import ENCODING, anchors

SCHEMA = "pocket-zoo/manifest/1"
MANIFEST_FILE = "manifest.json"
MODEL_FILES = (TOPOLOGY_FILE, WEIGHTS_FILE)
MAX_FILE_BYTES = 64_000_000
"""No honest artifact has a larger file; a larger claim is refused before anything is read."""
_REQUIRED = (
    "schema",
    "name",
    "version",
    "task",
    "model",
    "input",
    "outputs",
    "decode",
    "labels",
    "metrics",
    "training",
    "files",
)


def build_manifest(
    spec: ModelSpec,
    *,
    folder: Path,
    options: Mapping[str, Any],
    weights: Sequence[str],
    labels: list[str],
    outputs: Mapping[str, tuple[int, ...]],
    precision: str,
    quantization: Mapping[str, Any],
    trainable: Mapping[str, Any],
    golden: Mapping[str, Any],
    metrics: list[Mapping[str, Any]],
    training: Mapping[str, Any],
    created: str,
) -> dict[str, Any]:
    """Describe the files in `folder`. `outputs` maps names to shapes without the batch axis.

    The version is the date of `created` and a hash of all the rest, so equal content has an equal version.
    """
    files = {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST_FILE
    }
    model_bytes = [(folder / name).read_bytes() for name in MODEL_FILES]
    manifest: dict[str, Any] = {
        "schema": SCHEMA,
        "name": spec.name,
        "version": "",
        "task": spec.task,
        "summary": spec.summary,
        "paper": spec.paper,
        "created": created,
        "model": {
            "format": "tfjs-graph-model",
            "topology": TOPOLOGY_FILE,
            "precision": precision,
            "quantization": dict(quantization),
            "bytes": sum(map(len, model_bytes)),
            "gzip_bytes": sum(len(gzip.compress(content, mtime=0)) for content in model_bytes),
        },
        "trainable": dict(trainable),
        "keras": {"architecture": spec.name, "options": dict(options), "weights": list(weights)},
        "input": {
            "node": INPUT_NODE,
            "height": spec.inputs.height,
            "width": spec.inputs.width,
            "channels": spec.inputs.channels,
            "channel_order": "rgb",
            "value_range": list(spec.inputs.value_range),
            "resize": spec.inputs.resize,
            "pad_value": spec.inputs.pad_value,
            **({"alignment": template()} if spec.task == FACE_RECOGNITION else {}),
        },
        "outputs": [{"name": name, "shape": list(shape)} for name, shape in outputs.items()],
        "decode": _decode_rule(spec),
        "labels": labels,
        "metrics": metrics,
        "training": training,
        "golden": golden,
        "files": files,
    }
    digest = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    manifest["version"] = f"{created[:10].replace('-', '')}-{digest[:8]}"
    return manifest


def _decode_rule(spec: ModelSpec) -> dict[str, Any]:
    """Say how raw outputs become an answer."""
    match spec.head:
        case GridHead() as head:
            return {
                "kind": "grid",
                "box_encoding": ENCODING,
                "strides": list(head.strides),
                "anchor_sides": [list(sides) for sides in head.sides],
                "keypoints": list(head.keypoints),
                "score": "sigmoid",
                "score_threshold": head.score_threshold,
                "iou_threshold": head.iou_threshold,
                "max_detections": head.max_detections,
            }
        case EmbeddingHead() as head:
            return {"kind": "embedding", "size": head.size, "distance": "cosine"}
        case ClassHead():
            return {"kind": "classes", "score": "softmax"}


def loss_rule(spec: ModelSpec, hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """Say what a page that trains the model further minimises, with the weights that a sweep chose for its terms."""
    match spec.head:
        case GridHead() as head:
            terms = {"box_weight": BOX_WEIGHT, "keypoint_weight": KEYPOINT_WEIGHT}
            return {
                "kind": "quality-focal-giou",
                **{name: float(hyperparameters.get(name, value)) for name, value in terms.items()},
                "centre_radius": CENTRE_RADIUS,
                "kind_sides_px": [float(side) for side in anchors(head, spec.inputs).kind_sides_px],
            }
        case EmbeddingHead():
            return {"kind": "margin"}
        case ClassHead():
            return {"kind": "softmax"}


def read_manifest(folder: Path, *, check_files: bool = True) -> dict[str, Any]:
    """Read and check the manifest of a published folder; with `check_files` also every file it names.

    Raises BadArtifact with one sentence for a missing, torn, altered or unknown artifact.
    """
    path = folder / MANIFEST_FILE
    if not path.is_file():
        raise BadArtifact(
            f"There is no artifact in {folder}: it holds no {MANIFEST_FILE}. Give the folder that 'zoo publish' or "
            f"'zoo find' printed."
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadArtifact(f"{path} is not readable JSON ({error}). Publish or download the artifact again.") from error
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        found = manifest.get("schema") if isinstance(manifest, dict) else type(manifest).__name__
        raise BadArtifact(
            f"{path} has schema {found!r}; this version reads '{SCHEMA}'. Update pocket-zoo, or publish again."
        )
    missing = [key for key in _REQUIRED if key not in manifest]
    if missing:
        raise BadArtifact(f"{path} lacks {', '.join(missing)}. Publish or download the artifact again.")
    unlisted = [name for name in MODEL_FILES if name not in manifest["files"]]
    if unlisted:
        raise BadArtifact(f"{path} lists no hash for {', '.join(unlisted)}, so they cannot be trusted. Publish again.")
    if check_files:
        for name, expected in manifest["files"].items():
            _check_file(folder, name, expected)
    return manifest


def _check_file(folder: Path, name: str, expected: Mapping[str, Any]) -> None:
    parts = PurePosixPath(name).parts
    path = folder / name
    if name.startswith("/") or "\\" in name or ".." in parts or not path.resolve().is_relative_to(folder.resolve()):
        raise BadArtifact(f"The manifest in {folder} names '{name}', which points outside the artifact. Do not use it.")
    size, digest = expected.get("bytes"), expected.get("sha256")
    if not isinstance(size, int) or not 0 <= size <= MAX_FILE_BYTES:
        raise BadArtifact(
            f"The manifest in {folder} gives {size!r} bytes for '{name}'; at most {MAX_FILE_BYTES:,} are allowed."
        )
    if not path.is_file():
        raise BadArtifact(f"'{name}' is missing from {folder}. Publish or download the artifact again.")
    if path.stat().st_size != size:
        raise BadArtifact(
            f"'{name}' in {folder} has {path.stat().st_size:,} bytes where the manifest says {size:,}. "
            f"Publish or download the artifact again."
        )
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise BadArtifact(f"'{name}' in {folder} was changed after publishing: its SHA-256 differs. Download it again.")
