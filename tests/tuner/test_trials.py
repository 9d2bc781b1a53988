"""A trial is a function of what it is given: bit for bit on one thread, alone, after others, or in parts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from tuner.checkpoints import epochs_done, read_checkpoint, write_checkpoint
from tuner.recipe import Checkpoint, Fit, Patience, Recipe
from tuner.trials import MAX_TRAINERS, Bench, Job, Trial

ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


def trained(folder: Path, *orders: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(Path(__file__).with_name("one_thread.py")), str(folder), *orders]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **ONE_THREAD})


def test_a_trial_in_a_sweep_equals_the_same_training_alone(tmp_path: Path) -> None:
    alone, together = trained(tmp_path, "alone"), trained(tmp_path, "after others", "in two parts", "promoted")
    expected = json.loads(alone.communicate()[0])["alone"]
    for order, found in json.loads(together.communicate()[0]).items():
        assert found == expected, order


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench(Job("pebble_cls_48", "synthetic", {}, Recipe(batch_size=8), limit=16))


def test_only_what_changes_the_network_builds_another(bench: Bench, tmp_path: Path) -> None:
    before = bench.trainer({})
    for values in ({"batch_size": 4, "learning_rate": 1e-3}, {"batch_size": 8, "plateau_factor": 0.1}):
        assert bench.trainer(values) is before
    wide = bench.trainer({"width": 2.0})
    assert wide is not before
    assert bench.trainer({"width": 2.0, "batch_size": 1}) is wide
    for width in range(MAX_TRAINERS):
        bench.trainer({"width": 0.5 + width / 100})
    assert bench.trainer({}) is not before  # the one used longest ago made room


def test_what_is_over_its_budget_is_a_failed_trial(bench: Bench, tmp_path: Path) -> None:
    record = bench.run(Trial(3, {"batch_size": 8, "learning_rate": 1e-3, "width": 9.0}, epochs=1), tmp_path)
    assert record["status"] == "failed"
    assert "its budget is" in record["failure"]


def test_a_loss_weight_is_assigned_without_another_trace(tmp_path: Path) -> None:
    bench = Bench(Job("yunet_a_96", "synthetic", {}, Recipe(batch_size=8), limit=8))
    losses = []
    for number, weight in enumerate((0.5, 2.0, 8.0), start=1):
        values = {"batch_size": 8, "learning_rate": 1e-4, "box_weight": weight}
        losses.append(bench.run(Trial(number, values, epochs=1), tmp_path)["history"][0]["loss"])
    assert losses == sorted(losses)
    assert losses[-1] > 1.5 * losses[0]
    assert bench.trainer({})._step._traced.experimental_get_tracing_count() == 1
    plain = bench.run(Trial(4, {"batch_size": 8, "learning_rate": 1e-4}, epochs=1), tmp_path)
    assert plain["history"][0]["loss"] == pytest.approx(losses[1], rel=1e-4)  # the default is 2


def checkpoint(**changes: Any) -> Checkpoint:
    generator = np.random.default_rng(0)
    arrays = [generator.normal(size=(3, 2)).astype(np.float32), np.array(7, np.int64), np.zeros((0, 2), np.float32)]
    fit = Fit("top1", 0.5, 2, arrays[:1], [{"epoch": 1, "loss": 0.1}], [0.2], Patience(0.1, 2), Patience(-0.5, 1))
    return Checkpoint(replace(fit, **changes), arrays, arrays[::-1])


def test_a_checkpoint_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "1" / "checkpoint.npz"
    assert read_checkpoint(path) is None
    assert epochs_done(path) == 0
    write_checkpoint(path, checkpoint())
    found = read_checkpoint(path)
    assert found is not None
    assert replace(found.fit, weights=[]) == replace(checkpoint().fit, weights=[])
    assert epochs_done(path) == 1
    for mine, other in zip(
        [*found.network, *found.optimizer], [*checkpoint().network, *checkpoint().optimizer], strict=True
    ):
        np.testing.assert_array_equal(mine, other)
        assert mine.dtype == other.dtype


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_torn_checkpoint_counts_as_none(share: float, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    write_checkpoint(path, checkpoint())
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert read_checkpoint(path) is None
    assert epochs_done(path) == 0


def test_data_that_changed_are_refused() -> None:
    with pytest.raises(zoo.BadData, match="not those that this sweep began with"):
        Bench(Job("pebble_cls_48", "synthetic", {}, Recipe(batch_size=8), limit=16, digest="0" * 64))
