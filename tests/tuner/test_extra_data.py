"""A sweep with further training pictures: recorded, resumed with them, told in the command that repeats it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _folders import coco
from PIL import Image

from exports.card import reproduce
from tuner import sweep
from tuner.defaults import Space
from tuner.search import SweepResult
from zoo._cli import EXIT_MISTAKE, main
from zoo._errors import ZooError

QUICK: dict[str, Any] = {"epochs": 1, "trials": 1, "space": Space((8,), (1e-3, 1e-2)), "overfit": False}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    place = tmp_path_factory.mktemp("data")
    return coco(place / "mine", pictures=10), coco(place / "theirs", pictures=6)


@pytest.fixture(scope="module")
def result(folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> SweepResult:
    mine, theirs = folders
    return sweep("yunet_a_96", data=mine, extra_data=[theirs], out=tmp_path_factory.mktemp("runs"), **QUICK)


def test_trains_on_both_and_measures_on_one(result: SweepResult) -> None:
    about = json.loads((result.folder / "run.json").read_text())
    assert about["data"]["name"] == "mine"
    assert about["data"]["extra"] == ["theirs"]
    assert (about["data"]["train_pictures"], about["data"]["val_pictures"]) == (16, 10)
    assert "--extra-data theirs" in reproduce(about)


def test_labels_of_extra_data_are_renamed(folders: tuple[Path, Path], tmp_path: Path) -> None:
    _, theirs = folders
    mine = coco(tmp_path / "mine", pictures=10)
    for file in mine.glob("*.json"):
        file.write_text(file.read_text().replace('"thing"', '"ball"'))
    words = ["sweep", "picodet_xs_192", "--data", str(mine), "--extra-data", str(theirs), "--no-overfit"]
    words += ["--rename", "thing=ball", "--trials", "1", "--epochs", "1", "--batch-size", "8", "--out", str(tmp_path)]
    assert main(words) == 0
    (run,) = (tmp_path / "picodet_xs_192").iterdir()
    about = json.loads((run / "run.json").read_text())
    assert about["data"]["train_pictures"] == 16
    assert about["data"]["labels"] == ["ball"]
    assert "--rename thing=ball" in reproduce(about)


def test_a_label_that_no_extra_data_have_is_a_sentence(
    folders: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    mine, theirs = folders
    words = ["sweep", "picodet_xs_192", "--data", str(mine), "--extra-data", str(theirs), "--rename", "thin=thing"]
    assert main([*words, "--out", str(tmp_path)]) == EXIT_MISTAKE
    assert "No extra data have the label thin, so it cannot be renamed" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rename", "face"], "--rename takes OLD=NEW, such as face=without_mask, got 'face'"),
        (["--rename", "thing=ball"], "rename is for the labels of extra data, of which there are none"),
        (["--space", "close_extra=0.5"], "close_extra ends a training without the extra data, of which there are none"),
    ],
)
def test_what_goes_with_extra_data_is_a_sentence_where_it_is_wrong_or_there_are_none(
    options: list[str], message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "picodet_xs_192", *options, "--out", str(tmp_path)]) == EXIT_MISTAKE
    assert message in capfd.readouterr().err


def test_is_resumed_with_the_same_and_with_no_other(result: SweepResult, folders: tuple[Path, Path]) -> None:
    mine, theirs = folders
    assert sweep(resume=result.folder, extra_data=[theirs]).score == result.score
    with pytest.raises(ZooError, match="was begun with extra_data"):
        sweep(resume=result.folder, extra_data=[mine])


def test_is_resumed_without_a_word_about_its_data(result: SweepResult, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "--resume", str(result.folder), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["score"] == result.score
    assert main(["sweep", "--resume", str(result.folder), "--data", "synthetic"]) == EXIT_MISTAKE
    assert "was begun with data" in capfd.readouterr().err


def test_people_under_two_names_are_refused(
    folders: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["sweep", "mobilefacenet_025_112", "--extra-data", str(folders[1]), "--out", str(tmp_path)]
    assert main(words) == EXIT_MISTAKE
    assert "the same people under other names" in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_teacher_sees_the_faces_of_two_sets(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name in ("known", "unknown"):
        for person in range(4):
            place = tmp_path / name / f"{name}-{person}"
            place.mkdir(parents=True)
            for picture in range(2):
                Image.fromarray(random.integers(0, 255, (112, 112, 3), np.uint8)).save(place / f"{picture}.png")
    files = [path.relative_to(path.parent.parent).as_posix() for path in sorted(tmp_path.glob("*/*/*.png"))]
    teacher = tmp_path / "teacher.npz"
    np.savez(teacher, files=np.array(files), emb=random.normal(size=(len(files), 128)).astype(np.float16))
    asked = {"data": tmp_path / "known", "extra_data": [tmp_path / "unknown"], "out": tmp_path / "runs", **QUICK}
    result = sweep("ghostfacenet_050_112", embedding_loss="distill", teacher=str(teacher), **asked)
    about = json.loads((result.folder / "run.json").read_text())["data"]
    assert about["extra"] == ["unknown"]
    teacher.rename(tmp_path / "unknown" / "teacher.npz")
    again = sweep("ghostfacenet_050_112", embedding_loss="distill", teacher="teacher.npz", **asked)
    assert again.score == result.score
    assert about["train_pictures"] == 2 * 4  # of each set, two people in four are kept for measuring

    np.savez(teacher, files=np.array(files[:8]), emb=np.ones((8, 128), np.float16))
    with pytest.raises(ZooError, match="The teacher has no vector for 4 of 8 pictures, the first 'unknown/"):
        sweep("ghostfacenet_050_112", embedding_loss="distill", teacher=str(teacher), **asked)
