"""From what a loader read to the data set of a task: divided, cropped, cut, limited, and fit to be trained on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tuner.data._annotations import UNSPLIT, Loaded, listing
from tuner.data._crops import crop_boxes
from tuner.data._gate import cut_evenly, has_both_kinds
from tuner.data._splits import choose_val, file_hash, limit_identities, limit_pictures, name_hash
from tuner.data._types import Dataset, Sample
from zoo._errors import BadData
from zoo._specs import FACE_DETECTION, FACE_GATE, FACE_RECOGNITION, GATE_LABELS, OBJECT_DETECTION, OBJECT_RECOGNITION


def arrange(
    loaded: Loaded,
    *,
    name: str,
    format: str,
    task: str,
    limits: Mapping[str, int | None] | None = None,
    seed: int = 0,
) -> Dataset:
    """Make the data set `name` for a task; `limits` keep that many pictures of a split, as `open_dataset` tells.

    Raises: BadData when nothing can be trained with it.
    """
    splits, labels, keypoints = divide(loaded, task), loaded.labels, loaded.keypoints
    notes = []
    if UNSPLIT in loaded.splits:
        total, val = len(loaded.splits[UNSPLIT]), len(splits["val"])
        notes.append(f"{name} brings no validation split: {val} of {total} pictures are kept for val.")
    if task in (FACE_DETECTION, FACE_GATE) and labels != ("face",):
        notes.append(f"All classes of {name} count as faces: {listing(labels)}.")
    if task == FACE_DETECTION:
        splits, labels = {split: [_as_face(sample) for sample in splits[split]] for split in splits}, ("face",)
    if task == OBJECT_RECOGNITION and any(sample.label < 0 for samples in splits.values() for sample in samples):
        splits, keypoints = _crop(splits, notes), ()
    _check_trainable(name, task, splits, labels)
    if task == FACE_GATE:
        splits, labels, keypoints = _cut_for_gate(name, splits, notes), GATE_LABELS, ()
    limits = limits or {}
    return Dataset(
        name=name,
        format=format,
        labels=labels,
        splits={split: _limit(samples, limits.get(split), task, seed) for split, samples in splits.items()},
        keypoints=keypoints,
        category_ids=loaded.category_ids if labels == loaded.labels else (),
        findings=tuple(loaded.findings),
        notes=tuple(notes),
    )


def divide(loaded: Loaded, task: str | None) -> dict[str, list[Sample]]:
    """Return the splits that the data bring; what is undivided becomes train and val by hash."""
    if UNSPLIT not in loaded.splits:
        return loaded.splits
    samples = loaded.splits[UNSPLIT]
    if task == FACE_RECOGNITION:
        hashes = [name_hash(loaded.labels[sample.label]) for sample in samples]
        val = choose_val(hashes, at_least=2)
    else:
        hashes = [loaded.hashes.get(sample.key) or file_hash(loaded.files[sample.key]) for sample in samples]
        of_label: dict[int, list[str]] = defaultdict(list)
        for sample, digest in zip(samples, hashes, strict=True):
            of_label[sample.label].append(digest)
        val = set().union(*(choose_val(of_class) for of_class in of_label.values()))
    splits: dict[str, list[Sample]] = {"train": [], "val": []}
    for sample, digest in zip(samples, hashes, strict=True):
        splits["val" if digest in val else "train"].append(sample)
    return splits | {split: samples for split, samples in loaded.splits.items() if split != UNSPLIT}


def _as_face(sample: Sample) -> Sample:
    return replace(sample, classes=np.zeros_like(sample.classes))


def _crop(splits: Mapping[str, Sequence[Sample]], notes: list[str]) -> dict[str, list[Sample]]:
    cropped = {}
    for split, samples in splits.items():
        cropped[split], sentences = crop_boxes(samples)
        notes += [f"In {split}, {sentence}" for sentence in sentences]
    return cropped


def _cut_for_gate(name: str, splits: Mapping[str, Sequence[Sample]], notes: list[str]) -> dict[str, list[Sample]]:
    squares = {}
    for split, samples in splits.items():
        squares[split], sentences = cut_evenly(samples)
        notes += [f"In {split}, {sentence}" for sentence in sentences]
        if not has_both_kinds(squares[split]):
            raise BadData(
                f"The pictures of {name} in the split '{split}' give no squares with a face, or none without one. "
                f"Add pictures with room beside the faces, or without any."
            )
    return squares


def _check_trainable(name: str, task: str, splits: Mapping[str, Sequence[Sample]], labels: Sequence[str]) -> None:
    for split in ("train", "val"):
        if not splits[split]:
            raise BadData(f"{name} has no usable picture for '{split}'. Add some, or leave the folder undivided.")
    if task in (FACE_DETECTION, OBJECT_DETECTION, FACE_GATE) and not any(
        len(sample.classes) for sample in splits["train"]
    ):
        raise BadData(f"{name} has not one box in its training pictures. Annotate them first.")
    if task == OBJECT_RECOGNITION and len(labels) < 2:
        raise BadData(f"{name} has one class, {listing(labels)}; recognition needs at least two.")


def _limit(samples: list[Sample], count: int | None, task: str, seed: int) -> list[Sample]:
    if count is None:
        return samples
    return limit_identities(samples, count, seed) if task == FACE_RECOGNITION else limit_pictures(samples, count, seed)
