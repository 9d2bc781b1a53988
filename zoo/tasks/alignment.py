"""The pose of an aligned face, and the similarity that brings a found face into it. NumPy; the page has its own twin.

Recognition models see faces whose landmarks lie where this template says, in training and in use. The template is that
of the ArcFace family of recognizers (arXiv:1801.07698), on a square of 112 pixels.
"""

from __future__ import annotations

import numpy as np

from zoo._errors import ZooError
from zoo._specs import FACE_KEYPOINTS

TEMPLATE_SIDE_PX = 112
TEMPLATE_PX = np.array([(38.3, 51.7), (73.5, 51.5), (56.0, 71.7), (41.5, 92.4), (70.7, 92.2)])
"""Landmarks (5, 2) of an aligned face, x before y, in the order of `FACE_KEYPOINTS`."""


def template() -> dict[str, tuple[float, float]]:
    """Return the aligned landmarks by name as (x, y) fractions of the input."""
    fractions = (TEMPLATE_PX / TEMPLATE_SIDE_PX).round(6)
    return {name: (float(x), float(y)) for name, (x, y) in zip(FACE_KEYPOINTS, fractions, strict=True)}


def fit_similarity(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the rotation, scale and shift that bring points closest to targets, in least squares.

    Shapes: points (n, 2), targets (n, 2) -> (2, 3), to be multiplied with (x, y, 1).
    Raises: ZooError when all points are one.
    """
    p, q = points @ (1, 1j), targets @ (1, 1j)
    spread = p - p.mean()
    power = float((np.abs(spread) ** 2).sum())
    if not power > 0:
        raise ZooError("The landmarks of a face lie in one point, so it cannot be aligned. Take another face.")
    turn = complex((spread.conj() * (q - q.mean())).sum() / power)
    shift = complex(q.mean() - turn * p.mean())
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
