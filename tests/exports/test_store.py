"""Stores: nothing half-done is visible, versions never change, the catalogue follows from what is there."""

from __future__ import annotations

import errno
import json
import multiprocessing
import random
import time
from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from _stores import put, put_several

import zoo
from exports.doctor import examine
from exports.load import load_target
from exports.manifest import read_manifest
from exports.publish import publish
from exports.store import rebuild_catalog, staging
from exports.transfer import transfer
from exports.verify import verify
from zoo.catalog import CATALOG_FILE, ORDERS, SHIPPED, find, read_catalog

KILLS, VERSIONS_EACH = 30, 5


@pytest.fixture
def own_store(artifact: Path, tmp_path: Path) -> Path:
    """A store with one artifact."""
    put(artifact, tmp_path / "store", "20260101-00000000")
    return tmp_path / "store"


def visible(store: Path) -> set[str]:
    return {path.name for path in store.iterdir() if not path.name.startswith(".lock")}


def test_publishing_enters_the_catalogue(artifact: Path, store: Path) -> None:
    [entry] = find(task="face-detection", store=store)
    assert store / entry.path == artifact
    assert entry.bytes == read_manifest(artifact)["model"]["bytes"]
    assert (entry.metric, entry.labels) == ("ap50", ("face",))
    assert visible(store) == {CATALOG_FILE, *(entry.name for entry in read_catalog(store))}


def test_find_filters_and_takes_the_newest(artifact: Path, own_store: Path) -> None:
    put(artifact, own_store, "20260102-00000000", created="2999-01-01T00:00:00+00:00")
    put(artifact, own_store, "20260101-00000000", name="another")
    assert {(entry.name, entry.version) for entry in find(store=own_store)} == {
        ("yunet_n_160", "20260102-00000000"),
        ("another", "20260101-00000000"),
    }
    assert find(max_bytes=10, store=own_store) == []
    assert find(min_metric=1.0, store=own_store) == []
    with pytest.raises(zoo.ZooError, match="a share from 0 to 1"):
        find(min_metric=90, store=own_store)
    assert find(task="object-detection", store=own_store) == []
    assert [entry.name for entry in find(name="another", store=own_store)] == ["another"]
    with pytest.raises(zoo.UnknownName, match="published: another, yunet_n_160"):
        find(name="nobody", store=own_store)


def test_found_models_are_ordered_as_asked() -> None:
    keys: dict[str, Callable[[Any], Any]] = {
        "metric": lambda entry: -entry.score,
        "created": lambda entry: -datetime.fromisoformat(entry.created).timestamp(),
    }
    for order in ORDERS:
        found = find(order_by=order, store=SHIPPED)
        assert len(found) > 2
        assert found == sorted(found, key=keys.get(order, attrgetter(order)))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"max_bytes": "200kB"}, "max_bytes is a number of bytes above 0, got '200kB'"),
        ({"max_bytes": -1}, "max_bytes is a number of bytes above 0, got -1"),
        ({"max_bytes": True}, "max_bytes is a number of bytes above 0, got True"),
        ({"min_metric": "x"}, "min_metric is a share from 0 to 1, got 'x'"),
        ({"min_metric": float("nan")}, "min_metric is a share from 0 to 1, got nan"),
        ({"order_by": 7}, "Unknown order '7'"),
        ({"task": 7}, "Unknown task '7'"),
        ({"name": "nobody"}, f"No model 'nobody' is published in {SHIPPED}; published: gate_64"),
    ],
)
def test_an_argument_that_makes_no_sense_is_a_sentence(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(zoo.ZooError) as refusal:
        find(**arguments, store=SHIPPED)
    assert str(refusal.value).startswith(sentence)


def test_an_older_version_is_found_when_the_newest_does_not_fit(artifact: Path, own_store: Path) -> None:
    heavy = {**read_manifest(artifact)["model"], "bytes": 999_999}
    put(artifact, own_store, "20260102-00000000", created="2999-01-01T00:00:00+00:00", model=heavy)
    assert [entry.version for entry in find(store=own_store)] == ["20260102-00000000"]
    [fitting] = find(max_bytes=200_000, store=own_store)
    assert fitting.version == "20260101-00000000"
    assert (fitting.folder / "model.json").is_file()


def test_a_manifest_changed_after_publishing_is_noticed_by_every_way_in(own_store: Path, tmp_path: Path) -> None:
    [entry] = read_catalog(own_store)
    load_target(entry.folder)
    manifest = json.loads((entry.folder / "manifest.json").read_text())
    manifest["decode"]["score_threshold"] = 0.95
    (entry.folder / "manifest.json").write_text(json.dumps(manifest))
    ways: list[Callable[[], Any]] = [
        lambda: zoo.load(f"{entry.name}@{entry.version}", store=own_store),
        lambda: load_target(entry.folder),
        lambda: verify(entry.folder, None),
        lambda: transfer(entry.name, own_store, tmp_path / "mine"),
    ]
    for way in ways:
        with pytest.raises(zoo.BadArtifact, match="its SHA-256 differs from the catalogue's"):
            way()


def test_the_same_version_again_changes_nothing(artifact: Path, own_store: Path) -> None:
    [place] = (own_store / "yunet_n_160").iterdir()
    before = {path.name: path.stat().st_mtime_ns for path in place.iterdir()}
    put(artifact, own_store, place.name)
    assert {path.name: path.stat().st_mtime_ns for path in place.iterdir()} == before
    assert len(read_catalog(own_store)) == 1


@pytest.mark.slow  # thirty processes
def test_killed_at_any_moment_the_store_is_whole(artifact: Path, tmp_path: Path) -> None:
    store, chance = tmp_path / "store", random.Random(8)
    context = multiprocessing.get_context("forkserver")
    put(artifact, store, "20260101-00000000")
    left_over = 0
    for number in range(KILLS):
        publisher = context.Process(target=put_several, args=(artifact, store, number, VERSIONS_EACH))
        publisher.start()
        # From before its first file to after its last version.
        time.sleep(chance.uniform(0.0, 2.0))
        publisher.kill()
        publisher.join()
        known = read_catalog(store)  # whole, whatever happened
        for entry in known:
            read_manifest(Path(entry.folder))  # checks the hash of every file
        left_over += len(list(store.glob(".part-*")))
        told = examine(store, clean=False)
        assert told.damaged == []
        examine(store)
        assert not list(store.glob(".part-*"))
        after = examine(store, clean=False)
        assert (after.leftovers, after.catalogue) == ([], [])
        assert {entry.version for entry in known} <= {entry.version for entry in read_catalog(store)}
    assert left_over > 0  # some were killed in the middle
    assert 1 < len(read_catalog(store)) < 1 + KILLS * VERSIONS_EACH


def test_a_torn_catalogue_is_a_sentence_and_is_rebuilt(artifact: Path, own_store: Path) -> None:
    (own_store / CATALOG_FILE).write_text('{"schema": "pocket-zoo/cat')
    with pytest.raises(zoo.BadArtifact, match="The next publish into this store rebuilds it"):
        find(store=own_store)
    put(artifact, own_store, "20260103-00000000")
    assert len(read_catalog(own_store)) == 2


@pytest.mark.parametrize("content", ['{"schema": "pocket-zoo/catalog/9"}', "[]", '{"schema": "pocket-zoo/catalog/1"}'])
def test_a_strange_catalogue_is_a_sentence(content: str, own_store: Path) -> None:
    (own_store / CATALOG_FILE).write_text(content)
    with pytest.raises(zoo.BadArtifact, match=r"catalog\.json has"):
        find(store=own_store)


@pytest.mark.parametrize("path", ["../secret", "/etc", "a/../../b", "..\\up"])
def test_a_catalogue_that_leads_outside_is_a_sentence(path: str, own_store: Path) -> None:
    document = json.loads((own_store / CATALOG_FILE).read_text())
    document["models"][0]["path"] = path
    (own_store / CATALOG_FILE).write_text(json.dumps(document))
    for look in (find, read_catalog):
        with pytest.raises(zoo.BadArtifact, match="lies outside the store"):
            look(store=own_store)


def test_a_store_without_catalogue_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(zoo.ZooError, match=r"zoo run NAME --store"):
        find(store=tmp_path)


def test_a_folder_that_is_no_artifact_is_left_out_and_told(own_store: Path) -> None:
    torn = own_store / "broken" / "20260101-00000000"
    torn.mkdir(parents=True)
    (torn / "manifest.json").write_text("{")
    [sentence] = rebuild_catalog(own_store)
    assert "broken" in sentence
    assert len(read_catalog(own_store)) == 1


def test_a_publish_that_fails_leaves_the_store_as_it_was(own_store: Path) -> None:
    before = sorted(own_store.rglob("*"))

    def fail() -> None:
        with staging(own_store) as folder:
            (folder / "half").write_text("done")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(zoo.ZooError, match="nothing was published"):
        fail()
    assert sorted(own_store.rglob("*")) == before


def test_a_full_disk_while_publishing_is_a_sentence(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path, *rest: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("exports.publish.write_golden", full)
    with pytest.raises(zoo.ZooError, match="No space is left"):
        publish(run_folder, tmp_path / "store")
    assert list((tmp_path / "store").iterdir()) == []


def test_a_store_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(zoo.ZooError, match=r"cannot be written .*--store"), staging(tmp_path / "file" / "store"):
        pass


def test_the_default_store_follows_the_environment(own_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POCKET_ZOO_STORE", str(own_store))
    assert len(zoo.find()) == 1
