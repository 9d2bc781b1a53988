"""`zoo verify --browser`: golden inputs through the pages' runtime in Chromium, on every back end."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from _artifacts import MODELS, Published

import zoo
from exports.golden import read_golden
from exports.manifest import read_manifest
from exports.verify import BACKENDS, BROWSER, verify
from zoo._cli import main
from zoo._specs import FACE_DETECTION


@pytest.mark.parametrize("task", MODELS)
def test_chromium_computes_what_keras_does(task: str, published: dict[str, Published]) -> None:
    done = verify(published[task].folder, BROWSER)
    assert done.passed, done.sentence()
    assert set(done.differences) == {"keras", *(f"chromium {backend}" for backend in BACKENDS[BROWSER])}
    assert bool(done.distances_px) == ("detection" in task)
    assert all(milliseconds > 0 for milliseconds in done.milliseconds.values())


def test_the_command_tells_what_differs(
    published: dict[str, Published], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An artifact whose golden outputs are of another network, with hashes that agree."""
    spoiled = tmp_path / "spoiled"
    shutil.copytree(published[FACE_DETECTION].folder, spoiled)
    manifest = read_manifest(spoiled)
    _, outputs = read_golden(spoiled, manifest["golden"])
    entry = manifest["golden"]["outputs"]["box_offsets"]
    (spoiled / entry["path"]).write_bytes((outputs["box_offsets"] + np.float32(0.1)).astype("<f4").tobytes())
    manifest["files"][entry["path"]]["sha256"] = hashlib.sha256((spoiled / entry["path"]).read_bytes()).hexdigest()
    (spoiled / "manifest.json").write_text(json.dumps(manifest))
    assert main(["verify", str(spoiled), "--browser", "--backend", "wasm"]) == 2
    told = capsys.readouterr()
    assert "FAILED" in told.out
    assert "chromium wasm" in told.err


def test_a_back_end_that_does_not_exist_is_a_sentence(published: dict[str, Published]) -> None:
    with pytest.raises(zoo.UnknownName, match="In browser there are: wasm, cpu, webgl"):
        verify(published[FACE_DETECTION].folder, BROWSER, ["webgpu"])
