"""The manifest: what it must hold, and what is refused before anything runs."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import zoo
from exports.load import load_artifact
from exports.manifest import MANIFEST_FILE, build_manifest, read_manifest
from exports.weights import WEIGHTS_FILE
from zoo.tasks.alignment import template


@pytest.fixture
def copy(artifact: Path, tmp_path: Path) -> Path:
    """An artifact of one's own, to spoil."""
    return Path(shutil.copytree(artifact, tmp_path / "artifact"))


def edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    change(manifest)
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest))


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
        folder=artifact,
        options={},
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


def flip_a_byte(folder: Path) -> None:
    content = bytearray((folder / WEIGHTS_FILE).read_bytes())
    content[100] ^= 1
    (folder / WEIGHTS_FILE).write_bytes(bytes(content))


def truncate(folder: Path) -> None:
    (folder / WEIGHTS_FILE).write_bytes((folder / WEIGHTS_FILE).read_bytes()[:-1])


def leave_by_symlink(folder: Path) -> None:
    outside = folder.parent / "outside.bin"
    shutil.move(folder / WEIGHTS_FILE, outside)
    (folder / WEIGHTS_FILE).symlink_to(outside)


def with_file(name: str, **entry: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder, lambda manifest: manifest["files"].update({name: entry}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (flip_a_byte, "its SHA-256 differs"),
        (truncate, r"bytes where the manifest says"),
        (leave_by_symlink, "points outside the artifact"),
        (lambda folder: (folder / WEIGHTS_FILE).unlink(), "is missing from"),
        (with_file("../secret", bytes=1, sha256=""), "points outside the artifact"),
        (with_file("/etc/passwd", bytes=1, sha256=""), "points outside the artifact"),
        (with_file("big.bin", bytes=10_000_000_000, sha256=""), "are allowed"),
        (with_file("odd.bin", bytes="many", sha256=""), "are allowed"),
        (
            lambda folder: edit(folder, lambda manifest: manifest.update(schema="pocket-zoo/manifest/99")),
            "this version reads",
        ),
        (lambda folder: edit(folder, lambda manifest: manifest.pop("decode")), "lacks decode"),
        (lambda folder: edit(folder, lambda manifest: manifest["files"].pop(WEIGHTS_FILE)), "no hash for weights.bin"),
        (lambda folder: (folder / MANIFEST_FILE).write_text("{"), "is not readable JSON"),
        (lambda folder: (folder / MANIFEST_FILE).write_text("[" * 100_000), "is not readable JSON"),
        (lambda folder: (folder / MANIFEST_FILE).write_text("[]"), "has schema 'list'"),
        (lambda folder: (folder / MANIFEST_FILE).write_bytes(b"\xff\xfe"), "is not readable JSON"),
        (lambda folder: (folder / MANIFEST_FILE).unlink(), "There is no artifact in"),
    ],
)
def test_a_spoiled_artifact_is_refused_with_a_sentence(spoil: Callable[[Path], None], message: str, copy: Path) -> None:
    spoil(copy)
    with pytest.raises(zoo.BadArtifact, match=message):
        load_artifact(copy)


def test_an_artifact_of_another_architecture_is_refused(copy: Path) -> None:
    edit(copy, lambda manifest: manifest["keras"]["options"].update(width=0.5))
    with pytest.raises(zoo.BadArtifact, match=r"where the architecture needs"):
        load_artifact(copy)
    edit(copy, lambda manifest: manifest["keras"].update(architecture="yunet_n_161"))
    with pytest.raises(zoo.UnknownName, match="Did you mean 'yunet_n_160'"):
        load_artifact(copy)
