"""Commands on data of all kinds: what is wrong with it is counted and told, or refused with one sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from _builders import write_coco, write_voc
from _commands import refused, zoo
from _folders import coco

from tuner.data import open_dataset

QUICK = ("--trials", "1", "--epochs", "1", "--batch-size", "8")


def test_data_show_draws_a_picture(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    picture = tmp_path / "new" / "faces.png"
    code, text, _ = zoo(capfd, "data", "show", "synthetic", "--task", "face-detection", "--count", "4", "-o", picture)
    assert code == 0
    assert str(picture) in text
    with Image.open(picture) as drawn:
        assert drawn.width > 300


def test_one_bad_image_among_good_ones_is_counted_reported_and_skipped(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = coco(tmp_path / "data")
    (folder / "images" / "3.png").write_bytes((folder / "images" / "3.png").read_bytes()[:60])
    code, text, err = zoo(
        capfd, "sweep", "dense4_det_160", "--data", folder, *QUICK, "--out", tmp_path / "runs", "--json"
    )
    assert code == 0
    run = json.loads((Path(json.loads(text)["run"]) / "run.json").read_text())
    assert run["data"]["train_pictures"] == 23
    assert len(run["data"]["skipped"]) == 1
    assert "3.png" in run["data"]["skipped"][0]
    assert "1 skipped" in err
    assert "3.png" in err


def test_a_chosen_format_is_kept_for_later_steps(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = write_voc(write_coco(tmp_path / "data"))
    words = ("pebble_cls_48", "--data", folder, *QUICK, "--out", tmp_path / "runs", "--json")
    assert "2 formats: coco, voc. Choose one with --format" in refused(capfd, "sweep", *words)
    assert not (tmp_path / "runs").exists()
    code, text, _ = zoo(capfd, "sweep", *words, "--format", "coco")
    assert code == 0
    run = json.loads(text)["run"]
    assert json.loads((Path(run) / "run.json").read_text())["data"]["format"] == "coco"
    assert zoo(capfd, "evaluate", run)[0] == 0
    assert "2 formats" in refused(capfd, "evaluate", run, "--data", folder)
    moved = shutil.copytree(folder, tmp_path / "moved")
    assert zoo(capfd, "publish", run, "--data", moved, "--store", tmp_path / "store")[0] == 0
    assert "2 formats" in refused(capfd, "data", "show", folder, "-o", tmp_path / "x.png")
    assert zoo(capfd, "data", "show", folder, "--format", "coco", "-o", tmp_path / "x.png")[0] == 0


def test_strict_refuses_one_bad_picture_before_training(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = write_coco(tmp_path / "data")
    (folder / "images" / "train3.png").write_bytes(b"no picture")
    words = ("pebble_cls_48", "--data", folder, *QUICK, "--out", tmp_path / "runs", "--strict")
    assert "nothing to be left out, but 1 would be" in refused(capfd, "sweep", *words)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: shutil.rmtree(folder), "does not exist"),
        (lambda folder: [shutil.rmtree(folder), folder.mkdir()], "empty"),
        (lambda folder: (folder / "train.json").write_text('{"images": ['), "train.json"),
        (
            lambda folder: [path.write_bytes(path.read_bytes()[:60]) for path in sorted((folder / "images").iterdir())],
            "24 of 24 pictures cannot be used",
        ),
    ],
)
def test_unusable_data_is_one_sentence(
    spoil: Any, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = coco(tmp_path / "data")
    spoil(folder)
    sentence = refused(capfd, "sweep", "dense4_det_160", "--data", folder, *QUICK, "--out", tmp_path / "runs")
    assert message in sentence
    assert not (tmp_path / "runs").exists()


def test_one_unknown_class_among_many_is_ignored_and_many_are_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = coco(tmp_path / "data", category_id=7)
    code, out, err = zoo(capfd, "data", "check", folder)
    assert code == 0
    assert "1 x unknown-class" in out
    assert "uses the class '7', which is not declared. Known classes: 1 (thing)" in out
    code, _, err = zoo(capfd, "sweep", "dense4_det_160", "--data", folder, *QUICK, "--out", tmp_path / "runs")
    assert code == 0
    assert "1 skipped:" in err
    assert "uses the class '7'" in err
    assert "strict allows nothing" in refused(capfd, "sweep", "dense4_det_160", "--data", folder, "--strict")

    document = json.loads((folder / "train.json").read_text())
    for annotation in document["annotations"][:8]:
        annotation["category_id"] = 7
    (folder / "train.json").write_text(json.dumps(document))
    assert "uses the class '7'" in refused(capfd, "sweep", "dense4_det_160", "--data", folder)


def test_what_cannot_be_placed_teaches_nothing(tmp_path: Path) -> None:
    """A picture whose only box is broken, and a box of an unknown class, are ignored, not taken for background."""
    folder = coco(tmp_path / "data", bbox=[5, 5, 0, 20])
    sample = open_dataset(folder, task="object-detection").splits["train"][0]
    assert sample.boxes_px.tolist() == [[0, 0, 40, 40]]
    assert sample.ignore.tolist() == [True]
    folder = coco(tmp_path / "other", category_id=7)
    sample = open_dataset(folder, task="object-detection").splits["train"][0]
    assert sample.boxes_px.tolist() == [[5, 5, 25, 25]]
    assert sample.ignore.tolist() == [True]


def test_face_detection_says_that_all_classes_count_as_faces(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = coco(tmp_path / "data")
    _, _, err = zoo(capfd, "sweep", "yunet_a_96", "--data", folder, *QUICK, "--out", tmp_path / "runs")
    assert "count as faces: thing" in err
    assert "24 train, 24 val; labels face" in err
