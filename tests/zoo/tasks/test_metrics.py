"""Metrics against plain loops and known answers."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from zoo.tasks.boxes import Detections, iou
from zoo.tasks.metrics import (
    Truth,
    accuracy,
    average_precision,
    balanced_accuracy,
    false_accept_threshold,
    landmark_error,
    precision_at_recall,
    top_k_accuracy,
    true_accept_rate,
    verification_accuracy,
)


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


@given(st.integers(0, 2**32 - 1))
def test_top_k_equals_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    logits, labels = generator.normal(size=(20, 7)), generator.integers(0, 7, 20)
    for k in (1, 2, 5, 7):
        with np.errstate(all="ignore"):
            expected = sklearn.metrics.top_k_accuracy_score(labels, logits, k=k, labels=range(7)) if k < 7 else 1.0
        assert top_k_accuracy(logits, labels, k) == pytest.approx(expected)
    assert top_k_accuracy(logits, labels, 1) == accuracy(logits, labels)


def test_of_equal_logits_the_lower_class_comes_first() -> None:
    assert top_k_accuracy(np.zeros((1, 4)), np.array([1]), 2) == 1.0
    assert top_k_accuracy(np.zeros((1, 4)), np.array([2]), 2) == 0.0


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e-3, 1e-2, 0.1, 0.5, 1.0]), st.booleans())
def test_true_accept_rate_equals_scikit_learn(seed: int, rate: float, has_ties: bool) -> None:
    generator = np.random.default_rng(seed)
    same = np.arange(60) % 3 == 0
    cosines = generator.normal(0.3 * same, 0.3)
    cosines = np.round(cosines, 1) if has_ties else cosines
    false_rates, true_rates, _ = sklearn.metrics.roc_curve(same, cosines, drop_intermediate=False)
    assert true_accept_rate(cosines, same, rate) == pytest.approx(true_rates[false_rates <= rate + 1e-9].max())


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e-2, 0.1, 0.5]))
def test_a_false_accept_threshold_is_the_lowest_that_few_pass(seed: int, rate: float) -> None:
    others = np.random.default_rng(seed).normal(size=40).round(1)
    threshold = false_accept_threshold(others, rate)
    assert (others > threshold).mean() <= rate
    assert (others >= threshold).mean() > rate
    assert false_accept_threshold(others, 1.0) == -np.inf


def test_true_accept_rate_without_pairs_of_a_kind_is_not_a_number() -> None:
    assert np.isnan(true_accept_rate(np.array([0.1, 0.2]), np.array([True, True]), 0.01))
    assert np.isnan(true_accept_rate(np.array([0.1, 0.2]), np.array([False, False]), 0.01))


def slow_with_min_height(
    truths: list[Truth], detections: list[Detections], threshold: float, min_heights: list[float]
) -> float:
    """The loop without lower boxes: a detection that hits one of them, or is low and hits nothing, does not count."""
    kept_truths, kept_detections = [], []
    for one, some, least in zip(truths, detections, min_heights, strict=True):
        counts = one.boxes[:, 3] - one.boxes[:, 1] >= least
        overlaps = iou(some.boxes, one.boxes)
        taken, kept = set(), []
        for row in np.argsort(-some.scores, kind="stable"):
            options = [n for n in range(len(one.boxes)) if n not in taken and overlaps[row, n] >= threshold]
            counted = [n for n in options if counts[n]]
            chosen = max(counted or options, key=lambda n: overlaps[row, n], default=None)
            if chosen is not None:
                taken.add(chosen)
            is_low = some.boxes[row, 3] - some.boxes[row, 1] < least
            if (chosen is None and is_low) or (chosen is not None and not counts[chosen]):
                continue
            kept.append(row)
        kept_truths.append(Truth(one.boxes[counts], one.classes[counts], one.ignore[counts]))
        kept_detections.append(
            Detections(*(part[kept] for part in (some.boxes, some.scores, some.classes, some.keypoints)))
        )
    return slow_average_precision(kept_truths, kept_detections, threshold)


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.4))
def test_a_least_height_equals_the_loop(seed: int, least: float) -> None:
    generator = np.random.default_rng(seed)
    ranks = iter(generator.permutation(1000) / 1000)
    truths, detections = [truth([0.1, 0.1, 0.9, 0.9])], [found(([0.1, 0.1, 0.9, 0.9], float(next(ranks))))]
    for _ in range(3):
        low = np.stack([np.arange(3) * 0.34, generator.uniform(0, 0.5, 3)], axis=1)  # side by side: no two compete
        boxes = np.concatenate([low, low + generator.uniform(0.05, 0.3, low.shape)], axis=1)
        truths.append(truth(*boxes.tolist()))
        near = np.sort((boxes + generator.normal(0, 0.02, boxes.shape)).reshape(-1, 2, 2), axis=1).reshape(-1, 4)
        detections.append(found(*[(box, float(next(ranks))) for box in near.tolist()]))
    min_heights = [least] * 4
    expected = slow_with_min_height(truths, detections, 0.5, min_heights)
    assert average_precision(truths, detections, 1, 0.5, min_heights) == pytest.approx(expected, abs=1e-6)


def test_boxes_under_the_least_height_are_neither_hit_nor_miss() -> None:
    low = [0.5, 0.5, 0.6, 0.55]
    both, least = [truth(A, low)], [0.1]
    assert average_precision(both, [found((A, 0.9))], 1, 0.5, least) == pytest.approx(1.0)
    assert average_precision(both, [found((low, 0.95), (A, 0.9))], 1, 0.5, least) == pytest.approx(1.0)
    assert average_precision([truth(A)], [found((low, 0.95), (A, 0.9))], 1, 0.5, least) == pytest.approx(1.0)
    assert average_precision([truth(A)], [found((C, 0.95), (A, 0.9))], 1, 0.5, least) == pytest.approx(0.5)
    assert average_precision([truth(low)], [found((low, 0.9))], 1, 0.5, least) == 0.0


def test_the_curve_has_the_average_precision_as_its_mean() -> None:
    truths = [truth(A, B, classes=[0, 2]), truth(C)]
    detections = [found((A, 0.9), (C, 0.8), (B, 0.3), classes=[0, 0, 2]), found((A, 0.7))]
    curves = precision_at_recall(truths, detections, 4)
    assert curves.shape == (101, 4)
    assert np.isnan(curves[:, [1, 3]]).all()
    assert np.nanmean(curves) == pytest.approx(average_precision(truths, detections, 4))
    nothing = precision_at_recall(truths, [found(), found()], 4)
    assert (nothing[:, [0, 2]] == 0).all()
    assert np.isnan(nothing[:, [1, 3]]).all()


def with_points(detections: Detections, points: np.ndarray) -> Detections:
    return Detections(detections.boxes, detections.scores, detections.classes, points)


def test_landmark_error_by_hand() -> None:
    points = np.array([[[0.2, 0.2], [0.3, 0.2], [0.25, 0.3]], [[0.6, 0.6], [0.8, 0.6], [0.7, 0.8]]])
    moved = points + np.array([[[0.01, 0.0]], [[0.0, 0.04]]])
    moved = np.concatenate([moved, np.full((1, 3, 2), 9.0)])
    some = with_points(found((A, 0.9), (B, 0.8), (A, 0.1)), moved)  # the last finds a face a second time
    assert landmark_error([truth(A, B)], [points], [some]) == pytest.approx((0.01 / 0.3 + 0.04 / 0.4) / 2)


def test_landmark_error_passes_over_what_is_unknown() -> None:
    points = np.array([[[0.2, 0.2], [0.3, 0.2], [np.nan, np.nan]]])
    some = with_points(found((A, 0.9)), np.array([[[0.2, 0.2], [0.3, 0.22], [0.5, 0.5]]]))
    assert landmark_error([truth(A)], [points], [some]) == pytest.approx((0.0 + 0.02) / 2 / 0.3)
    assert np.isnan(landmark_error([truth(A)], [np.full((1, 3, 2), np.nan)], [some]))
    assert np.isnan(landmark_error([truth(A)], [points], [with_points(found(), np.zeros((0, 3, 2)))]))
    assert np.isnan(landmark_error([truth()], [np.zeros((0, 3, 2))], [some]))
    assert np.isnan(landmark_error([truth(A, ignore=[True])], [points], [some]))
