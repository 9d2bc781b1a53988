"""Generated pictures for every task: faces and animals drawn by rules, labels exact by construction.

A first run, a test or a demonstration needs no download. Each picture follows from (seed, task, split, index) alone:
the same on every run, in any order of access, and painted only when loaded. Landmarks and boxes are those of the
drawing before it is covered by anything. Trained weights know drawings, not photographs.
"""

from __future__ import annotations

from functools import partial
from itertools import count

import numpy as np

from tuner.data._gate import cut_by_turns
from tuner.data._people import draw_identity
from tuner.data._scenes import Scene, animal_portrait, animal_scene, face_portrait, face_scene, render
from tuner.data._types import Dataset, Sample
from zoo._specs import (
    FACE_DETECTION,
    FACE_GATE,
    FACE_KEYPOINTS,
    FACE_RECOGNITION,
    GATE_LABELS,
    OBJECT_DETECTION,
    TASKS,
)

TRAIN_PICTURES = 512
VAL_PICTURES = 128

DETECTED_ANIMALS = ("fish", "ladybird", "butterfly")
RECOGNISED_ANIMALS = ("fish", "ladybird", "butterfly", "turtle", "crab", "snail")

PICTURES_PER_IDENTITY = {"train": 8, "val": 4}
"""Validation has more people with fewer pictures each: pairs of many people say more than many pairs of few."""

VERSION = 1
"""Part of every key: a change to the drawings is a change of the data."""

_SPLITS = ("train", "val")
_LAYOUT, _PAINT, _IDENTITY = range(3)


def generate(task: str, train_pictures: int, val_pictures: int, seed: int) -> Dataset:
    """Lay out a data set of the sizes given; `Sample.load` paints."""
    if task == FACE_GATE:
        return _generate_gate(train_pictures, val_pictures, seed)
    counts = {"train": train_pictures, "val": val_pictures}
    labels = {FACE_DETECTION: ("face",), OBJECT_DETECTION: DETECTED_ANIMALS}.get(task, RECOGNISED_ANIMALS)
    if task == FACE_RECOGNITION:
        labels = tuple(
            f"{split}-{number:04d}" for split in _SPLITS for number in range(_num_identities(split, counts[split]))
        )
    first_label = {"train": 0, "val": _num_identities("train", train_pictures) if task == FACE_RECOGNITION else 0}
    return Dataset(
        name="synthetic",
        format="synthetic",
        labels=labels,
        splits={
            split: [_sample(task, seed, split, index, first_label[split]) for index in range(counts[split])]
            for split in _SPLITS
        },
        keypoints=FACE_KEYPOINTS if task == FACE_DETECTION else (),
    )


def _generate_gate(train_pictures: int, val_pictures: int, seed: int) -> Dataset:
    """Squares out of the pictures that face detection has in the same split."""
    splits = {}
    for split, pictures in zip(_SPLITS, (train_pictures, val_pictures), strict=True):
        scenes = (_sample(FACE_DETECTION, seed, split, index, 0) for index in count())
        splits[split] = cut_by_turns(scenes, pictures)
    return Dataset(name="synthetic", format="synthetic", labels=GATE_LABELS, splits=splits)


def _num_identities(split: str, pictures: int) -> int:
    """At least two people, so that there is somebody to tell apart."""
    return min(max(-(-pictures // PICTURES_PER_IDENTITY[split]), 2), pictures)


def _sample(task: str, seed: int, split: str, index: int, first_label: int) -> Sample:
    key = f"synthetic-{VERSION}/{task}/{seed}/{split}/{index:05d}"
    load = partial(_load, task, seed, split, index)
    if task == FACE_RECOGNITION:
        return Sample(key, load, label=first_label + index // PICTURES_PER_IDENTITY[split])
    if task not in (FACE_DETECTION, OBJECT_DETECTION):
        return Sample(key, load, label=index % len(RECOGNISED_ANIMALS))
    scene = _scene(task, seed, split, index)
    num_keypoints = len(FACE_KEYPOINTS) if task == FACE_DETECTION else 0
    return Sample(
        key,
        load,
        boxes_px=np.array(scene.boxes, np.float32).reshape(-1, 4),
        classes=np.array(scene.classes, np.int64),
        keypoints_px=np.array(scene.keypoints, np.float32).reshape(len(scene.boxes), num_keypoints, 2),
        ignore=np.zeros(len(scene.boxes), bool),
        size_px=(scene.height_px, scene.width_px),
    )


def _load(task: str, seed: int, split: str, index: int) -> np.ndarray:
    return render(_scene(task, seed, split, index), _generator(task, seed, split, index, _PAINT))


def _scene(task: str, seed: int, split: str, index: int) -> Scene:
    generator = _generator(task, seed, split, index, _LAYOUT)
    if task == FACE_DETECTION:
        return face_scene(generator)
    if task == OBJECT_DETECTION:
        return animal_scene(generator, DETECTED_ANIMALS)
    if task == FACE_RECOGNITION:
        person = _generator(task, seed, split, index // PICTURES_PER_IDENTITY[split], _IDENTITY)
        return face_portrait(draw_identity(person), generator)
    return animal_portrait(generator, RECOGNISED_ANIMALS[index % len(RECOGNISED_ANIMALS)])


def _generator(task: str, seed: int, split: str, index: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng(
        [VERSION, abs(seed), int(seed < 0), TASKS.index(task), _SPLITS.index(split), index, purpose]
    )
