"""Which anchor learns which object: the size chooses the kind of anchor, the centre chooses the cells.

Source: FCOS (arXiv:1904.01355) for size ranges and centre sampling, YOLOX (arXiv:2107.08430) for cells that lie beside
a small object; with anchors of several sides per cell, the range
of each ends halfway to the next on a logarithmic scale. Simple and static: a target depends on the labels alone, so it
is the same in every epoch and needs no network output.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo._specs import GridHead
from zoo.tasks.grid import Anchors

CENTRE_RADIUS = 1.5
"""Anchors whose centre lies within this many strides of the box centre, and inside the box, learn it."""
NEAR_RADIUS = 1.0
"""So do those within this many strides that no object holds: else small objects would teach with a cell or two."""


@dataclass(frozen=True)
class Targets:
    """What every anchor should answer for one picture.

    Shapes: class_targets (num_anchors, num_classes) 0 or 1, boxes (num_anchors, 4) xyxy fractions, keypoints
    (num_anchors, k, 2) fractions with NaN where unknown, weights (num_anchors,) 0 where the answer is neither right
    nor wrong.
    """

    class_targets: np.ndarray
    boxes: np.ndarray
    keypoints: np.ndarray
    weights: np.ndarray


def assign(
    head: GridHead,
    input_px: tuple[int, int],
    grid: Anchors,
    num_classes: int,
    boxes: np.ndarray,
    classes: np.ndarray,
    keypoints: np.ndarray,
    ignore: np.ndarray,
) -> Targets:
    """Give each anchor the smallest object that claims it.

    Shapes: boxes (n, 4) xyxy fractions, classes (n,), keypoints (n, k, 2), ignore (n,); `input_px` is the input's
    (width, height). The longer side of a box chooses the kind of anchor. An object too small to hold a centre claims
    the anchor nearest to its own, and any object those beside its centre that none holds. Anchors inside an ignored
    box weigh nothing unless claimed.
    """
    num_anchors, k = len(grid.centres), head.num_keypoints
    targets = Targets(
        np.zeros((num_anchors, num_classes), np.float32),
        np.zeros((num_anchors, 4), np.float32),
        np.full((num_anchors, k, 2), np.nan, np.float32),
        np.ones(num_anchors, np.float32),
    )
    targets.weights[_inside(grid.centres, boxes[ignore]).any(axis=0)] = 0.0

    sides_px = (boxes[:, 2:] - boxes[:, :2]) * input_px
    order = np.argsort(-sides_px.prod(axis=1), kind="stable")  # the smallest comes last and wins
    order = order[~ignore[order]]
    if not len(order):
        return targets
    boxes, classes, sides_px = boxes[order], classes[order], sides_px[order]
    longer_px = np.maximum(sides_px.max(axis=1), 1e-3)
    kinds = np.abs(np.log(longer_px[:, None] / grid.kind_sides_px)).argmin(axis=1)
    of_kind = grid.kinds == kinds[:, None]  # (n, num_anchors), as all that follow
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    x_distance, y_distance = (
        np.abs(grid.centres[:, axis] - middles[:, axis, None]) / grid.units[:, axis] for axis in (0, 1)
    )
    distance = np.maximum(x_distance, y_distance)
    claimed = of_kind & (distance < CENTRE_RADIUS) & _inside(grid.centres, boxes)
    holds_none = np.flatnonzero(~claimed.any(axis=1))
    claimed[holds_none, np.where(of_kind, distance, np.inf)[holds_none].argmin(axis=1)] = True
    claimed |= of_kind & (distance < NEAR_RADIUS) & ~claimed.any(axis=0)

    learning = np.flatnonzero(claimed.any(axis=0))
    winner = len(order) - 1 - claimed[::-1, learning].argmax(axis=0)  # the last of those that claim it
    targets.class_targets[learning, classes[winner]] = 1.0
    targets.boxes[learning] = boxes[winner]
    if k and keypoints.shape[1]:
        targets.keypoints[learning] = keypoints[order][winner]
    targets.weights[learning] = 1.0
    return targets


def _inside(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return which points (p, 2) lie in which boxes (n, 4): (n, p)."""
    (x, y), (x_min, y_min, x_max, y_max) = points.T, boxes.T[..., None]
    return (x >= x_min) & (x <= x_max) & (y >= y_min) & (y <= y_max)
