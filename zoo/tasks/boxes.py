"""Boxes as xyxy: overlap, and the choice of the best among overlapping ones. NumPy; the page has its own twin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo._specs import GridHead
from zoo.tasks.grid import Anchors, decode_boxes, decode_keypoints

NMS_BLOCK = 32
"""Candidates whose overlaps with all others are computed at once: few enough to stay in the processor's cache."""


@dataclass(frozen=True)
class Detections:
    """What was found in one picture, best first.

    Shapes: boxes (n, 4) xyxy, scores (n,) in 0..1, classes (n,), keypoints (n, k, 2). Coordinates are fractions of the
    model input unless a caller converted them.
    """

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    keypoints: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of every pair: a (n, 4), b (m, 4) xyxy -> (n, m), 0 where both areas are 0."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    overlap = np.clip(high - low, 0, None).prod(axis=2)
    area_a, area_b = (np.clip(x[:, 2:] - x[:, :2], 0, None).prod(axis=1) for x in (a, b))
    union = area_a[:, None] + area_b[None] - overlap
    return np.divide(overlap, union, out=np.zeros_like(overlap, dtype=np.float64), where=union > 0)


def non_maximum_suppression(
    boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, iou_threshold: float, max_detections: int
) -> np.ndarray:
    """Return indices to keep, best score first: greedy, classes apart, overlap above the threshold loses.

    Ties keep the lower index first, so that Python and the page agree.
    """
    order = np.argsort(-scores, kind="stable")
    # Moving each class to a place of its own makes boxes of different classes disjoint.
    spread = float(np.ptp(boxes)) + 1.0 if boxes.size else 0.0
    apart = boxes[order].astype(np.float64) + (classes[order] * spread)[:, None]
    left, top, right, bottom = apart.T.copy()
    areas = (right - left) * (bottom - top)
    kept: list[int] = []
    alive = np.arange(len(order))
    while len(alive) and len(kept) < max_detections:
        block = alive[:NMS_BLOCK]
        width = np.minimum(right[block, None], right[alive]) - np.maximum(left[block, None], left[alive])
        height = np.minimum(bottom[block, None], bottom[alive]) - np.maximum(top[block, None], top[alive])
        overlap = np.maximum(width, 0.0) * np.maximum(height, 0.0)
        beats = overlap > iou_threshold * (areas[alive] + areas[block, None] - overlap)
        lost = np.zeros(len(alive), bool)
        for row in range(len(block)):
            if not lost[row] and len(kept) < max_detections:
                kept.append(int(order[block[row]]))
                lost |= beats[row]
        alive = alive[len(block) :][~lost[len(block) :]]
    return np.array(kept, np.int64)


def decode_detections(
    class_logits: np.ndarray,
    box_offsets: np.ndarray,
    keypoint_offsets: np.ndarray | None,
    head: GridHead,
    grid: Anchors,
    score_threshold: float | None = None,
) -> Detections:
    """Turn the raw outputs for one picture into detections; `score_threshold` overrides the head's.

    Shapes: class_logits (num_anchors, num_classes), box_offsets (num_anchors, 4), keypoint_offsets (num_anchors, 2k).
    """
    scores = np.exp(-np.logaddexp(0.0, -class_logits.astype(np.float64)))  # a sigmoid that does not overflow
    threshold = head.score_threshold if score_threshold is None else score_threshold
    anchor, label = np.nonzero(scores >= threshold)
    boxes = decode_boxes(box_offsets, grid)[anchor]
    scores = scores[anchor, label]
    kept = non_maximum_suppression(boxes, scores, label, head.iou_threshold, head.max_detections)
    keypoints = np.zeros((len(kept), 0, 2), np.float32)
    if keypoint_offsets is not None:
        keypoints = decode_keypoints(keypoint_offsets, grid)[anchor[kept]]
    return Detections(boxes[kept], scores[kept], label[kept], keypoints)
