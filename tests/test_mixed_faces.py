"""The script that mixes faces for a teacher: what a mixture is made of, which network answers, what it refuses."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tuner.data import open_dataset
from tuner.data.teacher import read_teacher
from zoo._specs import FACE_RECOGNITION

ROOT = Path(__file__).parent.parent
FACE_API = ROOT / "benchmarks" / "browser" / "node_modules" / "@vladmandic" / "face-api"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "mixed_faces.py"))


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Two people with three faces each, and one with one."""
    generator = np.random.default_rng(0)
    for person, count in (("ann", 3), ("bob", 3), ("cat", 1)):
        (tmp_path / "people" / person).mkdir(parents=True)
        for number in range(count):
            noise = generator.integers(0, 255, (8, 8, 3), np.uint8)
            Image.fromarray(noise).resize((112, 112)).save(tmp_path / "people" / person / f"{number}.png")
    return tmp_path / "people"


@pytest.fixture(scope="module")
def weights(script: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the layers of dlib's recognizer, in eight bits as face-api.js stores them, drawn by chance."""
    generator = np.random.default_rng(1)
    entries: list[dict[str, Any]] = []
    content = b""

    def add(name: str, *shape: int) -> None:
        nonlocal content
        stored = {"dtype": "uint8", "scale": 0.4 / 255 / shape[0], "min": -0.19 / shape[0]}
        entries.append({"name": name, "shape": shape, "dtype": "float32", "quantization": stored})
        content += generator.integers(0, 255, shape, np.uint8).tobytes()

    def convolution(name: str, taken: int, given: int, side: int = 3) -> None:
        add(f"{name}/conv/filters", side, side, taken, given)
        for part in ("conv/bias", "scale/weights", "scale/biases"):
            add(f"{name}/{part}", given)

    def block(name: str, taken: int, given: int) -> None:
        convolution(f"{name}/conv1", taken, given)
        convolution(f"{name}/conv2", given, given)

    convolution("conv32_down", 3, 32, side=7)
    for number in (1, 2, 3):
        block(f"conv32_{number}", 32, 32)
    taken = 32
    for name, blocks in script["STAGES"]:
        width = int(name.removeprefix("conv"))
        block(f"{name}_down", taken, width)
        for number in range(1, blocks + 1):
            block(f"{name}_{number}", width, width)
        taken = width
    block("conv256_down_out", taken, 256)
    add("fc", 256, 128)
    folder = tmp_path_factory.mktemp("face-api")
    (folder / "weights.bin").write_bytes(content)
    manifest = [{"paths": ["weights.bin"], "weights": entries}]
    (folder / script["MANIFEST"]).write_text(json.dumps(manifest))
    return folder


def mixed(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "mixed_faces.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_upper_half_is_of_one_and_the_lower_of_the_other_in_the_tones_of_the_first(script: dict[str, Any]) -> None:
    bands = np.where(np.arange(112)[:, None, None] % 2 == 0, 40.0, 80.0)
    first = np.broadcast_to(bands, (112, 112, 3)).astype(np.float32)
    second = np.ascontiguousarray(np.broadcast_to(bands * 2, (112, 112, 3)).transpose(1, 0, 2)).astype(np.float32)
    mixture = np.asarray(script["joined"](first, second, np.random.default_rng(0)), float)
    np.testing.assert_allclose(mixture[:10], first[:10], atol=2)
    lower = mixture[-5:]
    assert np.ptp(lower, axis=0).max() < 4 < np.ptp(lower, axis=1).min(), "bands of the second run the other way"
    np.testing.assert_allclose(lower.mean(), first.mean(), atol=4)


def test_a_blend_is_between_both(script: dict[str, Any]) -> None:
    dark, light = (np.full((112, 112, 3), value, np.float32) for value in (20, 220))
    shares = [np.asarray(script["blended"](dark, light, np.random.default_rng(seed))).mean() for seed in range(20)]
    assert 20 + 0.35 * 200 - 1 <= min(shares) < max(shares) <= 20 + 0.65 * 200 + 1 and np.ptp(shares) > 20


def test_people_are_taken_by_the_square_root_of_their_pictures(script: dict[str, Any], people: Path) -> None:
    files, shares = script["faces"]([people], [])
    assert [file.parent.name for file in files] == ["ann"] * 3 + ["bob"] * 3 + ["cat"]
    np.testing.assert_allclose(shares, np.array([3**-0.5] * 6 + [0.25]) / (6 * 3**-0.5 + 0.25))


def test_of_a_data_set_only_those_are_taken_that_a_training_learns_from(script: dict[str, Any], people: Path) -> None:
    known = open_dataset(str(people), task=FACE_RECOGNITION).splits
    files, _ = script["faces"]([], [people])
    assert [str(file.relative_to(people)) for file in files] == [sample.key for sample in known["train"]]
    assert 2 <= len(files) < 7 and known["val"]


def test_mixtures_and_vectors_are_written_together_and_the_same_again(
    people: Path, weights: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.npz"
    np.savez(kept, files=np.array(["ann/0.png"]), emb=np.ones((1, 128), np.float16))
    for out in ("one", "two"):
        done = mixed("--faces", people, "--network", weights, "--add", kept, "--count", 5, "-o", tmp_path / out)
        assert done.returncode == 0, done.stderr
    vectors = read_teacher(tmp_path / "one" / "teacher.npz")
    pictures = sorted((tmp_path / "one" / "train").rglob("*.jpg"))
    names = {f"{picture.parent.name}/{picture.name}" for picture in pictures}
    assert len(pictures) == 5 and set(vectors) == names | {"ann/0.png"}
    assert vectors["ann/0.png"].tolist() == [1.0] * 128
    assert len({vectors[name].tobytes() for name in names}) == 5
    for picture in pictures:
        with Image.open(picture) as opened:
            assert opened.size == (112, 112)
        assert picture.read_bytes() == (tmp_path / "two" / picture.relative_to(tmp_path / "one")).read_bytes()


def test_what_cannot_be_mixed_gets_a_sentence_and_leaves_nothing(people: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    torn = tmp_path / "torn"
    torn.mkdir()
    (torn / "face_recognition_model-weights_manifest.json").write_text('[{"paths": [], "weights": []}]')
    small = tmp_path / "small"
    (small / "dot").mkdir(parents=True)
    for name in ("1.png", "2.png"):
        Image.new("RGB", (9, 9)).save(small / "dot" / name)
    for arguments, sentence in (
        (("--faces", tmp_path / "none", "--network", weights, "-o", out), "There is no folder"),
        (("--faces", torn, "--network", weights, "-o", out), "holds 0 pictures"),
        (("--network", weights, "-o", out), "There are no faces to mix"),
        (("--data", tmp_path / "none", "--network", weights, "-o", out), "none does not exist"),
        (("--faces", people, "--network", people, "-o", out), "Install face-api.js"),
        (("--faces", people, "--network", torn, "-o", out), "is not of dlib's recognizer"),
        (("--faces", small, "--network", weights, "-o", out), "9x9, but aligned faces are 112x112"),
        (("--faces", people, "--network", weights, "-o", people), "exists already"),
    ):
        done = mixed(*arguments)
        assert done.returncode == 1 and sentence in done.stderr and "Traceback" not in done.stderr, done.stderr
        assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (("--count", 0), "'0' is not a whole number above 0"),
        (("--count", "many"), "'many' is not a whole number above 0"),
        (("--seed", -1), "'-1' is not a whole number from 0"),
    ],
)
def test_numbers_that_cannot_be_are_one_sentence(
    people: Path, weights: Path, tmp_path: Path, option: tuple[str, object], sentence: str
) -> None:
    done = mixed("--faces", people, "--network", weights, "-o", tmp_path / "out", *option)
    assert done.returncode == 2 and sentence in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_network_answers_as_face_api_js_does(script: dict[str, Any], tmp_path: Path) -> None:
    """The same pixels through the public weights, here and in face-api.js under Node: `make slow` installs it."""
    with Image.open(ROOT / "benchmarks" / "browser" / "portrait.jpg") as opened:
        portrait = np.asarray(opened.convert("RGB").resize((150, 150)), np.float32)
    portrait.tofile(tmp_path / "portrait.bin")
    done = subprocess.run(
        ["node", str(ROOT / "tests" / "face_api_vector.cjs"), str(FACE_API), str(tmp_path / "portrait.bin")],
        env=os.environ | {"NODE_PATH": str(ROOT / "exports" / "web" / "node_modules")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    expected = np.array(json.loads(done.stdout), np.float32)
    np.testing.assert_allclose(script["network"](FACE_API / "model")(portrait[None])[0], expected, atol=1e-3)
    assert expected.shape == (128,) and np.abs(expected).max() > 0.1
