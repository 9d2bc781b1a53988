"""Folders per class and per identity, and pairs of faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from _builders import write_folders, write_picture

from tuner.data import open_dataset
from tuner.data.pairs import read_pairs, verification_pairs
from zoo import BadData
from zoo._specs import FACE_RECOGNITION, OBJECT_RECOGNITION


@pytest.mark.parametrize("below", ["", "images/", "train/"])
def test_identities_are_disjoint_between_splits(tmp_path: Path, below: str) -> None:
    write_folders(tmp_path, {f"{below}person{index}": 3 for index in range(30)})
    dataset = open_dataset(tmp_path, task=FACE_RECOGNITION)
    train, val = ({sample.label for sample in dataset.splits[split]} for split in ("train", "val"))
    assert len(train) + len(val) == len(dataset.labels) == 30
    assert not train & val
    assert len(val) >= 2
    sample = dataset.splits["train"][0]
    assert sample.key.split("/")[-2] == dataset.labels[sample.label]
    assert sample.load().shape == (16, 16, 3)


def test_identities_keep_their_side_when_others_come(tmp_path: Path) -> None:
    write_folders(tmp_path, {f"person{index}": 2 for index in range(60)})
    before = open_dataset(tmp_path, task=FACE_RECOGNITION)
    write_folders(tmp_path, {f"new{index}": 2 for index in range(20)})
    after = open_dataset(tmp_path, task=FACE_RECOGNITION)
    first, second = ({s.key for s in dataset.splits["val"] if "person" in s.key} for dataset in (before, after))
    assert first == second


def test_identity_in_both_splits(tmp_path: Path) -> None:
    write_folders(tmp_path, {"train/a": 2, "train/b": 2, "val/b": 2, "val/c": 2})
    with pytest.raises(BadData, match="same identity in train and val: b"):
        open_dataset(tmp_path, task=FACE_RECOGNITION)


def test_one_folder_is_not_enough(tmp_path: Path) -> None:
    write_folders(tmp_path, {"only": 4})
    with pytest.raises(BadData, match="holds one identity, only"):
        open_dataset(tmp_path, task=FACE_RECOGNITION)
    with pytest.raises(BadData, match="holds one class, only"):
        open_dataset(tmp_path, task=OBJECT_RECOGNITION)


def test_classes_with_and_without_splits(tmp_path: Path) -> None:
    given = write_folders(tmp_path / "given", {"train/b": 3, "train/a": 2, "valid/a": 1, "valid/b": 1})
    dataset = open_dataset(given, task=OBJECT_RECOGNITION)
    assert dataset.labels == ("a", "b")
    assert [sample.label for sample in dataset.splits["train"]] == [0, 0, 1, 1, 1]
    assert len(dataset.splits["val"]) == 2
    divided = open_dataset(write_folders(tmp_path / "plain", {"a": 30, "b": 3}), task=OBJECT_RECOGNITION)
    for split in ("train", "val"):
        assert {sample.label for sample in divided.splits[split]} == {0, 1}


def test_copies_of_a_picture_stay_in_one_split(tmp_path: Path) -> None:
    write_folders(tmp_path, {"a": 20, "b": 20})
    for path in sorted(tmp_path.glob("*/*.png")):
        path.with_name(f"copy-{path.name}").write_bytes(path.read_bytes())
    dataset = open_dataset(tmp_path, task=OBJECT_RECOGNITION)
    train, val = ({s.key.replace("copy-", "") for s in dataset.splits[split]} for split in ("train", "val"))
    assert not train & val


def test_val_class_that_training_lacks(tmp_path: Path) -> None:
    write_folders(tmp_path, {"train/a": 2, "train/b": 2, "val/c": 1})
    with pytest.raises(BadData, match=r"uses the class 'c', which is not declared\. Known classes: a, b"):
        open_dataset(tmp_path, task=OBJECT_RECOGNITION)


def test_labels_and_identities(tmp_path: Path) -> None:
    write_folders(tmp_path, {"a": 2, "b": 2, "c": 2})
    with pytest.raises(BadData, match="labels does not apply"):
        open_dataset(tmp_path, task=FACE_RECOGNITION, labels=("a",))


PROTOCOL = "2\t1\nAnn\t1\t2\nAnn\t1\tBob\t1\nBob\t1\t2\nBob\t2\tCid\t1\n"


def write_protocol(folder: Path, text: str = PROTOCOL, below: str = "images") -> Path:
    for name, count in (("Ann", 2), ("Bob", 2), ("Cid", 1)):
        for index in range(1, count + 1):
            write_picture(folder / below / name / f"{name}_{index:04d}.jpg", (8, 8))
    (folder / "pairs.txt").write_text(text)
    return folder


@pytest.mark.parametrize("below", ["images", "."])
def test_pairs_of_the_lfw_protocol(tmp_path: Path, below: str) -> None:
    pairs = read_pairs(write_protocol(tmp_path, below=below))
    assert [path.stem for path in pairs.paths_a] == ["Ann_0001", "Ann_0001", "Bob_0001", "Bob_0002"]
    assert [path.stem for path in pairs.paths_b] == ["Ann_0002", "Bob_0001", "Bob_0002", "Cid_0001"]
    assert pairs.same.tolist() == [True, False, True, False]
    assert pairs.folds.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "begins with ''"),
        ("ten\t300\n", "begins with 'ten 300'"),
        ("2\t1\nAnn\t1\t2\n", "4 lines, but holds 1"),
        (PROTOCOL.replace("Ann\t1\t2", "Ann\tone\t2"), "line 2: 'Ann one 2' is no pair"),
        (PROTOCOL.replace("Ann\t1\t2", "Ann\t1"), "line 2: 'Ann 1' is no pair"),
        (f"{'9' * 5000}\n", "begins with '999"),
        (PROTOCOL.replace("Ann\t1\t2", f"Ann\t1\t{'9' * 5000}"), "is no pair"),
        (PROTOCOL.replace("Ann\t1\t2", f"{'A' * 5000}\t1\t2"), "2 pictures of .* are not in"),
        (PROTOCOL.replace("Ann\t1\t2", "../Ann\t1\t2"), "is no pair"),
        (PROTOCOL.replace("Ann\t1\t2", "Ann\t1\t7"), "1 pictures of .* are not in .*: Ann_0007"),
    ],
)
def test_broken_protocols(tmp_path: Path, text: str, reason: str) -> None:
    write_protocol(tmp_path, text)
    with pytest.raises(BadData, match=reason):
        read_pairs(tmp_path)


def test_missing_protocol(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="does not exist"):
        read_pairs(tmp_path)


def test_verification_pairs_are_balanced_distinct_and_right(tmp_path: Path) -> None:
    samples = open_dataset("synthetic", task=FACE_RECOGNITION, limit=64).splits["train"]
    labels = np.array([sample.label for sample in samples])
    pairs = verification_pairs(labels, 100, seed=3)
    assert len(pairs.same) == 100
    assert pairs.same.sum() == 50
    np.testing.assert_array_equal(labels[pairs.first] == labels[pairs.second], pairs.same)
    assert len({frozenset(pair) for pair in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)}) == 100
    np.testing.assert_array_equal(pairs.first, verification_pairs(labels, 100, seed=3).first)
    with pytest.raises(BadData, match="Pairs need two identities"):
        verification_pairs(labels[:8], 100)
