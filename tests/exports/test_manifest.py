"""The manifest: what it must hold. What is refused stands in test_hostile.py."""

from __future__ import annotations

import hashlib
from pathlib import Path

import zoo
from exports.manifest import MANIFEST_FILE, build_manifest, read_manifest
from zoo.tasks.alignment import template


def test_holds_all_that_a_page_needs(artifact: Path) -> None:
    manifest = read_manifest(artifact)
    assert manifest["input"] == {
        "node": "image",
        "height": 160,
        "width": 160,
        "channels": 3,
        "channel_order": "rgb",
        "value_range": [0.0, 1.0],
        "resize": "letterbox",
        "pad_value": 114,
    }
    assert manifest["decode"]["strides"] == [8, 16, 32]
    assert manifest["decode"]["keypoints"] == list(zoo.FACE_KEYPOINTS)
    assert manifest["labels"] == ["face"]
    shapes = {output["name"]: output["shape"] for output in manifest["outputs"]}
    assert shapes == {"class_logits": [525, 1], "box_offsets": [525, 4], "keypoint_offsets": [525, 10]}
    metric = manifest["metrics"][0]
    assert (metric["name"], metric["precision"], metric["split"]) == ("ap50", "mixed", "val")
    assert metric["data_sha256"]
    assert metric["pictures"] > 0
    assert manifest["training"]["batch_size"] in (8, 16)
    assert manifest["version"].startswith(manifest["created"][:10].replace("-", ""))


def test_a_recognizer_says_where_aligned_landmarks_lie(artifact: Path) -> None:
    spec = zoo.get("mobilefacenet_025_112")
    manifest = build_manifest(
        spec,
        name=spec.name,
        folder=artifact,
        options={},
        weights=[],
        labels=[],
        outputs={"embedding": (128,)},
        precision="uint8",
        quantization={},
        trainable={},
        golden={},
        metrics=[],
        training={},
        created="2026-01-01T00:00:00+00:00",
    )
    assert set(manifest["input"]["alignment"]) == set(zoo.FACE_KEYPOINTS)
    assert manifest["input"]["alignment"] == template()


def test_every_file_is_listed_with_its_hash(artifact: Path) -> None:
    manifest = read_manifest(artifact)
    there = {path.relative_to(artifact).as_posix() for path in artifact.rglob("*") if path.is_file()}
    assert set(manifest["files"]) == there - {MANIFEST_FILE}
    for name, entry in manifest["files"].items():
        content = (artifact / name).read_bytes()
        assert entry == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    travel = sum((artifact / name).stat().st_size for name in ("model.json", "weights.bin"))
    assert manifest["model"]["bytes"] == travel <= zoo.get(manifest["name"]).max_bytes
