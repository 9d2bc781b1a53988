"""Further pictures to train on, from data sets with the same labels; what is measured on stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tuner.data._annotations import listing
from tuner.data._types import Dataset, Sample
from zoo._errors import BadData

TRAIN = "train"


def with_extra(
    dataset: Dataset, extra: Dataset, *, people: bool = False, renamed: Mapping[str, str] | None = None
) -> Dataset:
    """Return `dataset` with the training pictures of `extra` added, whose keys begin with its name.

    Classes go by their names, those of `extra` that are `renamed` by their new ones; landmarks that `extra` does not
    annotate are unknown there, and those that `dataset` does not annotate are left out. Labels that name `people` are
    added as further ones, for two sets hardly agree on names. Raises: BadData for classes that `dataset` does not have,
    and for other landmarks.
    """
    if renamed:
        extra = replace(extra, labels=tuple(renamed.get(label, label) for label in extra.labels))
    if people:
        dataset, extra = _all_people(dataset, extra)
    place_of = {label: place for place, label in enumerate(dataset.labels)}
    unknown = [label for label in extra.labels if label not in place_of]
    if unknown:
        raise BadData(
            f"{extra.name} labels {listing(unknown)}, but {dataset.name} has {listing(dataset.labels)}. Name extra "
            f"data with labels of these alone, or say with 'rename' what theirs are called here."
        )
    if extra.keypoints and dataset.keypoints and extra.keypoints != dataset.keypoints:
        raise BadData(
            f"{extra.name} annotates the landmarks {listing(extra.keypoints)}, but {dataset.name} "
            f"{listing(dataset.keypoints)}. Name extra data with the same, or without any."
        )
    places = np.array([place_of[label] for label in extra.labels], np.int64)
    added = [_fitted(sample, places, len(dataset.keypoints), extra.name) for sample in extra.splits[TRAIN]]
    return replace(
        dataset,
        splits={**dataset.splits, TRAIN: [*dataset.splits[TRAIN], *added]},
        findings=(*dataset.findings, *extra.findings),
        notes=(*dataset.notes, *extra.notes, f"{len(added):,} training pictures of {extra.name} are added."),
    )


def _all_people(dataset: Dataset, extra: Dataset) -> tuple[Dataset, Dataset]:
    """Return both with the names of all people, those of `extra` told apart by its own name."""
    names = tuple(f"{extra.name}/{label}" for label in extra.labels)
    return replace(dataset, labels=(*dataset.labels, *names)), replace(extra, labels=names)


def _fitted(sample: Sample, places: np.ndarray, num_keypoints: int, name: str) -> Sample:
    """Return a sample of other data as one of these."""
    keypoints = sample.keypoints_px
    if keypoints.shape[1] != num_keypoints:
        keypoints = np.full((len(sample.boxes_px), num_keypoints, 2), np.nan, np.float32)
    return replace(
        sample,
        key=f"{name}/{sample.key}",
        classes=places[sample.classes],
        label=int(places[sample.label]) if sample.label >= 0 else -1,
        keypoints_px=keypoints,
        image_id=None,
        is_extra=True,
    )
