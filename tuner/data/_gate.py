"""Squares with and without a face, cut out of pictures with boxes: what the task face-gate learns from.

A square with a face shows all of it, as 40 to 90 % of the square's side; one without shows next to nothing of any. Both
come from the same pictures, so that neither camera nor scene gives the answer away. Which squares a picture yields
follows from its key alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from tuner.data._crops import load_whole
from tuner.data._splits import name_hash
from tuner.data._types import Sample
from zoo._specs import GATE_LABELS

FACE_SHARE = (0.4, 0.9)
"""Longer side of the face, as a part of the square's side."""

MAX_FACE_SEEN = 0.05
"""A square without a face covers at most this much of any face, and no face more of the square."""

PER_PICTURE = 2
"""Squares of each kind from one picture, at most: a crowd is not worth more than a portrait."""

MIN_FACE_PX = 12
MIN_EMPTY_PX, MIN_EMPTY_SHARE = 24, 0.15
"""Smallest square without a face, in pixels and as a part of the picture's shorter side: what is tiny is blurred when
enlarged, and blur would tell the kinds apart. For the same reason the kinds are of like sizes."""

_TRIES = 100


class Cut(NamedTuple):
    """What one picture yields. `too_small` counts faces under `MIN_FACE_PX`."""

    faces: list[Sample]
    empty: list[Sample]
    too_small: int


def cut(sample: Sample) -> Cut:
    """Cut up to `PER_PICTURE` squares of each kind out of a picture with face boxes.

    Ignored boxes make no square with a face, and none without one covers them. Needs `Sample.size_px`.
    """
    assert sample.size_px is not None, sample.key
    generator = np.random.default_rng(int(name_hash(sample.key)[:16], 16))
    longer_sides = (sample.boxes_px[:, 2:] - sample.boxes_px[:, :2]).max(axis=1)
    counted = generator.permutation(np.flatnonzero(~sample.ignore))
    rows = [int(row) for row in counted if longer_sides[row] >= MIN_FACE_PX]
    around = [_square_around(sample.boxes_px[row], sample.size_px, generator) for row in rows[:PER_PICTURE]]
    beside = _squares_beside(sample.boxes_px, sample.size_px, [side for _, _, side in around], generator)
    return Cut(
        [_crop(sample, f"face{row}", square, 1) for row, square in zip(rows, around, strict=False)],
        [_crop(sample, f"empty{place}", square, 0) for place, square in enumerate(beside)],
        len(counted) - len(rows),
    )


def cut_evenly(samples: Iterable[Sample]) -> tuple[list[Sample], list[str]]:
    """Cut all pictures and return as many squares with a face as without, and sentences about faces left out.

    Of the kind that there is more of, chance keeps some.
    """
    cuts = [cut(sample) for sample in samples]
    kept = set()
    count = min(sum(len(one.faces) for one in cuts), sum(len(one.empty) for one in cuts))
    for kind in ("faces", "empty"):
        keys = (crop.key for one in cuts for crop in getattr(one, kind))
        kept |= set(sorted(keys, key=name_hash)[:count])
    too_small = sum(one.too_small for one in cuts)
    sentences = [f"{too_small} faces of less than {MIN_FACE_PX} pixels are left out as pictures."] if too_small else []
    return [crop for one in cuts for crop in (*one.faces, *one.empty) if crop.key in kept], sentences


def cut_by_turns(samples: Iterable[Sample], count: int) -> list[Sample]:
    """Cut one picture after the other until there are `count` squares, with a face and without one by turns.

    A smaller count gives the beginning of a larger one.
    """
    faces: list[Sample] = []
    empty: list[Sample] = []
    for sample in samples:
        if 2 * min(len(faces), len(empty)) >= count:
            break
        one = cut(sample)
        faces += one.faces
        empty += one.empty
    return [crop for pair in zip(faces, empty, strict=False) for crop in pair][:count]


def _square_around(box: np.ndarray, size_px: tuple[int, int], generator: np.random.Generator) -> tuple[int, int, int]:
    """Return (left, top, side) of a square that holds the box, inside the picture unless the face fills that."""
    face, room = float((box[2:] - box[:2]).max()), min(size_px)
    low, high = FACE_SHARE
    side = int(np.ceil(face / generator.uniform(max(low, min(face / room, high)), high)))
    corner = []
    for least, most, extent in zip(box[:2], box[2:], size_px[::-1], strict=True):
        start = int(generator.integers(int(np.ceil(most)) - side, int(np.floor(least)) + 1))
        corner.append(min(max(start, min(0, extent - side)), max(0, extent - side)))
    return corner[0], corner[1], side


def _squares_beside(
    boxes: np.ndarray, size_px: tuple[int, int], like: Sequence[int], generator: np.random.Generator
) -> list[tuple[int, int, int]]:
    """Return (left, top, side) of squares inside the picture that no face is seen in, with sides like those given.

    Where there is no room for such a side, the nearest that was found is taken; with no side given, the largest.
    """
    room = min(size_px)
    smallest = max(MIN_EMPTY_PX, MIN_EMPTY_SHARE * room)
    if room < smallest:
        return []
    sides = generator.uniform(smallest, room, (_TRIES, 1)).astype(int)
    low = (generator.random((_TRIES, 2)) * (np.array(size_px[::-1]) - sides + 1)).astype(int)
    shared = np.minimum(low[:, None] + sides[:, None], boxes[:, 2:]) - np.maximum(low[:, None], boxes[:, :2])
    covered = np.clip(shared, 0, None).prod(axis=2)  # (tries, n)
    smaller = np.minimum(sides**2, (boxes[:, 2:] - boxes[:, :2]).prod(axis=1))
    is_empty = (covered <= MAX_FACE_SEEN * smaller).all(axis=1)
    found = [(int(left), int(top), int(side)) for left, top, side in np.concatenate([low, sides], axis=1)[is_empty]]
    chosen = []
    for place in range(min(PER_PICTURE, len(found))):
        wanted = like[place % len(like)] if like else room
        chosen.append(found.pop(int(np.argmin([abs(side - wanted) for _, _, side in found]))))
    return chosen


def _crop(sample: Sample, name: str, square: tuple[int, int, int], label: int) -> Sample:
    assert label < len(GATE_LABELS)
    load = partial(_load_square, sample.load, *square)
    return Sample(f"{sample.key}#{name}", load, label=label, size_px=(square[2], square[2]))


def _load_square(load: Callable[[], np.ndarray], left: int, top: int, side: int) -> np.ndarray:
    picture = load_whole(load)
    rows, columns = (
        _mirrored(start + np.arange(side), extent) for start, extent in zip((top, left), picture.shape[:2], strict=True)
    )
    return picture[rows[:, None], columns]


def _mirrored(places: np.ndarray, extent: int) -> np.ndarray:
    """Places outside of 0..extent - 1 as in a mirror at the edge: a border of one colour would mean 'face'."""
    places = places % (2 * extent)
    return np.minimum(places, 2 * extent - 1 - places)


def has_both_kinds(crops: Sequence[Sample]) -> bool:
    """Tell whether there are squares with and without a face."""
    return {crop.label for crop in crops} == {0, 1}
