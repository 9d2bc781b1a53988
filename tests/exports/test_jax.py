"""A network that was searched under JAX is published under TensorFlow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_a_winner_trained_under_jax_publishes(tmp_path: Path) -> None:
    from exports.publish import publish

    words = ["pebble_cls_48", "--limit", "32", "--trials", "2", "--epochs", "2", "--batch-size", "8", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "zoo", "sweep", *words, "--out", str(tmp_path / "runs")],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "KERAS_BACKEND": "jax"},
    )
    result = json.loads(done.stdout)
    assert [trial["status"] for trial in result["trials"]] == ["completed", "completed"]
    published = publish(Path(result["run"]), tmp_path / "store", precision="float32")
    assert published.before.value == pytest.approx(result["score"], abs=1e-6)
    assert published.after.value == pytest.approx(result["score"], abs=0.05)
