"""WIDER FACE text: faces, pictures without any, invalid ones, and what is left out."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from _builders import wider_file, write_picture, write_wider

from tuner.data import Dataset, open_dataset
from zoo import BadData
from zoo._specs import FACE_DETECTION, OBJECT_DETECTION

FACE = "4 8 20 10 0 0 0 0 0 0"
FIRST = "0--Parade/train0.png"


def opened(folder: Path) -> Dataset:
    return open_dataset(folder, task=FACE_DETECTION)


def rewrite_first(folder: Path, *lines: str) -> Path:
    """Put other lines in the place of the first picture's; return the folder."""
    file = wider_file(folder)
    rest = file.read_text().splitlines()[3:]
    file.write_text("\n".join([*lines, *rest]) + "\n")
    return folder


def test_faces_are_pixels_of_the_picture(tmp_path: Path) -> None:
    dataset = opened(write_wider(tmp_path))
    assert (dataset.format, dataset.labels) == ("wider", ("face",))
    assert {split: len(samples) for split, samples in dataset.splits.items()} == {"train": 12, "val": 4}
    sample = dataset.splits["train"][0]
    assert sample.key == FIRST
    np.testing.assert_array_equal(sample.boxes_px, [[4, 8, 24, 18]])
    assert sample.size_px == sample.load().shape[:2] == (48, 64)
    assert (dataset.findings, dataset.notes) == ((), ())


@pytest.mark.parametrize("layout", ["WIDER_train/images", "images"])
def test_other_places(layout: str, tmp_path: Path) -> None:
    folder = write_wider(tmp_path)
    for split in ("train", "val"):
        wider_file(folder, split).rename(folder / wider_file(folder, split).name)
        if layout == "images":
            shutil.copytree(folder / f"WIDER_{split}" / "images", folder / "images", dirs_exist_ok=True)
            shutil.rmtree(folder / f"WIDER_{split}")
    assert len(opened(folder).splits["train"]) == 12


def test_one_file_alone_is_divided(tmp_path: Path) -> None:
    wider_file(write_wider(tmp_path), "val").unlink()
    dataset = opened(tmp_path)
    assert sum(len(samples) for samples in dataset.splits.values()) == 12
    assert all(dataset.splits.values())


@pytest.mark.parametrize("lines", [["0", "0 0 0 0 0 0 0 0 0 0 "], ["0"]])
def test_pictures_without_faces(lines: list[str], tmp_path: Path) -> None:
    dataset = opened(rewrite_first(write_wider(tmp_path), FIRST, *lines))
    assert dataset.splits["train"][0].boxes_px.shape == (0, 4)
    assert [len(sample.classes) for sample in dataset.splits["train"][1:]] == [1] * 11
    assert dataset.findings == ()


def test_invalid_faces_are_ignored_and_short_lines_read(tmp_path: Path) -> None:
    dataset = opened(rewrite_first(write_wider(tmp_path), FIRST, "3", FACE, "1 2 3 4 2 1 1 1 2 1", "5 5 9 9"))
    sample = dataset.splits["train"][0]
    assert sample.ignore.tolist() == [False, True, False]
    np.testing.assert_array_equal(sample.boxes_px[1], [1, 2, 4, 6])


@pytest.mark.parametrize(
    ("line", "kind", "reason"),
    [
        ("4 8 0 10 0 0 0 0 0 0", "no-area", "has no area"),
        ("4 8 20 0 0 0 0 0 0 0", "no-area", "has no area"),
        ("nan 8 20 10 0 0 0 0 0 0", "not-finite", "not a finite number"),
        ("90 8 20 10 0 0 0 0 0 0", "outside-picture", "outside the picture of 64x48"),
        ("4 8 wide 10 0 0 0 0 0 0", "malformed", "is not x, y, width, height"),
        ("4 8 20", "malformed", "is not x, y, width, height"),
    ],
)
def test_a_bad_face_is_left_out(line: str, kind: str, reason: str, tmp_path: Path) -> None:
    dataset = opened(rewrite_first(write_wider(tmp_path), FIRST, "2", line, FACE))
    [finding] = dataset.findings
    assert finding.kind == kind
    assert reason in finding.sentence
    assert FIRST in finding.sentence
    assert len(dataset.splits["train"][0].boxes_px) == 1


@pytest.mark.parametrize(
    ("lines", "kind", "reason"),
    [
        ([FIRST, "2", FACE], "malformed", "2 faces are announced, but 1 lines are there"),
        ([FIRST, "1", FACE, FACE], "malformed", "1 faces are announced, but 2 lines are there"),
        ([FIRST, FACE], "malformed", "no number of faces follows"),
        ([FIRST], "malformed", "no number of faces follows"),
        (["gone.png", "1", FACE], "missing-file", "'gone.png' does not exist"),
        (["../../secret.png", "1", FACE], "outside-folder", "outside the data set's folder"),
    ],
)
def test_a_bad_picture_is_left_out(lines: list[str], kind: str, reason: str, tmp_path: Path) -> None:
    write_picture(tmp_path / "secret.png")
    dataset = opened(rewrite_first(write_wider(tmp_path / "data"), *lines))
    [finding] = dataset.findings
    assert finding.kind == kind
    assert reason in finding.sentence
    assert len(dataset.splits["train"]) == 11


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "names no picture"), (b"5\n1\n", "names no picture"), (b"\xff\xfe\0", "not a text")]
)
def test_a_file_that_is_none(content: bytes, reason: str, tmp_path: Path) -> None:
    wider_file(write_wider(tmp_path)).write_bytes(content)
    with pytest.raises(BadData, match=reason):
        opened(tmp_path)


def test_other_labels_than_face(tmp_path: Path) -> None:
    write_wider(tmp_path)
    assert open_dataset(tmp_path, task=OBJECT_DETECTION, labels=("cat", "face")).splits["val"][0].classes.tolist() == [
        1
    ]
    with pytest.raises(BadData, match="uses the class 'face'"):
        open_dataset(tmp_path, task=OBJECT_DETECTION, labels=("cat",))
