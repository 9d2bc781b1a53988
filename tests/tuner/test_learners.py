"""Metrics by task, the three ways to learn an embedding, and a loss of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import zoo
from tuner import sweep
from tuner.augment import Augmentation
from tuner.data import Decoded, decode, open_dataset
from tuner.data.teacher import TeacherVectors
from tuner.defaults import Space
from tuner.learners import ClassLearner, CustomLossLearner, EmbeddingLearner, learner_for
from tuner.recipe import Recipe
from tuner.runs import RunFolder
from tuner.training import Trainer

QUICK: dict[str, Any] = {"limit": 16, "epochs": 1, "trials": 1, "space": Space((8,), (1e-3, 1e-3))}
RECOGNIZER = zoo.list_models(task=zoo.FACE_RECOGNITION)[0]


@pytest.mark.parametrize("spec", zoo.list_models(), ids=lambda spec: spec.name)
def test_every_task_has_its_metric(spec: zoo.ModelSpec) -> None:
    metrics = {
        "face-detection": "ap50",
        "object-detection": "ap50",
        "face-recognition": "verification_accuracy",
        "object-recognition": "top1",
        "face-gate": "balanced_accuracy",
    }
    assert learner_for(spec, 4).metric == metrics[spec.task]


def test_a_class_learner_scores_by_its_metric() -> None:
    outputs = {"class_logits": np.tile([1.0, 0.0], (10, 1))}
    data = blank(labels=[0] * 9 + [1])
    assert ClassLearner().score(outputs, data) == pytest.approx(0.9)
    assert ClassLearner("balanced_accuracy").score(outputs, data) == pytest.approx(0.5)


def blank(labels: list[int]) -> Decoded:
    count = len(labels)
    return Decoded(
        images=np.zeros((count, 8, 8, 3), np.uint8),
        boxes=[np.zeros((0, 4))] * count,
        classes=[np.zeros(0, int)] * count,
        keypoints=[np.zeros((0, 0, 2))] * count,
        ignore=[np.zeros(0, bool)] * count,
        labels=np.array(labels),
        sizes_px=np.full((count, 2), 8),
        keys=tuple(f"p{row}" for row in range(count)),
    )


@pytest.fixture(scope="module")
def people() -> tuple[Decoded, Decoded]:
    dataset = open_dataset("synthetic", task=zoo.FACE_RECOGNITION, limit=32, val_limit=16)
    train, val = (decode(dataset.splits[split], RECOGNIZER.inputs) for split in ("train", "val"))
    return train, val


def pooled(data: Decoded) -> dict[str, np.ndarray]:
    """A made-up teacher: a fixed random projection of the picture's mean colours on a grid of 4x4."""
    height, width = data.images.shape[1] // 4 * 4, data.images.shape[2] // 4 * 4
    cells = data.images[:, :height, :width].reshape(len(data), 4, height // 4, 4, width // 4, -1).mean(axis=(2, 4))
    kernel = np.random.default_rng(0).normal(size=(cells[0].size, 12))
    vectors = (cells.reshape(len(data), -1) / 255 @ kernel).astype(np.float16)
    return dict(zip(data.keys, vectors, strict=True))


@pytest.mark.parametrize("loss", ["arcface", "distill"])
def test_an_embedding_learns(loss: str, people: tuple[Decoded, Decoded]) -> None:
    train, val = people
    learner = EmbeddingLearner(
        int(train.labels.max()) + 1, loss=loss, teacher=pooled(train) if loss == "distill" else None
    )
    trainer = Trainer(RECOGNIZER, learner, {}, seed=0)
    fit = trainer.fit(Recipe(batch_size=16, learning_rate=3e-3, epochs=4, augmentation=Augmentation()), train, val)
    assert fit.history[-1]["loss"] < 0.8 * fit.history[0]["loss"]
    assert 0 <= fit.best_score <= 1
    assert set(trainer.model.output) == {"embedding"}  # what only training needs stays out of the model


def test_a_teacher_is_read_by_key() -> None:
    vectors = {f"p{row}": np.array([row, 1.0], np.float16) for row in range(4)}
    learner = EmbeddingLearner(2, loss="distill", teacher=vectors)
    targets = learner.targets(blank([0, 0, 1, 1]), np.array([2, 0]))
    assert targets["teacher"].dtype == np.float32
    assert targets["teacher"].tolist() == [[2, 1], [0, 1]]
    assert TeacherVectors(vectors).centre.tolist() == [1.5, 1.0]


def test_a_picture_that_the_teacher_has_not_seen_is_a_sentence(people: tuple[Decoded, Decoded]) -> None:
    train, val = people
    learner = EmbeddingLearner(2, loss="distill", teacher={"p0": np.ones(3)})
    with pytest.raises(zoo.BadData, match=r"no vector for 1 of 2 pictures, the first 'p1'"):
        learner.targets(blank([0, 1]), np.array([0, 1]))
    with pytest.raises(zoo.BadData, match="no vector for 32 of 32 pictures"):
        Trainer(RECOGNIZER, learner, {}, seed=0).fit(Recipe(batch_size=32, epochs=1), train, val)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": "arcfase"}, "Did you mean 'arcface'"),
        ({"loss": "distill"}, "needs vectors of a teacher"),
        ({"loss": "arcface", "teacher": {"p": np.ones(2)}}, "takes no vectors of a teacher"),
        ({"loss": "distill", "teacher": {}}, "of one size, got the shapes"),
        ({"loss": "distill", "teacher": {"p": np.ones(2), "q": np.ones(3)}}, r"got the shapes \[\(2,\), \(3,\)\]"),
        ({"loss": "distill", "teacher": {"p": np.array([1, np.nan])}}, "not a finite number"),
    ],
)
def test_a_wrong_embedding_loss_is_a_sentence(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(zoo.ZooError, match=message):
        EmbeddingLearner(2, **arguments)


def smoothed(targets: Mapping[str, Any], outputs: Mapping[str, Any]) -> Any:
    """A user's own loss: label smoothing."""
    logits = outputs["class_logits"]
    right = keras.ops.one_hot(targets["label"], logits.shape[-1])
    return keras.ops.mean(keras.losses.categorical_crossentropy(right, logits, from_logits=True, label_smoothing=0.1))


def test_a_sweep_trains_with_the_loss_given(tmp_path: Path) -> None:
    calls = []

    def counted(targets: Mapping[str, Any], outputs: Mapping[str, Any]) -> Any:
        calls.append(type(outputs["class_logits"]).__name__)
        return 1000.0 + smoothed(targets, outputs)

    result = sweep("dense4_cls_64", out=tmp_path, loss=counted, **QUICK)
    assert result.trials[0]["history"][0]["loss"] > 1000
    assert len(calls) == 2  # tried once, traced once
    assert RunFolder.open(result.folder).read_json("run.json")["loss"].endswith("counted")


def per_row(targets: Mapping[str, Any], outputs: Mapping[str, Any]) -> Any:
    return keras.ops.sum(outputs["class_logits"], axis=-1)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("arcface", r"called as loss\(targets, outputs\), got 'arcface'\. Give a function"),
        (per_row, r"scalar tensor; got shape \(4,\)"),
        (lambda targets, outputs: keras.ops.sum(outputs["class_logits"]) / 0.0, "it must be finite"),
        (lambda targets, outputs: outputs["scores"], r"KeyError: 'scores'\. .* class_logits \(4, 6\)"),
        (lambda targets, outputs: float(np.mean(outputs["class_logits"])), "NumPy breaks the chain"),
        (lambda outputs: 0.0, "takes 1 positional argument"),
    ],
)
def test_a_loss_that_cannot_be_used_leaves_no_run_folder(loss: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(zoo.ZooError, match=message):
        sweep("dense4_cls_64", out=tmp_path, loss=loss, **QUICK)
    assert list(tmp_path.iterdir()) == []


def test_a_custom_loss_keeps_the_rest_of_the_task() -> None:
    learner = CustomLossLearner(ClassLearner("balanced_accuracy"), smoothed)
    assert learner.metric == "balanced_accuracy"
    assert learner.targets(blank([0, 1]), np.array([1]))["label"].tolist() == [1]
