"""Measuring a network on labelled pictures, with the conditions of the number beside it."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from exports.load import Loaded
from tuner.data import Dataset, Decoded, Sample, decode, open_dataset
from tuner.data._pictures import read_picture
from tuner.data.pairs import read_pairs
from tuner.learners import learner_for
from tuner.progress import Progress, tell_data, tell_skipped
from tuner.training import predict
from zoo._errors import BadData, ZooError
from zoo._specs import FACE_RECOGNITION
from zoo.tasks.metrics import verification_accuracy


@dataclass(frozen=True)
class Measurement:
    """One number and its conditions. `value` is in 0..1, higher is better."""

    name: str
    value: float
    data: str
    split: str
    data_sha256: str
    pictures: int
    skipped: int
    input_size: tuple[int, int]
    precision: str

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "input_size": list(self.input_size)}


@dataclass(frozen=True)
class Labelled:
    """A split, decoded once, on which several networks can be measured side by side."""

    dataset: Dataset
    split: str
    pictures: Decoded


def open_labelled(
    loaded: Loaded, data: str | None = None, split: str = "val", limit: int | None = None, seed: int | None = None
) -> Labelled:
    """Open and decode one split of `data` for the task and input of a network; left out, the data it was trained on.

    `seed` decides which pictures 'synthetic' generates; left out, it is that of the training.

    Raises BadData when the data does not have that split or labels classes that the network does not know.
    """
    data = data or loaded.trained_on
    if data is None:
        raise BadData(
            f"The data that '{loaded.spec.name}' was trained on is not known here. Name a folder with --data, or "
            f"'synthetic' for generated pictures."
        )
    dataset = open_dataset(data, task=loaded.spec.task, seed=loaded.seed if seed is None else seed)
    if split not in dataset.splits:
        raise BadData(f"{data} has no split '{split}'; it has {', '.join(dataset.splits)}. Choose one with --split.")
    if loaded.labels and dataset.labels != loaded.labels:
        raise BadData(
            f"{data} labels {', '.join(dataset.labels)}, but this model was trained for {', '.join(loaded.labels)}. "
            f"Name data with its own labels with --data."
        )
    with Progress(f"reading {split} pictures", unit="img") as progress:
        pictures = decode(dataset.splits[split][:limit], loaded.spec.inputs, progress=progress.update_to)
    tell_data(dataset, {split: len(pictures)})
    tell_skipped([*dataset.skipped, *pictures.skipped])
    return Labelled(dataset, split, pictures)


def measure(loaded: Loaded, labelled: Labelled) -> Measurement:
    """Return the task's metric: AP at IoU 0.5 (ap50), top-1 accuracy, or verification accuracy over generated pairs."""
    learner = learner_for(loaded.spec, len(labelled.dataset.labels))
    outputs = predict(loaded.network, labelled.pictures.images, loaded.spec.inputs)
    dataset = labelled.dataset
    return Measurement(
        name=learner.metric,
        value=learner.score(outputs, labelled.pictures),
        data=dataset.name,
        split=labelled.split,
        data_sha256=dataset.digest,
        pictures=len(labelled.pictures),
        skipped=len(dataset.skipped) + len(labelled.pictures.skipped),
        input_size=(loaded.spec.inputs.height, loaded.spec.inputs.width),
        precision=loaded.precision,
    )


def measure_pairs(loaded: Loaded, folder: Path) -> Measurement:
    """Return the 10-fold accuracy on a pairs file, LFW view 2 or laid out like it.

    Raises ZooError when the network gives no embedding, BadData when the folder has no usable pairs file.
    """
    if loaded.spec.task != FACE_RECOGNITION:
        raise ZooError(
            f"'{loaded.spec.name}' is for {loaded.spec.task}; pairs measure {FACE_RECOGNITION} alone. Use --data."
        )
    pairs = read_pairs(folder)
    paths = sorted({*pairs.paths_a, *pairs.paths_b})
    position = {path: index for index, path in enumerate(paths)}
    samples = [Sample(key=str(path), load=partial(read_picture, path)) for path in paths]
    with Progress("reading pairs", unit="img") as progress:
        pictures = decode(samples, loaded.spec.inputs, progress=progress.update_to)
    if pictures.skipped:
        raise BadData(f"Every picture of a pairs file is needed: {pictures.skipped[0]}")
    embedding = predict(loaded.network, pictures.images, loaded.spec.inputs)["embedding"]
    left, right = ([position[path] for path in side] for side in (pairs.paths_a, pairs.paths_b))
    cosines = (embedding[left] * embedding[right]).sum(axis=1)
    return Measurement(
        name="verification_accuracy",
        value=verification_accuracy(cosines, pairs.same, pairs.folds),
        data=folder.name,
        split=f"{len(np.unique(pairs.folds))} folds",
        data_sha256=hashlib.sha256((folder / "pairs.txt").read_bytes()).hexdigest(),
        pictures=len(paths),
        skipped=0,
        input_size=(loaded.spec.inputs.height, loaded.spec.inputs.width),
        precision=loaded.precision,
    )
