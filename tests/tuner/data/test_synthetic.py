"""Generated data: the same on every run, exact labels, people never on both sides."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from tuner.data import open_dataset
from tuner.data._faces import head
from tuner.data._people import draw_identity, draw_look
from tuner.data._scenes import _align
from zoo._specs import FACE_DETECTION, FACE_KEYPOINTS, FACE_RECOGNITION, OBJECT_DETECTION, OBJECT_RECOGNITION, TASKS
from zoo.tasks.alignment import TEMPLATE_PX

DETECTION = (FACE_DETECTION, OBJECT_DETECTION)


@pytest.mark.parametrize("task", TASKS)
def test_sizes(task: str) -> None:
    dataset = open_dataset("synthetic", task=task, limit=20, val_limit=9)
    assert [len(dataset.splits[split]) for split in ("train", "val")] == [20, 9]
    assert len({sample.key for split in dataset.splits.values() for sample in split}) == 29
    assert dataset.format == "synthetic"
    picture = dataset.splits["train"][0].load()
    assert picture.dtype == np.uint8
    assert picture.std() > 10


def test_default_sizes() -> None:
    dataset = open_dataset("synthetic", task=OBJECT_RECOGNITION)
    assert [len(dataset.splits[split]) for split in ("train", "val")] == [512, 128]
    assert len(dataset.labels) >= 4


@pytest.mark.parametrize("task", TASKS)
def test_same_in_any_order_and_size(task: str) -> None:
    few = open_dataset("synthetic", task=task, limit=8, val_limit=4)
    many = open_dataset("synthetic", task=task, limit=12, val_limit=4)
    for split, index in (("train", 7), ("val", 3), ("train", 0), ("train", 7)):
        first, second = few.splits[split][index], many.splits[split][index]
        assert first.key == second.key
        np.testing.assert_array_equal(first.load(), second.load())
        np.testing.assert_array_equal(first.boxes_px, second.boxes_px)
    assert few.digest == open_dataset("synthetic", task=task, limit=8, val_limit=4).digest


@pytest.mark.parametrize("task", TASKS)
def test_seed_and_split_change_the_pictures(task: str) -> None:
    first = open_dataset("synthetic", task=task, limit=8, val_limit=4)
    other = open_dataset("synthetic", task=task, limit=8, val_limit=4, seed=1)
    assert first.digest != other.digest
    pictures = [first.splits["train"][0].load(), first.splits["val"][0].load(), other.splits["train"][0].load()]
    assert len({picture.tobytes() for picture in pictures}) == 3


def test_same_in_another_process() -> None:
    code = (
        "import hashlib; from tuner.data import open_dataset; "
        "dataset = open_dataset('synthetic', task='face-detection', limit=2, val_limit=2); "
        "print(dataset.digest, hashlib.sha256(dataset.splits['val'][1].load().tobytes()).hexdigest())"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    dataset = open_dataset("synthetic", task=FACE_DETECTION, limit=2, val_limit=2)
    here = hashlib.sha256(dataset.splits["val"][1].load().tobytes()).hexdigest()
    assert result.stdout.split() == [dataset.digest, here]


@pytest.mark.parametrize("task", DETECTION)
def test_boxes_lie_inside_and_vary(task: str) -> None:
    samples = open_dataset("synthetic", task=task, limit=80).splits["train"]
    for sample in samples[:20]:
        height, width = sample.load().shape[:2]
        assert 120 <= height <= 200
        assert 144 <= width <= 240
        assert (sample.boxes_px[:, :2] >= 0).all()
        assert (sample.boxes_px[:, 2:] <= (width, height)).all()
    counts = [len(sample.boxes_px) for sample in samples]
    assert min(counts) == 0
    assert max(counts) >= 3
    boxes = np.concatenate([sample.boxes_px for sample in samples])
    sides = boxes[:, 2:] - boxes[:, :2]
    assert sides.min() > 10
    assert sides.max() > 4 * sides.min()
    present = {int(index) for sample in samples for index in sample.classes}
    assert present == set(range(1 if task == FACE_DETECTION else 3))


def test_landmarks_lie_inside_their_boxes() -> None:
    dataset = open_dataset("synthetic", task=FACE_DETECTION, limit=150)
    assert dataset.keypoints == FACE_KEYPOINTS
    for sample in dataset.splits["train"]:
        assert sample.keypoints_px.shape == (len(sample.boxes_px), 5, 2)
        assert (sample.keypoints_px >= sample.boxes_px[:, None, :2]).all()
        assert (sample.keypoints_px <= sample.boxes_px[:, None, 2:]).all()


def test_right_and_left_are_the_persons_own() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        identity = draw_identity(generator)
        _, landmarks = head(identity, draw_look(generator, identity))
        right_eye, left_eye, nose, mouth_right, mouth_left = landmarks
        assert right_eye[0] < nose[0] < left_eye[0]
        assert mouth_right[0] < mouth_left[0]
        assert max(right_eye[1], left_eye[1]) < nose[1] < min(mouth_right[1], mouth_left[1])


def test_pupils_are_dark_where_landmarks_say() -> None:
    hits = []
    for sample in open_dataset("synthetic", task=FACE_DETECTION, limit=60).splits["train"]:
        picture = sample.load().mean(axis=2)
        for box, points in zip(sample.boxes_px, sample.keypoints_px, strict=True):
            reach = int((box[2] - box[0]) * 0.09)
            if reach < 4:
                continue
            for x, y in points[:2].astype(int):
                window = picture[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
                hits.append(np.ptp(window) > 60)
    assert len(hits) > 20
    assert np.mean(hits) > 0.8  # the rest is covered, or its eyes are shut, or it is dark


def test_people_are_on_one_side_only() -> None:
    dataset = open_dataset("synthetic", task=FACE_RECOGNITION, limit=64, val_limit=16)
    train, val = ([sample.label for sample in dataset.splits[split]] for split in ("train", "val"))
    assert not set(train) & set(val)
    assert np.unique(train, return_counts=True)[1].tolist() == [8] * 8
    assert np.unique(val, return_counts=True)[1].tolist() == [4] * 4
    assert len(dataset.labels) == 12
    assert all(dataset.labels[label].startswith("val") for label in val)
    assert dataset.splits["train"][0].load().shape == (112, 112, 3)


def test_alignment_inverts_a_similarity() -> None:
    turned = TEMPLATE_PX @ np.array([[0.6, 0.8], [-0.8, 0.6]]) * 0.02 + (3, -2)
    np.testing.assert_allclose(_align(turned).apply(turned), TEMPLATE_PX, atol=1e-6)


def test_classes_are_balanced() -> None:
    dataset = open_dataset("synthetic", task=OBJECT_RECOGNITION, limit=60)
    assert np.bincount([sample.label for sample in dataset.splits["train"]]).tolist() == [10] * 6
