"""A sweep with further training pictures: recorded, resumed with them, told in the command that repeats it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from _folders import coco

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


def test_is_resumed_with_the_same_and_with_no_other(result: SweepResult, folders: tuple[Path, Path]) -> None:
    mine, theirs = folders
    assert sweep(resume=result.folder, extra_data=[theirs]).score == result.score
    with pytest.raises(ZooError, match="was begun with extra_data"):
        sweep(resume=result.folder, extra_data=[mine])


def test_people_under_two_names_are_refused(
    folders: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["sweep", "mobilefacenet_025_112", "--extra-data", str(folders[1]), "--out", str(tmp_path)]
    assert main(words) == EXIT_MISTAKE
    assert "face recognition takes none" in capfd.readouterr().err
    assert not list(tmp_path.iterdir())
