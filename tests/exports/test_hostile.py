"""Hostile artifacts: refused with one sentence before anything runs, in Python and on the command line."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _spoil import Spoil, edit, in_manifest, in_text, in_topology, rehash, with_content, with_file

import zoo
from exports.documents import MAX_DOCUMENT_BYTES
from exports.load import load_artifact
from exports.manifest import MANIFEST_FILE, read_manifest
from exports.weights import TOPOLOGY_FILE, WEIGHTS_FILE
from zoo._cli import main

HASH = "0" * 64
EXIT_MISTAKE = 2
LONGEST_SENTENCE = 600


@pytest.fixture
def copy(artifact: Path, tmp_path: Path) -> Path:
    """An artifact of one's own, to spoil."""
    return Path(shutil.copytree(artifact, tmp_path / "artifact"))


def flip_a_byte(folder: Path) -> None:
    content = bytearray((folder / WEIGHTS_FILE).read_bytes())
    content[100] ^= 1
    (folder / WEIGHTS_FILE).write_bytes(bytes(content))


def truncate(folder: Path) -> None:
    (folder / WEIGHTS_FILE).write_bytes((folder / WEIGHTS_FILE).read_bytes()[:-1])


def truncate_and_rehash(folder: Path) -> None:
    truncate(folder)
    rehash(folder)


def lengthen_and_rehash(folder: Path) -> None:
    (folder / WEIGHTS_FILE).write_bytes((folder / WEIGHTS_FILE).read_bytes() + b"\0")
    rehash(folder)


def link_out(name: str) -> Spoil:
    """Put a symbolic link to the same content elsewhere in the place of a file or folder."""

    def spoil(folder: Path) -> None:
        outside = folder.parent / "outside"
        shutil.move(folder / name, outside)
        (folder / name).symlink_to(outside)

    return spoil


def put_a_pipe(folder: Path) -> None:
    (folder / WEIGHTS_FILE).unlink()
    os.mkfifo(folder / WEIGHTS_FILE)


def as_floats(change: Any) -> Spoil:
    """Change the float32 numbers of a golden output."""

    def spoil(folder: Path) -> None:
        path = folder / read_manifest(folder)["golden"]["outputs"]["class_logits"]["path"]
        values = np.frombuffer(path.read_bytes(), "<f4").copy()
        change(values)
        path.write_bytes(values.tobytes())
        rehash(folder)

    return spoil


def nested(levels: int) -> Any:
    return [nested(levels - 1)] if levels else []


def weight(**changes: Any) -> Spoil:
    """Change the first weight that the topology tells of."""
    return in_topology(lambda topology: topology["weightsManifest"][0]["weights"][0].update(changes))


def quantization(**changes: Any) -> Spoil:
    def change(topology: dict[str, Any]) -> None:
        entries = topology["weightsManifest"][0]["weights"]
        entry = next(entry for entry in entries if "scale" in entry.get("quantization", {}))
        entry["quantization"].update(changes)

    return in_topology(change)


def spoil_a_float(folder: Path) -> None:
    """Make one quantized weight plain float32, not a number."""

    def change(topology: dict[str, Any]) -> None:
        entry = topology["weightsManifest"][0]["weights"][0]
        entry.update(shape=[1], dtype="float32")
        entry.pop("quantization", None)
        topology["weightsManifest"][0]["weights"] = [entry]

    edit(folder, change, TOPOLOGY_FILE)
    (folder / WEIGHTS_FILE).write_bytes(np.array([np.nan], "<f4").tobytes())
    rehash(folder)


FILES: dict[str, tuple[Spoil, str]] = {
    "a flipped byte": (flip_a_byte, "its SHA-256 differs"),
    "a truncated shard": (truncate, r"bytes where the manifest says"),
    "a wrong hash": (
        in_manifest(lambda manifest: manifest["files"][WEIGHTS_FILE].update(sha256=HASH)),
        "its SHA-256 differs",
    ),
    "a file as link": (link_out(WEIGHTS_FILE), "points outside the artifact"),
    "the manifest as link": (link_out(MANIFEST_FILE), "points outside the artifact"),
    "a folder as link": (link_out("golden"), "points outside the artifact"),
    "a pipe": (put_a_pipe, "is missing from"),
    "a missing file": (lambda folder: (folder / WEIGHTS_FILE).unlink(), "is missing from"),
    "no manifest": (lambda folder: (folder / MANIFEST_FILE).unlink(), "There is no artifact in"),
}

PATHS: dict[str, tuple[Spoil, str]] = {
    name: (with_file(name, bytes=1, sha256=HASH), "a path that stays inside the artifact")
    for name in (
        *("../secret", "a/../../secret", "a/..", "/etc/passwd", "//host/x", "C:\\x", "..\\secret", "a//b", "./a", ""),
        *("%2e%2e/secret", "https://evil.example/x", "model.json?x", "model.json\n", "a\0b", "naïve", "\u202etxt"),
    )
}


def rename(name: str) -> Spoil:
    """List the weights under another name."""
    return in_manifest(lambda manifest: manifest["files"].update({name: manifest["files"].pop(WEIGHTS_FILE)}))


RECORDS: dict[str, tuple[Spoil, str]] = {
    "10 GB": (with_file("big.bin", bytes=10_000_000_000, sha256=HASH), "10000000000 as .*at most 64,000,000"),
    "a size in words": (with_file("odd.bin", bytes="many", sha256=HASH), r'files\["odd.bin"\].bytes.*a whole number'),
    "half a byte": (with_file("odd.bin", bytes=0.5, sha256=HASH), "a whole number"),
    "true bytes": (with_file("odd.bin", bytes=True, sha256=HASH), "a whole number"),
    "a negative size": (with_file("odd.bin", bytes=-1, sha256=HASH), "at least 0"),
    "a short hash": (with_file("odd.bin", bytes=1, sha256="0"), "64 hexadecimal digits"),
    "a hash and a line break": (with_file("odd.bin", bytes=1, sha256=HASH + "\n"), "64 hexadecimal digits"),
    "a field too many": (with_file("odd.bin", bytes=1, sha256=HASH, url="x"), 'unknown field "url".*takes bytes, sha'),
    "no size": (with_file("odd.bin", sha256=HASH), r'lacks files\["odd.bin"\].bytes'),
    "1,001 files": (
        in_manifest(
            lambda manifest: manifest["files"].update({f"{n}.bin": {"bytes": 0, "sha256": HASH} for n in range(1001)})
        ),
        "at most 1,000 fields",
    ),
    "a million files": (
        in_manifest(lambda manifest: manifest["files"].update({f"{n}.bin": 0 for n in range(1_000_000)})),
        "at most 4,000,000",
    ),
    "weights above": (rename("../weights.bin"), r'"../weights.bin" as .*points outside .* Do not use it'),
    "weights of the system": (rename("/etc/passwd"), r'has "/etc/passwd" as a name in files, .*points outside'),
    "a golden file of the system": (
        in_manifest(lambda manifest: manifest["golden"]["input"].update(path="/etc/passwd")),
        r'has "/etc/passwd" as golden.input.path, .*points outside',
    ),
    "no hash for the weights": (
        in_manifest(lambda manifest: manifest["files"].pop(WEIGHTS_FILE)),
        r"lacks files.weights.bin",
    ),
    "no hash for a golden file": (
        in_manifest(lambda manifest: manifest["files"].pop(manifest["golden"]["input"]["path"])),
        "lists no hash for golden/input.uint8.bin",
    ),
}

DOCUMENTS: dict[str, tuple[Spoil, str]] = {
    "half a document": (with_content("{"), "is not readable JSON"),
    "nothing": (with_content(""), "is not readable JSON"),
    "other bytes": (with_content(b"\xff\xfe"), "is not readable JSON"),
    "a list": (with_content("[]"), "has schema 'list'"),
    "a hundred thousand levels": (with_content("[" * 100_000), "nested deeper than 32 levels"),
    "forty levels": (in_manifest(lambda manifest: manifest.update(extra=nested(40))), "nested deeper than 32 levels"),
    "4 MB and a byte": (with_content(" " * (MAX_DOCUMENT_BYTES + 1)), "at most 4,000,000"),
    "a name twice": (in_text('"task"', '"task": "x", "task"'), 'the name "task" stands twice'),
    "NaN": (in_text('"pad_value": 114', '"pad_value": NaN'), "holds NaN"),
    "minus infinity": (in_text('"pad_value": 114', '"pad_value": -Infinity'), "holds -Infinity"),
    "1e999": (in_text('"pad_value": 114', '"pad_value": 1e999'), "the number 1e999 is too large"),
    "five thousand digits": (in_text('"pad_value": 114', f'"pad_value": {"9" * 5000}'), "has 5,000 digits"),
    "half a character": (in_text('"face"', r'"\ud800"'), "is not readable JSON"),
}

CONTENTS: dict[str, tuple[Spoil, str]] = {
    "an unknown schema version": (
        in_manifest(lambda manifest: manifest.update(schema="pocket-zoo/manifest/99")),
        "this version reads",
    ),
    "no decode rule": (in_manifest(lambda manifest: manifest.pop("decode")), "lacks decode"),
    "no pictures beside a metric": (
        in_manifest(lambda m: m["metrics"][0].pop("pictures")),
        r"lacks metrics\[0\]\.pict",
    ),
    "no metric": (in_manifest(lambda manifest: manifest["metrics"].clear()), "a list of at least 1"),
    "a name that is a path": (in_manifest(lambda manifest: manifest.update(name="../up")), "a name of at most"),
    "a version that is a path": (in_manifest(lambda manifest: manifest.update(version="/tmp/x")), "a name of at most"),
    "another topology": (in_manifest(lambda m: m["model"].update(topology="other.json")), 'to be "model.json"'),
    "another weight than told": (in_manifest(lambda m: m["model"].update(bytes=7)), "its manifest tells of 7"),
    "more than the budget": (in_manifest(lambda m: m["model"].update(bytes=2_000_001)), "at most 2,000,000"),
    "a decode rule of magic": (in_manifest(lambda m: m.update(decode={"kind": "magic"})), 'one of "grid"'),
    "a misspelt setting": (in_manifest(lambda m: m["decode"].update(score_treshold=0)), 'field "score_treshold"'),
    "a threshold above 1": (in_manifest(lambda m: m["decode"].update(score_threshold=1.5)), "at most 1"),
    "other shapes than its grid": (
        in_manifest(lambda manifest: manifest["outputs"][0].update(shape=[5, 1])),
        "decode reads an output",
    ),
    "two outputs of one name": (
        in_manifest(lambda manifest: manifest["outputs"].append(manifest["outputs"][0])),
        "Two outputs have one name",
    ),
    "two landmarks of one name": (
        in_manifest(lambda manifest: manifest["decode"].update(keypoints=["nose", "nose"])),
        "a list without repeats",
    ),
    "a huge output": (
        in_manifest(
            lambda manifest: manifest["outputs"].append({"name": "extra", "shape": [1_000_000, 1_000_000]}),
        ),
        "more than 16,000,000 numbers",
    ),
    "a falling value range": (in_manifest(lambda m: m["input"].update(value_range=[1, 0])), "falls from 1 to 0"),
    "other outputs to train": (
        in_manifest(lambda manifest: manifest["trainable"].update(outputs=["class_logits"])),
        "The outputs of the layers model",
    ),
    "a golden shape that is another": (
        in_manifest(lambda manifest: manifest["golden"]["input"]["shape"].__setitem__(0, 3)),
        "golden outputs are not",
    ),
    "golden pictures of another size": (
        in_manifest(lambda manifest: manifest["golden"]["input"]["shape"].__setitem__(1, 8)),
        "The golden pictures are",
    ),
    "golden numbers of another type": (
        in_manifest(lambda manifest: manifest["golden"]["input"].update(dtype="float64")),
        'has to be "uint8"',
    ),
    "a golden file that is shorter than its shape": (
        in_manifest(lambda manifest: manifest["files"][manifest["golden"]["input"]["path"]].update(bytes=1)),
        "its shape .* takes",
    ),
    "another architecture's options": (
        in_manifest(lambda manifest: manifest["keras"]["options"].update(width=0.5)),
        r"where the architecture needs",
    ),
    "a width in words": (in_manifest(lambda m: m["keras"]["options"].update(width="wide")), "that option is like 1.0"),
    "a width of a million": (in_manifest(lambda m: m["keras"]["options"].update(width=1e6)), "at most 16"),
    "a network over its budget": (in_manifest(lambda m: m["keras"]["options"].update(width=16)), "its budget is"),
    "an unknown option": (in_manifest(lambda m: m["keras"]["options"].update(depth=3)), "Unknown option 'depth'"),
    "an unknown architecture": (
        in_manifest(lambda manifest: manifest["keras"].update(architecture="yunet_n_161")),
        "needs the architecture 'yunet_n_161', which is not installed",
    ),
    "a weight of another network": (
        in_manifest(lambda manifest: manifest["keras"]["weights"].__setitem__(0, "stem/other")),
        "which the architecture does not have",
    ),
    "one weight too many": (
        in_manifest(lambda manifest: manifest["keras"]["weights"].extend(map(str, range(999)))),
        "has no weight for",
    ),
}

TOPOLOGIES: dict[str, tuple[Spoil, str]] = {
    "weights that end early": (truncate_and_rehash, "The weights of .* end after"),
    "weights that go on": (lengthen_and_rehash, "where the topology tells of"),
    "an unknown type": (weight(dtype="float8", quantization={"dtype": "float8"}), "only float32 is quantized"),
    "an unknown quantization": (weight(quantization={"dtype": "uint4"}), 'stored as "uint4"; known are uint8'),
    "a text as quantization": (weight(quantization="uint8"), "an object says how"),
    "a scale that is missing": (quantization(scale=None), "it must be a finite number"),
    "a scale beyond float32": (quantization(scale=1e300), "beyond float32"),
    "a shape of words": (weight(shape=["a"]), "a list of at most 8 whole numbers"),
    "a shape below zero": (weight(shape=[-1]), "a list of at most 8 whole numbers"),
    "a shape of thirty axes": (weight(shape=[1] * 30), "a list of at most 8 whole numbers"),
    "a shape beyond all memory": (weight(shape=[1_000_000] * 8), "end after"),
    "another shape": (weight(shape=[1, 1]), "The weights of|holds"),
    "no name": (weight(name=None), "has no name"),
    "two weights of one name": (weight(name="1"), 'two weights "1"'),
    "a number that is none": (spoil_a_float, "not finite"),
    "a golden number that is none": (as_floats(lambda values: values.put(0, np.nan)), "not finite"),
    "no list of weights": (in_topology(lambda topology: topology.pop("weightsManifest")), "no weightsManifest"),
    "numbers for weights": (in_topology(lambda topology: topology.update(weightsManifest=[1])), "no weightsManifest"),
    "a shard outside": (
        in_topology(lambda topology: topology["weightsManifest"][0].update(paths=["../outside.bin"])),
        "points outside the artifact",
    ),
    "a shard that is not listed": (
        in_topology(lambda topology: topology["weightsManifest"][0].update(paths=[MANIFEST_FILE])),
        "lists no hash for",
    ),
    "a shard a thousand times": (
        in_topology(lambda topology: topology["weightsManifest"][0].update(paths=[WEIGHTS_FILE] * 1000)),
        "twice",
    ),
    "a deep topology": (in_topology(lambda topology: topology.update(extra=nested(40))), "nested deeper than"),
    "a topology that is a list": (
        lambda folder: (with_content("[]", TOPOLOGY_FILE)(folder), rehash(folder))[1],
        "holds no JSON object",
    ),
    "a layers model of another network": (
        in_topology(
            lambda topology: topology["weightsManifest"][0]["weights"][0].update(name="x"), "trainable/model.json"
        ),
        "which 'yunet_n_160' does not have",
    ),
    "a graph model to train": (
        in_topology(lambda topology: topology.update(format="graph-model"), "trainable/model.json"),
        "not a 'layers-model'",
    ),
}

SPOILT = {**FILES, **PATHS, **RECORDS, **DOCUMENTS, **CONTENTS, **TOPOLOGIES}


@pytest.mark.parametrize(("spoil", "message"), SPOILT.values(), ids=map(repr, SPOILT))
def test_is_refused_with_a_sentence(spoil: Spoil, message: str, copy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    spoil(copy)
    code = main(["verify", str(copy)])
    out, err = capfd.readouterr()
    assert (code, out) == (EXIT_MISTAKE, "")
    [sentence] = err.strip().splitlines()
    assert sentence.startswith("zoo")
    assert len(sentence) < LONGEST_SENTENCE
    assert re.search(message, sentence)


@pytest.mark.parametrize(("spoil", "message"), {**FILES, **PATHS, **RECORDS, **DOCUMENTS}.values())
def test_is_refused_before_anything_is_built(
    spoil: Spoil, message: str, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(copy)
    monkeypatch.setattr("exports.load.build_as_told", lambda *_: pytest.fail("a network was built"))
    for read in (read_manifest, load_artifact):
        with pytest.raises(zoo.BadArtifact, match=message):
            read(copy)


def test_an_artifact_that_nobody_spoilt_is_good(copy: Path) -> None:
    rehash(copy)
    assert load_artifact(copy).labels == ("face",)
