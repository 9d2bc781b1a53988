"""Metrics, all in 0..1 and rising: average precision, verification accuracy, accuracy. They need no training."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.tasks.boxes import Detections

SCORE_FLOOR = 0.01
"""Average precision ranks all detections down to this score; the deployment threshold would cut the curve short."""


@dataclass(frozen=True)
class Truth:
    """The labelled boxes of one picture: boxes (n, 4) xyxy, classes (n,), ignore (n,) neither hit nor miss."""

    boxes: np.ndarray
    classes: np.ndarray
    ignore: np.ndarray


def average_precision(
    truths: Sequence[Truth], found: Sequence[Detections], num_classes: int, iou_threshold: float | None = 0.5
) -> float:
    """COCO average precision over classes, all sizes, 100 detections, at one IoU or (None) at .50:.05:.95.

    Boxes of both sides must share one unit. A class without any truth does not count; without any truth at all the
    result is 0. Source: pycocotools 2.0, which computes it.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    # The evaluation knows areas from 0 to 1e10 pixels only: fractions are scaled so that none is rounded away.
    scale = 1000.0
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for image_id, (truth, detections) in enumerate(zip(truths, found, strict=True), start=1):
        for box, label, ignore in zip(truth.boxes * scale, truth.classes, truth.ignore, strict=True):
            x, y, width, height = float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": int(label) + 1,
                    "bbox": [x, y, width, height],
                    "area": width * height,
                    "iscrowd": int(ignore),
                }
            )
        for box, label, score in zip(detections.boxes * scale, detections.classes, detections.scores, strict=True):
            x, y, width, height = float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])
            results.append(
                {"image_id": image_id, "category_id": int(label) + 1, "bbox": [x, y, width, height], "score": score}
            )
    if not results or all(annotation["iscrowd"] for annotation in annotations):
        return 0.0
    with contextlib.redirect_stdout(io.StringIO()):
        truth_set = COCO()
        truth_set.dataset = {
            "info": {},
            "images": [{"id": image_id} for image_id in range(1, len(truths) + 1)],
            "categories": [{"id": label + 1, "name": str(label)} for label in range(num_classes)],
            "annotations": annotations,
        }
        truth_set.createIndex()
        evaluation = COCOeval(truth_set, truth_set.loadRes(results), "bbox")
        if iou_threshold is not None:
            evaluation.params.iouThrs = np.array([iou_threshold])
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.params.maxDets = [100]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"]
    defined = precision[precision > -1]
    return float(defined.mean()) if defined.size else 0.0


def accuracy(class_logits: np.ndarray, labels: np.ndarray) -> float:
    """Share of pictures whose best class is the label: class_logits (n, num_classes), labels (n,)."""
    return float((class_logits.argmax(axis=1) == labels).mean())


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


def _best_threshold(cosines: np.ndarray, same: np.ndarray) -> float:
    """Threshold with the highest accuracy, halfway between two neighbouring scores; the lowest among equals."""
    order = np.argsort(cosines, kind="stable")
    ranked, ranked_same = cosines[order], same[order]
    # Threshold before position i: everything from i on is called the same.
    correct = np.concatenate([[0], np.cumsum(~ranked_same)]) + np.concatenate([np.cumsum(ranked_same[::-1])[::-1], [0]])
    edges = np.concatenate([[ranked[0] - 1], (ranked[1:] + ranked[:-1]) / 2, [ranked[-1] + 1]])
    splits = np.concatenate([[True], ranked[1:] > ranked[:-1], [True]])
    return float(edges[splits][correct[splits].argmax()])
