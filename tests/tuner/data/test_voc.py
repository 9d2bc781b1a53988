"""Pascal VOC folders: lists, boxes, classes, and what is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from _builders import voc_object, voc_xml, write_picture, write_voc

from tuner.data import open_dataset
from zoo import BadData
from zoo._specs import OBJECT_DETECTION


@pytest.mark.parametrize("sets", ["ImageSets", "ImageSets/Main"])
def test_splits_boxes_and_difficult(tmp_path: Path, sets: str) -> None:
    write_voc(tmp_path, sets=sets)
    two = voc_object("cat", (1.5, 2, 30, 40), difficult=1) + voc_object("dog")
    (tmp_path / "Annotations" / "train0.xml").write_text(voc_xml(two))
    dataset = open_dataset(tmp_path, task=OBJECT_DETECTION)
    sample = dataset.splits["train"][0]
    assert dataset.labels == ("cat", "dog")
    assert [len(dataset.splits[split]) for split in ("train", "val")] == [12, 4]
    np.testing.assert_array_equal(sample.boxes_px, [[1.5, 2, 30, 40], [4, 8, 24, 18]])
    assert sample.classes.tolist() == [0, 1]
    assert sample.ignore.tolist() == [True, False]


def test_without_lists_pictures_are_divided(tmp_path: Path) -> None:
    write_voc(tmp_path)
    for path in (tmp_path / "ImageSets").iterdir():
        path.unlink()
    dataset = open_dataset(tmp_path, task=OBJECT_DETECTION)
    assert len(dataset.splits["train"]) + len(dataset.splits["val"]) == 16
    assert dataset.splits["val"]


def test_class_outside_the_allowed(tmp_path: Path) -> None:
    write_voc(tmp_path)
    with pytest.raises(BadData, match=r"train0\.xml uses the class 'dog'.* Known classes: cat, cow\."):
        open_dataset(tmp_path, task=OBJECT_DETECTION, labels=("cat", "cow"))
    dataset = open_dataset(tmp_path, task=OBJECT_DETECTION, labels=("cow", "dog"))
    assert dataset.labels == ("cow", "dog")
    assert dataset.splits["train"][0].classes.tolist() == [1]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("<annotation><object>", "not valid XML"),
        ("", "not valid XML"),
        (voc_xml(voc_object(box=(4, 8, 4, 18))), "has no area"),
        (voc_xml(voc_object(box=("nan", 8, 24, 18))), "not a finite number"),
        (voc_xml(voc_object(box=(400, 8, 424, 18))), "outside the picture"),
        (voc_xml(voc_object(box=("wide", 8, 24, 18))), "lacks one of its four corner numbers"),
        (voc_xml("<object><name>dog</name></object>"), "lacks one of its four corner numbers"),
    ],
)
def test_bad_items_are_left_out(tmp_path: Path, content: str, reason: str) -> None:
    (write_voc(tmp_path) / "Annotations" / "train1.xml").write_text(content)
    dataset = open_dataset(tmp_path, task=OBJECT_DETECTION)
    assert len(dataset.skipped) == 1
    assert reason in dataset.skipped[0]
    assert "train1" in dataset.skipped[0]


def test_missing_files_and_names_outside(tmp_path: Path) -> None:
    write_picture(tmp_path / "secret.png")
    folder = write_voc(tmp_path / "data", train=40)
    (folder / "JPEGImages" / "train0.png").unlink()
    (folder / "Annotations" / "train1.xml").unlink()
    with (folder / "ImageSets" / "train.txt").open("a") as names:
        names.write("../../secret\n")
    dataset = open_dataset(folder, task=OBJECT_DETECTION)
    assert len(dataset.splits["train"]) == 38
    told = " ".join(dataset.skipped)
    for reason in ("'train0.jpg' does not exist", "train1.xml does not exist", "outside the data set's folder"):
        assert reason in told


def test_size_of_zero_is_read_from_the_picture(tmp_path: Path) -> None:
    xml = voc_xml(voc_object(box=(0, 0, 999, 999)), size=(0, 0))
    (write_voc(tmp_path) / "Annotations" / "train0.xml").write_text(xml)
    sample = open_dataset(tmp_path, task=OBJECT_DETECTION).splits["train"][0]
    np.testing.assert_array_equal(sample.boxes_px, [[0, 0, 64, 48]])


def test_list_that_is_not_text(tmp_path: Path) -> None:
    (write_voc(tmp_path) / "ImageSets" / "val.txt").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(BadData, match="is not a list of names"):
        open_dataset(tmp_path, task=OBJECT_DETECTION)
