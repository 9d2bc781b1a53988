"""Metrics on random data full of ties, duplicates, ignored and low boxes, against independent implementations.

COCO's average precision is written out in plain loops here, and pycocotools is fed directly as well. Coordinates and
scores are multiples of 1/32 and 1/8: equal ones are equal, and an overlap on the threshold is exactly on it.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import example, given, settings
from hypothesis import strategies as st

from zoo.tasks.boxes import Detections
from zoo.tasks.metrics import (
    Truth,
    accuracy,
    average_precision,
    balanced_accuracy,
    best_score_threshold,
    landmark_error,
    precision_at_recall,
    top_k_accuracy,
)

CLASSES = 3
THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
TOLERANCE = 1e-9  # measured 4e-16


def random_boxes(generator: np.random.Generator, count: int) -> np.ndarray:
    low = generator.integers(0, 20, (count, 2))
    return np.concatenate([low, low + generator.integers(1, 12, (count, 2))], axis=1).astype(np.float32) / 32


def random_set(seed: int, ignored: float, pictures: int = 4) -> tuple[list[Truth], list[Detections]]:
    """Labelled boxes, some twice, and detections: copies of them moved a little or not, some twice, and others."""
    generator = np.random.default_rng(seed)
    truths, found = [], []
    for _ in range(pictures):
        boxes = random_boxes(generator, generator.integers(0, 6))
        boxes = np.concatenate([boxes, boxes[:1]]) if generator.random() < 0.3 else boxes
        classes = generator.integers(0, CLASSES, len(boxes))
        truths.append(Truth(boxes, classes, generator.random(len(boxes)) < ignored))
        rows = generator.integers(0, len(boxes), generator.integers(0, 8)) if len(boxes) else np.zeros(0, int)
        moved = boxes[rows] + generator.integers(0, 2, (len(rows), 1)).astype(np.float32) / 32
        strays = random_boxes(generator, generator.integers(0, 3))
        labels = np.concatenate([classes[rows], generator.integers(0, CLASSES, len(strays))])
        scores = generator.integers(1, 9, len(labels)) / 8
        found.append(Detections(np.concatenate([moved, strays]), scores, labels, np.zeros((len(labels), 0, 2))))
    return truths, found


def overlap(box: Sequence[float], other: Sequence[float], is_crowd: bool) -> float:
    """IoU, or for a crowd the share of `box` that lies in it."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    area, other_area = ((one[2] - one[0]) * (one[3] - one[1]) for one in (box, other))
    return shared / (area if is_crowd else area + other_area - shared)


def matched(
    truth: Truth, found: Detections, label: int, threshold: float, min_height: float
) -> tuple[list[tuple[float, bool]], int]:
    """Return (score, is a hit) for each detection of a class that counts in one picture, best first, and how many
    boxes there are to find."""
    labelled = []
    for box, one, is_crowd in zip(truth.boxes.tolist(), truth.classes, truth.ignore.tolist(), strict=True):
        if one == label:
            labelled.append((box, is_crowd, is_crowd or box[3] - box[1] < min_height))
    labelled.sort(key=lambda row: row[2])  # what counts comes first
    rows = [row for row in range(len(found)) if found.classes[row] == label]
    rows = sorted(rows, key=lambda row: -found.scores[row])[:100]
    taken: set[int] = set()
    results = []
    for row in rows:
        box, match, best = found.boxes[row].tolist(), None, threshold
        for number, (other, is_crowd, is_ignored) in enumerate(labelled):
            if number in taken and not is_crowd:
                continue
            if match is not None and not labelled[match][2] and is_ignored:
                break
            if overlap(box, other, is_crowd) >= best:
                match, best = number, overlap(box, other, is_crowd)
        if match is not None:
            taken.add(match)
            if not labelled[match][2]:
                results.append((float(found.scores[row]), True))
        elif box[3] - box[1] >= min_height:
            results.append((float(found.scores[row]), False))
    return results, sum(not is_ignored for _, _, is_ignored in labelled)


def slow_curve(
    truths: Sequence[Truth], found: Sequence[Detections], label: int, threshold: float, min_heights: Sequence[float]
) -> np.ndarray | None:
    """Precision at 101 recalls for a class; None without anything to find."""
    ranked: list[tuple[float, bool]] = []
    total = 0
    for truth, one, least in zip(truths, found, min_heights, strict=True):
        rows, count = matched(truth, one, label, threshold, least)
        ranked += rows
        total += count
    if not total:
        return None
    ranked.sort(key=lambda row: -row[0])  # stable: of equal scores the earlier picture comes first
    recalls, precisions, hits = [], [], 0
    for place, (_, is_hit) in enumerate(ranked, start=1):
        hits += is_hit
        recalls.append(hits / total)
        precisions.append(hits / place)
    return np.array(
        [max((p for p, r in zip(precisions, recalls, strict=True) if r >= recall), default=0.0) for recall in RECALLS]
    )


def slow_average_precision(
    truths: Sequence[Truth], found: Sequence[Detections], threshold: float | None, min_heights: Sequence[float]
) -> float:
    curves = [
        slow_curve(truths, found, label, one, min_heights)
        for label in range(CLASSES)
        for one in (THRESHOLDS.tolist() if threshold is None else [threshold])
    ]
    defined = [curve.mean() for curve in curves if curve is not None]
    return float(np.mean(defined)) if defined else 0.0


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    threshold=st.sampled_from([0.5, 0.75, 0.9, None]),
    ignored=st.sampled_from([0.0, 0.3, 0.8]),
    least=st.sampled_from([0.0, 0.1, 0.25]),
)
def test_average_precision_equals_the_loops(seed: int, threshold: float | None, ignored: float, least: float) -> None:
    truths, found = random_set(seed, ignored)
    min_heights = [least * factor for factor in (1, 0, 0.5, 2)]
    expected = slow_average_precision(truths, found, threshold, min_heights)
    measured = average_precision(truths, found, CLASSES, threshold, min_heights)
    assert measured == pytest.approx(expected, abs=TOLERANCE)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.5, 0.75]), st.sampled_from([0.0, 0.4]))
def test_the_curve_equals_the_loops(seed: int, threshold: float, ignored: float) -> None:
    truths, found = random_set(seed, ignored)
    curves = precision_at_recall(truths, found, CLASSES, threshold)
    for label in range(CLASSES):
        expected = slow_curve(truths, found, label, threshold, [0.0] * len(truths))
        expected = np.full(101, np.nan) if expected is None else expected
        np.testing.assert_allclose(curves[:, label], expected, atol=TOLERANCE)


def coco_stats(truths: Sequence[Truth], found: Sequence[Detections]) -> tuple[float, float]:
    """Return COCO's AP and AP50 as pycocotools' own summary gives them, in pixels of pictures of 320x320."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def rows(boxes: np.ndarray, labels: np.ndarray, image_id: int) -> list[dict[str, Any]]:
        pixels = boxes.astype(float) * 320
        return [
            {
                "image_id": image_id,
                "category_id": int(label) + 1,
                "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
                "area": (box[2] - box[0]) * (box[3] - box[1]),
            }
            for box, label in zip(pixels.tolist(), labels, strict=True)
        ]

    annotations, results = [], []
    for image_id, (truth, one) in enumerate(zip(truths, found, strict=True), start=1):
        for row, ignore in zip(rows(truth.boxes, truth.classes, image_id), truth.ignore, strict=True):
            annotations.append({**row, "id": len(annotations) + 1, "iscrowd": int(ignore)})
        for row, score in zip(rows(one.boxes, one.classes, image_id), one.scores, strict=True):
            results.append({**row, "score": float(score)})
    with contextlib.redirect_stdout(io.StringIO()):
        truth_set = COCO()
        truth_set.dataset = {
            "info": {},
            "images": [{"id": number} for number in range(1, len(truths) + 1)],
            "categories": [{"id": label + 1} for label in range(CLASSES)],
            "annotations": annotations,
        }
        truth_set.createIndex()
        evaluation = COCOeval(truth_set, truth_set.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0]), float(evaluation.stats[1])


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 0.8, 1.0]))
def test_average_precision_equals_pycocotools_fed_directly(seed: int, ignored: float) -> None:
    truths, found = random_set(seed, ignored)
    if not any(len(one) for one in found):  # loadRes takes no empty list
        return
    expected = [max(value, 0.0) for value in coco_stats(truths, found)]  # -1 where nothing is to be found
    measured = [average_precision(truths, found, CLASSES, threshold) for threshold in (None, 0.5)]
    assert measured == pytest.approx(expected, abs=TOLERANCE)


def no_detections() -> Detections:
    return Detections(np.zeros((0, 4), np.float32), np.zeros(0), np.zeros(0, np.int64), np.zeros((0, 0, 2)))


def test_no_detection_no_truth_and_all_ignored() -> None:
    truths, found = random_set(5, 0.0)
    nothing = Truth(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, bool))
    all_ignored = [Truth(truth.boxes, truth.classes, np.ones(len(truth.boxes), bool)) for truth in truths]
    for threshold in (0.5, None):
        assert average_precision(truths, [no_detections()] * 4, CLASSES, threshold) == 0.0
        assert average_precision([nothing] * 4, found, CLASSES, threshold) == 0.0
        assert average_precision([nothing] * 4, [no_detections()] * 4, CLASSES, threshold) == 0.0
        assert average_precision(all_ignored, found, CLASSES, threshold) == 0.0
        assert average_precision([], [], CLASSES, threshold) == 0.0


def test_of_many_detections_the_best_hundred_count() -> None:
    boxes = random_boxes(np.random.default_rng(0), 160)
    scores = np.arange(160, 0, -1) / 160
    truth = Truth(boxes[:120], np.zeros(120, np.int64), np.zeros(120, bool))
    some = Detections(boxes, scores, np.zeros(160, np.int64), np.zeros((160, 0, 2)))
    expected = slow_average_precision([truth], [some], 0.5, [0.0])
    assert average_precision([truth], [some], 1) == pytest.approx(expected, abs=TOLERANCE)
    assert expected < 0.9


def test_one_score_for_all_is_ranked_by_picture() -> None:
    truths, found = random_set(11, 0.2, pictures=12)
    tied = [Detections(one.boxes, np.full(len(one), 0.5), one.classes, one.keypoints) for one in found]
    expected = slow_average_precision(truths, tied, 0.5, [0.0] * 12)
    assert average_precision(truths, tied, CLASSES) == pytest.approx(expected, abs=TOLERANCE)
    assert 0 < expected < 1


@given(st.integers(0, 2**32 - 1))
def test_accuracies_equal_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    logits, labels = generator.integers(0, 3, (40, 5)).astype(float), generator.integers(0, 5, 40)  # ties on purpose
    chosen = logits.argmax(axis=1)
    assert accuracy(logits, labels) == pytest.approx(sklearn.metrics.accuracy_score(labels, chosen))
    labels[0], labels[1:6] = 0, range(5)  # scikit-learn warns of a chosen class without pictures
    expected = sklearn.metrics.balanced_accuracy_score(labels, chosen)
    assert balanced_accuracy(logits, labels) == pytest.approx(expected)


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_top_k_with_ties_equals_the_loop(seed: int, k: int) -> None:
    generator = np.random.default_rng(seed)
    logits, labels = generator.integers(0, 3, (30, 5)).astype(float), generator.integers(0, 5, 30)
    hits = 0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        hits += label in sorted(range(5), key=lambda column: (-row[column], column))[:k]
    assert top_k_accuracy(logits, labels, k) == pytest.approx(hits / 30)


@given(st.integers(0, 2**32 - 1))
@example(0)
def test_landmark_error_equals_the_loop(seed: int) -> None:
    generator = np.random.default_rng(seed)
    truths, found = random_set(seed, 0.3)
    points, guessed, errors = [], [], []
    for truth, one in zip(truths, found, strict=True):
        here = generator.normal(size=(len(truth.boxes), 3, 2))
        here[generator.random((len(truth.boxes), 3)) < 0.2] = np.nan
        marks = generator.normal(size=(len(one), 3, 2))
        points.append(here)
        guessed.append(Detections(one.boxes, one.scores, one.classes, marks))
        free = [row for row in range(len(truth.boxes)) if not truth.ignore[row]]
        for row in sorted(range(len(one)), key=lambda row: -one.scores[row]):
            overlaps = [overlap(one.boxes[row].tolist(), truth.boxes[number].tolist(), False) for number in free]
            if not overlaps or max(overlaps) < 0.5:
                continue
            match = free.pop(overlaps.index(max(overlaps)))
            x1, y1, x2, y2 = truth.boxes[match].tolist()
            distances = [np.hypot(*(marks[row, mark] - here[match, mark])) for mark in range(3)]
            known = [distance for distance in distances if np.isfinite(distance)]
            if known:
                errors.append(np.mean(known) / ((x2 - x1) * (y2 - y1)) ** 0.5)
    measured = landmark_error(truths, points, guessed)
    assert measured == pytest.approx(np.mean(errors) if errors else np.nan, nan_ok=True)


def f1_from(truths: list[Truth], found: list[Detections], least: float) -> float:
    """Harmonic mean of precision and recall of the detections that score at least `least`, in plain loops."""
    hits = shown = 0
    for truth, one in zip(truths, found, strict=True):
        taken: set[int] = set()
        for row in sorted(range(len(one)), key=lambda row: (-one.scores[row], row)):
            if one.scores[row] < least:
                continue
            overlaps = [
                (overlap(one.boxes[row], box, False), -index)
                for index, box in enumerate(truth.boxes)
                if truth.classes[index] == one.classes[row]
            ]
            near = [(share, index) for share, index in overlaps if share >= 0.5]
            best = [
                index for _, index in sorted(near, reverse=True) if -index not in taken and not truth.ignore[-index]
            ]
            if best:
                taken.add(-best[0])
                hits += 1
            shown += bool(best) or not any(truth.ignore[-index] for _, index in near)
    labelled = sum(int((~truth.ignore).sum()) for truth in truths)
    return 2 * hits / (shown + labelled) if hits else 0.0


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 1.0]))
def test_boxes_are_best_shown_from_the_threshold_of_the_highest_f1(seed: int, ignored: float) -> None:
    truths, found = random_set(seed, ignored)
    threshold, f1 = best_score_threshold(truths, found)
    everywhere = [f1_from(truths, found, least) for least in np.arange(1, 9) / 8]
    assert f1 == pytest.approx(max(everywhere), abs=TOLERANCE)
    assert f1_from(truths, found, threshold) == pytest.approx(f1, abs=TOLERANCE)


def test_where_nothing_is_found_no_score_is_best() -> None:
    boxes = np.array([[0.1, 0.1, 0.4, 0.4]], np.float32)
    nothing = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int), np.zeros((0, 0, 2)))
    assert best_score_threshold([Truth(boxes, np.zeros(1, int), np.zeros(1, bool))], [nothing]) == (0.0, 0.0)
    assert best_score_threshold([], []) == (0.0, 0.0)
