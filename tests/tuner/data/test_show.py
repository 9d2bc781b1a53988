"""Drawn labels are where the labels say, in pictures large enough to read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from _builders import write_folders

from tuner.data import open_dataset
from tuner.data.show import BOX_COLOURS, KEYPOINT_COLOURS, TILE_PX, contact_sheet, draw_detections
from zoo import UnknownName
from zoo._specs import FACE_RECOGNITION, OBJECT_DETECTION, TASKS


def test_boxes_and_dots_are_drawn_in_their_colours() -> None:
    picture = np.zeros((240, 320, 3), np.uint8)
    points = np.array([[[100, 100], [np.nan, np.nan], [150, 120]]])
    drawn = np.asarray(draw_detections(picture, np.array([[60, 50, 200, 180]]), ["face"], [0.9], points))
    assert not picture.any()
    assert tuple(drawn[150, 60]) == BOX_COLOURS[0]
    assert tuple(drawn[100, 100]) == KEYPOINT_COLOURS[0]
    assert tuple(drawn[120, 150]) == KEYPOINT_COLOURS[2]
    assert not drawn[200:].any()


def test_small_pictures_are_enlarged() -> None:
    drawn = draw_detections(np.zeros((30, 40, 3), np.uint8), np.zeros((0, 4)), [])
    assert drawn.size == (320, 240)


def test_ignored_boxes_are_grey_and_dashed() -> None:
    picture = np.zeros((320, 320, 3), np.uint8)
    drawn = np.asarray(draw_detections(picture, np.array([[50, 50, 250, 250]]), ["face"], ignore=[True]))
    column = drawn[60:240, 50]
    assert {tuple(pixel) for pixel in column} == {(0, 0, 0), (150, 150, 150)}


def test_names_fix_the_colours() -> None:
    picture = np.zeros((320, 320, 3), np.uint8)
    drawn = np.asarray(draw_detections(picture, np.array([[50, 50, 250, 250]]), ["b"], names=["a", "b"]))
    assert tuple(drawn[150, 50]) == BOX_COLOURS[1]


@pytest.mark.parametrize("box", [(-50, -50, 500, 500), (310, 230, 320, 240), (0, 0, 0, 0), (10, 5, 10, 5)])
def test_boxes_at_and_beyond_the_edge(box: tuple[float, ...]) -> None:
    drawn = draw_detections(np.zeros((240, 320, 3), np.uint8), np.array([box]), ["a very long name of a class"], [0.5])
    assert drawn.size == (320, 240)


@pytest.mark.parametrize("task", TASKS)
def test_sheets_of_every_task(task: str) -> None:
    dataset = open_dataset("synthetic", task=task, limit=8, val_limit=4)
    sheet = contact_sheet(dataset, "train", 4, seed=2)
    assert sheet.width >= 2 * TILE_PX
    assert sheet.tobytes() == contact_sheet(dataset, "train", 4, seed=2).tobytes()
    assert contact_sheet(dataset, "val", 99).height > sheet.height / 2


def test_unreadable_pictures_show_a_cross(tmp_path: Path) -> None:
    write_folders(tmp_path, {"a": 2, "b": 2, "c": 2, "d": 2})
    dataset = open_dataset(tmp_path, task=FACE_RECOGNITION)
    for path in tmp_path.glob("*/*.png"):
        path.write_bytes(b"")
    assert contact_sheet(dataset, "train", 4).width > TILE_PX


def test_unknown_split() -> None:
    dataset = open_dataset("synthetic", task=OBJECT_DETECTION, limit=2, val_limit=1)
    with pytest.raises(UnknownName, match="Did you mean 'train'"):
        contact_sheet(dataset, "trian")
    assert contact_sheet(replace(dataset, splits={"train": []}), "train").size[0] > 0
