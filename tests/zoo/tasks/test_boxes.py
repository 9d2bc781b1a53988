"""Overlap, suppression and decoding against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import zoo
from zoo.tasks.boxes import NMS_BLOCK, decode_detections, iou, non_maximum_suppression
from zoo.tasks.grid import anchors, encode_boxes, encode_keypoints

CORNERS = arrays(np.float64, st.tuples(st.integers(1, 8), st.just(4)), elements=st.floats(0, 1, width=32))


def as_boxes(corners: np.ndarray) -> np.ndarray:
    return np.concatenate(
        [np.minimum(corners[:, :2], corners[:, 2:]), np.maximum(corners[:, :2], corners[:, 2:])], axis=1
    )


def slow_iou(a: np.ndarray, b: np.ndarray) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    overlap = max(width, 0) * max(height, 0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - overlap
    return overlap / union if union > 0 else 0.0


def slow_suppression(boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, threshold: float) -> list[int]:
    kept: list[int] = []
    for index in sorted(range(len(scores)), key=lambda index: (-scores[index], index)):
        if all(classes[other] != classes[index] or slow_iou(boxes[other], boxes[index]) <= threshold for other in kept):
            kept.append(index)
    return kept


@given(CORNERS, CORNERS)
def test_iou_equals_the_loop_and_is_symmetric(a: np.ndarray, b: np.ndarray) -> None:
    a, b = as_boxes(a), as_boxes(b)
    overlaps = iou(a, b)
    np.testing.assert_allclose(overlaps, [[slow_iou(x, y) for y in b] for x in a], atol=1e-9)
    np.testing.assert_allclose(overlaps, iou(b, a).T)
    assert ((overlaps >= 0) & (overlaps <= 1 + 1e-9)).all()


@given(CORNERS, st.integers(0, 2**32 - 1), st.floats(0.1, 0.9))
def test_suppression_equals_the_loop_and_twice_changes_nothing(
    corners: np.ndarray, seed: int, threshold: float
) -> None:
    boxes = as_boxes(corners)
    generator = np.random.default_rng(seed)
    scores = generator.integers(1, 5, len(boxes)) / 5  # ties on purpose
    classes = generator.integers(0, 2, len(boxes))
    kept = non_maximum_suppression(boxes, scores, classes, threshold, 100)
    assert kept.tolist() == slow_suppression(boxes, scores, classes, threshold)
    again = non_maximum_suppression(boxes[kept], scores[kept], classes[kept], threshold, 100)
    assert again.tolist() == list(range(len(kept)))


@pytest.mark.parametrize("count", [NMS_BLOCK, NMS_BLOCK + 1, 5 * NMS_BLOCK])
@pytest.mark.parametrize("side", [0.05, 0.3])
def test_suppression_equals_the_loop_over_several_blocks(count: int, side: float) -> None:
    generator = np.random.default_rng(count)
    corners = generator.random((count, 2))
    boxes = np.concatenate([corners, corners + side * generator.random((count, 2))], axis=1)
    scores, classes = generator.integers(1, 50, count) / 50, generator.integers(0, 2, count)
    expected = slow_suppression(boxes, scores, classes, 0.45)
    for most in (NMS_BLOCK // 2, NMS_BLOCK + 3, count):
        assert non_maximum_suppression(boxes, scores, classes, 0.45, most).tolist() == expected[:most]


def test_suppression_stops_at_the_largest_number() -> None:
    boxes = np.array([[x, 0, x + 0.05, 0.05] for x in np.linspace(0, 0.9, 10)])
    kept = non_maximum_suppression(boxes, np.linspace(0.1, 1, 10), np.zeros(10, int), 0.5, 3)
    assert kept.tolist() == [9, 8, 7]


@pytest.mark.parametrize("score_threshold", [None, 0.0])
def test_decoding_finds_what_was_encoded(score_threshold: float | None) -> None:
    inputs, head = zoo.ImageSpec(64, 64), zoo.GridHead(strides=(16,), keypoints=("tip",), max_detections=16)
    grid = anchors(head, inputs)
    box, tip = np.array([0.2, 0.3, 0.6, 0.7], np.float32), np.array([0.4, 0.35], np.float32)
    logits = np.full((16, 2), -9.0, np.float32)
    logits[5, 1] = 3.0
    found = decode_detections(
        logits,
        encode_boxes(np.tile(box, (16, 1)), grid),
        encode_keypoints(np.tile(tip, (16, 1, 1)), grid),
        head,
        grid,
        score_threshold,
    )
    assert len(found) == (1 if score_threshold is None else 2)  # at 0 the best of each class remains
    np.testing.assert_allclose(found.boxes[0], box, atol=1e-6)
    np.testing.assert_allclose(found.keypoints[0, 0], tip, atol=1e-6)
    assert found.classes[0] == 1
    assert found.scores[0] == pytest.approx(1 / (1 + np.exp(-3.0)))
