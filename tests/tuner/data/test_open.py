"""Which folder is opened as what, how it is divided and limited, and every sentence about one that cannot be used."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from _builders import (
    coco_document,
    edit_json,
    voc_object,
    voc_xml,
    write_coco,
    write_folders,
    write_picture,
    write_voc,
    write_wider,
    write_yolo,
)

from tuner._options import add_data_options
from tuner.data import FORMATS, Dataset, open_dataset
from tuner.data._formats import ANNOTATED
from zoo import BadData, UnknownName
from zoo._specs import FACE_DETECTION, FACE_RECOGNITION, OBJECT_DETECTION, OBJECT_RECOGNITION, TASKS


def keys(dataset: Dataset, split: str) -> list[str]:
    return [sample.key for sample in dataset.splits[split]]


def test_import_brings_no_framework() -> None:
    code = (
        "import sys, tuner.data, tuner.data.show, tuner.data.synthetic; "
        "print({'keras', 'tensorflow'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


@pytest.mark.parametrize("task", TASKS)
def test_missing_empty_and_unknown_folders(tmp_path: Path, task: str) -> None:
    with pytest.raises(BadData, match="does not exist"):
        open_dataset(tmp_path / "nowhere", task=task)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadData, match="is empty"):
        open_dataset(tmp_path / "empty", task=task)
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadData, match="is a file"):
        open_dataset(tmp_path / "file", task=task)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "readme.txt").write_text("x")
    with pytest.raises(BadData, match=r"no data of any known format; it holds readme\.txt"):
        open_dataset(tmp_path / "other", task=task)


def test_format_that_does_not_fit_the_task(tmp_path: Path) -> None:
    folders = write_folders(tmp_path / "folders", {"a": 2, "b": 2})
    with pytest.raises(BadData, match="does not fit the task object-detection"):
        open_dataset(folders, task=OBJECT_DETECTION)
    with pytest.raises(BadData, match="does not fit the task face-recognition"):
        open_dataset(write_coco(tmp_path / "coco"), task=FACE_RECOGNITION)
    with pytest.raises(BadData, match="does not fit the task face-recognition"):
        open_dataset(write_voc(tmp_path / "voc"), task=FACE_RECOGNITION)
    with pytest.raises(BadData, match="no data of the format voc"):
        open_dataset(tmp_path / "coco", task=OBJECT_DETECTION, format="voc")
    with pytest.raises(BadData, match="does not fit"):
        open_dataset(folders, task=OBJECT_RECOGNITION, format="identities")


def test_misspelt_options(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'face-detection'"):
        open_dataset("synthetic", task="face-detecton")
    with pytest.raises(UnknownName, match="Did you mean 'coco'"):
        open_dataset(tmp_path, task=OBJECT_DETECTION, format="cocoo")
    with pytest.raises(BadData, match="limit is a number of pictures, got 0"):
        open_dataset("synthetic", task=OBJECT_DETECTION, limit=0)
    with pytest.raises(BadData, match="labels of their own"):
        open_dataset("synthetic", task=OBJECT_DETECTION, labels=("a",))


def test_formats_are_recognised_by_content(tmp_path: Path) -> None:
    assert open_dataset(write_coco(tmp_path / "a"), task=OBJECT_DETECTION).format == "coco"
    assert open_dataset(write_voc(tmp_path / "b"), task=OBJECT_DETECTION).format == "voc"
    folders = write_folders(tmp_path / "c", {"x": 3, "y": 3, "z": 3, "w": 3})
    assert open_dataset(folders, task=OBJECT_RECOGNITION).format == "classes"
    assert open_dataset(folders, task=FACE_RECOGNITION).format == "identities"


@pytest.mark.parametrize("task", TASKS)
def test_two_annotated_formats_are_ambiguous(tmp_path: Path, task: str) -> None:
    write_voc(write_coco(tmp_path), train=5)
    with pytest.raises(BadData, match=r"annotations of 2 formats: coco, voc\. Choose one with --format"):
        open_dataset(tmp_path, task=task)
    write_wider(write_yolo(tmp_path))
    with pytest.raises(BadData, match="4 formats: coco, voc, yolo, wider"):
        open_dataset(tmp_path, task=task)
    if task in (OBJECT_DETECTION, FACE_DETECTION):
        pictures = {name: len(open_dataset(tmp_path, task=task, format=name).splits["train"]) for name in ANNOTATED}
        assert pictures == {"coco": 12, "voc": 5, "yolo": 12, "wider": 12}


def test_the_help_names_all_formats() -> None:
    [told] = [action.help for action in sweep_options()._actions if action.dest == "format"]
    assert told is not None
    assert f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}" in told


def sweep_options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    add_data_options(parser)
    return parser


def test_all_classes_count_as_face(tmp_path: Path) -> None:
    dataset = open_dataset(write_coco(tmp_path), task=FACE_DETECTION)
    assert dataset.labels == ("face",)
    assert all(sample.classes.tolist() == [0] for sample in dataset.splits["train"])


def test_detection_data_serve_recognition_as_crops(tmp_path: Path) -> None:
    write_coco(tmp_path)
    dataset = open_dataset(tmp_path, task=OBJECT_RECOGNITION)
    crop = dataset.splits["train"][3]
    whole = open_dataset(tmp_path, task=OBJECT_DETECTION).splits["train"][3]
    assert dataset.labels[crop.label] == "dog"
    np.testing.assert_array_equal(crop.load(), whole.load()[8:18, 4:24])


def test_crops_leave_out_ignored_and_tiny_boxes(tmp_path: Path) -> None:
    write_coco(tmp_path)
    edit_json(tmp_path / "train.json", lambda document: document["annotations"][0].update(iscrowd=1))
    edit_json(tmp_path / "train.json", lambda document: document["annotations"][1].update(bbox=[1, 1, 4, 4]))
    dataset = open_dataset(tmp_path, task=OBJECT_RECOGNITION)
    assert len(dataset.splits["train"]) == 10
    assert dataset.notes == ("In train, 1 boxes of less than 8 pixels are left out as pictures.",)


def test_undivided_pictures_are_divided_by_content(tmp_path: Path) -> None:
    names = [f"p{index}.png" for index in range(60)]
    for name in names:
        write_picture(tmp_path / "one" / "images" / name, (16, 16))
    document = coco_document(names)
    for entry in document["images"]:
        entry.update(width=16, height=16)
    edit = tmp_path / "one" / "labels.json"
    edit.write_text("{}")
    edit_json(edit, lambda empty: empty.update(document))
    first = open_dataset(tmp_path / "one", task=OBJECT_DETECTION)
    assert 1 <= len(first.splits["val"]) <= 15
    assert not set(keys(first, "train")) & set(keys(first, "val"))
    edit_json(edit, lambda whole: whole["images"].reverse())
    again = open_dataset(tmp_path / "one", task=OBJECT_DETECTION, seed=5)
    assert set(keys(again, "val")) == set(keys(first, "val"))


@pytest.mark.parametrize("limit", [1, 5, 11, 12, 100])
def test_limit_is_exact_and_leaves_the_other_split_alone(tmp_path: Path, limit: int) -> None:
    write_voc(tmp_path)
    whole = open_dataset(tmp_path, task=OBJECT_DETECTION)
    few = open_dataset(tmp_path, task=OBJECT_DETECTION, limit=limit)
    assert len(few.splits["train"]) == min(limit, 12)
    assert keys(few, "val") == keys(whole, "val")
    assert keys(few, "train") == keys(open_dataset(tmp_path, task=OBJECT_DETECTION, limit=limit), "train")
    assert len(open_dataset(tmp_path, task=OBJECT_DETECTION, val_limit=2).splits["val"]) == 2


def test_strict_refuses_what_would_be_left_out(tmp_path: Path) -> None:
    write_coco(tmp_path)
    edit_json(tmp_path / "train.json", lambda document: document["annotations"][0].update(bbox=[60, 40, 9, 5]))
    dataset = open_dataset(tmp_path, task=OBJECT_DETECTION, strict=True)
    assert [finding.kind for finding in dataset.findings] == ["clipped"]
    assert dataset.skipped == ()
    edit_json(tmp_path / "train.json", lambda document: document["annotations"][1].update(bbox=[4, 8, 0, 5]))
    findings = open_dataset(tmp_path, task=OBJECT_DETECTION).findings
    assert [finding.kind for finding in findings] == ["clipped", "no-area"]
    with pytest.raises(BadData, match=r"nothing to be left out, but 1 would be\. The first: .*has no area"):
        open_dataset(tmp_path, task=OBJECT_DETECTION, strict=True)


def test_limit_follows_the_seed(tmp_path: Path) -> None:
    write_voc(tmp_path, train=40)
    first, second = (open_dataset(tmp_path, task=OBJECT_DETECTION, limit=10, seed=seed) for seed in (0, 1))
    assert keys(first, "train") != keys(second, "train")


def test_limit_keeps_the_share_of_each_class(tmp_path: Path) -> None:
    write_folders(tmp_path, {"train/a": 40, "train/b": 20, "val/a": 2, "val/b": 2})
    dataset = open_dataset(tmp_path, task=OBJECT_RECOGNITION, limit=12)
    counts = np.bincount([sample.label for sample in dataset.splits["train"]])
    assert counts.tolist() == [8, 4]


def test_limit_keeps_identities_whole(tmp_path: Path) -> None:
    write_folders(tmp_path, {f"p{index}": 6 for index in range(12)} | {"single": 1})
    dataset = open_dataset(tmp_path, task=FACE_RECOGNITION, limit=20)
    counts = np.bincount([sample.label for sample in dataset.splits["train"]])
    assert sorted(counts[counts > 0]) == [2, 6, 6, 6]
    few = open_dataset(tmp_path, task=FACE_RECOGNITION, limit=4)
    assert sorted(np.unique([sample.label for sample in few.splits["train"]], return_counts=True)[1]) == [2, 2]


def test_too_many_bad_pictures_are_an_error(tmp_path: Path) -> None:
    write_coco(tmp_path, train=18, val=2)
    for index in range(2):
        (tmp_path / "images" / f"train{index}.png").unlink()
    assert len(open_dataset(tmp_path, task=OBJECT_DETECTION).skipped) == 2
    (tmp_path / "images" / "train2.png").unlink()
    with pytest.raises(BadData, match=r"3 of 20 pictures cannot be used.*'train0\.png' does not exist"):
        open_dataset(tmp_path, task=OBJECT_DETECTION)


def test_no_boxes_and_no_pictures(tmp_path: Path) -> None:
    write_coco(tmp_path / "a", annotations=[])
    with pytest.raises(BadData, match="has not one box"):
        open_dataset(tmp_path / "a", task=OBJECT_DETECTION)
    write_coco(tmp_path / "b", train=0, val=0)
    with pytest.raises(BadData, match="annotations for no picture"):
        open_dataset(tmp_path / "b", task=OBJECT_DETECTION)
    write_coco(tmp_path / "c", val=0)
    with pytest.raises(BadData, match="no usable picture for 'val'"):
        open_dataset(tmp_path / "c", task=OBJECT_DETECTION)


def test_digest_tells_labels_apart(tmp_path: Path) -> None:
    write_voc(tmp_path)
    before = open_dataset(tmp_path, task=OBJECT_DETECTION).digest
    assert before == open_dataset(tmp_path, task=OBJECT_DETECTION).digest
    (tmp_path / "Annotations" / "train0.xml").write_text(voc_xml(voc_object(box=(4, 8, 25, 18))))
    assert before != open_dataset(tmp_path, task=OBJECT_DETECTION).digest
