"""Losses against NumPy, and their gradients against finite differences in double precision."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest

import zoo
from tuner.gradients import check_gradient, slopes
from tuner.losses import (
    arc_margin_loss,
    box_overlap,
    classification_loss,
    cosine_margin_loss,
    detection_loss,
    distillation_loss,
    quality_focal,
)
from zoo.tasks.boxes import iou
from zoo.tasks.grid import Anchors, anchors, encode_boxes

GRADIENT_TOLERANCE = 1e-7  # largest seen 1.1e-9, under TensorFlow and JAX
LABELS = np.array([0, 4, 2])
HEAD, INPUTS = zoo.GridHead(strides=(16,), keypoints=("a",)), zoo.ImageSpec(32, 32)


def grid64() -> Anchors:
    grid = anchors(HEAD, INPUTS)
    centres, units, sides = (part.astype(np.float64) for part in (grid.centres, grid.units, grid.sides))
    return Anchors(centres, units, sides, grid.kinds, grid.kind_sides_px)


def detection_case(seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    generator = np.random.default_rng(seed)
    low = generator.uniform(0.0, 0.3, (1, 4, 2))
    boxes = np.concatenate([low, low + generator.uniform(0.3, 0.6, low.shape)], axis=2)
    near = boxes + generator.normal(0, 0.03, boxes.shape)
    targets = {
        "class_targets": np.array([[[1.0, 0], [0, 1], [0, 0], [0, 0]]]),
        "boxes": boxes,
        "weights": np.array([[1.0, 1, 1, 0]]),
        "keypoint_offsets": generator.normal(size=(1, 4, 2)),
        "keypoint_known": np.array([[[1.0, 1], [0, 1], [1, 1], [1, 1]]]),
    }
    outputs = {
        "class_logits": generator.normal(size=(1, 4, 2)),
        "box_offsets": encode_boxes(near, grid64()),
        "keypoint_offsets": generator.normal(size=(1, 4, 2)),
    }
    return targets, outputs


@pytest.mark.parametrize("seed", range(3))
def test_detection_gradient(seed: int) -> None:
    targets, outputs = detection_case(seed)
    # The overlap inside the class term is held constant by design, so the two terms are checked apart: first without
    # classes, then the focal term alone.
    boxes_only = {name: value for name, value in outputs.items() if name != "class_logits"}
    fixed = np.full((1, 4, 2), -50.0)  # scores of zero
    silent = {**targets, "weights": np.zeros((1, 4))}
    worst = check_gradient(
        lambda moving: detection_loss(silent, {**moving, "class_logits": keras.ops.convert_to_tensor(fixed)}, grid64()),
        boxes_only,
    )
    assert worst < GRADIENT_TOLERANCE


def test_quality_focal_gradient() -> None:
    generator = np.random.default_rng(0)
    quality = generator.uniform(size=(3, 4))
    worst = check_gradient(
        lambda moving: keras.ops.sum(quality_focal(moving["logits"], quality)),
        {"logits": generator.normal(0, 2, (3, 4))},
    )
    assert worst < GRADIENT_TOLERANCE


def test_classification_gradient() -> None:
    logits = np.random.default_rng(0).normal(size=(3, 5))
    worst = check_gradient(lambda moving: classification_loss({"label": LABELS}, moving), {"class_logits": logits})
    assert worst < GRADIENT_TOLERANCE


@pytest.mark.parametrize("loss", [cosine_margin_loss, arc_margin_loss])
def test_margin_gradient(loss: Any) -> None:
    cosines = np.random.default_rng(0).uniform(-0.99, 0.99, (3, 5))
    cosines[2, 2] = -0.999  # beyond pi - margin
    assert check_gradient(lambda moving: loss({"label": LABELS}, moving), {"cosines": cosines}) < GRADIENT_TOLERANCE


def test_distillation_gradient() -> None:
    teacher, projection, centre = np.random.default_rng(0).normal(size=(3, 4, 6))
    worst = check_gradient(
        lambda moving: distillation_loss({"teacher": teacher}, moving, centre=centre[0]), {"projection": projection}
    )
    assert worst < GRADIENT_TOLERANCE


def test_gradients_hold_under_jax() -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        __file__,
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "margin_gradient or distillation_gradient",
    ]
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "3 passed" in result.stdout


def slow_arc_margin(cosines: np.ndarray, labels: np.ndarray, scale: float, margin: float) -> float:
    """Equation 3 of ArcFace as it is printed, with angles, row by row."""
    losses = []
    for row, label in zip(cosines, labels, strict=True):
        angle = math.acos(row[label])
        right = math.cos(angle + margin) if angle + margin < math.pi else row[label] - margin * math.sin(margin)
        others = sum(math.exp(scale * cosine) for index, cosine in enumerate(row) if index != label)
        losses.append(-math.log(math.exp(scale * right) / (math.exp(scale * right) + others)))
    return sum(losses) / len(losses)


@pytest.mark.parametrize(("scale", "margin"), [(16.0, 0.2), (64.0, 0.5), (8.0, 0.0)])
def test_arc_margin_equals_the_paper(scale: float, margin: float) -> None:
    cosines = np.random.default_rng(1).uniform(-0.95, 0.95, (20, 5)).astype(np.float32)
    labels = np.arange(20) % 5
    cosines[0, 0] = -0.99  # beyond pi - margin
    found = arc_margin_loss({"label": labels}, {"cosines": cosines}, scale=scale, margin=margin)
    assert float(found) == pytest.approx(slow_arc_margin(cosines.astype(float), labels, scale, margin), rel=1e-4)


def test_arc_margin_is_finite_at_the_ends_and_rises_as_the_cosine_falls() -> None:
    ends = np.array([[1.0, 0.0], [-1.0, 0.0], [1.0001, 0.0]])  # a kernel is not yet of unit norm at the first step
    label = np.zeros(3, np.int64)
    assert check_gradient(lambda moving: arc_margin_loss({"label": label}, moving), {"cosines": ends * 0.999}) < 1e-6
    _, found = slopes(lambda moving: arc_margin_loss({"label": label}, moving), {"cosines": ends.astype(np.float32)})
    assert found["cosines"] is not None
    assert np.isfinite(found["cosines"]).all()
    steps = [
        float(arc_margin_loss({"label": np.zeros(1, np.int64)}, {"cosines": np.array([[cosine, 0.0]], np.float32)}))
        for cosine in np.linspace(1, -1, 101)
    ]
    assert (np.diff(steps) > 0).all()


def test_without_a_margin_all_margin_losses_agree() -> None:
    cosines = np.random.default_rng(0).uniform(-0.9, 0.9, (3, 5)).astype(np.float32)
    arc, cosine = (
        float(loss({"label": LABELS}, {"cosines": cosines}, margin=0.0))
        for loss in (arc_margin_loss, cosine_margin_loss)
    )
    assert arc == pytest.approx(cosine, rel=1e-5)


def test_distillation_by_hand() -> None:
    centre = np.array([1.0, 1.0], np.float32)
    teacher = centre + np.array([[2, 0], [0, 3], [0, 0.5]], np.float32)
    projection = np.array([[5, 0], [0, -1], [7, 0]], np.float32)  # the same, the opposite, at right angles
    loss = distillation_loss({"teacher": teacher}, {"projection": projection}, centre=centre)
    assert float(loss) == pytest.approx((0 + 2 + 1) / 3, abs=1e-6)
    nothing = np.zeros((1, 2), np.float32)
    assert float(distillation_loss({"teacher": centre[None]}, {"projection": nothing}, centre=centre)) == 1.0


def test_quality_focal_by_hand() -> None:
    # score 1/2 and quality 1: (1 - 1/2)² · -log(1/2)
    assert float(quality_focal(np.zeros(1, np.float32), np.ones(1, np.float32))[0]) == pytest.approx(
        0.25 * np.log(2), rel=1e-5
    )


def test_quality_focal_stays_finite_for_wild_logits() -> None:
    values = keras.ops.convert_to_numpy(quality_focal(np.array([-1e4, 1e4], np.float32), np.array([1, 0], np.float32)))
    np.testing.assert_allclose(values, [1e4, 1e4])


def test_box_overlap_equals_the_one_in_numpy() -> None:
    generator = np.random.default_rng(0)
    low = generator.uniform(0, 0.5, (2, 50, 2))
    a, b = np.concatenate([low, low + generator.uniform(0.05, 0.5, low.shape)], axis=2).astype(np.float32)
    overlap, generalised = (keras.ops.convert_to_numpy(value) for value in box_overlap(a, b))
    np.testing.assert_allclose(overlap, np.diag(iou(a, b)), atol=1e-5)
    assert (generalised <= overlap + 1e-6).all()
    assert generalised.min() < 0  # disjoint boxes are told apart by their distance


def test_a_perfect_answer_costs_next_to_nothing() -> None:
    targets, _ = detection_case(0)
    targets = {name: value.astype(np.float32) for name, value in targets.items()}
    outputs = {
        "class_logits": (targets["class_targets"] * 40 - 20).astype(np.float32),
        "box_offsets": encode_boxes(targets["boxes"], anchors(HEAD, INPUTS)),
        "keypoint_offsets": targets["keypoint_offsets"],
    }
    assert float(detection_loss(targets, outputs, anchors(HEAD, INPUTS))) < 1e-4


def test_classes_are_told_apart_where_an_object_is() -> None:
    targets, outputs = detection_case(0)
    logits = outputs["class_logits"]
    shares = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    by_hand = -(np.log(shares[0, 0, 0]) + np.log(shares[0, 1, 1])) / 2  # of the two anchors that own an object
    with_it, without = (float(detection_loss(targets, outputs, grid64(), class_weight=weight)) for weight in (0.7, 0.0))
    assert with_it - without == pytest.approx(0.7 * by_hand)

    def loss(moving: dict[str, Any]) -> Any:
        return detection_loss(
            {**targets, "weights": np.zeros((1, 4))}, {**outputs, **moving}, grid64(), class_weight=1.0
        )

    assert check_gradient(loss, {"class_logits": logits}) < GRADIENT_TOLERANCE


def test_weightless_cells_and_unknown_landmarks_do_not_count() -> None:
    targets, outputs = ({name: value.astype(np.float32) for name, value in part.items()} for part in detection_case(1))
    before = float(detection_loss(targets, outputs, anchors(HEAD, INPUTS)))
    outputs["class_logits"][0, 3] += 5.0  # weight 0
    outputs["keypoint_offsets"][0, 1, 0] += 5.0  # not known
    outputs["keypoint_offsets"][0, 2] += 5.0  # no object
    assert float(detection_loss(targets, outputs, anchors(HEAD, INPUTS))) == pytest.approx(before)


def test_no_object_at_all_is_finite() -> None:
    targets, outputs = ({name: value.astype(np.float32) for name, value in part.items()} for part in detection_case(1))
    targets["class_targets"][:] = 0
    targets["boxes"][:] = 0
    assert np.isfinite(float(detection_loss(targets, outputs, anchors(HEAD, INPUTS))))
