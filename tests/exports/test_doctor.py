"""`zoo doctor`: damage is told and stays, what nobody published is refused, what can be mended is mended once."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from _commands import refused, zoo
from _spoil import edit

from exports.doctor import examine
from exports.store import rebuild_catalog, set_alias
from zoo._errors import ZooError
from zoo.catalog import CATALOG_FILE, SHIPPED, NewerCatalog, open_catalog, read_catalog

MODEL = "gate_64"
OTHER = "20200101-00000000"
EXIT_MISTAKE = 2


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A store with one shipped model and an alias of it."""
    shutil.copytree(SHIPPED / MODEL, tmp_path / "own" / MODEL)
    rebuild_catalog(tmp_path / "own")
    set_alias(tmp_path / "own", MODEL, "stable", "latest")
    return tmp_path / "own"


def artifact(store: Path) -> Path:
    [entry] = read_catalog(store)
    return Path(entry.folder)


def add_version(store: Path) -> Path:
    """Publish another version by hand."""
    folder = store / MODEL / OTHER
    shutil.copytree(artifact(store), folder)
    edit(folder, lambda manifest: manifest.update(version=OTHER))
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def praise(manifest: dict[str, Any]) -> None:
    manifest["metrics"][0]["value"] = 1.0


def assert_mended(store: Path) -> None:
    again = examine(store)
    assert (again.damaged, again.leftovers, again.catalogue, again.cleaned) == ([], [], [], False)


def test_a_whole_store_is_left_as_it_is(own: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = content(own)
    assert zoo(capfd, "doctor", own)[:2] == (0, "1 artifact is whole, and so is the catalogue\n")
    code, out, _ = zoo(capfd, "doctor", own, "--json")
    assert (code, json.loads(out)["cleaned"]) == (0, False)
    assert content(own) == before


def test_an_edited_manifest_is_damage_and_never_becomes_the_truth(own: Path, capfd: pytest.CaptureFixture[str]) -> None:
    edit(artifact(own), praise)
    before = content(own)
    for _ in range(2):
        code, out, err = zoo(capfd, "doctor", own)
        assert code == EXIT_MISTAKE
        assert out.startswith("1 fault; 0 artifacts are whole\ndamaged: The manifest of")
        assert "its SHA-256 differs from the catalogue's" in out
        assert "not as it was published" in err
    assert content(own) == before
    (own / MODEL / "aliases.json").write_text("hi")  # what is mended beside leaves the entry alone, too
    assert not examine(own).is_healthy
    rebuild_catalog(own)
    assert read_catalog(own)[0].score != 1.0
    edit(own, lambda catalog: catalog["models"].append({"path": "nonsense"}), CATALOG_FILE)
    assert not examine(own).is_healthy
    assert read_catalog(own)[0].score != 1.0


def test_a_manifest_that_was_deleted_is_damage(own: Path) -> None:
    folder, entries = artifact(own), read_catalog(own)
    (folder / "manifest.json").unlink()
    (own / MODEL / "aliases.json").write_text("hi")
    [sentence] = examine(own, upload_s=0).damaged
    assert "lacks 'manifest.json', which catalog.json knows" in sentence
    assert (folder / "weights.bin").is_file()
    assert read_catalog(own) == entries


@pytest.mark.parametrize("name", ["notes.txt", "a/b.txt", "a/b/c.txt", ".part-old/x", ".hidden/version/manifest.json"])
def test_a_folder_that_is_no_store_is_refused_untouched(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("mine")
    assert "is no store: it holds neither catalog.json nor any published NAME/VERSION" in refused(
        capfd, "doctor", tmp_path
    )
    assert content(tmp_path) == {name: b"mine"}


def test_an_empty_folder_is_refused_untouched(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert "is no store" in refused(capfd, "doctor", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_damaged_is_not_entered(own: Path) -> None:
    folder = add_version(own)
    (folder / "weights.bin").write_bytes(b"torn")
    (own / CATALOG_FILE).unlink()
    found = examine(own)
    assert "'weights.bin'" in found.damaged[0]
    assert found.catalogue == ["catalog.json was missing; written anew from 1 artifact"]
    assert [entry.version for entry in read_catalog(own)] != [OTHER]
    assert len(read_catalog(own)) == 1


def test_only_damage_makes_no_catalogue(own: Path) -> None:
    (artifact(own) / "weights.bin").write_bytes(b"torn")
    (own / CATALOG_FILE).unlink()
    before = content(own)
    assert not examine(own).is_healthy
    assert content(own) == before


@pytest.mark.parametrize("manifest", ["{}", "[", '{"name": "gate_64", "version": "20200101-00000000"}'])
def test_a_manifest_that_lies_elsewhere_makes_no_store(manifest: str, tmp_path: Path) -> None:
    for name in ("extension/1.0", "work/20200101-00000000"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "extension/1.0/manifest.json").write_text(manifest)
    (tmp_path / "work/20200101-00000000/notes.txt").write_text("mine")
    before = content(tmp_path)
    with pytest.raises(ZooError, match="is no store"):
        examine(tmp_path, upload_s=0)
    assert content(tmp_path) == before


def test_only_what_is_called_like_a_version_is_removed(own: Path) -> None:
    for name in ("20260103-00000000", "notes"):
        (own / MODEL / name).mkdir()
        (own / MODEL / name / "weights.bin").write_bytes(b"an upload that was never finished")
    found = examine(own, upload_s=0)
    assert found.leftovers == [f"{own / MODEL / '20260103-00000000'} was never finished; removed"]
    assert found.damaged == [f"{own / MODEL / 'notes'} holds no 'manifest.json': it is no artifact."]
    assert (own / MODEL / "notes" / "weights.bin").is_file()
    assert not (own / MODEL / "20260103-00000000").exists()


def test_the_damage_is_told_as_verify_tells_it(own: Path) -> None:
    weights = artifact(own) / "weights.bin"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert "was changed after publishing: its SHA-256 differs" in examine(own).damaged[0]
    weights.write_bytes(whole[:-1])
    assert f"has {len(whole) - 1:,} bytes where the manifest says {len(whole):,}" in examine(own).damaged[0]


def test_an_alias_without_its_version_is_dropped(own: Path, capfd: pytest.CaptureFixture[str]) -> None:
    add_version(own)
    rebuild_catalog(own)
    set_alias(own, MODEL, "old", OTHER)
    shutil.rmtree(own / MODEL / OTHER)
    code, out, _ = zoo(capfd, "doctor", own)
    assert code == 0
    assert f"catalogue: {MODEL}@old meant {OTHER}, which is not there; dropped" in out
    assert f"catalog.json told of {MODEL}/{OTHER}, which is not there; dropped" in out
    assert set(open_catalog(own).aliases[MODEL]) == {"stable"}
    assert set(json.loads((own / MODEL / "aliases.json").read_text())) == {"stable"}
    assert_mended(own)


@pytest.mark.parametrize(
    ("garbage", "what"),
    [
        ("hi", "was no list of aliases"),
        ("[1]", "was no list of aliases"),
        ('{"stable": "VERSION", "../up": "VERSION", "odd": 1, "latest": "VERSION"}', "held what is no alias"),
    ],
)
def test_a_list_of_aliases_keeps_what_can_be_read(garbage: str, what: str, own: Path) -> None:
    version = artifact(own).name
    (own / MODEL / "aliases.json").write_text(garbage.replace("VERSION", version))
    [sentence] = examine(own).catalogue
    assert f"{what}; written anew with stable" in sentence
    assert open_catalog(own).aliases == {MODEL: {"stable": version}}
    assert_mended(own)


def test_a_list_of_nothing_is_removed(own: Path) -> None:
    (own / CATALOG_FILE).unlink()
    (own / MODEL / "aliases.json").write_text("hi")
    assert "was no list of aliases; removed" in examine(own).catalogue[0]
    assert not (own / MODEL / "aliases.json").exists()
    assert_mended(own)


def test_a_version_without_manifest_and_a_stray_folder_are_told(own: Path) -> None:
    stray, version = own / ".tmp-xx", own / MODEL / "20261126-abcdef01"
    for folder in (stray, version):
        folder.mkdir()
        (folder / "weights.bin").write_bytes(b"mine")
    (own / MODEL / "empty").mkdir()
    found = examine(own)
    assert [sentence.rpartition("/")[2] for sentence in found.damaged] == [
        "20261126-abcdef01 holds no 'manifest.json': it is no artifact.",
        "empty holds no 'manifest.json': it is no artifact.",
    ]
    assert found.leftovers == [f"{stray} is no part of a store; remove it by hand"]
    assert not found.cleaned
    assert (stray / "weights.bin").is_file() and (version / "weights.bin").is_file()


@pytest.mark.parametrize(
    ("spoilt", "what"),
    [
        (None, "catalog.json was missing; written anew from 1 artifact"),
        ('{"schema": "pocket-zoo/cat', "catalog.json could not be understood; written anew"),
        ("[]", "catalog.json could not be understood; written anew"),
        ('{"schema": "pocket-zoo/catalog/1"}', "catalog.json could not be understood; written anew"),
        ('{"schema": "pocket-zoo/catalog/1", "models": []}', f"catalog.json did not tell of {MODEL}/"),
    ],
)
def test_a_catalogue_is_written_anew(
    spoilt: str | None, what: str, own: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    entries = read_catalog(own)
    (own / CATALOG_FILE).unlink()
    if spoilt is not None:
        (own / CATALOG_FILE).write_text(spoilt)
    before = content(own)
    code, out, _ = zoo(capfd, "doctor", own, "--dry-run")
    assert (code, content(own)) == (0, before)
    assert out.startswith("1 fault; 1 artifact is whole\ncatalogue: catalog.json ") and "; to be " in out
    code, out, _ = zoo(capfd, "doctor", own, "--json")
    record = json.loads(out)
    assert (code, record["cleaned"]) == (0, True)
    assert record["catalogue"][0].startswith(what)
    assert "next publish" not in out
    assert read_catalog(own) == entries
    assert_mended(own)


def test_a_catalogue_that_tells_another_score_is_written_anew(own: Path) -> None:
    entries = read_catalog(own)
    edit(own, lambda catalog: catalog["models"][0].update(score=1.0), CATALOG_FILE)
    assert "what its manifest does not say; written anew" in examine(own).catalogue[0]
    assert read_catalog(own) == entries


def test_a_catalogue_of_a_later_version_is_not_written_over(own: Path, capfd: pytest.CaptureFixture[str]) -> None:
    edit(own, lambda catalog: catalog.update(schema="pocket-zoo/catalog/2"), CATALOG_FILE)
    before = content(own)
    assert "has schema 'pocket-zoo/catalog/2'" in refused(capfd, "doctor", own)
    assert "Update pocket-zoo" in refused(capfd, "pull", MODEL, "--source", SHIPPED, "--store", own)
    with pytest.raises(NewerCatalog):
        rebuild_catalog(own)
    assert content(own) == before


def test_a_store_that_can_only_be_read(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own / ".lock").unlink()
    open_file = Path.open

    def read_only(path: Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
        if "w" in mode:
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return open_file(path, mode, *rest, **named)

    monkeypatch.setattr(Path, "open", read_only)
    with pytest.raises(
        ZooError, match=r"The store .* cannot be written \(Read-only file system\). Name another with --"
    ):
        set_alias(own, MODEL, "other", "latest")
    assert examine(own).is_healthy
    (own / CATALOG_FILE).unlink()
    assert examine(own, clean=False).catalogue
    with pytest.raises(ZooError, match=r"cannot be written \(Read-only file system\). .* only look with --dry-run"):
        examine(own)
