"""TensorFlow Datasets: small data sets, really prepared, opened where they lie."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tuner.data import decode, open_dataset
from tuner.data._cache import cache_key
from tuner.data.check import check_data
from zoo import BadData, ImageSpec
from zoo._specs import FACE_DETECTION, FACE_RECOGNITION, OBJECT_DETECTION, OBJECT_RECOGNITION, TASKS

INPUTS = ImageSpec(32, 32)
HEIGHT, WIDTH = 48, 64
DOG = [4, 8, 24, 18]
PETS = ("cat", "dog")


def pixels(split: str, row: int) -> np.ndarray:
    return np.random.default_rng([len(split), row]).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


class _Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    VERSION = tfds.core.Version("1.0.0")
    features: dict[str, Any]
    sizes: dict[str, int]

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(self.features))

    def _split_generators(self, manager: object) -> dict[str, Any]:
        return {split: self._generate_examples(split) for split in self.sizes}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        for row in range(self.sizes[split]):
            yield row, {"image": pixels(split, row), "number": row, **self.labelled(row)}

    def labelled(self, row: int) -> dict[str, Any]:
        raise NotImplementedError


def image(**others: Any) -> dict[str, Any]:
    return {"image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"), "number": np.int64, **others}


def box(x_min: float, y_min: float, x_max: float, y_max: float) -> tfds.features.BBox:
    return tfds.features.BBox(y_min / HEIGHT, x_min / WIDTH, y_max / HEIGHT, x_max / WIDTH)


class Boxed(_Builder):
    """Boxes of pets: one per picture, in the first an ignored one as well, in the second none."""

    features = image(
        objects=tfds.features.Sequence(
            {
                "bbox": tfds.features.BBoxFeature(),
                "label": tfds.features.ClassLabel(names=PETS),
                "is_crowd": np.bool_,
            }
        )
    )
    sizes = {"train": 12, "validation": 4}  # noqa: RUF012

    def labelled(self, row: int) -> dict[str, Any]:
        objects = [{"bbox": box(*DOG), "label": "dog", "is_crowd": False}]
        crowd = {"bbox": box(30, 20, 60, 40), "label": "cat", "is_crowd": True}
        return {"objects": [*objects, crowd][: 2 if row == 0 else 1] if row != 1 else []}


class Labelled(_Builder):
    """Pictures of pets, with a test split and none for validation."""

    features = image(label=tfds.features.ClassLabel(names=PETS))
    sizes = {"train": 40, "test": 6}  # noqa: RUF012

    def labelled(self, row: int) -> dict[str, Any]:
        return {"label": row % 2}


class Faces(_Builder):
    """Faces without a class of their own, as WIDER FACE has them."""

    features = image(faces=tfds.features.Sequence({"bbox": tfds.features.BBoxFeature(), "invalid": np.bool_}))
    sizes = {"train": 3, "validation": 2}  # noqa: RUF012

    def labelled(self, row: int) -> dict[str, Any]:
        return {"faces": [{"bbox": box(*DOG), "invalid": row == 0}]}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tfds")
    for builder in (Boxed, Labelled, Faces):
        builder(data_dir=root).download_and_prepare()
    return root


@pytest.fixture(autouse=True)
def _own_folder(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared))


def number_of(builder: str, split: str, picture: np.ndarray) -> int:
    """Return the row of a picture as generated: records are shuffled when they are prepared."""
    rows = [row for row in range(40) if np.array_equal(pixels(split, row), picture)]
    assert len(rows) == 1, builder
    return rows[0]


def test_boxes_pictures_and_splits() -> None:
    dataset = open_dataset("tfds:boxed", task=OBJECT_DETECTION)
    assert (dataset.name, dataset.format, dataset.labels) == ("tfds:boxed", "tfds", PETS)
    assert {split: len(samples) for split, samples in dataset.splits.items()} == {"train": 12, "val": 4}
    assert (dataset.findings, dataset.notes) == ((), ())
    rows = []
    for sample in dataset.splits["train"]:
        row = number_of("boxed", "train", sample.load())
        rows.append(row)
        expected = {0: [DOG, [30, 20, 60, 40]], 1: []}.get(row, [DOG])
        np.testing.assert_allclose(sample.boxes_px, np.array(expected).reshape(-1, 4), atol=1e-4)
        assert sample.classes.tolist() == [1, 0][: len(expected)]
        assert sample.ignore.tolist() == [False, True][: len(expected)]
        assert sample.size_px == (HEIGHT, WIDTH)
    assert sorted(rows) == list(range(12))


def test_pictures_stay_on_disk_and_are_kept_decoded(tmp_path: Path) -> None:
    samples = open_dataset("tfds:boxed", task=OBJECT_DETECTION).splits["train"]
    for sample in samples:
        assert isinstance(sample.load, partial)
        assert not any(isinstance(word, bytes | np.ndarray) for word in sample.load.args)
    assert cache_key(samples, INPUTS) is not None
    first, second = (decode(samples, INPUTS, cache=tmp_path / "cache") for _ in range(2))
    assert isinstance(second.images.base, np.memmap)
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.images, decode(samples, INPUTS).images)


def test_without_a_validation_split_train_is_divided_and_test_left_alone() -> None:
    dataset = open_dataset("tfds:labelled", task=OBJECT_RECOGNITION)
    counts = {split: len(samples) for split, samples in dataset.splits.items()}
    assert counts["train"] + counts["val"] == 40
    assert 2 <= counts["val"] <= 12
    assert counts["test"] == 6
    for split in ("train", "val", "test"):
        for sample in dataset.splits[split]:
            assert sample.label == number_of("labelled", "test" if split == "test" else "train", sample.load()) % 2
    limited = open_dataset("tfds:labelled", task=OBJECT_RECOGNITION, limit=8)
    assert [len(limited.splits[split]) for split in ("train", "test")] == [8, 6]


def test_boxes_serve_recognition_and_faces_have_a_class() -> None:
    crops = open_dataset("tfds:boxed", task=OBJECT_RECOGNITION)
    assert {sample.label for sample in crops.splits["train"]} == {1}
    assert crops.splits["train"][0].load().shape == (10, 20, 3)
    faces = open_dataset("tfds:faces", task=FACE_DETECTION)
    assert faces.labels == ("face",)
    assert sum(sample.ignore.sum() for sample in faces.splits["train"]) == 1
    assert open_dataset("tfds:boxed", task=FACE_DETECTION).labels == ("face",)


def test_labels_fix_the_order_and_refuse_others() -> None:
    dataset = open_dataset("tfds:labelled", task=OBJECT_RECOGNITION, labels=("dog", "cat"))
    sample = dataset.splits["test"][0]
    assert sample.label == 1 - number_of("labelled", "test", sample.load()) % 2
    with pytest.raises(BadData, match="uses the class 'dog'"):
        open_dataset("tfds:labelled", task=OBJECT_RECOGNITION, labels=("cat", "cow"))


@pytest.mark.parametrize(("name", "task"), [("boxed", OBJECT_DETECTION), ("labelled", OBJECT_RECOGNITION)])
def test_it_can_be_checked(name: str, task: str) -> None:
    report = check_data(f"tfds:{name}")
    assert (report.format, report.task, report.obstacle, report.faults) == ("tfds", task, None, ())


@pytest.mark.parametrize(
    ("location", "task", "reason"),
    [
        ("tfds:mnist", OBJECT_RECOGNITION, "is not prepared in .* with: tfds build mnist"),
        ("tfds:boxed:2.0.0", OBJECT_DETECTION, "is not prepared"),
        ("tfds:boxed/small", OBJECT_DETECTION, "is not prepared"),
        ("tfds:", OBJECT_DETECTION, "Write tfds:NAME"),
        ("tfds:../../etc", OBJECT_DETECTION, "Write tfds:NAME"),
        ("tfds:labelled", OBJECT_DETECTION, "has the features .*label.*, which do not fit the task object-detection"),
        ("tfds:labelled", FACE_RECOGNITION, "do not fit the task face-recognition"),
    ],
)
def test_what_cannot_be_opened_is_one_sentence(location: str, task: str, reason: str) -> None:
    with pytest.raises(BadData, match=reason):
        open_dataset(location, task=task)


@pytest.mark.parametrize("task", TASKS)
def test_a_format_is_for_folders(task: str) -> None:
    with pytest.raises(BadData, match="A format is for folders"):
        open_dataset("tfds:boxed", task=task, format="coco")


def test_without_the_package_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(BadData, match=r"pip install 'pocket-zoo\[tfds\]'"):
        open_dataset("tfds:boxed", task=OBJECT_DETECTION)


def test_versions_and_configurations(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    for place in ("small/1.0.0", "large/1.0.0"):
        shutil.copytree(prepared / "boxed" / "1.0.0", tmp_path / "boxed" / place)
    with pytest.raises(BadData, match="prepared in 2 configurations: large, small"):
        open_dataset("tfds:boxed", task=OBJECT_DETECTION)
    assert len(open_dataset("tfds:boxed/small", task=OBJECT_DETECTION).splits["train"]) == 12
    assert len(open_dataset("tfds:boxed/small:1.0.0", task=OBJECT_DETECTION).splits["train"]) == 12


@pytest.mark.parametrize("left", [0.5, 0.999])
def test_a_torn_record_file(left: float, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(prepared / "boxed", tmp_path / "boxed")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    [file] = (tmp_path / "boxed" / "1.0.0").glob("*-train.tfrecord*")
    content = file.read_bytes()
    file.write_bytes(content[: int(left * len(content))])
    with pytest.raises(BadData, match="is torn"):
        open_dataset("tfds:boxed", task=OBJECT_DETECTION)
    file.unlink()
    with pytest.raises(BadData, match="cannot be read"):
        open_dataset("tfds:boxed", task=OBJECT_DETECTION)
    (tmp_path / "boxed" / "1.0.0" / "features.json").write_text("{")
    with pytest.raises(BadData, match="cannot be opened by TensorFlow Datasets"):
        open_dataset("tfds:boxed", task=OBJECT_DETECTION)


def test_an_unreadable_picture_is_left_out(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(prepared / "boxed", tmp_path / "boxed")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    [file] = (tmp_path / "boxed" / "1.0.0").glob("*-train.tfrecord*")
    content = bytearray(file.read_bytes())
    first, second = content.find(b"\x89PNG"), content.rfind(b"\x89PNG")
    content[first : first + 4] = b"none"  # no picture at all
    content[second + 200 : second + 240] = bytes(40)  # one that begins well
    file.write_bytes(bytes(content))
    dataset = open_dataset("tfds:boxed", task=OBJECT_DETECTION)
    assert [finding.kind for finding in dataset.findings] == ["unreadable"]
    decoded = decode(dataset.splits["train"], INPUTS)
    assert len(decoded) == 10
    assert "at byte" in decoded.skipped[0]
