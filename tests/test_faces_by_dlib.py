"""The script that cuts faces for a teacher: where landmarks land, what must be in the photo, which faces it takes."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from zoo._errors import ZooError
from zoo.tasks.alignment import TEMPLATE_PX, TEMPLATE_SIDE_PX, fit_similarity

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "faces_by_dlib.py"))


def turned(points: np.ndarray, degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    """Turn, scale and shift points (n, 2)."""
    angle = np.deg2rad(degrees)
    return points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) * scale + shift


def photo_of(landmarks: np.ndarray, side_px: int = 320) -> Image.Image:
    photo = Image.new("RGB", (side_px, side_px))
    draw = ImageDraw.Draw(photo)
    for x, y in landmarks:
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill="white")
    return photo


def brightest(picture: Image.Image, near: tuple[float, float], reach: int = 8) -> np.ndarray:
    """Return the middle (x, y) of the light within `reach` pixels of a place."""
    light = np.asarray(picture.convert("L"), float)
    left, top = (max(0, round(value) - reach) for value in near)
    part = light[top : top + 2 * reach + 1, left : left + 2 * reach + 1]
    y, x = np.indices(part.shape)
    return np.array([(part * x).sum(), (part * y).sum()]) / part.sum() + (left + 0.5, top + 0.5)


def test_landmarks_of_a_turned_face_land_on_the_template_and_on_the_chip(script: dict[str, Any]) -> None:
    landmarks = turned(TEMPLATE_PX, 25, 1.4, (110, 60))
    photo, to_aligned = photo_of(landmarks), fit_similarity(landmarks, TEMPLATE_PX)
    aligned = script["cut"](photo, to_aligned, TEMPLATE_SIDE_PX)
    assert aligned.size == (112, 112)
    chip = script["cut"](photo, script["to_chip"]() @ script["whole"](to_aligned), 150)
    on_chip = (script["to_chip"]() @ np.column_stack([TEMPLATE_PX, np.ones(5)]).T).T
    for place, chip_place in zip(TEMPLATE_PX, on_chip, strict=True):
        np.testing.assert_allclose(brightest(aligned, place), place, atol=0.7)
        np.testing.assert_allclose(brightest(chip, chip_place), chip_place, atol=0.9)
    assert (on_chip[:, 1] < TEMPLATE_PX[:, 1] * 150 / 112).all()  # dlib's chip shows more of the chin


def test_a_face_at_the_edge_is_told_by_its_share_inside(script: dict[str, Any]) -> None:
    whole = fit_similarity(TEMPLATE_PX + 100, TEMPLATE_PX)
    half = fit_similarity(TEMPLATE_PX - (56, 0), TEMPLATE_PX)
    photo = Image.new("RGB", (320, 320))
    assert script["inside"](photo, whole) == 1.0
    assert script["inside"](photo, half) == pytest.approx(0.5)


def test_doubtful_small_and_unmarked_faces_are_not_taken(script: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (100, 100)).save(tmp_path / "images" / "photo.png")
    marked = [value for x, y in TEMPLATE_PX for value in (x, y, 2)]
    face = {"image_id": 1, "category_id": 1, "bbox": [10, 10, 60, 60], "iscrowd": 0, "keypoints": marked}
    annotations = [
        {**face, "id": 1},
        {**face, "id": 2, "iscrowd": 1},
        {**face, "id": 3, "bbox": [10, 10, 60, 47]},
        {**face, "id": 4, "keypoints": [0, 0, 0, *marked[3:]]},
    ]
    (tmp_path / "faces.json").write_text(
        json.dumps({"images": [{"id": 1, "file_name": "photo.png"}], "annotations": annotations})
    )
    with pytest.raises(ZooError, match=r"No face in .* is 61 pixels high"):
        script["faces"](tmp_path / "faces.json", 61.0)
    ((name, file, landmarks),) = script["faces"](tmp_path / "faces.json", 48.0)
    assert name == "photo-1"
    assert file == tmp_path / "images" / "photo.png"
    np.testing.assert_array_equal(landmarks, TEMPLATE_PX)


@pytest.mark.parametrize(
    ("content", "message"), [("{", "is no COCO JSON of faces with five landmarks"), (None, "There is no file")]
)
def test_a_file_that_cannot_be_is_a_sentence(
    content: str | None, message: str, script: dict[str, Any], tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "faces.json").write_text(content)
    with pytest.raises(ZooError, match=message):
        script["faces"](tmp_path / "faces.json", 48.0)


def test_a_folder_that_exists_is_left_as_it_is(tmp_path: Path) -> None:
    words = ["--photos", "faces.json", "--network", "none.dat", "-o", str(tmp_path)]
    asked = [sys.executable, str(ROOT / "scripts" / "faces_by_dlib.py"), *words]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert answer.stderr == f"faces_by_dlib: {tmp_path} exists already. Name another folder, or remove it.\n"
    assert list(tmp_path.iterdir()) == []
