"""Faces are brought to one pose by a similarity that least squares cannot better."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zoo
from zoo.tasks.alignment import TEMPLATE_PX, TEMPLATE_SIDE_PX, fit_similarity, template

numbers = st.floats(-50, 50, allow_nan=False)


@given(angle=st.floats(-3.1, 3.1), scale=st.floats(0.1, 20), x=numbers, y=numbers)
def test_a_similarity_is_found_again(angle: float, scale: float, x: float, y: float) -> None:
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    matrix = np.array([[cosine, -sine, x], [sine, cosine, y]])
    moved = TEMPLATE_PX @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(fit_similarity(TEMPLATE_PX, moved), matrix, atol=1e-8)


def test_the_fit_is_that_of_least_squares() -> None:
    generator = np.random.default_rng(5)
    points, targets = generator.uniform(0, 100, (2, 5, 2))
    x, y = points.T
    ones, zeros = np.ones(5), np.zeros(5)
    rows = np.concatenate([np.stack([x, -y, ones, zeros], 1), np.stack([y, x, zeros, ones], 1)])
    (a, b, c, d), *_ = np.linalg.lstsq(rows, targets.T.ravel(), rcond=None)
    np.testing.assert_allclose(fit_similarity(points, targets), [[a, -b, c], [b, a, d]], atol=1e-8)


def test_landmarks_in_one_point_are_refused() -> None:
    with pytest.raises(zoo.ZooError, match="cannot be aligned"):
        fit_similarity(np.ones((5, 2)), TEMPLATE_PX)


def test_the_template_names_every_landmark_of_a_face() -> None:
    assert tuple(template()) == zoo.FACE_KEYPOINTS
    np.testing.assert_allclose(np.array(list(template().values())) * TEMPLATE_SIDE_PX, TEMPLATE_PX, atol=1e-4)
