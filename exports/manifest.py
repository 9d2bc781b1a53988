"""The manifest: everything a page or a program must know about a published model, and proof of its files.

One JSON document per artifact, `manifest.json`. This module writes it, and reads it with suspicion: it has to be what
the catalogue knows, be what `schemas/manifest.schema.json` demands and agree with itself, paths stay inside the folder,
sizes and SHA-256 hashes must match before anything else looks at a file.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from exports.agreement import check_agreement
from exports.documents import (
    AGAIN,
    MANIFEST,
    MAX_DOCUMENT_BYTES,
    check_document,
    parse_document,
    path_inside,
    read_bytes,
    shown,
)
from exports.topology import INPUT_NODE
from exports.weights import TOPOLOGY_FILE, WEIGHTS_FILE
from tuner.losses import BOX_WEIGHT, KEYPOINT_WEIGHT
from zoo._errors import BadArtifact, ZooError
from zoo._specs import FACE_RECOGNITION, ClassHead, EmbeddingHead, GridHead, ModelSpec
from zoo.catalog import CATALOG_FILE, open_catalog
from zoo.tasks.alignment import template
from zoo.tasks.assignment import CENTRE_RADIUS, NEAR_RADIUS
from zoo.tasks.grid import ENCODING, anchors

SCHEMA = "pocket-zoo/manifest/1"
MANIFEST_FILE = "manifest.json"
FALSE_ACCEPT_RATE = 0.05
"""Share of pairs of two people that may count as one: what a recognizer's threshold is chosen for."""

MODEL_FILES = (TOPOLOGY_FILE, WEIGHTS_FILE)


def sizes(folder: Path) -> dict[str, int]:
    """Return what a model's topology and weights weigh together: `bytes` and, each file compressed, `gzip_bytes`."""
    contents = [(folder / name).read_bytes() for name in MODEL_FILES]
    return {
        "bytes": sum(map(len, contents)),
        "gzip_bytes": sum(len(gzip.compress(content, mtime=0)) for content in contents),
    }


def told_summary(spec: ModelSpec, options: Mapping[str, Any]) -> str:
    """Return what a network is in a sentence, and in another what was chosen otherwise than its architecture has it."""
    chosen = [
        f"{name} {value} in place of {spec.options[name]}"
        for name, value in options.items()
        if name != "num_classes" and value != spec.options.get(name, value)
    ]
    return f"{spec.summary} Built with {' and '.join(chosen)}." if chosen else spec.summary


def build_manifest(
    spec: ModelSpec,
    *,
    name: str,
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
    licence: str = "",
) -> dict[str, Any]:
    """Describe the files in `folder`, to be published as `name`. `outputs` maps names to shapes without the batch axis.

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
    manifest: dict[str, Any] = {
        "schema": SCHEMA,
        "name": name,
        "version": "",
        "task": spec.task,
        "summary": told_summary(spec, options),
        "paper": spec.paper,
        **({"license": licence} if licence else {}),
        "created": created,
        "model": {
            "format": "tfjs-graph-model",
            "topology": TOPOLOGY_FILE,
            "precision": precision,
            "quantization": dict(quantization),
            **sizes(folder),
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
            return {"kind": "embedding", "size": head.size, "distance": "cosine", **_same_person(head)}
        case ClassHead():
            return {"kind": "classes", "score": "softmax"}


def _same_person(head: EmbeddingHead) -> dict[str, float]:
    if head.similarity_threshold is None:
        return {}
    return {"similarity_threshold": head.similarity_threshold, "false_accept_rate": FALSE_ACCEPT_RATE}


def loss_rule(spec: ModelSpec, hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """Say what a page that trains the model further minimises, with the weights that a sweep chose for its terms."""
    match spec.head:
        case GridHead() as head:
            terms = {"box_weight": BOX_WEIGHT, "keypoint_weight": KEYPOINT_WEIGHT}
            return {
                "kind": "quality-focal-giou",
                **{name: float(hyperparameters.get(name, value)) for name, value in terms.items()},
                "centre_radius": CENTRE_RADIUS,
                "near_radius": NEAR_RADIUS,
                "kind_sides_px": [float(side) for side in anchors(head, spec.inputs).kind_sides_px],
            }
        case EmbeddingHead():
            return {"kind": "margin"}
        case ClassHead():
            return {"kind": "softmax"}


def read_manifest(folder: Path, *, check_files: bool = True, sha256: str | None = None) -> dict[str, Any]:
    """Read and check the manifest of a published folder; with `check_files` also every file it names.

    It has to have the hash `sha256`, where that is known, and the one that the catalogue of its store tells, if any.
    Raises BadArtifact with one sentence for a missing, torn, altered or unknown artifact.
    """
    path = path_inside(folder, MANIFEST_FILE, f"The artifact {folder}")
    if not path.is_file():
        raise BadArtifact(
            f"There is no artifact in {folder}: it holds no {MANIFEST_FILE}. Give the folder that 'zoo publish' or "
            f"'zoo find' printed."
        )
    content = read_bytes(path, MAX_DOCUMENT_BYTES)
    for known in (sha256, _catalogued(folder)):
        if known is not None:
            check_unchanged(content, known, str(folder))
    manifest = parse_manifest(content, str(path))
    if check_files:
        for name, expected in manifest["files"].items():
            _check_file(folder, name, expected)
        told, weighed = manifest["model"]["bytes"], sum(manifest["files"][name]["bytes"] for name in MODEL_FILES)
        if told != weighed:
            raise BadArtifact(
                f"The model in {folder} weighs {weighed:,} bytes; its manifest tells of {told:,}. {AGAIN}"
            )
    return manifest


def _catalogued(folder: Path) -> str | None:
    """Return the hash by which a store's catalogue knows an artifact's manifest; None outside of stores."""
    place = folder.resolve()
    store = place.parent.parent
    if not (store / CATALOG_FILE).is_file():
        return None
    entries = open_catalog(store).entries
    return next((entry.manifest_sha256 for entry in entries if (store / entry.path).resolve() == place), None)


def check_unchanged(content: bytes, sha256: str, where: str) -> None:
    """Raise BadArtifact unless a manifest, of the artifact `where`, is the one that a catalogue knows by its hash."""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise BadArtifact(
            f"The manifest of {where} was changed after publishing: its SHA-256 differs from the catalogue's. Do not "
            f"use it; publish again."
        )


def parse_manifest(content: bytes, source: str) -> dict[str, Any]:
    """Check the bytes of a manifest, which `source` names in errors, and return what they say.

    Raises BadArtifact for what the schema refuses, or for parts that contradict each other.
    """
    manifest = parse_document(content, source)
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        found = shown(manifest.get("schema")) if isinstance(manifest, dict) else f"'{type(manifest).__name__}'"
        raise BadArtifact(
            f"{source} has schema {found}; this version reads '{SCHEMA}'. Update pocket-zoo, or publish again."
        )
    check_document(manifest, MANIFEST, source)
    try:
        check_agreement(manifest)
    except ZooError as error:
        raise BadArtifact(f"{source} contradicts itself: {error} {AGAIN}") from error
    return manifest


def _check_file(folder: Path, name: str, expected: Mapping[str, Any]) -> None:
    path = path_inside(folder, name, f"The manifest in {folder}")
    if not path.is_file():
        raise BadArtifact(f"'{name}' is missing from {folder}. Publish or download the artifact again.")
    if path.stat().st_size != expected["bytes"]:
        raise BadArtifact(
            f"'{name}' in {folder} has {path.stat().st_size:,} bytes where the manifest says {expected['bytes']:,}. "
            f"Publish or download the artifact again."
        )
    if hashlib.sha256(path.read_bytes()).hexdigest() != expected["sha256"]:
        raise BadArtifact(f"'{name}' in {folder} was changed after publishing: its SHA-256 differs. Download it again.")
