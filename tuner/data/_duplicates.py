"""Pictures that are almost the same: copies, other sizes, other compressions, told by 128 bits of their look.

Source: the difference hash (dHash) of N. Krawetz, 'Kind of Like That', 2013, here in both directions: whether each cell
of a coarse grey picture is brighter than its neighbour to the left and than the one above.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

CELLS = 8
BITS = 2 * CELLS**2

SAME_PHOTO_BITS = 8
"""Of 128. Of 6 million pairs of photos 11 differ in at most 8, one of these by having lost its colours, and the next in
17; a copy with a watermark differed in 8."""

SAME_PORTRAIT_BITS = 5
"""Portraits aligned by their landmarks look alike: of 22 million pairs, 8 copies differed in none, strangers in 6."""

_BLOCK = 512


def look(picture: np.ndarray) -> np.ndarray:
    """Return the bits of a picture, uint64 (2,): picture uint8 (height, width, 3)."""
    side = CELLS + 1
    grey = Image.fromarray(picture).convert("L").resize((side, side), Image.Resampling.BILINEAR)
    values = np.asarray(grey)
    rightwards = values[:CELLS, 1:] > values[:CELLS, :-1]
    downwards = values[1:, :CELLS] > values[:-1, :CELLS]
    return np.packbits([rightwards, downwards]).view(np.uint64)


def alike(left: np.ndarray, right: np.ndarray, most_bits: int) -> list[tuple[int, int, int]]:
    """Return (row of left, row of right, different bits) for each pair that differs in `most_bits` at most.

    Shapes: left (n, 2), right (m, 2) of `look`. Every pair is compared, in blocks, about 20 million a second.
    """
    found = []
    for start in range(0, len(left), _BLOCK):
        block = left[start : start + _BLOCK]
        bits = sum(np.bitwise_count(block[:, None, word] ^ right[None, :, word]).astype(np.uint8) for word in (0, 1))
        found += [
            (start + int(row), int(column), int(bits[row, column])) for row, column in np.argwhere(bits <= most_bits)
        ]
    return found
