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
    from exports.load import load_target
    from exports.publish import publish
    from tuner.data import decode, open_dataset
    from tuner.learners import ClassLearner
    from tuner.training import predict
    from tuner.trials import MIN_VAL

    words = ["pebble_cls_48", "--limit", "32", "--trials", "2", "--epochs", "8", "--batch-size", "8", "--json"]
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
    assert published.after.value == pytest.approx(published.before.value, abs=1e-6)
    assert published.verification.passed
    source = load_target(Path(result["run"]))
    dataset = open_dataset("synthetic", task=source.spec.task, limit=32, val_limit=MIN_VAL)
    val = decode(dataset.splits["val"], source.spec.inputs)  # what the sweep scored on; publishing takes all there are
    outputs = predict(source.network, val.images, source.spec.inputs)
    assert ClassLearner().score(outputs, val) == pytest.approx(result["score"], abs=1e-6)
