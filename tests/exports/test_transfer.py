"""`zoo pull`, `zoo push` and `zoo alias` as commands: aliases travel, and mistakes are sentences before any copy."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from _commands import refused, zoo
from _spoil import edit

from exports.store import rebuild_catalog, set_alias
from zoo.catalog import SHIPPED, STORE_VARIABLE, open_catalog, source_of

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


@pytest.mark.parametrize("command", ["pull", "push"])
def test_an_alias_travels_with_its_model(
    command: str, own: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "there"
    ends = ("--source", own, "--store", there) if command == "pull" else ("--store", own, "--target", there)
    code, out, _ = zoo(capfd, command, f"{MODEL}@stable", *ends)
    assert code == 0
    assert out.endswith(f"{MODEL}@stable means {OTHER} in {there}\n")
    assert open_catalog(there).resolve(f"{MODEL}@stable").version == OTHER
    set_alias(own, MODEL, "stable", "latest")
    newest = open_catalog(own).resolve(MODEL).version
    _, out, _ = zoo(capfd, command, f"{MODEL}@stable", *ends)
    assert out.endswith(f"{MODEL}@stable means {newest} in {there}; it meant {OTHER}\n")
    code, out, _ = zoo(capfd, command, f"{MODEL}@stable", *ends, "--json")
    assert (code, json.loads(out)[0]["alias"]) == (0, "stable")
    assert open_catalog(there).resolve(f"{MODEL}@stable").version == newest


def test_models_that_come_with_the_package_can_be_pulled_with_no_word_of_where_they_are(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert zoo(capfd, "pull", MODEL, "--store", tmp_path / "mine")[0] == 0
    assert open_catalog(tmp_path / "mine").resolve(MODEL).version == open_catalog(SHIPPED).resolve(MODEL).version
    assert zoo(capfd, "pull", MODEL, "--source", "shipped", "--store", tmp_path / "mine")[0] == 0
    assert "come with the package, which stay as they are. Name a folder." in refused(
        capfd, "pull", MODEL, "--store", "shipped"
    )
    code, out, _ = zoo(capfd, "find", "--task", "face-detection", "--store", tmp_path / "mine")
    assert (code, out.rstrip().endswith("'--store shipped' has those that come with the package.")) == (0, True)


def test_what_a_store_of_ones_own_does_not_hold_is_looked_up_among_the_shipped(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(STORE_VARIABLE, str(own))
    shipped = open_catalog(SHIPPED).resolve(MODEL)
    assert source_of(MODEL) == own
    assert source_of(f"{MODEL}@stable") == own
    assert source_of("yunet_a_160") == SHIPPED
    assert source_of("nobody") == own
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "none"))
    assert source_of(f"{MODEL}@{shipped.version}") == SHIPPED
    assert source_of("nobody") == tmp_path / "none"
    monkeypatch.setenv(STORE_VARIABLE, "")  # as if it were not set
    monkeypatch.chdir(tmp_path)
    assert source_of(MODEL) == SHIPPED
    assert "yunet_a_160" in zoo(capfd, "find", "--store", "shipped")[1]
    (tmp_path / "shipped").mkdir()
    assert "There is no catalog.json in shipped" in refused(capfd, "find", "--store", "shipped")
    assert refused(capfd, "find", "--name", "nobody", "--store", own).endswith("'zoo find --store shipped'.")


def test_names_that_are_something_else_are_told_so(capfd: pytest.CaptureFixture[str]) -> None:
    version = open_catalog(SHIPPED).resolve(MODEL).version
    assert f"holds versions of a model, {version}. Name one" in refused(capfd, "verify", SHIPPED / MODEL)
    assert "is a trained model and no architecture. Its card" in refused(capfd, "show", "mask_detector")


@pytest.mark.parametrize("reference", [MODEL, f"{MODEL}@{OTHER}", f"{MODEL}@latest"])
def test_an_alias_that_was_not_named_stays(
    reference: str, own: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert zoo(capfd, "pull", reference, "--source", own, "--store", tmp_path / "there")[0] == 0
    assert open_catalog(tmp_path / "there").aliases == {}


@pytest.mark.parametrize(
    ("references", "sentence"),
    [
        ([MODEL, "gate_65"], "No model 'gate_65' is published in STORE; published: gate_64."),
        ([MODEL, f"{MODEL}@"], "'gate_64@' names no version. Write gate_64, gate_64@VERSION or gate_64@ALIAS."),
        (
            [MODEL, f"{MODEL}@stabel"],
            "Unknown version or alias 'stabel'. Did you mean 'stable'? 'gate_64' in STORE has: latest, stable, ",
        ),
    ],
)
def test_all_names_are_looked_up_before_anything_is_copied(
    references: list[str], sentence: str, own: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told = refused(capfd, "pull", *references, "--source", own, "--store", tmp_path / "there")
    assert sentence.replace("STORE", str(own)) in told
    assert not (tmp_path / "there").exists()


def test_an_alias_that_never_was_cannot_be_removed(own: Path, capfd: pytest.CaptureFixture[str]) -> None:
    told = refused(capfd, "alias", MODEL, "stabel", "--remove", "--store", own)
    assert "Unknown alias 'stabel'. Did you mean 'stable'? Aliases of 'gate_64' are: stable." in told
    assert zoo(capfd, "alias", MODEL, "stable", "--remove", "--store", own)[0] == 0
    assert "are: none." in refused(capfd, "alias", MODEL, "stable", "--remove", "--store", own)


def test_a_target_that_cannot_be_written_is_named_by_its_own_option(
    own: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("no folder")
    target = tmp_path / "file" / "store"
    assert refused(capfd, "push", MODEL, "--store", own, "--target", target).endswith("Name another with --target.")
    assert refused(capfd, "pull", MODEL, "--source", own, "--store", target).endswith("Name another with --store.")


def test_a_store_that_does_not_answer_is_no_torn_catalogue(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    told = refused(capfd, "pull", MODEL, "--source", "http://127.0.0.1:9/x", "--store", tmp_path / "there")
    assert told.startswith("zoo: http://127.0.0.1:9/x does not answer: ")
    assert told.endswith("Check the URL, your access and the network.")
    assert "catalog.json is not readable" not in told
