"""The script that draws masks onto faces: what it covers and what it leaves, what it writes, what it refuses."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tuner.data import open_dataset
from zoo._specs import OBJECT_DETECTION

ROOT = Path(__file__).parent.parent
SKIN = (205, 160, 130)
EYES, NOSE, MOUTH = ((80, 80), (120, 80)), (100, 103), ((86, 128), (114, 128))
CHIN = (100, 150)
POINTS = np.array([*EYES, NOSE, *MOUTH], float)


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "draw_masks.py"))


def changed(before: Image.Image, after: Image.Image, place: tuple[float, float]) -> bool:
    """Whether the pixels around a place look otherwise than before."""
    x, y = (round(value) for value in place)
    window = (x - 2, y - 2, x + 3, y + 3)
    old, new = (np.asarray(picture.crop(window), float) for picture in (before, after))
    return bool(np.abs(old - new).mean() > 8)


def photos(folder: Path, faces: list[dict[str, Any]], count: int = 1) -> Path:
    """Write photos of skin whose faces are given, as COCO JSON; return its file."""
    (folder / "images").mkdir(parents=True)
    for index in range(count):
        Image.new("RGB", (200, 200), SKIN).save(folder / "images" / f"{index}.jpg")
    listed = [{"id": index, "file_name": f"{index}.jpg", "width": 200, "height": 200} for index in range(count)]
    every = [
        {"id": len(faces) * index + place, "image_id": index, **face}
        for index in range(count)
        for place, face in enumerate(faces)
    ]
    content = {"images": listed, "annotations": every, "categories": [{"id": 1, "name": "face"}]}
    (folder / "train.json").write_text(json.dumps(content))
    return folder / "train.json"


def a_face(visible: int = 2) -> dict[str, Any]:
    marks = [value for x, y in POINTS.tolist() for value in (x, y, visible)]
    return {"category_id": 1, "bbox": [60, 50, 80, 110], "area": 8800, "iscrowd": 0, "keypoints": marks}


def drawn(coco: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "draw_masks.py"), "--photos", str(coco), "-o", str(out), *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("degrees", [0, 35])
def test_a_mask_covers_nose_and_mouth_and_one_worn_wrongly_leaves_the_nose(
    script: dict[str, Any], seed: int, degrees: float
) -> None:
    turn = np.array([[np.cos(a := np.deg2rad(degrees)), -np.sin(a)], [np.sin(a), np.cos(a)]])
    points = (POINTS - 100) @ turn.T + 100
    chin = tuple((np.array(CHIN) - 100) @ turn.T + 100)
    before = Image.new("RGB", (200, 200), SKIN)
    worn, wrongly = (
        script["masked"](before, points, covers_nose=covers, generator=np.random.default_rng(seed))
        for covers in (True, False)
    )
    mouth = tuple(points[3:].mean(0))
    assert changed(before, worn, tuple(points[2])) and changed(before, worn, mouth)
    assert not changed(before, wrongly, tuple(points[2])) and changed(before, wrongly, chin)
    assert not any(changed(before, after, tuple(eye)) for after in (worn, wrongly) for eye in points[:2])
    assert np.array_equal(np.asarray(before), np.full((200, 200, 3), SKIN)), "the picture given stays as it is"


def test_what_is_written_opens_as_data_with_the_boxes_of_before_and_is_the_same_again(tmp_path: Path) -> None:
    coco = photos(tmp_path / "photos", [a_face()], count=24)
    outs = [tmp_path / "one", tmp_path / "two"]
    for out in outs:
        done = drawn(coco, out)
        assert done.returncode == 0, done.stderr
    assert [file.read_bytes() for file in sorted(outs[0].rglob("*.jpg"))] == [
        file.read_bytes() for file in sorted(outs[1].rglob("*.jpg"))
    ]
    data = open_dataset(outs[0], task=OBJECT_DETECTION)
    samples = [sample for split in data.splits.values() for sample in split]
    assert len(samples) == 24
    assert set(data.labels) == {"with_mask", "without_mask", "mask_weared_incorrect"}
    for sample in samples:
        assert sample.boxes_px.tolist() == [[60, 50, 140, 160]]
        number = int(Path(sample.key).stem)
        looks = Image.fromarray(sample.load())
        before = Image.open(coco.parent / "images" / f"{number}.jpg")
        label = data.labels[sample.classes[0]]
        covers = {"with_mask": (True, True), "without_mask": (False, False), "mask_weared_incorrect": (False, True)}
        assert (changed(before, looks, NOSE), changed(before, looks, CHIN)) == covers[label], (label, number)


def test_a_limit_draws_on_some_photos_chosen_by_the_seed(tmp_path: Path) -> None:
    coco = photos(tmp_path / "photos", [a_face()], count=24)
    runs = {"one": "3", "again": "3", "other": "4"}
    for name, seed in runs.items():
        done = drawn(coco, tmp_path / name, "--limit", "6", "--seed", seed)
        assert done.returncode == 0, done.stderr
    chosen = {name: {file.name for file in (tmp_path / name).rglob("*.jpg")} for name in runs}
    assert all(len(names) == 6 for names in chosen.values())
    assert chosen["one"] == chosen["again"] != chosen["other"]
    assert len(json.loads((tmp_path / "one" / "train.json").read_text())["annotations"]) == 6
    refused = drawn(coco, tmp_path / "none", "--limit", "0")
    assert refused.returncode == 2 and "'0' is not a whole number above 0" in refused.stderr


@pytest.mark.parametrize(
    ("faces", "sentence"),
    [
        ([], "holds no photo with a face"),
        ([a_face(visible=0)], "lacks landmarks"),
        ([{**a_face(), "keypoints": [float("nan")] * 15}], "landmarks that are no numbers"),
        ([{**a_face(), "bbox": [1, 2, "x", 3]}], "no COCO JSON of faces with five landmarks"),
        ([{**a_face(), "keypoints": [1, 2, 3]}], "no COCO JSON of faces with five landmarks"),
    ],
)
def test_photos_that_cannot_be_drawn_on_get_a_sentence_and_leave_nothing(
    tmp_path: Path, faces: list[dict[str, Any]], sentence: str
) -> None:
    done = drawn(photos(tmp_path / "photos", faces), tmp_path / "out")
    assert done.returncode == 1 and sentence in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.glob("*out*"))


def test_a_file_that_is_no_coco_a_place_outside_and_a_folder_that_exists_get_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "torn.json").write_text('{"images": [')
    assert "no COCO JSON" in drawn(tmp_path / "torn.json", tmp_path / "out").stderr
    assert "There is no file" in drawn(tmp_path / "none.json", tmp_path / "out").stderr
    coco = photos(tmp_path / "photos", [a_face()])
    assert "exists already" in drawn(coco, tmp_path / "photos").stderr
    coco.write_text(coco.read_text().replace("0.jpg", "../0.jpg"))
    assert "not below images/" in drawn(coco, tmp_path / "out").stderr
    coco.write_text(coco.read_text().replace("../0.jpg", "missing.jpg"))
    lost = drawn(coco, tmp_path / "out")
    assert lost.returncode == 1 and "missing.jpg" in lost.stderr and "Traceback" not in lost.stderr
    assert not list(tmp_path.glob("*out*"))
