"""Label assignment: each object finds cells of its own size, small ones win, ignored ones weigh nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import zoo
from zoo.tasks.assignment import Targets, assign
from zoo.tasks.grid import anchors

INPUTS = zoo.ImageSpec(160, 160)
HEAD = zoo.GridHead(strides=(8, 16, 32), keypoints=("a", "b"))
GRID = anchors(HEAD, INPUTS)
STRIDES_PX = np.array(HEAD.strides)[GRID.kinds]  # one kind per stride


def assigned(
    boxes_px: list[list[float]], classes: list[int] | None = None, ignore: list[bool] | None = None
) -> Targets:
    boxes = np.array(boxes_px, np.float32).reshape(-1, 4) / 160
    count = len(boxes)
    keypoints = np.stack([boxes[:, :2], boxes[:, 2:]], axis=1)
    return assign(
        HEAD,
        (INPUTS.width, INPUTS.height),
        GRID,
        3,
        boxes,
        np.array(classes or [0] * count, np.int64),
        keypoints,
        np.array(ignore or [False] * count, bool),
    )


def owners(targets: Targets) -> np.ndarray:
    return np.flatnonzero(targets.class_targets.any(axis=1))


def test_no_object_gives_background_everywhere() -> None:
    targets = assigned([])
    assert len(owners(targets)) == 0
    assert targets.weights.all()


def test_size_chooses_the_stride() -> None:
    for side, stride in [(20, 8), (39, 8), (41, 16), (79, 16), (81, 32), (150, 32)]:
        targets = assigned([[5, 5, 5 + side, 5 + side]])
        assert set(STRIDES_PX[owners(targets)]) == {stride}, side


def test_cells_lie_near_the_centre_and_inside() -> None:
    targets = assigned([[40, 40, 76, 76]], classes=[2])
    cells_owned = owners(targets)
    distance = np.abs(GRID.centres[cells_owned] * 160 - 58)
    assert 0 < len(cells_owned) <= 9
    assert distance.max() < 12
    assert targets.class_targets[cells_owned].tolist() == [[0, 0, 1]] * len(cells_owned)
    np.testing.assert_allclose(targets.boxes[cells_owned[0]] * 160, [40, 40, 76, 76], rtol=1e-5)
    np.testing.assert_allclose(targets.keypoints[cells_owned[0]] * 160, [[40, 40], [76, 76]], rtol=1e-5)


def test_a_small_object_claims_the_cells_beside_it() -> None:
    targets = assigned([[59, 59, 65, 65]])  # among four cells, holding one
    distance = np.abs(GRID.centres * 160 - 62).max(axis=1) / 8
    assert owners(targets).tolist() == np.flatnonzero((distance < 1) & (STRIDES_PX == 8)).tolist()
    assert len(owners(targets)) == 4


def test_cells_that_an_object_holds_are_not_claimed_from_beside() -> None:
    held = assigned([[48, 48, 72, 72]])
    both = assigned([[48, 48, 72, 72], [74, 57, 80, 63]])
    assert set(owners(held)) < set(owners(both))
    np.testing.assert_array_equal(both.boxes[owners(held)], held.boxes[owners(held)])


def test_the_smaller_of_two_wins_shared_anchors() -> None:
    targets = assigned([[40, 40, 60, 60], [36, 36, 72, 72]], classes=[1, 0])
    centre = np.abs(GRID.centres * 160 - 52).max(axis=1) + (STRIDES_PX != 8) * 1e3
    assert targets.class_targets[centre.argmin()].tolist() == [0, 1, 0]


def test_ignored_objects_weigh_nothing_unless_claimed() -> None:
    targets = assigned([[0, 0, 80, 80], [30, 30, 50, 50]], ignore=[True, False])
    assert targets.weights[owners(targets)].all()
    inside = (GRID.centres * 160 <= 80).all(axis=1)
    unclaimed = inside & ~targets.class_targets.any(axis=1)
    assert unclaimed.any()
    assert not targets.weights[unclaimed].any()
    assert targets.weights[~inside].all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_a_lone_object_always_finds_a_cell(seed: int, side_px: int) -> None:
    low = np.random.default_rng(seed).uniform(0, 160 - side_px, 2)
    targets = assigned([[*low, *(low + side_px)]])
    assert len(owners(targets)) >= 1
    assert set(STRIDES_PX[owners(targets)]) == {8}


def test_size_chooses_among_the_anchors_of_a_cell() -> None:
    head = zoo.GridHead(strides=(16,), anchor_sides=((1.0, 2.0, 4.0),))
    grid = anchors(head, INPUTS)
    for side, kind in [(10, 0), (22, 0), (23, 1), (45, 1), (46, 2), (140, 2)]:
        box = np.array([[8, 8, 8 + side, 8 + side]], np.float32) / 160
        none = np.zeros((1, 0, 2), np.float32)
        targets = assign(head, (160, 160), grid, 1, box, np.zeros(1, np.int64), none, np.zeros(1, bool))
        assert set(grid.kinds[owners(targets)]) == {kind}, side
