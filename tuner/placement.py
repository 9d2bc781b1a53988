"""Where the pictures go in an augmented input, and how boxes and landmarks go with them.

A tile copies a window of one picture onto a rectangle of the input, without turning it: boxes stay boxes. Zooming out,
cropping and mosaics are all tiles, so that one function moves the labels of all three.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from zoo._specs import ImageSpec
from zoo.tasks import letterbox

MIN_VISIBLE = 0.5
"""A box of which a smaller share of its area is left is neither hit nor miss."""
MIN_SIDE_PX = 3.0
"""So is one whose longer side is shorter than this in the input."""
FOCUS_CHANCE = 0.5
"""How often a crop is made to hold the centre of a labelled box: most of a photo shows none."""
LINE_JITTER = 0.2
"""How far the lines of a mosaic may lie from an even division, in widths of a tile."""
MAX_COVER = 1.5
"""A picture in a mosaic is enlarged by up to this beyond what covers its tile."""

Span = tuple[float, float]


class Labels(NamedTuple):
    """What is in one picture: boxes (n, 4) xyxy fractions, classes (n,), keypoints (n, k, 2), ignore (n,)."""

    boxes: np.ndarray
    classes: np.ndarray
    keypoints: np.ndarray
    ignore: np.ndarray


@dataclass(frozen=True)
class Tile:
    """`window` xyxy of picture number `row`, in fractions of its kept canvas, fills `place` xyxy, in input pixels."""

    row: int
    window: tuple[float, float, float, float]
    place: tuple[int, int, int, int]


def covered(inputs: ImageSpec, height_px: int, width_px: int) -> tuple[float, float]:
    """Return the (x, y) share of the input that a picture of this size covers; the rest is padding."""
    height, width = letterbox.placed_size(inputs, height_px, width_px)
    return width / inputs.width, height / inputs.height


def whole(row: int, inputs: ImageSpec, covers: tuple[float, float]) -> Tile:
    """Return the tile that leaves a picture where decoding put it."""
    x, y = covers
    return Tile(row, (0.0, 0.0, x, y), (0, 0, max(1, round(x * inputs.width)), max(1, round(y * inputs.height))))


def zoomed(
    row: int,
    inputs: ImageSpec,
    covers: tuple[float, float],
    scale: tuple[float, float],
    boxes: np.ndarray,
    generator: np.random.Generator,
) -> Tile:
    """Draw a picture at (x, y) times its size: what is larger than the input is cropped, what is smaller lies anywhere.

    `covers` is the share of the kept canvas that holds the picture; boxes (n, 4) xyxy fractions of that canvas.
    """
    focus = _focus(boxes, generator)
    sides = (inputs.width, inputs.height)
    spans = [_span(covers[axis], sides[axis] * scale[axis], 0, sides[axis], focus[axis], generator) for axis in (0, 1)]
    return _tile(row, spans)


def mosaic(
    rows: list[int],
    inputs: ImageSpec,
    covers: list[tuple[float, float]],
    boxes: list[np.ndarray],
    generator: np.random.Generator,
) -> list[Tile]:
    """Divide the input into as many tiles as there are rows, a square number, and fill each with a part of a picture.

    Source: YOLOv4 (arXiv:2004.10934), section 3.3, there with four pictures.
    """
    count = round(len(rows) ** 0.5)
    sides = (inputs.width, inputs.height)
    lines = [_lines(side, count, generator) for side in sides]
    tiles = []
    for index, row in enumerate(rows):
        cell = [
            (lines[axis][place], lines[axis][place + 1]) for axis, place in ((0, index % count), (1, index // count))
        ]
        covering = [(high - low) / (covers[index][axis] * sides[axis]) for axis, (low, high) in enumerate(cell)]
        scale = max(covering) * generator.uniform(1.0, MAX_COVER)
        focus = _focus(boxes[index], generator)
        spans = [
            _span(covers[index][axis], sides[axis] * scale, *cell[axis], focus[axis], generator) for axis in (0, 1)
        ]
        tiles.append(_tile(row, spans))
    return tiles


def follow(tiles: Sequence[Tile], inputs: ImageSpec, labels: Sequence[Labels]) -> Labels:
    """Return the labels of the tiles' pictures as they lie in the input, without the boxes that are not seen.

    Boxes are clipped to their tile; of which too little is left, or that are too small, are to be ignored. Landmarks
    outside the tile become unknown.
    """
    boxes, classes, keypoints, ignore = (np.concatenate(parts) for parts in zip(*labels, strict=True))
    if not len(boxes):
        return Labels(boxes, classes, keypoints, ignore)
    sides = np.array([inputs.width, inputs.height], np.float64)
    spans = np.array([tile.window + tile.place for tile in tiles], np.float64)
    spans = spans.repeat([len(one.boxes) for one in labels], axis=0).reshape(-1, 4, 1, 2)
    low, high, start, stop = spans[:, 0], spans[:, 1], spans[:, 2] / sides, spans[:, 3] / sides  # each (n, 1, 2)
    gain = (stop - start) / (high - low)
    corners = (boxes.reshape(-1, 2, 2) - low) * gain + start  # (n, 2, 2)
    clipped = corners.clip(start, stop)
    points = (keypoints - low) * gain + start  # (n, k, 2)
    is_inside = ((points >= start) & (points <= stop)).all(axis=-1, keepdims=True)
    whole_sides, seen_sides = corners[:, 1] - corners[:, 0], clipped[:, 1] - clipped[:, 0]
    areas, visible = whole_sides[:, 0] * whole_sides[:, 1], seen_sides[:, 0] * seen_sides[:, 1]
    is_small = (seen_sides * sides).max(axis=1) < MIN_SIDE_PX
    is_cut = visible < MIN_VISIBLE * areas
    kept = visible > 0
    return Labels(
        clipped[kept].reshape(-1, 4).astype(np.float32),
        classes[kept],
        np.where(is_inside, points, np.nan)[kept].astype(np.float32),
        (ignore | is_small | is_cut)[kept],
    )


def _focus(boxes: np.ndarray, generator: np.random.Generator) -> tuple[float, float] | tuple[None, None]:
    """Choose the centre of one box, or nothing."""
    if not len(boxes) or generator.random() >= FOCUS_CHANCE:
        return None, None
    x_min, y_min, x_max, y_max = boxes[generator.integers(len(boxes))].tolist()
    return (x_min + x_max) / 2, (y_min + y_max) / 2


def _span(
    cover: float, canvas_px: float, start: int, stop: int, focus: float | None, generator: np.random.Generator
) -> tuple[Span, tuple[int, int]]:
    """Lay a picture along one axis of a tile from `start` to `stop`; return the window's span and the place's.

    The picture covers the first `cover` of a canvas that is `canvas_px` long when drawn.
    """
    length_px, room = cover * canvas_px, stop - start
    if length_px <= room:  # all of it, anywhere
        length = max(1, round(length_px))
        first = start + int(generator.integers(room - length + 1))
        return (0.0, cover), (first, first + length)
    window = room / canvas_px
    low, high = 0.0, cover - window
    if focus is not None:
        low, high = max(low, min(focus - window, high)), min(high, max(focus, low))
    first_shown = generator.uniform(low, high)
    return (first_shown, first_shown + window), (start, stop)


def _tile(row: int, spans: list[tuple[Span, tuple[int, int]]]) -> Tile:
    (x_window, x_place), (y_window, y_place) = spans
    return Tile(
        row, (x_window[0], y_window[0], x_window[1], y_window[1]), (x_place[0], y_place[0], x_place[1], y_place[1])
    )


def _lines(side_px: int, count: int, generator: np.random.Generator) -> list[int]:
    """Return where the tiles of a mosaic begin and end along one axis."""
    inner = np.arange(1, count) + generator.uniform(-LINE_JITTER, LINE_JITTER, count - 1)
    return [0, *(round(line * side_px / count) for line in inner), side_px]
