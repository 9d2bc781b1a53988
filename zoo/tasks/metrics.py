"""Metrics that need no training: of boxes, landmarks, classes and pairs of faces. In 0..1 and rising but for errors."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.tasks.boxes import Detections, iou

SCORE_FLOOR = 0.01
"""Average precision ranks all detections down to this score; the deployment threshold would cut the curve short."""


_COUNTS = 1.0
"""The 'area' of boxes that count; that of the others is 0."""


@dataclass(frozen=True)
class Truth:
    """The labelled boxes of one picture: boxes (n, 4) xyxy, classes (n,), ignore (n,) neither hit nor miss."""

    boxes: np.ndarray
    classes: np.ndarray
    ignore: np.ndarray


def average_precision(
    truths: Sequence[Truth],
    found: Sequence[Detections],
    num_classes: int,
    iou_threshold: float | None = 0.5,
    min_heights: Sequence[float] | None = None,
) -> float:
    """COCO average precision over classes, 100 detections, at one IoU or (None) at .50:.05:.95.

    Boxes of both sides must share one unit. `min_heights` holds one height per picture in that unit: a labelled box
    that is lower is neither hit nor miss, and so is a detection that is lower and hits nothing (the rule of the WIDER
    FACE evaluation, by COCO's area ranges with the height in the place of the area). A class without any truth does
    not count; without any truth at all the result is 0. Source: pycocotools 2.0, which computes it.
    """
    precision = _precision(truths, found, num_classes, iou_threshold, min_heights)
    return 0.0 if precision is None else mean_precision(np.where(precision > -1, precision, np.nan))


def mean_precision(curves: np.ndarray) -> float:
    """Return the average precision of curves of `precision_at_recall`: their mean, 0 where none is defined."""
    defined = curves[np.isfinite(curves)]
    return float(defined.mean()) if defined.size else 0.0


def precision_at_recall(
    truths: Sequence[Truth],
    found: Sequence[Detections],
    num_classes: int,
    iou_threshold: float = 0.5,
    min_heights: Sequence[float] | None = None,
) -> np.ndarray:
    """Return the precision at the recalls 0, 0.01, ... 1 for each class: (101, num_classes), NaN for a class without
    any truth. The mean of a column is its average precision. `min_heights` as in `average_precision`.
    """
    precision = _precision(truths, found, num_classes, iou_threshold, min_heights)
    if precision is None:
        labels = [label for truth in truths for label in truth.classes[~truth.ignore]]
        return np.where(np.isin(np.arange(num_classes), labels), 0.0, np.nan)[None].repeat(101, axis=0)
    curves = precision[0, :, :, 0, 0]
    return np.where(curves > -1, curves, np.nan)


def best_score_threshold(
    truths: Sequence[Truth], found: Sequence[Detections], iou_threshold: float = 0.5
) -> tuple[float, float]:
    """Return the score from which detections are best shown, and the F1 there: harmonic mean of precision and recall.

    Per picture, the best score first, each detection takes the labelled box of its class that it overlaps most, at
    least by `iou_threshold`, and that is free; those that only meet ignored boxes do not count. All classes share the
    threshold, the middle between the last score shown and the next; (0, 0) where nothing is hit. Source: van
    Rijsbergen, 'Information Retrieval', 1979, chapter 7.
    """
    scores: list[float] = []
    hits: list[bool] = []
    for truth, detections in zip(truths, found, strict=True):
        overlaps = iou(detections.boxes, truth.boxes)
        overlaps[detections.classes[:, None] != truth.classes[None]] = 0.0
        free = ~truth.ignore
        for row in np.argsort(-detections.scores, kind="stable"):
            candidates = np.flatnonzero(overlaps[row] >= iou_threshold)
            open_ones = candidates[free[candidates]]
            if len(open_ones):
                free[open_ones[overlaps[row, open_ones].argmax()]] = False
            if len(open_ones) or not truth.ignore[candidates].any():
                scores.append(float(detections.scores[row]))
                hits.append(bool(len(open_ones)))
    order = np.argsort(-np.array(scores), kind="stable")
    ranked, hit = np.array(scores)[order], np.cumsum(np.array(hits, bool)[order])
    if not hit.size or not hit[-1]:
        return 0.0, 0.0
    labelled = sum(int((~truth.ignore).sum()) for truth in truths)
    f1 = 2 * hit / (np.arange(1, len(hit) + 1) + labelled)
    f1[:-1][ranked[1:] == ranked[:-1]] = 0.0  # equal scores are shown together
    last = int(f1.argmax())
    below = ranked[last + 1] if last + 1 < len(ranked) else 0.0
    return float((ranked[last] + below) / 2), float(f1[last])


def _precision(
    truths: Sequence[Truth],
    found: Sequence[Detections],
    num_classes: int,
    iou_threshold: float | None,
    min_heights: Sequence[float] | None,
) -> np.ndarray | None:
    """Return pycocotools' precision (IoUs, 101 recalls, classes, 1, 1), -1 where undefined; None where it finds nothing
    to compare."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []

    def add(to: list[dict[str, Any]], **box: Any) -> None:
        to.append({"id": len(to) + 1, **box})

    rows = zip(truths, found, min_heights or [0.0] * len(truths), strict=True)
    for image_id, (truth, detections, min_height) in enumerate(rows, start=1):
        for box, label, ignore in zip(truth.boxes, truth.classes, truth.ignore, strict=True):
            add(annotations, **_annotation(image_id, box, label, min_height), iscrowd=int(ignore))
        for box, label, score in zip(detections.boxes, detections.classes, detections.scores, strict=True):
            add(results, **_annotation(image_id, box, label, min_height), iscrowd=0, score=score)
    if not results or all(annotation["iscrowd"] for annotation in annotations):
        return None
    with contextlib.redirect_stdout(io.StringIO()):
        sets = []
        for boxes in (annotations, results):  # not by loadRes, which would write the boxes' true areas
            sets.append(COCO())
            sets[-1].dataset = {
                "images": [{"id": image_id} for image_id in range(1, len(truths) + 1)],
                "categories": [{"id": label + 1, "name": str(label)} for label in range(num_classes)],
                "annotations": boxes,
            }
            sets[-1].createIndex()
        evaluation = COCOeval(*sets, "bbox")
        if iou_threshold is not None:
            evaluation.params.iouThrs = np.array([iou_threshold])
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[_COUNTS, 2 * _COUNTS]], ["all"]
        evaluation.params.maxDets = [100]
        evaluation.evaluate()
        evaluation.accumulate()
    return np.asarray(evaluation.eval["precision"])


def _annotation(image_id: int, box: np.ndarray, label: int, min_height: float) -> dict[str, Any]:
    """One box in COCO's terms, its 'area' standing for whether it is high enough to count."""
    x, y, width, height = float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])
    return {
        "image_id": image_id,
        "category_id": int(label) + 1,
        "bbox": [x, y, width, height],
        "area": _COUNTS if height >= min_height else 0.0,
    }


def landmark_error(
    truths: Sequence[Truth],
    keypoints: Sequence[np.ndarray],
    found: Sequence[Detections],
    iou_threshold: float = 0.5,
) -> float:
    """Mean distance of landmarks from where they should be, over the size of the face; lower is better.

    Shapes: keypoints per picture (n, k, 2), NaN where unknown, in the unit of the boxes, which must be the same along
    both axes. Counts each labelled box that is found (best score first, each detection once, IoU at least
    `iou_threshold`) and has landmarks; its size is the root of its area, for the distance of the eyes, which others
    take, vanishes in profile. The mean is over its known landmarks, then over boxes. NaN where there is none. Source:
    normalised mean error, Bulat and Tzimiropoulos, ICCV 2017 (arXiv:1703.07332), section 4.
    """
    errors = []
    for truth, points, detections in zip(truths, keypoints, found, strict=True):
        overlaps = iou(detections.boxes, truth.boxes)
        free = ~truth.ignore
        for row in np.argsort(-detections.scores, kind="stable"):
            candidates = np.where(free, overlaps[row], -1.0)
            if not candidates.size or candidates.max() < iou_threshold:
                continue
            match = int(candidates.argmax())
            free[match] = False
            distances = np.linalg.norm(detections.keypoints[row] - points[match], axis=1)
            left, top, right, bottom = truth.boxes[match]
            size = np.sqrt(max(right - left, 0) * max(bottom - top, 0))
            if np.isfinite(distances).any() and size > 0:
                errors.append(np.nanmean(distances) / size)
    return float(np.mean(errors)) if errors else float("nan")


def accuracy(class_logits: np.ndarray, labels: np.ndarray) -> float:
    """Share of pictures whose best class is the label: class_logits (n, num_classes), labels (n,)."""
    return float((class_logits.argmax(axis=1) == labels).mean())


def top_k_accuracy(class_logits: np.ndarray, labels: np.ndarray, k: int = 5) -> float:
    """Share of pictures whose label is among the best `k` classes: class_logits (n, num_classes), labels (n,).

    Of equal logits the lower class comes first.
    """
    best = np.argsort(-class_logits, axis=1, kind="stable")[:, :k]
    return float((best == labels[:, None]).any(axis=1).mean())


def balanced_accuracy(class_logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean over classes of the share of their pictures that are recognised: class_logits (n, num_classes), labels (n,).

    Guessing scores 1 / classes, however rare one of them is. A class without pictures does not count. Source: the
    macro-averaged recall of Brodersen et al., ICPR 2010, doi:10.1109/ICPR.2010.764.
    """
    is_right = class_logits.argmax(axis=1) == labels
    return float(np.mean([is_right[labels == label].mean() for label in np.unique(labels)]))


def verification_accuracy(cosines: np.ndarray, same: np.ndarray, folds: np.ndarray) -> float:
    """Mean accuracy over folds of 'same person' decided by a threshold chosen on the other folds.

    Shapes: cosines (n,), same (n,) bool, folds (n,) fold index. Source: LFW view 2, Huang et al., UMass TR 07-49.
    """
    scores = []
    for fold in np.unique(folds):
        chosen = _best_threshold(cosines[folds != fold], same[folds != fold])
        held_out = folds == fold
        scores.append(((cosines[held_out] >= chosen) == same[held_out]).mean())
    return float(np.mean(scores))


def true_accept_rate(cosines: np.ndarray, same: np.ndarray, false_accept_rate: float) -> float:
    """Share of pairs of one person that are accepted at a threshold that accepts at most the given share of the others.

    Shapes: cosines (n,), same (n,) bool. A pair is accepted when its cosine is above the threshold. Source: TAR at FAR,
    NIST IJB-A, Klare et al., CVPR 2015. NaN without pairs of either kind.
    """
    if not same.any() or same.all():
        return float("nan")
    return float((cosines[same] > false_accept_threshold(cosines[~same], false_accept_rate)).mean())


def false_accept_threshold(others: np.ndarray, false_accept_rate: float) -> float:
    """Lowest threshold that at most the given share of pairs of two people lie above, by their cosines (n,), n >= 1.

    It is one of the cosines, or minus infinity where all pairs may be accepted.
    """
    ranked = np.sort(others)[::-1]
    allowed = int(np.floor(false_accept_rate * len(ranked) + 1e-9))
    return -math.inf if allowed >= len(ranked) else float(ranked[allowed])


def _best_threshold(cosines: np.ndarray, same: np.ndarray) -> float:
    """Threshold with the highest accuracy, halfway between two neighbouring scores; the lowest among equals."""
    order = np.argsort(cosines, kind="stable")
    ranked, ranked_same = cosines[order], same[order]
    # Threshold before position i: everything from i on is called the same.
    correct = np.concatenate([[0], np.cumsum(~ranked_same)]) + np.concatenate([np.cumsum(ranked_same[::-1])[::-1], [0]])
    edges = np.concatenate([[ranked[0] - 1], (ranked[1:] + ranked[:-1]) / 2, [ranked[-1] + 1]])
    splits = np.concatenate([[True], ranked[1:] > ranked[:-1], [True]])
    return float(edges[splits][correct[splits].argmax()])
