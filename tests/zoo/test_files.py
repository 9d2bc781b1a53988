"""Folders that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo._errors import ZooError
from zoo._files import whole_folder


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "made"
    with whole_folder(path) as folder:
        (folder / "file").write_text("whole")
        assert not path.exists()
    assert (path / "file").read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_nothing_is_left_of_one_that_failed(tmp_path: Path, failure: type[BaseException]) -> None:
    with pytest.raises(failure), whole_folder(tmp_path / "made") as folder:
        (folder / "file").write_text("half")
        raise failure
    assert not list(tmp_path.iterdir())


def test_one_that_exists_is_refused_and_stays(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "file").write_text("old")
    with pytest.raises(ZooError, match="exists already"), whole_folder(tmp_path / "made"):
        raise AssertionError("the block must not be reached")
    assert (tmp_path / "made" / "file").read_text() == "old"
