"""An architecture from another distribution goes the whole way without an edit here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

FAMILY = '''
"""A family that knows only the public interface."""

import keras

import zoo
from zoo.blocks import conv_block, separable_block
from zoo.heads import class_outputs


@zoo.register_model(
    task=zoo.OBJECT_RECOGNITION, inputs=zoo.ImageSpec(32, 32), outputs=zoo.ClassHead(), paper="none", max_bytes=50_000
)
def visiting_cls_32(spec, *, width: float = 1.0, num_classes: int = 4):
    """A visitor at 32x32."""
    image = keras.Input(spec.inputs.shape, name="image")
    x = conv_block(image, 8, strides=2, name="stem")
    x = separable_block(x, 16, strides=2, name="block1")
    return keras.Model(image, class_outputs(x, num_classes), name=spec.name)
'''


@pytest.fixture
def visitor(tmp_path: Path) -> dict[str, str]:
    """Install a distribution of one module by hand; returns the environment that sees it."""
    site = tmp_path / "site"
    metadata = site / "visiting-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / "visiting_family.py").write_text(FAMILY)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: visiting\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        textwrap.dedent(
            """
            [zoo.architectures]
            visiting = visiting_family
            """
        )
    )
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}


def run(environment: dict[str, str], folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "zoo", *words],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_visitor_is_listed_swept_published_verified_and_found(visitor: dict[str, str], tmp_path: Path) -> None:
    assert "visiting_cls_32" in run(visitor, tmp_path, "list")
    assert "visiting_family" in run(visitor, tmp_path, "show", "visiting_cls_32")
    [record] = json.loads(
        run(
            visitor,
            tmp_path,
            *("run", "visiting_cls_32", "--limit", "24", "--trials", "1", "--epochs", "1", "--batch-size", "8"),
            *("--store", "store", "--json"),
        )
    )
    assert record["verification"]["passed"]
    [found] = json.loads(run(visitor, tmp_path, "find", "--store", "store", "--json"))
    assert found["name"] == "visiting_cls_32"
    assert (tmp_path / record["artifact"] / "model.json").is_file()
