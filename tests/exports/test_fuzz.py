"""Artifacts changed at random: refused with a sentence, or a network that computes; never another exception or a hang.

Hashes refuse nearly every change of a file, so most changes here are made by somebody who writes the hashes anew.
"""

from __future__ import annotations

import json
import resource
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from _mutations import mutated
from _spoil import rehash
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exports.documents import MAX_FILE_BYTES
from exports.golden import read_golden
from exports.importing import import_layers_model
from exports.layers_model import FOLDER
from exports.load import load_artifact, load_target
from exports.manifest import MANIFEST_FILE, MODEL_FILES, parse_manifest, read_manifest
from exports.publish import publish
from exports.weights import TOPOLOGY_FILE, WEIGHTS_FILE
from tuner import sweep
from tuner.defaults import Space
from tuner.training import predict
from zoo import BadArtifact, ZooError

PLENTY = settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
MANY = settings(PLENTY, max_examples=600)
MORE_MEMORY_KB = 1_000_000
"""What all examples together may add to the process: TensorFlow's own growth, and nothing that a file asked for."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact of the smallest classifier, published once."""
    folder = tmp_path_factory.mktemp("fuzz")
    space = Space(batch_sizes=(8,), learning_rates=(1e-3, 2e-3))
    result = sweep(
        "pebble_cls_48", data="synthetic", limit=16, trials=1, epochs=1, seed=7, space=space, out=folder / "runs"
    )
    return publish(result.folder, folder / "store").folder


@pytest.fixture(autouse=True)
def _memory_stays_bounded(small: Path) -> Iterator[None]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MORE_MEMORY_KB


def check_sentence(error: ZooError) -> None:
    told = str(error)
    assert told.rstrip().endswith((".", "?"))
    assert "\n" not in told
    assert len(told) < 2000


def use(folder: Path) -> dict[str, np.ndarray] | None:
    """Go all the way from files to golden answers; errors that have no sentence come through."""
    try:
        manifest = read_manifest(folder)
        loaded = load_artifact(folder)
        pictures, expected = read_golden(folder, manifest["golden"])
    except ZooError as error:
        check_sentence(error)
        return None
    outputs = predict(loaded.network, pictures, loaded.spec.inputs)
    assert {name: values.shape for name, values in outputs.items()} == {
        name: values.shape for name, values in expected.items()
    }
    return outputs


def use_trainable(folder: Path) -> None:
    """Import the layers model, as one that a page has sent."""
    with tempfile.TemporaryDirectory() as scratch:
        runs = Path(scratch) / "runs"
        try:
            done = import_layers_model(folder / FOLDER, out=runs)
        except ZooError as error:
            check_sentence(error)
            assert not runs.exists()
            return
        json.dumps(done.record(), allow_nan=False)
        assert load_target(done.folder).network.count_params() == done.parameters


def with_bytes(artifact: Path, name: str, content: bytes, scratch: str) -> Path:
    copy = Path(shutil.copytree(artifact, Path(scratch) / "artifact"))
    (copy / name).write_bytes(content)
    return copy


@st.composite
def weights_manifest_mutated(draw: st.DrawFn, content: bytes) -> bytes:
    """Change a model.json, most often where it tells of weights or of itself, since Python reads nothing else of it."""
    whole = draw(st.integers(0, 3)) == 0
    start = 0 if whole else content.rindex(draw(st.sampled_from([b'"weightsManifest"', b'{"format"'])))
    stop = len(content) if whole else min(len(content), start + draw(st.sampled_from([200, 600, 5000])))
    return content[:start] + draw(mutated(content[start:stop])) + content[stop:]


@MANY
@given(data=st.data())
def test_a_changed_manifest_is_understood_or_refused(data: st.DataObject, artifact: Path) -> None:
    """That of a detector, which says most; reading it needs no files."""
    content = data.draw(mutated((artifact / MANIFEST_FILE).read_bytes()))
    try:
        manifest = parse_manifest(content, "the manifest")
    except BadArtifact as error:
        check_sentence(error)
        return
    json.dumps(manifest, allow_nan=False).encode()
    assert max(entry["bytes"] for entry in manifest["files"].values()) <= MAX_FILE_BYTES


@PLENTY
@given(data=st.data())
def test_a_changed_manifest_gives_the_same_network_or_a_sentence(data: st.DataObject, small: Path) -> None:
    content = data.draw(mutated((small / MANIFEST_FILE).read_bytes()))
    with tempfile.TemporaryDirectory() as scratch:
        outputs = use(with_bytes(small, MANIFEST_FILE, content, scratch))
    if outputs is not None and json.loads(content)["keras"] == read_manifest(small)["keras"]:
        for name, values in read_golden(small, read_manifest(small)["golden"])[1].items():
            np.testing.assert_allclose(outputs[name], values, atol=1e-6)


@PLENTY
@given(data=st.data(), name=st.sampled_from([*MODEL_FILES, f"{FOLDER}/{TOPOLOGY_FILE}", f"{FOLDER}/{WEIGHTS_FILE}"]))
def test_a_changed_file_is_refused_by_its_hash(data: st.DataObject, name: str, small: Path) -> None:
    content = data.draw(mutated((small / name).read_bytes()))
    with tempfile.TemporaryDirectory() as scratch:
        folder = with_bytes(small, name, content, scratch)
        if content == (small / name).read_bytes():
            assert use(folder) is not None
        else:
            with pytest.raises(BadArtifact, match=r"SHA-256 differs|where the manifest says"):
                read_manifest(folder)


@PLENTY
@given(data=st.data())
def test_a_changed_topology_with_its_hash_is_understood_or_refused(data: st.DataObject, small: Path) -> None:
    content = data.draw(weights_manifest_mutated((small / TOPOLOGY_FILE).read_bytes()))
    with tempfile.TemporaryDirectory() as scratch:
        folder = with_bytes(small, TOPOLOGY_FILE, content, scratch)
        rehash(folder)
        use(folder)


@PLENTY
@given(data=st.data())
def test_changed_weights_with_their_hash_are_finite_or_refused(data: st.DataObject, small: Path) -> None:
    content = bytearray((small / WEIGHTS_FILE).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        length = data.draw(st.sampled_from([0, 1, 2, 4, 64]))
        content[start : start + length] = data.draw(st.binary(min_size=length, max_size=length + 1))
    with tempfile.TemporaryDirectory() as scratch:
        folder = with_bytes(small, WEIGHTS_FILE, bytes(content), scratch)
        rehash(folder)
        use(folder)


@PLENTY
@given(data=st.data())
def test_a_changed_layers_model_is_imported_or_refused(data: st.DataObject, small: Path) -> None:
    """No hash protects what a page sends."""
    content = data.draw(weights_manifest_mutated((small / FOLDER / TOPOLOGY_FILE).read_bytes()))
    with tempfile.TemporaryDirectory() as scratch:
        use_trainable(with_bytes(small, f"{FOLDER}/{TOPOLOGY_FILE}", content, scratch))
