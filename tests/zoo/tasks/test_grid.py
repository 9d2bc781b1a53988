"""Grid geometry: encode and decode invert each other, cells lie where they should."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import zoo
from zoo.tasks.grid import anchors, decode_boxes, decode_keypoints, encode_boxes, encode_keypoints

ATOL = 2e-5  # float32; largest seen 4e-6
LAYOUTS = st.sampled_from(
    [
        (zoo.GridHead(strides=(8, 16, 32)), 160, 160),
        (zoo.GridHead(strides=(8,)), 96, 64),
        (zoo.GridHead(strides=(4, 32), anchor_sides=((1.0,), (0.5, 2.0, 8.0))), 64, 320),
    ]
)
Layout = tuple[zoo.GridHead, int, int]


@given(LAYOUTS, st.integers(0, 2**32 - 1))
def test_decode_inverts_encode_for_boxes(layout: Layout, seed: int) -> None:
    head, height, width = layout
    grid = anchors(head, zoo.ImageSpec(height, width))
    generator = np.random.default_rng(seed)
    low = generator.uniform(-0.2, 1.0, (len(grid.centres), 2))
    boxes = np.concatenate([low, low + generator.uniform(1e-3, 1.2, low.shape)], axis=1).astype(np.float32)
    np.testing.assert_allclose(decode_boxes(encode_boxes(boxes, grid), grid), boxes, atol=ATOL)


@given(LAYOUTS, st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_decode_inverts_encode_for_keypoints(layout: Layout, k: int, seed: int) -> None:
    head, height, width = layout
    grid = anchors(head, zoo.ImageSpec(height, width))
    points = np.random.default_rng(seed).uniform(-0.5, 1.5, (3, len(grid.centres), k, 2)).astype(np.float32)
    np.testing.assert_allclose(decode_keypoints(encode_keypoints(points, grid), grid), points, atol=ATOL)


def test_cells_by_hand() -> None:
    grid = anchors(zoo.GridHead(strides=(16, 32)), zoo.ImageSpec(32, 64))
    assert len(grid.centres) == 2 * 4 + 1 * 2 == zoo.GridHead(strides=(16, 32)).num_anchors(zoo.ImageSpec(32, 64))
    np.testing.assert_allclose(grid.centres[1], [24 / 64, 8 / 32])  # second cell of the first row: x before y
    np.testing.assert_allclose(grid.centres[4], [8 / 64, 24 / 32])  # first cell of the second row
    np.testing.assert_allclose(grid.centres[8], [16 / 64, 16 / 32])  # first cell of the coarse grid
    np.testing.assert_array_equal(grid.kinds, [0] * 8 + [1] * 2)
    np.testing.assert_allclose(grid.kind_sides_px, [16 * 5 / 2**0.5, 32 * 5 / 2**0.5])


def test_several_anchors_per_cell_lie_side_by_side() -> None:
    head = zoo.GridHead(strides=(16, 32), anchor_sides=((1.0, 2.0), (1.5,)))
    grid = anchors(head, zoo.ImageSpec(32, 64))
    assert len(grid.centres) == 2 * 4 * 2 + 1 * 2 == head.num_anchors(zoo.ImageSpec(32, 64))
    np.testing.assert_allclose(grid.centres[0], grid.centres[1])
    np.testing.assert_allclose(grid.sides[:2] * [64, 32], [[16, 16], [32, 32]])
    np.testing.assert_array_equal(grid.kinds, [0, 1] * 8 + [2] * 2)
    np.testing.assert_allclose(grid.kind_sides_px, [16, 32, 48])


def test_zero_offsets_are_a_box_of_one_stride_around_the_cell() -> None:
    grid = anchors(zoo.GridHead(strides=(16,)), zoo.ImageSpec(32, 32))
    np.testing.assert_allclose(decode_boxes(np.zeros((4, 4), np.float32), grid)[0], [0, 0, 0.5, 0.5])


def test_wild_predictions_stay_finite() -> None:
    grid = anchors(zoo.GridHead(strides=(16,)), zoo.ImageSpec(32, 32))
    assert np.isfinite(decode_boxes(np.full((4, 4), 1e4, np.float32), grid)).all()
