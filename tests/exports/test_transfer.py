"""`zoo pull` and `zoo alias` as commands: mistakes are sentences."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from _commands import refused, zoo
from _spoil import edit

from exports.store import rebuild_catalog, set_alias
from zoo.catalog import SHIPPED

MODEL = "gate_64"
OTHER = "20200101-00000000"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A store with two versions of a shipped model; the older one is stable."""
    shutil.copytree(SHIPPED / MODEL, tmp_path / "own" / MODEL)
    [newest] = (tmp_path / "own" / MODEL).iterdir()
    shutil.copytree(newest, newest.with_name(OTHER))
    edit(newest.with_name(OTHER), lambda m: m.update(version=OTHER, created="2020-01-01T00:00:00+00:00"))
    rebuild_catalog(tmp_path / "own")
    set_alias(tmp_path / "own", MODEL, "stable", OTHER)
    return tmp_path / "own"


def test_an_alias_that_never_was_cannot_be_removed(own: Path, capfd: pytest.CaptureFixture[str]) -> None:
    told = refused(capfd, "alias", MODEL, "stabel", "--remove", "--store", own)
    assert "Unknown alias 'stabel'. Did you mean 'stable'? Aliases of 'gate_64' are: stable." in told
    assert zoo(capfd, "alias", MODEL, "stable", "--remove", "--store", own)[0] == 0
    assert "are: none." in refused(capfd, "alias", MODEL, "stable", "--remove", "--store", own)


def test_a_store_that_does_not_answer_is_no_torn_catalogue(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    told = refused(capfd, "pull", MODEL, "--source", "http://127.0.0.1:9/x", "--store", tmp_path / "there")
    assert told.startswith("zoo: http://127.0.0.1:9/x does not answer: ")
    assert told.endswith("Check the URL, your access and the network.")
    assert "catalog.json is not readable" not in told
