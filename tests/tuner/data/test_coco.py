"""COCO files: what is read, what is left out with a sentence, what is an error."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _builders import SIZE, coco_document, edit_json, write_coco, write_picture
from PIL import Image

from tuner.data import decode, open_dataset
from zoo import BadData, ImageSpec
from zoo._specs import FACE_DETECTION, OBJECT_DETECTION


def test_boxes_classes_and_order(tmp_path: Path) -> None:
    dataset = open_dataset(write_coco(tmp_path), task=OBJECT_DETECTION)
    sample = dataset.splits["train"][0]
    assert dataset.labels == ("cat", "dog")
    assert [len(dataset.splits[split]) for split in ("train", "val")] == [12, 4]
    assert sample.key == "train0.png"
    np.testing.assert_array_equal(sample.boxes_px, [[4, 8, 24, 18]])
    assert sample.classes.tolist() == [1]
    assert not sample.ignore.any()
    assert sample.load().shape == (SIZE[1], SIZE[0], 3)
    assert dataset.skipped == ()


@pytest.mark.parametrize("images", ["", "images", "train2017"])
def test_layout_of_the_original(tmp_path: Path, images: str) -> None:
    names = [f"{index}.png" for index in range(4)]
    for split in ("train", "val"):
        for name in names:
            write_picture(tmp_path / (images.replace("train", split)) / name)
        (tmp_path / "annotations").mkdir(exist_ok=True)
        for kind in ("instances", "captions"):
            path = tmp_path / "annotations" / f"{kind}_{split}2017.json"
            document = coco_document(names) if kind == "instances" else {"images": [], "annotations": []}
            path.write_text(json.dumps(document))
    dataset = open_dataset(tmp_path, task=OBJECT_DETECTION)
    assert len(dataset.splits["train"]) == len(dataset.splits["val"]) == 4


def test_pictures_beside_the_file(tmp_path: Path) -> None:
    write_coco(tmp_path)
    for path in (tmp_path / "images").iterdir():
        shutil.move(path, tmp_path / path.name)
    assert len(open_dataset(tmp_path, task=OBJECT_DETECTION).splits["train"]) == 12


def test_keypoints_and_crowds(tmp_path: Path) -> None:
    write_coco(tmp_path, categories=[{"id": 7, "name": "dog", "keypoints": ["nose", "tail"]}])
    edit_json(tmp_path / "val.json", lambda document: document.update(categories=[{"id": 7, "name": "dog"}]))
    edit_json(
        tmp_path / "train.json",
        lambda document: document["annotations"][0].update(keypoints=[5, 9, 2, 6, 9, 0], iscrowd=1),
    )
    edit_json(tmp_path / "train.json", lambda document: document["annotations"][1].update(keypoints=[5, 9]))
    dataset = open_dataset(tmp_path, task=FACE_DETECTION)
    first, second = dataset.splits["train"][:2]
    assert dataset.keypoints == ("nose", "tail")
    np.testing.assert_array_equal(first.keypoints_px, [[[5, 9], [np.nan, np.nan]]])
    assert first.ignore.tolist() == [True]
    assert np.isnan(second.keypoints_px).all()
    assert second.keypoints_px.shape == dataset.splits["val"][0].keypoints_px.shape == (1, 2, 2)
    assert "keypoints of 'train1.png' are not 6 numbers" in dataset.skipped[0]


@pytest.mark.parametrize(
    ("bbox", "reason"),
    [
        ([4, 8, 0, 10], "has no area"),
        ([4, 8, -3, 10], "has no area"),
        ([4, 8, float("nan"), 10], "not a finite number"),
        ([4, 8, 10**400, 10], "not a list of four numbers"),
        ([100, 8, 5, 5], "outside the picture of 64x48"),
        ([-9, 8, 5, 5], "outside the picture of 64x48"),
        ([4, 8, 5], "not a list of four numbers"),
        ("4 8 5 5", "not a list of four numbers"),
        (None, "not a list of four numbers"),
    ],
)
def test_bad_boxes_are_left_out(tmp_path: Path, bbox: Any, reason: str) -> None:
    write_coco(tmp_path)
    edit_json(tmp_path / "train.json", lambda document: document["annotations"][2].update(bbox=bbox))
    dataset = open_dataset(tmp_path, task=OBJECT_DETECTION)
    assert len(dataset.skipped) == 1
    assert reason in dataset.skipped[0]
    assert "train2.png" in dataset.skipped[0]
    assert dataset.splits["train"][2].ignore.tolist() == [True]  # its only box; the picture must not count as empty
    assert len(dataset.splits["train"]) == 12


def test_boxes_are_clipped(tmp_path: Path) -> None:
    write_coco(tmp_path)
    edit_json(tmp_path / "train.json", lambda document: document["annotations"][0].update(bbox=[-5, 40, 200, 20]))
    sample = open_dataset(tmp_path, task=OBJECT_DETECTION).splits["train"][0]
    np.testing.assert_array_equal(sample.boxes_px, [[0, 40, 64, 48]])


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda d: d["images"][0].update(file_name="../secret.png"), "outside the data set's folder"),
        (lambda d: d["images"][0].update(file_name="/etc/passwd"), "outside the data set's folder"),
        (lambda d: d["images"][0].update(file_name="C:\\x.png"), "outside the data set's folder"),
        (lambda d: d["images"][0].update(file_name="gone.png"), "'gone.png' does not exist"),
        (lambda d: d["images"][0].update(file_name="x" * 5000), "does not exist"),
        (lambda d: d["images"][0].update(file_name="a\0b"), "does not exist"),
        (lambda d: d["images"][0].update(file_name=5), "no id or no file_name"),
        (lambda d: d["images"].append({"id": 3, "file_name": "val0.png"}), "the image id 3 occurs twice"),
        (lambda d: d["annotations"][0].update(image_id=99), "names the image id 99"),
        (lambda d: d["annotations"].append(5), "the entry 5 of 'annotations' is not an object"),
        (lambda d: d["images"].append(None), "the entry None of 'images' is not an object"),
    ],
)
def test_bad_items_are_left_out(tmp_path: Path, edit: Callable[[Any], None], reason: str) -> None:
    write_picture(tmp_path / "secret.png")
    write_coco(tmp_path / "data")
    edit_json(tmp_path / "data" / "train.json", edit)
    dataset = open_dataset(tmp_path / "data", task=OBJECT_DETECTION)
    assert len(dataset.skipped) == 1
    assert reason in dataset.skipped[0]


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda d: d.pop("categories"), "'categories' missing or not a list"),
        (lambda d: d.update(images={}), "'images' missing or not a list"),
        (lambda d: d.update(categories=[]), "declares no categories"),
        (lambda d: d.update(categories=[{"id": 7}]), "category without a name"),
    ],
)
def test_broken_files_are_errors(tmp_path: Path, edit: Callable[[Any], None], reason: str) -> None:
    edit_json(write_coco(tmp_path) / "train.json", edit)
    with pytest.raises(BadData, match=reason):
        open_dataset(tmp_path, task=OBJECT_DETECTION)


@pytest.mark.parametrize("content", [b'{"images": [', b"\xff\xfe\x00", b"", b"[]", b"[" * 100_000])
def test_broken_json(tmp_path: Path, content: bytes) -> None:
    (write_coco(tmp_path) / "train.json").write_bytes(content)
    with pytest.raises(BadData, match=r"train\.json is not (valid JSON|a COCO file)"):
        open_dataset(tmp_path, task=OBJECT_DETECTION)


def test_several_undivided_files_are_ambiguous(tmp_path: Path) -> None:
    write_coco(tmp_path)
    (tmp_path / "train.json").rename(tmp_path / "first.json")
    (tmp_path / "val.json").rename(tmp_path / "second.json")
    with pytest.raises(BadData, match="2 annotation files have no split in their names"):
        open_dataset(tmp_path, task=OBJECT_DETECTION)


def test_labels_fix_the_order_and_refuse_others(tmp_path: Path) -> None:
    write_coco(tmp_path)
    dataset = open_dataset(tmp_path, task=OBJECT_DETECTION, labels=("dog", "cat"))
    assert dataset.splits["train"][0].classes.tolist() == [0]
    with pytest.raises(BadData, match=r"uses the class 'dog', which is not declared\. Known classes: cat"):
        open_dataset(tmp_path, task=OBJECT_DETECTION, labels=("cat",))


@pytest.mark.parametrize(
    ("category", "sentence"), [(42, r"train\.json uses .* '42'.*3 \(cat\), 7 \(dog\)"), ([1], "uses the class")]
)
def test_a_few_boxes_of_undeclared_classes_are_ignored_and_many_refused(
    category: Any, sentence: str, tmp_path: Path
) -> None:
    write_coco(tmp_path, train=24, val=4)
    edit_json(tmp_path / "train.json", lambda document: document["annotations"][0].update(category_id=category))
    dataset = open_dataset(tmp_path, task=OBJECT_DETECTION)
    assert len(dataset.skipped) == 1
    assert re.search(sentence, dataset.skipped[0])
    assert dataset.splits["train"][0].ignore.tolist() == [True]
    with pytest.raises(BadData, match=sentence):
        open_dataset(tmp_path, task=OBJECT_DETECTION, labels=("cat", "dog"))
    for index in range(1, 4):
        edit_json(tmp_path / "train.json", lambda d, i=index: d["annotations"][i].update(category_id=category))
    with pytest.raises(BadData, match=sentence):
        open_dataset(tmp_path, task=OBJECT_DETECTION)


def test_val_with_a_class_of_its_own(tmp_path: Path) -> None:
    write_coco(tmp_path)
    edit_json(tmp_path / "val.json", lambda document: document["categories"][1].update(name="cow"))
    with pytest.raises(BadData, match=r"val\.json uses the class 'cow'"):
        open_dataset(tmp_path, task=OBJECT_DETECTION)


def test_numbers_of_the_file_are_kept(tmp_path: Path) -> None:
    write_coco(tmp_path)
    edit_json(tmp_path / "val.json", lambda document: document["images"][0].update(id="first"))
    (tmp_path / "images" / "train0.png").write_bytes(b"no picture")
    dataset = open_dataset(tmp_path, task=OBJECT_DETECTION)
    assert dataset.category_ids == (3, 7)
    assert open_dataset(tmp_path, task=OBJECT_DETECTION, labels=("dog",)).category_ids == (7,)
    assert open_dataset(tmp_path, task=FACE_DETECTION).category_ids == ()
    train, val = (decode(dataset.splits[split], ImageSpec(16, 16)) for split in ("train", "val"))
    assert train.image_ids == tuple(range(1, 12))  # the file counts from 0, and 0 cannot be read
    assert val.image_ids == (1, 2, 3, 4)  # a number that is none: all are counted


def test_size_comes_from_the_picture_when_not_declared(tmp_path: Path) -> None:
    write_coco(tmp_path)
    edit_json(tmp_path / "train.json", lambda document: document["images"][0].update(width=0, height=None))
    edit_json(tmp_path / "train.json", lambda document: document["annotations"][0].update(bbox=[0, 0, 999, 999]))
    sample = open_dataset(tmp_path, task=OBJECT_DETECTION).splits["train"][0]
    np.testing.assert_array_equal(sample.boxes_px, [[0, 0, *SIZE]])


def test_picture_of_another_size_than_declared(tmp_path: Path) -> None:
    write_coco(tmp_path)
    Image.new("RGB", (100, 100)).save(tmp_path / "images" / "train0.png")
    sample = open_dataset(tmp_path, task=OBJECT_DETECTION).splits["train"][0]
    with pytest.raises(BadData, match="is 100x100 pixels, but its annotation was made for 64x48"):
        sample.load()
