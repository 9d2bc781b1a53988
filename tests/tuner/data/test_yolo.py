"""YOLO labels: every layout that tools write, and the mistakes in them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from _builders import write_picture, write_yolo, yolo_line
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.data import Dataset, Sample, open_dataset
from zoo._errors import BadData, ZooError

DOG = [4, 8, 24, 18]


def opened(folder: Path) -> Dataset:
    return open_dataset(folder, task="object-detection")


def first(folder: Path, split: str = "train") -> Sample:
    return opened(folder).splits[split][0]


def test_boxes_are_pixels_of_the_picture(tmp_path: Path) -> None:
    dataset = opened(write_yolo(tmp_path))
    assert (dataset.format, dataset.labels) == ("yolo", ("cat", "dog"))
    assert {split: len(samples) for split, samples in dataset.splits.items()} == {"train": 12, "val": 4}
    sample = dataset.splits["train"][0]
    np.testing.assert_allclose(sample.boxes_px, [DOG], atol=1e-4)
    assert sample.classes.tolist() == [1]
    assert sample.size_px == sample.load().shape[:2] == (48, 64)
    assert dataset.skipped == ()


@pytest.mark.parametrize("val", ["val", "valid"])
def test_split_folders_with_images_and_labels_below(val: str, tmp_path: Path) -> None:
    write_yolo(tmp_path / "a")
    for kind in ("images", "labels"):
        for split, name in (("train", "train"), ("val", val)):
            shutil.move(tmp_path / "a" / kind / split, tmp_path / "b" / name / kind)
    (tmp_path / "b" / "data.yaml").write_text(
        "train: ../train/images\nval: /elsewhere\nnc: 2\nnames: {0: cat, 1: dog}\n"
    )
    dataset = opened(tmp_path / "b")
    assert {split: len(samples) for split, samples in dataset.splits.items()} == {"train": 12, "val": 4}
    np.testing.assert_allclose(dataset.splits["val"][0].boxes_px, [DOG], atol=1e-4)


def test_undivided_pictures_are_divided_by_hash(tmp_path: Path) -> None:
    for index in range(20):
        write_picture(tmp_path / "images" / f"{index}.png")
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / "labels" / f"{index}.txt").write_text(yolo_line())
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    dataset = opened(tmp_path)
    assert dataset.labels == ("cat", "dog")
    assert sum(len(samples) for samples in dataset.splits.values()) == 20
    assert all(dataset.splits.values())


def test_a_picture_without_labels_has_no_objects(tmp_path: Path) -> None:
    folder = write_yolo(tmp_path)
    (folder / "labels" / "train" / "0.txt").unlink()
    (folder / "labels" / "train" / "1.txt").write_text("\n")
    assert [len(sample.classes) for sample in opened(folder).splits["train"]].count(0) == 2


def test_a_polygon_counts_as_the_box_around_it(tmp_path: Path) -> None:
    folder = write_yolo(tmp_path)
    (folder / "labels" / "train" / "0.txt").write_text("0 0.25 0.5 0.75 0.25 0.5 0.75")
    np.testing.assert_allclose(first(folder).boxes_px, [[16, 12, 48, 36]], atol=1e-4)


def test_landmarks_behind_a_box_are_passed_over(tmp_path: Path) -> None:
    folder = write_yolo(tmp_path, names="names: [cat, dog]\nkpt_shape: [2, 3]")
    for file in (folder / "labels").rglob("*.txt"):
        file.write_text(f"{yolo_line()} 0.1 0.2 2 0 0 0")
    np.testing.assert_allclose(first(folder).boxes_px, [DOG], atol=1e-4)
    assert opened(folder).keypoints == ()


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("1 0.5 0.5 0.2", "is not 5 numbers"),
        ("1 0.5 0.5 0.2 wide", "is not 5 numbers"),
        ("1.5 0.5 0.5 0.2 0.2", "is not 5 numbers"),
        ("1 0.5 0.5 0 0.2", "has no area"),
        ("1 nan 0.5 0.2 0.2", "not a finite number"),
        ("1 0.1 0.1 0.2 0.2 inf 0.3", "not a finite number"),
        ("1 1.5 0.5 0.2 0.2", "lies outside the picture of 64x48 pixels"),
    ],
)
def test_a_bad_line_is_left_out_and_told(line: str, sentence: str, tmp_path: Path) -> None:
    folder = write_yolo(tmp_path)
    (folder / "labels" / "train" / "0.txt").write_text(f"{line}\n{yolo_line(0)}")
    dataset = opened(folder)
    assert dataset.splits["train"][0].classes.tolist() == [0]
    [told] = dataset.skipped
    assert sentence in told
    assert "0.txt" in told


@pytest.mark.parametrize("index", ["2", "-1", "1e300", "nan", "inf"])
def test_an_undeclared_class_is_ignored_or_a_bad_line(index: str, tmp_path: Path) -> None:
    folder = write_yolo(tmp_path)
    (folder / "labels" / "train" / "0.txt").write_text(yolo_line(index))
    dataset = opened(folder)
    [told] = dataset.skipped
    if index in ("nan", "inf"):
        assert "is not 5 numbers" in told
    else:
        assert re.search(rf"uses the class '{index}'.*0 \(cat\), 1 \(dog\)", told)
    assert dataset.splits["train"][0].ignore.tolist() == [True]
    for number in range(1, 4):
        (folder / "labels" / "train" / f"{number}.txt").write_text(yolo_line(2))
    with pytest.raises(BadData, match="uses the class"):
        opened(folder)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ("names: [cat, dog", "cannot be read as the file of class names"),
        ("nc: 2", "names no classes"),
        ("[cat, dog]", "names no classes"),
        ("names: {first: cat}", "names no classes"),
        ("names: [cat, cat]", "a class name twice"),
        ("names: [cat, dog]\nkpt_shape: many", "it must be a list like"),
        ("!!python/object/apply:os.system ['true']", "cannot be read as the file of class names"),
    ],
)
def test_a_broken_names_file_is_one_sentence(names: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(BadData, match=sentence):
        opened(write_yolo(tmp_path, names=names))


def test_bad_pictures_and_labels_are_counted(tmp_path: Path) -> None:
    folder = write_yolo(tmp_path, train=30)
    (folder / "images" / "train" / "0.png").write_bytes(b"no picture")
    (folder / "labels" / "train" / "1.txt").write_bytes(b"\xff\xfe\x00")
    dataset = opened(folder)
    assert len(dataset.splits["train"]) == 28
    assert len(dataset.skipped) == 2


@pytest.fixture(scope="module")
def yolo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_yolo(tmp_path_factory.mktemp("yolo"), train=3, val=2)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(["labels/train/1.txt", "data.yaml"]),
    content=st.one_of(
        st.binary(max_size=60),
        st.text(alphabet="0123456789.-einaf \n:[]{}names\t&*!|>", max_size=60).map(str.encode),
        st.lists(st.floats().map(repr), max_size=8).map(lambda words: " ".join(words).encode()),
    ),
)
def test_whatever_the_files_hold_it_is_a_set_or_a_sentence(name: str, content: bytes, yolo_folder: Path) -> None:
    file = yolo_folder / name
    before = file.read_bytes()
    file.write_bytes(content)
    try:
        assert opened(yolo_folder).format == "yolo"
    except ZooError as error:
        assert str(error).rstrip().endswith((".", "?"))
    finally:
        file.write_bytes(before)


@pytest.mark.parametrize(("lost", "sentence"), [("data.yaml", "'data.yaml' or"), ("labels", "'labels/' with")])
def test_labels_that_lack_a_part_are_not_taken_for_classes(lost: str, sentence: str, tmp_path: Path) -> None:
    folder = write_yolo(tmp_path)
    part = folder / lost
    shutil.rmtree(part) if part.is_dir() else part.unlink()
    for task in ("object-detection", "object-recognition"):
        with pytest.raises(BadData, match=f"looks like YOLO labels, but {sentence}"):
            open_dataset(folder, task=task)
