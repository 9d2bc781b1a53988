"""Opening a data set: the one entry for generated data and for folders of every known format."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tuner.data._annotations import UNSPLIT, Loaded, check_bad_share, listing
from tuner.data._crops import crop_boxes
from tuner.data._formats import check_format, read_folder
from tuner.data._gate import cut_evenly, has_both_kinds
from tuner.data._splits import choose_val, file_hash, limit_identities, limit_pictures, name_hash
from tuner.data._types import Dataset, Sample
from zoo._errors import BadData
from zoo._specs import (
    FACE_DETECTION,
    FACE_GATE,
    FACE_RECOGNITION,
    GATE_LABELS,
    OBJECT_DETECTION,
    OBJECT_RECOGNITION,
    check_task,
)

SYNTHETIC = "synthetic"


def open_dataset(
    location: str | Path,
    *,
    task: str,
    limit: int | None = None,
    val_limit: int | None = None,
    seed: int = 0,
    format: str | None = None,
    labels: Sequence[str] | None = None,
) -> Dataset:
    """Open labelled pictures for a task, without decoding them.

    `location` is "synthetic" for generated data or a folder; its format is recognised by what it holds unless `format`
    names one of `FORMATS`. A data set without splits is divided by hash, about a tenth for validation: pictures by
    their bytes, identities by name. Detection data serve object recognition as crops of the boxes, face detection
    with all classes as one label "face", and the face gate as squares with and without a face, as many of each.

    `limit` and `val_limit` keep that many pictures of train and of val; the other split is never touched. Each
    class keeps its share; of identities, as many as possible are kept, with eight pictures each and two at least,
    which can end one picture short. Generated data come in any size, 512 and 128 pictures by default. `seed`
    decides which pictures are kept or generated, never how a folder is divided. `labels` fixes the classes and
    their order: any other class is an error.

    Raises: BadData for a folder that cannot be used, saying why; UnknownName for an unknown task or format.
    """
    check_task(task)
    for name, count in (("limit", limit), ("val_limit", val_limit)):
        if count is not None and count < 1:
            raise BadData(f"{name} is a number of pictures, got {count}. Use 1 or more, or leave it out.")
    check_format(format)
    if str(location) == SYNTHETIC and format is None:
        return _open_synthetic(task, limit, val_limit, seed, labels)
    folder = Path(location)
    loaded, chosen = read_folder(folder, task, format, labels)
    _check_loaded(folder, loaded)
    splits = _divide(loaded, task)
    names = loaded.labels
    notes = []
    if UNSPLIT in loaded.splits:
        counts = {split: len(samples) for split, samples in splits.items()}
        notes.append(f"{folder} brings no splits: {counts['val']} of {sum(counts.values())} pictures are kept for val.")
    if task in (FACE_DETECTION, FACE_GATE) and names != ("face",):
        notes.append(f"All classes of {folder} count as faces: {listing(names)}.")
    if task == FACE_DETECTION:
        splits, names = (
            {split: [_as_faces(sample) for sample in samples] for split, samples in splits.items()},
            ("face",),
        )
    if task == OBJECT_RECOGNITION and chosen != "classes":
        splits = _crop(splits, loaded)
    _check_trainable(folder, task, splits, names)
    if task == FACE_GATE:
        splits, names = _cut_for_gate(folder, splits, loaded), GATE_LABELS
    limits = {"train": limit, "val": val_limit}
    return Dataset(
        name=folder.resolve().name,
        format=chosen,
        labels=names,
        splits={split: _limit(samples, limits[split], task, seed) for split, samples in splits.items()},
        keypoints=loaded.keypoints,
        skipped=tuple(loaded.skipped),
        notes=tuple(notes),
    )


def _open_synthetic(
    task: str, limit: int | None, val_limit: int | None, seed: int, labels: Sequence[str] | None
) -> Dataset:
    from tuner.data import synthetic

    if labels is not None:
        raise BadData("Generated data have labels of their own. Leave out labels, or open a folder.")
    return synthetic.generate(task, limit or synthetic.TRAIN_PICTURES, val_limit or synthetic.VAL_PICTURES, seed)


def _check_loaded(folder: Path, loaded: Loaded) -> None:
    good, bad = sum(len(samples) for samples in loaded.splits.values()), len(loaded.bad_pictures)
    if not good + bad:
        raise BadData(f"Data folder {folder} holds annotations for no picture at all. Export it again with pictures.")
    check_bad_share(bad, good + bad, loaded.bad_pictures)


def _divide(loaded: Loaded, task: str) -> dict[str, list[Sample]]:
    """Return the splits that the data bring, or divide them by hash."""
    if UNSPLIT not in loaded.splits:
        return loaded.splits
    samples = loaded.splits[UNSPLIT]
    if task == FACE_RECOGNITION:
        hashes = [name_hash(loaded.labels[sample.label]) for sample in samples]
        val = choose_val(hashes, at_least=2)
    else:
        hashes = [file_hash(loaded.files[sample.key]) for sample in samples]
        of_label: dict[int, list[str]] = defaultdict(list)
        for sample, digest in zip(samples, hashes, strict=True):
            of_label[sample.label].append(digest)
        val = set().union(*(choose_val(of_class) for of_class in of_label.values()))
    splits: dict[str, list[Sample]] = {"train": [], "val": []}
    for sample, digest in zip(samples, hashes, strict=True):
        splits["val" if digest in val else "train"].append(sample)
    return splits


def _as_faces(sample: Sample) -> Sample:
    return replace(sample, classes=np.zeros_like(sample.classes))


def _crop(splits: dict[str, list[Sample]], loaded: Loaded) -> dict[str, list[Sample]]:
    cropped = {}
    for split, samples in splits.items():
        cropped[split], sentences = crop_boxes(samples)
        loaded.skipped += [f"In {split}, {sentence}" for sentence in sentences]
    loaded.keypoints = ()
    return cropped


def _cut_for_gate(folder: Path, splits: dict[str, list[Sample]], loaded: Loaded) -> dict[str, list[Sample]]:
    squares = {}
    for split, samples in splits.items():
        squares[split], sentences = cut_evenly(samples)
        loaded.skipped += [f"In {split}, {sentence}" for sentence in sentences]
        if not has_both_kinds(squares[split]):
            raise BadData(
                f"The pictures of {folder} in the split '{split}' give no squares with a face, or none without one. "
                f"Add pictures with room beside the faces, or without any."
            )
    loaded.keypoints = ()
    return squares


def _check_trainable(folder: Path, task: str, splits: dict[str, list[Sample]], names: tuple[str, ...]) -> None:
    for split in ("train", "val"):
        if not splits[split]:
            raise BadData(
                f"Data folder {folder} has no usable picture for '{split}'. Add some, or leave the folder undivided."
            )
    if task in (FACE_DETECTION, OBJECT_DETECTION, FACE_GATE) and not any(
        len(sample.classes) for sample in splits["train"]
    ):
        raise BadData(f"Data folder {folder} has not one box in its training pictures. Annotate them first.")
    if task == OBJECT_RECOGNITION and len(names) < 2:
        raise BadData(f"Data folder {folder} has one class, {listing(names)}; recognition needs at least two.")


def _limit(samples: list[Sample], count: int | None, task: str, seed: int) -> list[Sample]:
    if count is None:
        return samples
    return limit_identities(samples, count, seed) if task == FACE_RECOGNITION else limit_pictures(samples, count, seed)
