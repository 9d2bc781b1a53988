"""Augmented pictures keep their labels: boxes and landmarks lie on what they lay on before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zoo
from tuner.augment import (
    AUGMENTATIONS,
    Augmentation,
    as_augmentation,
    augment,
    mirror_boxes,
    mirror_keypoints,
    mirrored_keypoint_order,
)
from tuner.augmented_view import augmented_view
from tuner.data import Decoded, decode, open_dataset
from tuner.placement import MIN_SIDE_PX, Labels, Tile, covered, follow, mosaic, zoomed
from zoo._cli import EXIT_MISTAKE, main
from zoo._errors import UnknownName, ZooError
from zoo._specs import FACE_DETECTION, FACE_RECOGNITION, ImageSpec

SIDE = 64
INPUTS = ImageSpec(SIDE, SIDE)
GEOMETRY = Augmentation(mirror=0.5, zoom=0.5, zoom_range=(0.4, 2.0), stretch=0.2, mosaic=0.4, mosaic_sides=(2, 3))
EDGE_PX = 1.5
"""Resampling moves an edge by less than this; measured: 1.0."""


def squares(count: int, detail: int = 1, height_px: int = 48, width_px: int = 64) -> Decoded:
    """Black letterboxed pictures, each with one bright square; its box, and its four corners as landmarks."""
    side, generator = SIDE * detail, np.random.default_rng(7)
    images = np.full((count, side, side, 3), 114, np.uint8)
    cover_x, cover_y = covered(INPUTS, height_px, width_px)
    images[:, : round(cover_y * side), : round(cover_x * side)] = 0
    boxes, keypoints = [], []
    for row in range(count):
        length = int(generator.integers(10, 24)) * detail
        left, top = (int(generator.integers(0, cover * side - length)) for cover in (cover_x, cover_y))
        images[row, top : top + length, left : left + length] = 255
        box = np.array([left, top, left + length, top + length], np.float32) / side
        boxes.append(box[None])
        keypoints.append(np.array([[box[[0, 1]], box[[2, 1]], box[[0, 3]], box[[2, 3]]]], np.float32))
    return Decoded(
        images=images,
        boxes=boxes,
        classes=[np.array([row % 3]) for row in range(count)],
        keypoints=keypoints,
        ignore=[np.zeros(1, bool)] * count,
        labels=np.full(count, -1),
        sizes_px=np.full((count, 2), (height_px, width_px)),
        keys=tuple(map(str, range(count))),
    )


CORNERS = ("left_up", "right_up", "left_down", "right_down")


def bright_bounds(image: np.ndarray, box_px: np.ndarray) -> np.ndarray:
    """Return xyxy pixels of what is bright near a box."""
    x_min, y_min, x_max, y_max = np.rint(box_px).astype(int)
    left, top = max(x_min - 3, 0), max(y_min - 3, 0)
    bright = image[top : y_max + 3, left : x_max + 3].mean(axis=2) > 127
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    return np.array([left + columns[0], top + rows[0], left + columns[-1] + 1, top + rows[-1] + 1])


def stands_alone(box_px: np.ndarray, others_px: np.ndarray) -> bool:
    """Tell whether no other square can be seen within five pixels."""
    apart = (others_px[:, :2] > box_px[2:] + 5) | (others_px[:, 2:] < box_px[:2] - 5)
    return bool(apart.any(axis=1).all())


@pytest.mark.parametrize("detail", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_boxes_and_landmarks_lie_on_their_squares(seed: int, detail: int) -> None:
    data = squares(40, detail)
    changed = augment(data, np.arange(40), INPUTS, GEOMETRY, CORNERS, np.random.default_rng(seed))
    seen = 0
    for row in range(40):
        boxes_px = changed.boxes[row] * SIDE
        for index, (box_px, points) in enumerate(zip(boxes_px, changed.keypoints[row], strict=True)):
            corners = np.array([box_px[[0, 1]], box_px[[2, 1]], box_px[[0, 3]], box_px[[2, 3]]])
            known = np.isfinite(points).all(axis=1)
            np.testing.assert_allclose((points * SIDE)[known], corners[known], atol=1e-3)
            if not changed.ignore[row][index] and stands_alone(box_px, np.delete(boxes_px, index, axis=0)):
                seen += 1
                np.testing.assert_allclose(bright_bounds(changed.images[row], box_px), box_px, atol=EDGE_PX)
    assert seen > 40  # a mosaic holds several


def test_a_picture_without_changes_is_itself() -> None:
    data = squares(4)
    same = augment(data, np.array([2, 0]), INPUTS, Augmentation(), CORNERS, np.random.default_rng(0))
    np.testing.assert_array_equal(same.images, data.images[[2, 0]])
    assert same.keys == ("2", "0")


def test_the_data_stay_as_they_are() -> None:
    data = squares(6)
    before = data.images.copy()
    augment(data, np.arange(6), INPUTS, AUGMENTATIONS["scenes"], CORNERS, np.random.default_rng(0))
    np.testing.assert_array_equal(data.images, before)


def test_the_same_seed_makes_the_same_batch() -> None:
    data = squares(6)
    first, again, other = (
        augment(data, np.arange(6), INPUTS, AUGMENTATIONS["scenes"], CORNERS, np.random.default_rng(seed))
        for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first.images, again.images)
    for left, right in zip(first.boxes, again.boxes, strict=True):
        np.testing.assert_array_equal(left, right)
    assert not np.array_equal(first.images, other.images)


def noise(count: int) -> Decoded:
    """Return pictures of middle tones that fill the input, so that no change of light is cut off."""
    data = squares(count, height_px=SIDE, width_px=SIDE)
    return replace(data, images=np.random.default_rng(7).integers(100, 150, data.images.shape).astype(np.uint8))


def test_light_changes_every_channel_alike() -> None:
    data = noise(8)
    lit = augment(data, np.arange(8), INPUTS, Augmentation(light=0.3), CORNERS, np.random.default_rng(3)).images
    for before, after in zip(data.images, lit, strict=True):
        gain, shift = np.polyfit(before.ravel().astype(float), after.ravel().astype(float), 1)
        assert 0.7 <= gain <= 1.3
        assert np.abs(gain * before + shift - after).max() <= 1.0  # of 255, rounding
        assert abs(after.mean() - before.mean()) <= 0.3 * 255 + 1
    assert len({picture.tobytes() for picture in lit}) == 8


def test_grey_is_the_luma_of_the_picture() -> None:
    data = noise(4)
    grey = augment(data, np.arange(4), INPUTS, Augmentation(grey=1.0), CORNERS, np.random.default_rng(3)).images
    luma = data.images @ np.array([0.299, 0.587, 0.114])
    assert np.abs(grey - luma[..., None]).max() <= 0.5 + 1e-6


def test_colour_gives_each_channel_a_balance_of_its_own() -> None:
    data = noise(8)
    tinted = augment(data, np.arange(8), INPUTS, Augmentation(colour=0.4), CORNERS, np.random.default_rng(3)).images
    ratios = tinted.mean(axis=(1, 2)) / data.images.mean(axis=(1, 2))  # (8, 3)
    assert np.abs(ratios - 1).max() <= 0.4 / 4 + 0.01
    assert np.ptp(ratios, axis=1).min() > 0.001


def test_light_and_colour_leave_the_padding() -> None:
    """The page pads with the same byte in every light."""
    data = squares(8, height_px=32)
    lit = augment(
        data, np.arange(8), INPUTS, Augmentation(light=0.5, colour=0.5, grey=0.5), CORNERS, np.random.default_rng(0)
    )
    assert (lit.images[:, SIDE // 2 :] == INPUTS.pad_value).all()
    assert not np.array_equal(lit.images, data.images)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(20, 200), st.integers(20, 200))
@settings(max_examples=60, deadline=None)
def test_a_mosaic_leaves_no_gap(seed: int, side: int, height_px: int, width_px: int) -> None:
    generator = np.random.default_rng(seed)
    inputs = ImageSpec(96, 160)
    count = side * side
    tiles = mosaic(
        list(range(count)),
        inputs,
        [covered(inputs, height_px, width_px)] * count,
        [np.zeros((0, 4))] * count,
        generator,
    )
    painted = np.zeros((inputs.height, inputs.width), int)
    for tile in tiles:
        left, top, right, bottom = tile.place
        painted[top:bottom, left:right] += 1
        assert 0 <= tile.window[0] < tile.window[2] <= covered(inputs, height_px, width_px)[0] + 1e-9
        assert 0 <= tile.window[1] < tile.window[3] <= covered(inputs, height_px, width_px)[1] + 1e-9
    assert (painted == 1).all()


@given(st.integers(0, 2**32 - 1), st.floats(0.2, 3.0), st.floats(0.2, 3.0), st.integers(20, 200), st.integers(20, 200))
@settings(max_examples=60, deadline=None)
def test_a_zoomed_picture_stays_inside(
    seed: int, x_scale: float, y_scale: float, height_px: int, width_px: int
) -> None:
    generator = np.random.default_rng(seed)
    covers = covered(INPUTS, height_px, width_px)
    box = np.sort(generator.uniform(size=(2, 2)) * covers, axis=0).reshape(1, 4)
    tile = zoomed(0, INPUTS, covers, (x_scale, y_scale), box, generator)
    assert 0 <= tile.place[0] < tile.place[2] <= SIDE
    assert 0 <= tile.place[1] < tile.place[3] <= SIDE
    for axis in (0, 1):
        assert -1e-9 <= tile.window[axis] < tile.window[axis + 2] <= covers[axis] + 1e-9
    labels = Labels(box, np.zeros(1, int), box.reshape(1, 2, 2), np.zeros(1, bool))
    moved = follow([tile], INPUTS, [labels])
    assert (moved.boxes >= 0).all() and (moved.boxes <= 1).all()
    assert len(moved.boxes) == len(moved.classes) == len(moved.keypoints) == len(moved.ignore)


def test_what_is_cut_or_small_is_neither_hit_nor_miss() -> None:
    tile = Tile(0, (0.0, 0.0, 0.5, 0.5), (0, 0, SIDE, SIDE))
    small = MIN_SIDE_PX / SIDE / 4
    boxes = np.array([[0.1, 0.1, 0.3, 0.3], [0.4, 0.1, 0.8, 0.3], [0.6, 0.6, 0.9, 0.9], [0.2, 0.2, 0.2 + small, 0.21]])
    labels = Labels(boxes, np.arange(4), boxes.reshape(4, 2, 2), np.zeros(4, bool))
    moved = follow([tile], INPUTS, [labels])
    assert moved.classes.tolist() == [0, 1, 3]  # the third is not seen
    assert moved.ignore.tolist() == [False, True, True]
    np.testing.assert_allclose(moved.boxes[1], [0.8, 0.2, 1.0, 0.6], atol=1e-6)
    assert np.isnan(moved.keypoints[1, 1]).all() and np.isfinite(moved.keypoints[1, 0]).all()


def test_a_mirror_swaps_sides_and_twice_changes_nothing() -> None:
    order = mirrored_keypoint_order(zoo.FACE_KEYPOINTS)
    assert [zoo.FACE_KEYPOINTS[index] for index in order] == [
        "left_eye",
        "right_eye",
        "nose",
        "mouth_left",
        "mouth_right",
    ]
    points = np.random.default_rng(0).uniform(size=(3, 5, 2))
    mirrored = mirror_keypoints(points, order)
    np.testing.assert_allclose(mirrored[:, 0], [1, 0] + points[:, 1] * [-1, 1])
    np.testing.assert_allclose(mirror_keypoints(mirrored, order), points)
    np.testing.assert_allclose(mirror_boxes(np.array([[0.1, 0.2, 0.4, 0.9]])), [[0.6, 0.2, 0.9, 0.9]])


def test_boxes_do_not_follow_a_turn_so_it_is_refused() -> None:
    with pytest.raises(ZooError, match="Boxes cannot follow a turned picture"):
        augment(squares(2), np.arange(2), INPUTS, AUGMENTATIONS["portraits"], CORNERS, np.random.default_rng(0))


def test_pictures_are_kept_no_larger_than_they_are() -> None:
    samples = open_dataset("synthetic", task=FACE_DETECTION, limit=4).splits["train"]
    longest_px = max(max(sample.size_px) for sample in samples if sample.size_px is not None)
    scenes = AUGMENTATIONS["scenes"]
    assert scenes.kept_at(ImageSpec(longest_px // 2, longest_px // 2), samples).height == longest_px // 2 * 2
    assert scenes.kept_at(ImageSpec(longest_px, longest_px), samples).height == longest_px
    assert Augmentation().kept_at(INPUTS, samples) == INPUTS
    many, large = [samples[0]] * 40, replace(samples[0], size_px=(4 * longest_px, 10))
    assert scenes.kept_at(ImageSpec(longest_px, longest_px), [*many, large]).height == longest_px
    assert scenes.kept_at(ImageSpec(longest_px, longest_px), [*many, *[large] * 4]).height == 2 * longest_px


@pytest.mark.parametrize(
    "change",
    [
        {"mirror": 1.5},
        {"stretch": 1.0},
        {"zoom_range": (0.0, 1.0)},
        {"zoom_range": (2.0, 1.0)},
        {"mosaic_sides": ()},
        {"mosaic_sides": (9,)},
        {"rotate_degrees": -1.0},
        {"detail": 0},
    ],
)
def test_impossible_settings_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ZooError, match=f"Augmentation '{next(iter(change))}' must be"):
        replace(Augmentation(), **change)  # type: ignore[arg-type]


def test_a_misspelt_name_gets_a_suggestion() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'scenes'"):
        as_augmentation("scene")


@pytest.mark.parametrize(("task", "name"), [(FACE_DETECTION, "scenes"), (FACE_RECOGNITION, "portraits")])
def test_a_view_shows_what_a_network_sees(task: str, name: str, tmp_path: Path) -> None:
    dataset = open_dataset("synthetic", task=task, limit=8)
    view = augmented_view(dataset, "train", INPUTS, AUGMENTATIONS[name], count=6, seed=0)
    assert len(view.splits["train"]) == 6
    plain = decode(dataset.splits["train"], INPUTS)
    for sample in view.splits["train"]:
        picture = sample.load()
        assert picture.shape == (SIDE, SIDE, 3)
        assert not any(np.array_equal(picture, other) for other in plain.images)
        assert (sample.boxes_px <= SIDE).all()


def test_the_command_draws_what_a_model_is_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "seen.png"
    words = ["data", "show", "--model", "yunet_n_160", "--augment", "scenes", "--limit", "8", "--count", "4"]
    assert main([*words, "-o", str(picture)]) == 0
    assert picture.stat().st_size > 10_000
    capsys.readouterr()
    assert main([*words[:-4], "-o", str(picture), "--augment", "scene"]) == EXIT_MISTAKE
    assert "Unknown augmentation 'scene'. Did you mean 'scenes'?" in capsys.readouterr().err
    assert main(["sweep", "dense4_cls_64", "--augment", "scene", "--out", str(tmp_path)]) == EXIT_MISTAKE
    assert "Unknown augmentation 'scene'" in capsys.readouterr().err
