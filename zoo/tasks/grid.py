"""Geometry of detection grids: anchors, and how a box and its landmarks become offsets of an anchor and back.

An anchor sits at the centre of its cell; a cell of stride s covers s x s input pixels. An anchor predicts

    box_offsets       (dx, dy, log w, log h): box centre relative to the anchor's, in strides; logarithm of the box
                      sides, in anchor sides
    keypoint_offsets  (dx, dy) per landmark, relative to the anchor's centre, in strides

which is the encoding of SSD (arXiv:1512.02325) and, where the anchor is one stride wide, of YuNet and YOLOX
(arXiv:2107.08430). Boxes outside are xyxy fractions of the model input. `encode_...` and `decode_...` invert each
other; those for boxes also take tensors, with `ops=keras.ops`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo._specs import GridHead, ImageSpec

ENCODING = "centre-log-size"
LOG_SIZE_LIMIT = 8.0
"""Predicted log sides end here: e^8 anchors are wider than any input, and e^100 is infinity."""
ANCHOR_FREE_SIDE = 5 / math.sqrt(2)
"""Typical box side of an anchor-free grid in strides: neighbouring strides then share out boxes at five strides."""

Array = Any


@dataclass(frozen=True)
class Anchors:
    """All anchors of a head, in the order of its outputs.

    Shapes, in fractions of the input, x before y: centres (num_anchors, 2), units (num_anchors, 2) the stride, sides
    (num_anchors, 2). `kinds` (num_anchors,) numbers the pairs of stride and side; `kind_sides_px` (num_kinds,) is the
    side of the boxes that a kind is meant for, in input pixels.
    """

    centres: np.ndarray
    units: np.ndarray
    sides: np.ndarray
    kinds: np.ndarray
    kind_sides_px: np.ndarray


def anchors(head: GridHead, inputs: ImageSpec) -> Anchors:
    """Lay out the anchors of `head` over an input."""
    centres, units, sides, kinds = [], [], [], []
    kind_sides_px: list[float] = []
    input_px = np.array([inputs.width, inputs.height], np.float32)
    for stride, anchor_sides in zip(head.strides, head.sides, strict=True):
        rows, columns = np.mgrid[: inputs.height // stride, : inputs.width // stride]
        cells_px = (np.stack([columns, rows], axis=-1).reshape(-1, 2) + 0.5) * stride
        count = len(anchor_sides)
        centres.append(np.repeat(cells_px, count, axis=0) / input_px)
        units.append(np.full((len(cells_px) * count, 2), stride) / input_px)
        sides.append(np.tile(np.array(anchor_sides) * stride, len(cells_px))[:, None] / input_px)
        kinds.append(np.tile(np.arange(count) + len(kind_sides_px), len(cells_px)))
        kind_sides_px += [stride * (side if head.anchor_sides else ANCHOR_FREE_SIDE) for side in anchor_sides]
    return Anchors(
        np.concatenate(centres).astype(np.float32),
        np.concatenate(units).astype(np.float32),
        np.concatenate(sides).astype(np.float32),
        np.concatenate(kinds),
        np.array(kind_sides_px),
    )


def encode_boxes(boxes: Array, grid: Anchors, ops: Any = np) -> Array:
    """Boxes (..., num_anchors, 4), one per anchor, xyxy fractions -> box_offsets, same shape. Box sides must be > 0."""
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    size = boxes[..., 2:] - boxes[..., :2]
    return ops.concatenate([(centre - grid.centres) / grid.units, ops.log(size / grid.sides)], axis=-1)


def decode_boxes(box_offsets: Array, grid: Anchors, ops: Any = np) -> Array:
    """Inverse of `encode_boxes`: box_offsets (..., num_anchors, 4) -> boxes, xyxy fractions, not clipped."""
    centre = grid.centres + box_offsets[..., :2] * grid.units
    half = ops.exp(ops.minimum(box_offsets[..., 2:], LOG_SIZE_LIMIT)) * (grid.sides / 2)
    return ops.concatenate([centre - half, centre + half], axis=-1)


def encode_keypoints(keypoints: Array, grid: Anchors) -> Array:
    """Keypoints (..., num_anchors, k, 2) in fractions -> keypoint_offsets (..., num_anchors, 2k)."""
    offsets = (keypoints - grid.centres[:, None]) / grid.units[:, None]
    return offsets.reshape((*offsets.shape[:-2], -1))


def decode_keypoints(keypoint_offsets: np.ndarray, grid: Anchors) -> np.ndarray:
    """Inverse of `encode_keypoints`: (..., num_anchors, 2k) -> keypoints (..., num_anchors, k, 2) in fractions."""
    offsets = keypoint_offsets.reshape((*keypoint_offsets.shape[:-1], -1, 2))
    return grid.centres[:, None] + offsets * grid.units[:, None]
