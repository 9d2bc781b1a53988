"""The pre-flight: every model learns twenty pictures by heart, and what cannot be learned is told apart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import zoo
from tuner import sweep
from tuner.data import Decoded
from tuner.overfit import FALLS_TO, PICTURES, QUICK_EPOCHS, chosen_rows, overfit
from tuner.recipe import Recipe
from tuner.trials import Bench, Job
from zoo._cli import main


def bench_of(name: str, **rest: Any) -> Bench:
    return Bench(Job(name, "synthetic", {}, Recipe(batch_size=1, seed=4), limit=64, **rest))


@pytest.mark.slow
@pytest.mark.parametrize("name", [spec.name for spec in zoo.list_models()])
def test_learns_twenty_pictures_by_heart(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    bench = bench_of(name)
    quick, whole = overfit(bench, quick=True), overfit(bench)
    for done in (quick, whole):
        losses = [row["loss"] for row in done.history]
        with capsys.disabled():  # the table is what one runs this for
            print(f"\n{name:26} {done.metric} {done.score:.3f} after {len(losses)} epochs", end=" ")
        assert done.passed, done.reason
    assert len(quick.history) <= QUICK_EPOCHS / 2  # so that none is near the end of its patience
    assert whole.score >= 0.9


@pytest.fixture(scope="module")
def classes() -> Bench:
    return bench_of("pebble_cls_48")


@pytest.fixture
def bench(classes: Bench) -> Any:
    """The classifier's bench, whose pictures a test may replace."""
    before = classes.train
    yield classes
    classes.train = before


def test_a_quick_preflight_is_over_when_the_loss_has_halved(bench: Bench) -> None:
    done = overfit(bench, quick=True)
    losses = [row["loss"] for row in done.history]
    assert done.passed
    assert done.pictures == PICTURES
    assert losses[-1] <= FALLS_TO * losses[0] or done.score >= 0.9
    assert len(losses) < QUICK_EPOCHS


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be learned is not learned in six epochs either."""
    monkeypatch.setattr("tuner.overfit.QUICK_EPOCHS", 6)


@pytest.mark.usefixtures("impatient")
def test_pictures_of_one_colour_are_blamed_on_the_pre_processing(bench: Bench) -> None:
    bench.train = replace(bench.train, images=np.full_like(bench.train.images, 7))
    assert overfit(bench, quick=True).reason == ("Pre-processing: 20 of 20 pictures are of one colour at model size.")


@pytest.mark.usefixtures("impatient")
def test_equal_pictures_with_different_labels_are_blamed_on_the_labels(bench: Bench) -> None:
    images = bench.train.images.copy()
    images[:] = images[0]
    bench.train = replace(bench.train, images=images)
    done = overfit(bench, quick=True)
    assert not done.passed
    assert done.reason.startswith("Labels: the pictures ")
    assert done.reason.endswith(" are the same, but not their labels.")


def flat_once_trained(targets: Mapping[str, Any], outputs: Mapping[str, Any]) -> Any:
    """Passes a first look, since the outputs decide it, but is as good as constant."""
    return 1.0 + 1e-12 * keras.ops.mean(outputs["class_logits"])


def bursting(targets: Mapping[str, Any], outputs: Mapping[str, Any]) -> Any:
    """Finite on a first batch, but without a floor."""
    return -keras.ops.mean(keras.ops.exp(keras.ops.abs(outputs["class_logits"]) * 20))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        (flat_once_trained, r"Loss: it stays at 1, so no weight can move it\."),
        (bursting, r"Loss: the loss was -?(inf|nan)"),
    ],
)
def test_a_loss_that_teaches_nothing_is_blamed(loss: Any, reason: str, bench: Bench, tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"limit": 64, "trials": 1, "epochs": 1, "seed": 4, "loss": loss, "out": tmp_path}
    with pytest.raises(zoo.BadData, match=rf"does not learn 20 of the pictures by heart.* {reason}"):
        sweep("pebble_cls_48", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_boxes_in_the_wrong_unit_are_blamed_on_the_labels() -> None:
    from tuner.overfit import _why_not

    bench = bench_of("yunet_a_96")
    pictures = replace(bench.train, boxes=[boxes / 640 for boxes in bench.train.boxes])
    reason = _why_not(bench, pictures, [{"loss": 1.0}], 0.0, "")
    assert "boxes are narrower than 2 pixels at model size; are they in pixels" in reason


def test_rows_are_chosen_that_teach_something() -> None:
    labels = np.array([0, 0, 0, 1, 2, 2, 3])
    boxes = [np.zeros((row % 2, 4), np.float32) for row in range(7)]
    empty = [np.zeros(0, np.int64)] * 7
    data = Decoded(
        images=np.zeros((7, 8, 8, 3), np.uint8),
        boxes=boxes,
        classes=empty,
        keypoints=empty,
        ignore=empty,
        labels=labels,
        sizes_px=np.full((7, 2), 8),
        keys=tuple("abcdefg"),
    )
    assert chosen_rows(data, zoo.FACE_RECOGNITION).tolist() == [0, 1, 4, 5]
    assert chosen_rows(replace(data, labels=np.full(7, -1)), zoo.FACE_DETECTION).tolist() == [1, 3, 5]
    assert chosen_rows(data, zoo.OBJECT_RECOGNITION).tolist() == list(range(7))


def test_the_command_draws_the_curve(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "new" / "curve.png"
    assert main(["overfit", "pebble_cls_48", "--limit", "40", "-o", str(picture), "--json"]) == 0
    record = json.loads(capfd.readouterr().out)
    assert record["passed"]
    assert record["score"] >= 0.9
    assert record["picture"] == str(picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert main(["overfit", "pebble_cls_48", "-o", str(tmp_path / "curve.jpg")]) == 2
