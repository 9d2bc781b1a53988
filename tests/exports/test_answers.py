"""Models answer for pictures from Python and from the command line, as their pages do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _commands import refused
from _commands import zoo as run
from PIL import Image, ImageOps

import zoo
from exports.answers import aligned
from tuner.data._pictures import as_pixels
from zoo._specs import FACE_KEYPOINTS
from zoo.catalog import CATALOG_FILE, CATALOG_SCHEMA, SHIPPED
from zoo.tasks.alignment import TEMPLATE_PX

PORTRAIT = Path(__file__).parents[2] / "benchmarks" / "browser" / "portrait.jpg"
FACE = (179.0, 60.0, 92.0, 115.0)
"""Where the face of the portrait is, by eye: x, y, width, height."""


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Intersection over union of two boxes x, y, width, height."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


@pytest.fixture(scope="module")
def detector() -> Any:
    return zoo.open_model("yunet_xs_320", store=SHIPPED)


@pytest.fixture(scope="module")
def recognizer() -> Any:
    return zoo.open_model("sphereface_050_112", store=SHIPPED)


def test_a_face_is_found_in_the_pixels_of_its_picture(detector: Any) -> None:
    (face,) = detector.detect(PORTRAIT)
    assert face.label == "face"
    assert overlap(face.box, FACE) > 0.8
    assert set(face.landmarks) == set(FACE_KEYPOINTS)
    x, y, width, height = face.box
    assert all(x < across < x + width and y < down < y + height for across, down in face.landmarks.values())
    assert face.landmarks["right_eye"][0] < face.landmarks["left_eye"][0]  # the person's right is on our left
    assert detector.detect(np.asarray(Image.open(PORTRAIT).convert("RGB"))) == [face]
    assert detector.detect(PORTRAIT, score_threshold=0.999) == []


def test_a_face_is_told_from_another_wherever_it_is_in_the_picture(detector: Any, recognizer: Any) -> None:
    (face,) = detector.detect(PORTRAIT)
    pixels = as_pixels(PORTRAIT)
    vector = recognizer.embed(pixels, face.landmarks)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    turned = np.rot90(pixels)  # to the left: x, y become y, width - x
    landmarks = {name: (y, pixels.shape[1] - x) for name, (x, y) in face.landmarks.items()}
    assert float(vector @ recognizer.embed(turned, landmarks)) > 0.98
    noise = np.random.default_rng(0).integers(0, 255, (112, 112, 3), np.uint8)
    assert float(vector @ recognizer.embed(noise)) < 0.5


def test_an_aligned_face_has_its_landmarks_where_the_template_says() -> None:
    pixels = np.zeros((300, 300, 3), np.uint8)
    points = TEMPLATE_PX * 1.5 + (60, 40)
    for index, (x, y) in enumerate(points.round().astype(int)):
        pixels[y - 3 : y + 4, x - 3 : x + 4, index % 3] = 255
    face = aligned(pixels, dict(zip(FACE_KEYPOINTS, points.tolist(), strict=True)), 112)
    assert face.shape == (112, 112, 3)
    for index, (x, y) in enumerate(TEMPLATE_PX.round().astype(int)):
        assert face[y, x, index % 3] > 200


def test_classes_come_with_their_shares_likeliest_first() -> None:
    shares = zoo.open_model("gate_64", store=SHIPPED).classify(PORTRAIT)
    assert {label for label, _ in shares} == set(zoo.GATE_LABELS)
    assert sum(share for _, share in shares) == pytest.approx(1)
    assert shares[0][1] >= shares[1][1]


@pytest.mark.parametrize(
    ("picture", "landmarks", "sentence"),
    [
        ("none.jpg", None, r"There is no picture none.jpg"),
        (Path(__file__), None, r"test_answers.py"),  # no picture
        (np.zeros((8, 8, 3)), None, r"are uint8 \(height, width, 3\), red first, got float64 \(8, 8, 3\)"),
        (np.zeros((8, 8), np.uint8), None, r"got uint8 \(8, 8\)"),
        (PORTRAIT, {"nose": (1.0, 2.0)}, r"missing: right_eye, left_eye, mouth"),
        (PORTRAIT, dict.fromkeys(FACE_KEYPOINTS, (1.0, 2.0)), r"lie in one point"),
    ],
)
def test_what_is_no_picture_or_no_face_is_a_sentence(
    recognizer: Any, picture: Any, landmarks: Any, sentence: str
) -> None:
    with pytest.raises(zoo.ZooError, match=sentence):
        recognizer.embed(picture, landmarks)


def test_a_model_that_nobody_published_is_a_sentence() -> None:
    with pytest.raises(zoo.UnknownName, match="No model 'nobody' is published"):
        zoo.open_model("nobody", store=SHIPPED)


def test_the_command_says_and_draws_what_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capfd, "predict", "yunet_xs_320", PORTRAIT, "--out", tmp_path / "drawn", "--json")
    assert code == 0
    ((found,),) = (record["found"] for record in json.loads(out))
    assert overlap(tuple(found["box"]), FACE) > 0.8
    with Image.open(tmp_path / "drawn" / "portrait.png") as drawn, Image.open(PORTRAIT) as plain:
        assert drawn.size == plain.size
        assert np.abs(np.asarray(drawn, int) - np.asarray(plain.convert("RGB"), int)).max() > 100  # boxes
    ImageOps.mirror(Image.open(PORTRAIT)).save(tmp_path / "mirrored.png")
    code, out, told = run(capfd, "predict", "sphereface_050_112", PORTRAIT, tmp_path / "mirrored.png")
    assert "taken for aligned faces and scaled to 112x112: portrait.jpg, mirrored.png. " in told
    assert "cosine with portrait.jpg" in out
    assert out.splitlines()[0].endswith("same person")
    (_, itself, same), (_, mirrored, also) = (line.split() for line in out.splitlines()[2:])
    assert float(itself) == 1 > float(mirrored) > 0.69
    assert (same, also) == ("yes", "yes")
    assert "no face" in run(capfd, "predict", "gate_64", PORTRAIT)[1]
    (tmp_path / "gate_64").mkdir()  # a folder of that name, and no model; the store that is named is meant
    monkeypatch.chdir(tmp_path)
    assert "no face" in run(capfd, "predict", "gate_64", PORTRAIT, "--store", "shipped")[1]
    Image.new("RGB", (64, 64)).save(tmp_path / "black.png")
    assert "nothing found" in run(capfd, "predict", "yunet_xs_320", tmp_path / "black.png")[1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("gate_64", PORTRAIT, "--threshold", "0.5"), "'gate_64' finds no boxes. Leave out"),
        (("yunet_xs_320", PORTRAIT, "--threshold", "5"), "--threshold is a score from 0 to 1, got 5"),
        (("yunet_xs_320", PORTRAIT, PORTRAIT, "--out", "drawn"), "2 pictures are called portrait"),
        (("yunet_xs_320", PORTRAIT, "none.jpg", "--out", "drawn"), "There is no picture none.jpg"),
        (("yunet_xs_320", PORTRAIT, "--out", PORTRAIT), "Cannot write into"),
        (("nobody", PORTRAIT), "No model 'nobody' is published"),
    ],
)
def test_a_command_that_cannot_be_is_a_sentence_and_draws_nothing(
    words: tuple[Any, ...],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sentence in refused(capfd, "predict", *words)
    assert not (tmp_path / "drawn").exists()


def test_shipped_is_a_store_in_python_too() -> None:
    assert len(zoo.open_model("gate_64", store="shipped").classify(PORTRAIT)) == len(zoo.GATE_LABELS)
    assert [entry.name for entry in zoo.find(task="face-gate", store="shipped")] == ["gate_64"]


def test_a_name_close_to_a_shipped_one_is_told_whatever_the_store(tmp_path: Path) -> None:
    (tmp_path / CATALOG_FILE).write_text(json.dumps({"schema": CATALOG_SCHEMA, "models": []}))
    with pytest.raises(zoo.ZooError, match="Did you mean 'yunet_xs_160'"):
        zoo.load("yunet_xs_16", store=tmp_path)
