"""The way of coordinates into the model input and back."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import zoo
from zoo.tasks.letterbox import placed_size, to_input, to_picture

SIDES = st.integers(8, 4000)


@given(SIDES, SIDES, st.sampled_from(["letterbox", "stretch"]), st.integers(0, 2**32 - 1))
def test_to_picture_inverts_to_input(height: int, width: int, rule: str, seed: int) -> None:
    inputs = zoo.ImageSpec(96, 160, resize=rule)
    boxes = np.random.default_rng(seed).uniform(0, 1, (5, 4)) * [width, height, width, height]
    again = to_picture(to_input(boxes, inputs, height, width), inputs, height, width)
    np.testing.assert_allclose(again, boxes, rtol=1e-4, atol=max(height, width) * 1e-5)


@given(SIDES, SIDES)
def test_letterbox_fills_one_side_and_stays_inside(height: int, width: int) -> None:
    inputs = zoo.ImageSpec(96, 160)
    placed_height, placed_width = placed_size(inputs, height, width)
    assert placed_height == 96 or placed_width == 160
    assert 1 <= placed_height <= 96
    assert 1 <= placed_width <= 160


def test_by_hand() -> None:
    inputs = zoo.ImageSpec(100, 100)
    # 400x200 (width x height) shrinks to 100x50 at the top left.
    np.testing.assert_allclose(to_input(np.array([[400.0, 200.0]]), inputs, 200, 400), [[1.0, 0.5]])
    stretched = zoo.ImageSpec(100, 100, resize="stretch")
    np.testing.assert_allclose(to_input(np.array([[400.0, 200.0]]), stretched, 200, 400), [[1.0, 1.0]])
