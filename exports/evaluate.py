"""Running a network over labelled pictures, and its task's metric with the conditions of the number beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from exports.load import Loaded
from tuner.data import Dataset, Decoded, cache_folder, decode, open_dataset
from tuner.data._findings import refuse_faults
from tuner.learners import DetectionLearner, Learner, learner_for
from tuner.progress import Progress, tell_data, tell_skipped
from tuner.training import predict
from zoo._errors import BadData
from zoo.tasks.boxes import Detections
from zoo.tasks.metrics import SCORE_FLOOR, Truth, mean_precision, precision_at_recall


@dataclass(frozen=True)
class Measurement:
    """One number and its conditions: `value` is in 0..1, higher is better but for errors, NaN where undefined.

    `min_face` is the height, as a share of the picture's longer side, under which a box is neither hit nor miss.
    """

    name: str
    value: float
    data: str
    split: str
    data_sha256: str
    pictures: int
    skipped: int
    input_size: tuple[int, int]
    precision: str
    min_face: float = 0.0

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON, which has no NaN: null stands for undefined."""
        value = self.value if math.isfinite(self.value) else None
        return {**asdict(self), "value": value, "input_size": list(self.input_size)}


@dataclass(frozen=True)
class Labelled:
    """A split, decoded once, on which several networks can be measured side by side."""

    dataset: Dataset
    split: str
    pictures: Decoded


def open_labelled(
    loaded: Loaded,
    data: str | None = None,
    split: str = "val",
    limit: int | None = None,
    seed: int | None = None,
    format: str | None = None,
    strict: bool = False,
) -> Labelled:
    """Open and decode one split of `data` for the task and input of a network; left out, the data it was trained on.

    `seed` decides which pictures 'synthetic' generates; left out, it is that of the training. `format` is that of a
    folder that holds more than one; data of the training are opened in the format that they were trained in.

    Raises BadData when the data does not have that split or labels classes that the network does not know, and with
    `strict` for whatever would be left out.
    """
    if data is None:
        data, format = loaded.trained_on, format or loaded.trained_format
    if data is None:
        raise BadData(
            f"The data that '{loaded.spec.name}' was trained on is not known here. Name a folder with --data, or "
            f"'synthetic' for generated pictures."
        )
    dataset = open_dataset(
        data, task=loaded.spec.task, seed=loaded.seed if seed is None else seed, format=format, strict=strict
    )
    if split not in dataset.splits:
        raise BadData(f"{data} has no split '{split}'; it has {', '.join(dataset.splits)}. Choose one with --split.")
    if loaded.labels and dataset.labels != loaded.labels:
        raise BadData(
            f"{data} labels {', '.join(dataset.labels)}, but this model was trained for {', '.join(loaded.labels)}. "
            f"Name data with its own labels with --data."
        )
    with Progress(f"reading {split} pictures", unit="img") as progress:
        pictures = decode(
            dataset.splits[split][:limit], loaded.spec.inputs, progress=progress.update_to, cache=cache_folder()
        )
    if strict:
        refuse_faults(pictures.skipped, data)
    tell_data(dataset, {split: len(pictures)})
    tell_skipped([*dataset.skipped, *pictures.skipped])
    return Labelled(dataset, split, pictures)


@dataclass(frozen=True)
class Findings:
    """What a network answers for every picture of a split: its outputs by name, first axis picture."""

    loaded: Loaded
    labelled: Labelled
    outputs: Mapping[str, np.ndarray]

    @cached_property
    def learner(self) -> Learner:
        """What knows the task's labels and metric."""
        return learner_for(self.loaded.spec, len(self.labelled.dataset.labels))

    @cached_property
    def detections(self) -> list[Detections]:
        """What a detector found in each picture down to `SCORE_FLOOR`, in fractions of the model input."""
        assert isinstance(self.learner, DetectionLearner)
        return self.learner.detections(self.outputs, SCORE_FLOOR)

    @cached_property
    def truths(self) -> list[Truth]:
        """What the pictures are labelled with, beside `detections`."""
        pictures = self.labelled.pictures
        return [Truth(*row) for row in zip(pictures.boxes, pictures.classes, pictures.ignore, strict=True)]

    @cached_property
    def precision_at_recall(self) -> np.ndarray:
        """A detector's precision at IoU 0.5, (101 recalls, num_classes)."""
        return precision_at_recall(self.truths, self.detections, len(self.labelled.dataset.labels))

    def measurement(self, name: str, value: float, min_face: float = 0.0) -> Measurement:
        """Put a number beside its conditions."""
        dataset, inputs = self.labelled.dataset, self.loaded.spec.inputs
        return Measurement(
            name=name,
            value=value,
            data=dataset.name,
            split=self.labelled.split,
            data_sha256=dataset.digest,
            pictures=len(self.labelled.pictures),
            skipped=len(dataset.skipped) + len(self.labelled.pictures.skipped),
            input_size=(inputs.height, inputs.width),
            precision=self.loaded.precision,
            min_face=min_face,
        )


def run_over(loaded: Loaded, labelled: Labelled) -> Findings:
    """Run a network over the pictures of a split."""
    return Findings(loaded, labelled, predict(loaded.network, labelled.pictures.images, loaded.spec.inputs))


def measure(loaded: Loaded, labelled: Labelled) -> Measurement:
    """Return the task's metric: AP at IoU 0.5 (ap50), top-1 accuracy, or verification accuracy over generated pairs."""
    return score(run_over(loaded, labelled))


def score(findings: Findings) -> Measurement:
    """Return the task's metric of what a network answered."""
    learner, pictures = findings.learner, findings.labelled.pictures
    if isinstance(learner, DetectionLearner):
        value = mean_precision(findings.precision_at_recall)
    else:
        value = learner.score(findings.outputs, pictures)
    return findings.measurement(learner.metric, value)
