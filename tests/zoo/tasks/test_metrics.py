"""Metrics against plain loops and known answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.tasks.boxes import Detections, iou
from zoo.tasks.metrics import Truth, accuracy, average_precision, balanced_accuracy, verification_accuracy


def truth(*boxes: list[float], classes: list[int] | None = None, ignore: list[bool] | None = None) -> Truth:
    return Truth(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(classes or [0] * len(boxes), np.int64),
        np.array(ignore or [False] * len(boxes), bool),
    )


def found(*rows: tuple[list[float], float], classes: list[int] | None = None) -> Detections:
    return Detections(
        np.array([box for box, _ in rows], np.float32).reshape(-1, 4),
        np.array([score for _, score in rows]),
        np.array(classes or [0] * len(rows), np.int64),
        np.zeros((len(rows), 0, 2)),
    )


A, B, C = [0.1, 0.1, 0.4, 0.4], [0.5, 0.5, 0.9, 0.9], [0.0, 0.6, 0.2, 0.9]


def slow_average_precision(truths: list[Truth], detections: list[Detections], threshold: float) -> float:
    """COCO's 101-point interpolation for one class without ignored boxes, in plain loops."""
    rows = sorted(
        ((score, picture, index) for picture, one in enumerate(detections) for index, score in enumerate(one.scores)),
        key=lambda row: -row[0],
    )
    taken: set[tuple[int, int]] = set()
    hits = []
    for _, picture, index in rows:
        overlaps = iou(detections[picture].boxes[index : index + 1], truths[picture].boxes)[0]
        free = [number for number in np.argsort(-overlaps, kind="stable") if (picture, number) not in taken]
        hit = bool(free) and overlaps[free[0]] >= threshold
        if hit:
            taken.add((picture, free[0]))
        hits.append(hit)
    total = sum(len(one.boxes) for one in truths)
    true_positives = np.cumsum(hits)
    recall, precision = true_positives / total, true_positives / np.arange(1, len(hits) + 1)
    best_from = np.maximum.accumulate(precision[::-1])[::-1]
    points = [np.searchsorted(recall, level, side="left") for level in np.linspace(0, 1, 101)]
    return float(np.mean([best_from[point] if point < len(best_from) else 0.0 for point in points]))


@given(st.integers(0, 2**32 - 1))
def test_average_precision_equals_the_loop(seed: int) -> None:
    generator = np.random.default_rng(seed)
    truths, detections = [], []
    ranks = iter(generator.permutation(1000) / 1000)  # no ties, in no two pictures: their order is not defined
    for _ in range(4):
        low = generator.uniform(0, 0.6, (generator.integers(1, 4), 2))
        boxes = np.concatenate([low, low + generator.uniform(0.1, 0.4, low.shape)], axis=1)
        truths.append(truth(*boxes.tolist()))
        near = boxes + generator.normal(0, 0.03, boxes.shape)
        near = np.sort(near.reshape(-1, 2, 2), axis=1).reshape(-1, 4)  # no decoder turns a box inside out
        detections.append(found(*[(box, float(next(ranks))) for box in near.tolist()]))
    expected = slow_average_precision(truths, detections, 0.5)
    assert average_precision(truths, detections, 1) == pytest.approx(expected, abs=1e-6)


def test_perfect_and_useless_detections() -> None:
    assert average_precision([truth(A, B)], [found((A, 0.9), (B, 0.8))], 1) == pytest.approx(1.0)
    assert average_precision([truth(A)], [found((C, 0.9))], 1) == 0.0


def test_nothing_found_or_nothing_to_find() -> None:
    assert average_precision([truth(A)], [found()], 1) == 0.0
    assert average_precision([truth()], [found((A, 0.9))], 1) == 0.0
    assert average_precision([truth(A, ignore=[True])], [found((A, 0.9))], 1) == 0.0


def test_ignored_boxes_are_neither_hit_nor_miss() -> None:
    with_ignored = average_precision([truth(A, B, ignore=[False, True])], [found((B, 0.95), (A, 0.9))], 1)
    assert with_ignored == pytest.approx(1.0)


def test_a_second_box_on_one_object_is_a_false_alarm() -> None:
    assert average_precision([truth(A, B)], [found((A, 0.9), (A, 0.8), (B, 0.7))], 1) < 0.9


def test_the_wrong_class_is_a_miss_and_absent_classes_do_not_count() -> None:
    assert average_precision([truth(A, classes=[0])], [found((A, 0.9), classes=[1])], 3) == 0.0
    assert average_precision([truth(A, classes=[1])], [found((A, 0.9), classes=[1])], 3) == pytest.approx(1.0)


def test_accuracy_by_hand() -> None:
    assert accuracy(np.array([[2.0, 1.0], [0.0, 1.0], [3.0, 0.0]]), np.array([0, 1, 1])) == pytest.approx(2 / 3)


@given(st.integers(0, 2**32 - 1))
def test_balanced_accuracy_equals_the_loop(seed: int) -> None:
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(30, 4))
    labels = generator.choice(4, 30, p=(0.7, 0.2, 0.1, 0.0))  # the last class has no pictures
    recalls = []
    for label in range(4):
        found, total = 0, 0
        for row in range(30):
            if labels[row] == label:
                total += 1
                found += max(range(4), key=lambda column: logits[row, column]) == label
        if total:
            recalls.append(found / total)
    assert balanced_accuracy(logits, labels) == pytest.approx(sum(recalls) / len(recalls))


def test_balanced_accuracy_is_not_taken_in_by_a_common_class() -> None:
    labels = np.array([0] * 9 + [1])
    always_the_common_one = np.tile([1.0, 0.0], (10, 1))
    assert accuracy(always_the_common_one, labels) == pytest.approx(0.9)
    assert balanced_accuracy(always_the_common_one, labels) == pytest.approx(0.5)


def slow_verification(cosines: np.ndarray, same: np.ndarray, folds: np.ndarray) -> float:
    scores = []
    for fold in np.unique(folds):
        train, test = folds != fold, folds == fold
        ranked = np.unique(cosines[train])
        candidates = [ranked[0] - 1, *((ranked[1:] + ranked[:-1]) / 2), ranked[-1] + 1]
        best = max(candidates, key=lambda edge: (((cosines[train] >= edge) == same[train]).mean(), -edge))
        scores.append(((cosines[test] >= best) == same[test]).mean())
    return float(np.mean(scores))


@given(st.integers(0, 2**32 - 1))
def test_verification_accuracy_equals_the_loop(seed: int) -> None:
    generator = np.random.default_rng(seed)
    same = np.arange(40) % 2 == 0
    cosines = np.round(generator.normal(0.3 * same, 0.3), 1)  # rounded: ties on purpose
    folds = np.arange(40) // 10
    assert verification_accuracy(cosines, same, folds) == pytest.approx(slow_verification(cosines, same, folds))


def test_separable_pairs_are_all_right() -> None:
    same = np.arange(20) % 2 == 0
    assert verification_accuracy(np.where(same, 0.8, 0.2), same, np.arange(20) // 4) == 1.0
