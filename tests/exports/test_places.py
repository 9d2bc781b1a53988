"""One suite for every kind of store: a folder, memory, and S3 spoken by a real server."""

from __future__ import annotations

import json
import multiprocessing
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from _stores import put, put_several

import zoo
from exports import store as stores
from exports.doctor import examine
from exports.manifest import read_manifest
from exports.store import set_alias, update_catalog
from exports.transfer import transfer
from tuner.training import predict
from zoo._places import Location, Place, open_place
from zoo.catalog import CATALOG_FILE, find, open_catalog, read_catalog

BUCKET = "models"
PUBLISHERS, VERSIONS = 8, 50


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A server that speaks S3, and a bucket on it."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    patch = pytest.MonkeyPatch()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "anybody",
        "AWS_SECRET_ACCESS_KEY": "anything",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        patch.setenv(name, value)
    import boto3

    boto3.client("s3").create_bucket(Bucket=BUCKET)
    yield f"s3://{BUCKET}"
    patch.undo()
    server.stop()


def empty_place(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    if kind == "folder":
        return tmp_path / "models"
    if kind == "memory":
        return f"memory://{uuid.uuid4().hex}/models"
    return f"{request.getfixturevalue('s3')}/{uuid.uuid4().hex}"


@pytest.fixture(params=["folder", "memory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """An empty store."""
    return empty_place(request.param, request, tmp_path)


@pytest.fixture(params=["memory", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """An empty store where publishers cannot take turns."""
    return empty_place(request.param, request, tmp_path)


def test_what_is_put_is_found(artifact: Path, place: Location) -> None:
    where = put(artifact, place, "20260101-00000000")
    [entry] = find(task="face-detection", store=place)
    assert str(entry.folder) == str(where)
    assert (entry.name, entry.version) == ("yunet_n_160", "20260101-00000000")
    assert entry.bytes == read_manifest(artifact)["model"]["bytes"]
    assert set(open_place(place).files(entry.path)) == {
        f"{entry.path}/{name}" for name in ("manifest.json", *read_manifest(artifact)["files"])
    }


def test_a_version_never_changes(artifact: Path, place: Location) -> None:
    put(artifact, place, "20260101-00000000")
    put(artifact, place, "20260101-00000000", summary="another")
    store = open_place(place)
    assert json.loads(store.read("yunet_n_160/20260101-00000000/manifest.json"))["summary"] != "another"
    assert len(read_catalog(place)) == 1


def test_aliases_move_and_are_resolved(artifact: Path, place: Location) -> None:
    put(artifact, place, "20260101-00000000", created="2026-01-01T00:00:00+00:00")
    put(artifact, place, "20260102-00000000", created="2026-01-02T00:00:00+00:00")
    set_alias(place, "yunet_n_160", "stable", "20260101-00000000")
    catalog = open_catalog(place)
    assert catalog.aliases == {"yunet_n_160": {"stable": "20260101-00000000"}}
    assert catalog.resolve("yunet_n_160@stable").version == "20260101-00000000"
    assert (
        catalog.resolve("yunet_n_160").version == catalog.resolve("yunet_n_160@latest").version == "20260102-00000000"
    )
    assert catalog.resolve("yunet_n_160@20260101-00000000").version == "20260101-00000000"
    set_alias(place, "yunet_n_160", "stable", "latest")
    assert open_catalog(place).resolve("yunet_n_160@stable").version == "20260102-00000000"
    put(artifact, place, "20260103-00000000", created="2026-01-03T00:00:00+00:00")
    assert open_catalog(place).resolve("yunet_n_160@stable").version == "20260102-00000000"
    set_alias(place, "yunet_n_160", "stable", None)
    with pytest.raises(zoo.UnknownName, match=r"Unknown version or alias 'stable'\. 'yunet_n_160' in .* has: latest"):
        open_catalog(place).resolve("yunet_n_160@stable")


@pytest.mark.parametrize(
    ("alias", "version", "message"),
    [
        ("../up", "20260101-00000000", "cannot be the name of an alias"),
        ("latest", "20260101-00000000", "always means the newest"),
        ("20260101-00000000", "20260101-00000000", "is a version of"),
        ("stable", "20990101-00000000", "Unknown version or alias '20990101-00000000'"),
    ],
)
def test_an_alias_that_cannot_be_is_a_sentence(
    alias: str, version: str, message: str, artifact: Path, place: Location
) -> None:
    put(artifact, place, "20260101-00000000")
    with pytest.raises(zoo.ZooError, match=message):
        set_alias(place, "yunet_n_160", alias, version)


def test_an_artifact_travels_there_and_back(artifact: Path, store: Path, place: Location, tmp_path: Path) -> None:
    entry, where = transfer("yunet_n_160", store, place)
    assert str(where) == str(find(name="yunet_n_160", store=place)[0].folder)
    _, back = transfer(f"yunet_n_160@{entry.version}", place, tmp_path / "back")
    for path in Path(back).rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (artifact / path.relative_to(back)).read_bytes()
    network = zoo.load("yunet_n_160", store=place)
    pictures = np.zeros((1, 160, 160, 3), np.uint8)
    spec = zoo.get("yunet_n_160")
    expected = predict(zoo.load("yunet_n_160", store=store), pictures, spec.inputs)
    for name, values in predict(network, pictures, spec.inputs).items():
        assert (values == expected[name]).all()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("weights.bin", b"torn", "has 4 bytes where the manifest says"),
        ("weights.bin", None, "'.*weights.bin' is missing"),
        ("manifest.json", b"{}", "its SHA-256 differs from the catalogue's"),
    ],
)
def test_what_was_altered_does_not_arrive(
    name: str, content: bytes | None, message: str, artifact: Path, place: Location, tmp_path: Path
) -> None:
    put(artifact, place, "20260101-00000000")
    there = open_place(place)
    path = f"yunet_n_160/20260101-00000000/{name}"
    if content is None:
        there.delete(path)
    else:
        there.write(path, content)
    with pytest.raises(zoo.BadArtifact, match=message):
        transfer("yunet_n_160", place, tmp_path / "mine")
    assert not list((tmp_path / "mine").glob("[!.]*"))


def test_a_flipped_byte_does_not_arrive(artifact: Path, place: Location, tmp_path: Path) -> None:
    put(artifact, place, "20260101-00000000")
    there, path = open_place(place), "yunet_n_160/20260101-00000000/weights.bin"
    content = bytearray(there.read(path))
    content[100] ^= 1
    there.write(path, bytes(content))
    with pytest.raises(zoo.BadArtifact, match="was changed after publishing"):
        transfer("yunet_n_160", place, tmp_path / "mine")
    found = examine(place)
    assert not found.is_healthy
    assert found.artifacts == 0
    assert "weights.bin" in found.damaged[0]
    assert open_place(place).read(path) == bytes(content)  # nothing published is deleted


def test_a_doctor_finds_and_cleans_what_was_left(artifact: Path, place: Location) -> None:
    put(artifact, place, "20260101-00000000")
    put(artifact, place, "20260102-00000000")
    there = open_place(place)
    there.write("yunet_n_160/20260103-00000000/weights.bin", b"an upload that was never finished")
    there.write(CATALOG_FILE, b'{"schema": "pocket-zoo/cat')
    told = examine(place, clean=False, upload_s=0)
    assert told.is_healthy
    assert told.artifacts == 2
    assert len(told.leftovers) == 1
    assert "never finished" in told.leftovers[0]
    assert told.catalogue == ["catalog.json could not be understood; to be written anew from 2 artifacts"]
    assert "yunet_n_160/20260103-00000000/weights.bin" in there.files()
    assert examine(place, upload_s=0).cleaned
    assert "yunet_n_160/20260103-00000000/weights.bin" not in there.files()
    assert len(read_catalog(place)) == 2
    again = examine(place, clean=False, upload_s=0)
    assert (again.leftovers, again.catalogue, again.damaged) == ([], [], [])


def test_an_upload_under_way_is_left_alone(artifact: Path, place: Location) -> None:
    put(artifact, place, "20260101-00000000")
    open_place(place).write("yunet_n_160/20260103-00000000/weights.bin", b"the rest is coming")
    assert examine(place).leftovers == []
    assert "yunet_n_160/20260103-00000000/weights.bin" in open_place(place).files()


def test_publishers_at_once_lose_nothing(artifact: Path, tmp_path: Path) -> None:
    publish_at_once(artifact, tmp_path / "models")


@pytest.mark.slow  # a minute and a half: one server answers all of them
def test_publishers_at_once_lose_nothing_behind_a_url(artifact: Path, s3: str) -> None:
    publish_at_once(artifact, f"{s3}/{uuid.uuid4().hex}")


def publish_at_once(artifact: Path, place: Location) -> None:
    context = multiprocessing.get_context("spawn")
    shares = [VERSIONS // PUBLISHERS + (number < VERSIONS % PUBLISHERS) for number in range(PUBLISHERS)]
    publishers = [
        context.Process(target=put_several, args=(artifact, place, number, share))
        for number, share in enumerate(shares)
    ]
    for publisher in publishers:
        publisher.start()
    for publisher in publishers:
        publisher.join()
    assert [publisher.exitcode for publisher in publishers] == [0] * PUBLISHERS
    assert len(read_catalog(place)) == VERSIONS
    assert examine(place, clean=False).record() == {
        "store": str(place),
        "artifacts": VERSIONS,
        "damaged": [],
        "leftovers": [],
        "catalogue": [],
        "cleaned": False,
        "healthy": True,
    }


def test_a_catalogue_written_from_an_older_list_is_mended(
    artifact: Path, url: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two publishers may list before either writes: whoever writes last looks again."""
    put(artifact, url, "20260101-00000000")
    list_published = stores._published
    raced = False

    def list_before_the_other(place: Place) -> set[str]:
        """List, and let another publisher begin and end before the list is used."""
        nonlocal raced
        paths = list_published(place)
        if not raced:
            raced = True
            put(artifact, url, "20260102-00000000")
        return paths

    monkeypatch.setattr(stores, "_published", list_before_the_other)
    put(artifact, url, "20260103-00000000")
    assert raced
    assert {entry.version for entry in read_catalog(url)} == {
        "20260101-00000000",
        "20260102-00000000",
        "20260103-00000000",
    }


def test_a_url_that_cannot_be_opened_is_a_sentence(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    with pytest.raises(zoo.ZooError, match="Cannot open nothing://there"):
        find(store="nothing://there")
    with pytest.raises(zoo.ZooError, match=r"There is no catalog\.json in memory://empty"):
        find(store="memory://empty")
    with pytest.raises(zoo.ZooError, match="There is nothing at memory://empty"):
        examine("memory://empty")
    with pytest.raises(zoo.ZooError, match="There is no store"):
        examine(tmp_path / "nowhere")
    with pytest.raises(zoo.ZooError, match="no-such-bucket/models cannot be written"):
        update_catalog("s3://no-such-bucket/models")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(zoo.ZooError, match=r"^s3://models/x does not answer"):
        find(store="s3://models/x")
    s3fs.S3FileSystem.clear_instance_cache()
