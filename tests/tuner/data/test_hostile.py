"""Whatever annotation files hold: a data set or one sentence, never another exception, a hang, or a full memory."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from _builders import (
    edit_json,
    voc_object,
    voc_xml,
    wider_file,
    write_coco,
    write_folders,
    write_picture,
    write_voc,
    write_wider,
    write_yolo,
)
from _mutations import NAMES, mutated
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tuner.data import decode, open_dataset
from tuner.data.check import check_data
from tuner.data.pairs import read_pairs
from zoo import BadData, ImageSpec, ZooError
from zoo._specs import FACE_RECOGNITION, OBJECT_DETECTION, OBJECT_RECOGNITION

PLENTY = settings(max_examples=120, deadline=None, derandomize=True)


def check_sentence(error: ZooError) -> None:
    told = str(error)
    assert told.rstrip().endswith((".", "?"))
    assert len(told) < 2000


def use(folder: Path, task: str) -> None:
    """Go all the way that commands go with a data set; errors that have no sentence come through."""
    try:
        dataset = open_dataset(folder, task=task)
        assert len(dataset.digest) == 64
        for split in dataset.splits:
            decoded = decode(dataset.splits[split], ImageSpec(16, 16))
            assert all(np.isfinite(boxes).all() for boxes in decoded.boxes)
    except ZooError as error:
        check_sentence(error)
    try:
        report = check_data(folder, task=task)
        assert report.text()
        json.dumps(report.record(), allow_nan=False)
    except ZooError as error:
        check_sentence(error)


def coco_with_keypoints(folder: Path) -> Path:
    write_coco(folder, train=3, val=2, categories=[{"id": 7, "name": "dog", "keypoints": ["nose", "tail"]}])
    edit_json(
        folder / "train.json",
        lambda document: document["annotations"][0].update(keypoints=[5, 9, 2, 6, 9, 0], iscrowd=1),
    )
    return folder


FORMATS: dict[str, tuple[Callable[[Path], Path], list[str]]] = {
    "coco": (coco_with_keypoints, ["train.json", "val.json"]),
    "voc": (lambda folder: write_voc(folder, 3, 2), ["Annotations/train1.xml", "ImageSets/val.txt"]),
    "yolo": (
        lambda folder: write_yolo(folder, 3, 2, names="names: [cat, dog]\nkpt_shape: [2, 3]\n"),
        ["data.yaml", "labels/train/1.txt"],
    ),
    "wider": (lambda folder: write_wider(folder, 3, 2), [wider_file(Path()).as_posix()]),
}


@pytest.mark.parametrize("name", FORMATS)
def test_mutated_annotations(name: str, tmp_path: Path) -> None:
    write, files = FORMATS[name]
    folder = write(tmp_path / "data")
    contents = {file: (folder / file).read_bytes() for file in files}

    @PLENTY
    @given(st.data())
    def run(data: st.DataObject) -> None:
        file = data.draw(st.sampled_from(files))
        (folder / file).write_bytes(data.draw(mutated(contents[file])))
        use(folder, OBJECT_DETECTION)
        (folder / file).write_bytes(contents[file])

    run()


def test_mutated_pairs(tmp_path: Path) -> None:
    for name, count in (("Ann", 2), ("Bob", 2), ("Cid", 1)):
        for index in range(1, count + 1):
            write_picture(tmp_path / "images" / name / f"{name}_{index:04d}.jpg", (8, 8))
    content = b"2\t1\nAnn\t1\t2\nAnn\t1\tBob\t1\nBob\t1\t2\nBob\t2\tCid\t1\n"

    @PLENTY
    @given(mutated(content))
    def run(mutation: bytes) -> None:
        (tmp_path / "pairs.txt").write_bytes(mutation)
        try:
            pairs = read_pairs(tmp_path)
        except ZooError as error:
            check_sentence(error)
        else:
            assert len(pairs.paths_a) == len(pairs.paths_b) == len(pairs.same) == len(pairs.folds)

    run()


@settings(PLENTY, max_examples=60)
@given(st.lists(NAMES, min_size=1, max_size=4, unique_by=str.casefold), st.sampled_from(["", "train", "images"]))
@example(["\udcff", "b"], "")
def test_folders_of_any_name(tmp_path_factory: pytest.TempPathFactory, names: list[str], below: str) -> None:
    folder = tmp_path_factory.mktemp("folders")
    picture = write_picture(folder / "picture.png", (8, 8))
    for name in names:
        try:
            (folder / "data" / below / name).mkdir(parents=True)
        except OSError:  # the file system does not take the name
            continue
        for index in range(2):
            shutil.copyfile(picture, folder / "data" / below / name / f"{index}.png")
    for task in (OBJECT_RECOGNITION, FACE_RECOGNITION):
        use(folder / "data", task)


def test_names_that_are_no_text_are_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from zoo._cli import main

    write_folders(tmp_path, {"a": 2, os.fsdecode(b"caf\xe9"): 2})
    assert main(["data", "check", str(tmp_path)]) == 0
    assert "caf" in capfd.readouterr().out


DEEP = "[" * 900 + "]" * 900
LAUGHS = "".join(f'<!ENTITY a{level} "{f"&a{level - 1};" * 10}">' for level in range(1, 12))
LINES = "\n".join(f"b{level}: &b{level} [{', '.join([f'*b{level - 1}'] * 10)}]" for level in range(1, 12))
MERGES = "\n".join(f"c{level}: &c{level}\n  <<: [{', '.join([f'*c{level - 1}'] * 10)}]" for level in range(1, 12))

BOMBS: dict[str, tuple[str, str, str]] = {
    "entities": (
        "voc",
        "Annotations/train1.xml",
        f'<!DOCTYPE x [<!ENTITY a0 "ha">{LAUGHS}]>{voc_xml(voc_object("&a11;"))}',
    ),
    "one long entity": (
        "voc",
        "Annotations/train1.xml",
        f'<!DOCTYPE x [<!ENTITY a "{"ha" * 50_000}">]>{voc_xml(voc_object("&a;" * 20_000))}',
    ),
    "a file from elsewhere": (
        "voc",
        "Annotations/train1.xml",
        f'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>{voc_xml(voc_object("&a;"))}',
    ),
    "deep XML": ("voc", "Annotations/train1.xml", "<annotation>" + "<object>" * 200_000),
    "deep and closed XML": (
        "voc",
        "Annotations/train1.xml",
        f"<annotation>{'<object>' * 20_000}{'</object>' * 20_000}</annotation>",
    ),
    "deep JSON": ("coco", "train.json", '{"images": ' + "[" * 200_000),
    "deep category": (
        "coco",
        "train.json",
        f'{{"images": [], "annotations": [{{"category_id": {DEEP}}}], "categories": [{{"id": 1, "name": "dog"}}]}}',
    ),
    "deep name": (
        "coco",
        "train.json",
        f'{{"images": [{DEEP}], "annotations": [], "categories": [{{"id": 1, "name": {DEEP}}}]}}',
    ),
    "deep YAML": ("yolo", "data.yaml", "names: " + "[" * 2_000),
    "aliases": ("yolo", "data.yaml", f"b0: &b0 [x]\n{LINES}\nnames: *b11\n"),
    "aliases in a shape": ("yolo", "data.yaml", f"b0: &b0 [x]\n{LINES}\nnames: [cat, dog]\nkpt_shape: *b11\n"),
    "merged keys": ("yolo", "data.yaml", f"c0: &c0 {{x: 1}}\n{MERGES}\nnames: [cat, dog]\n"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_end_in_a_sentence(name: str, tmp_path: Path) -> None:
    format, file, content = BOMBS[name]
    folder = FORMATS[format][0](tmp_path)
    (folder / file).write_text(content)
    use(folder, OBJECT_DETECTION)
    findings = ()
    try:
        findings = open_dataset(folder, task=OBJECT_DETECTION, labels=("cat", "dog")).findings
    except BadData as error:
        check_sentence(error)
    else:
        assert [finding.kind for finding in findings] == ["malformed"]
