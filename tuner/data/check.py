"""`zoo data check`: what a data set holds and everything that is wrong with it, before anything is trained on it.

Annotations are read by the loaders that training uses and every picture is decoded as training does, so a report
without faults means that training leaves nothing out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path

import numpy as np

from tuner.data._annotations import Loaded
from tuner.data._arrange import arrange, divide
from tuner.data._duplicates import BITS, SAME_PHOTO_BITS, SAME_PORTRAIT_BITS, alike, look
from tuner.data._findings import REMARKS, Finding
from tuner.data._formats import check_format, fitting_task, read_location
from tuner.data._open import SYNTHETIC, check_loaded, open_dataset, refuse_unknown_classes
from tuner.data._pictures import picture_traits
from tuner.data._report import Report, count_split
from tuner.data._types import Sample
from zoo._errors import BadData, BadImage
from zoo._specs import FACE_DETECTION, FACE_RECOGNITION, OBJECT_DETECTION, check_task

MAX_THREADS = 8


def check_data(
    location: str | Path,
    *,
    task: str | None = None,
    format: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Read all annotations and decode every picture of a data set, and report.

    `task` is by default the one that the folder's format suits. `progress(done, total)` is called after each picture.
    Time grows with the number of pictures, for near-duplicates with the product of the splits' numbers.
    Raises: BadData for a folder that cannot be read at all, UnknownName for an unknown task or format.
    """
    if task is not None:
        check_task(task)
    check_format(format)
    if str(location) == SYNTHETIC and format is None:
        return _check_generated(task or OBJECT_DETECTION, progress)
    chosen_task = task or fitting_task(location, format)
    loaded, chosen, name = read_location(location, chosen_task, format, None)
    if task is None and chosen_task == OBJECT_DETECTION and loaded.labels == ("face",):
        chosen_task = FACE_DETECTION
    splits = divide(loaded, chosen_task)
    found, looks = _look_at_all(splits, loaded.files, progress)
    faults = [finding.sentence for finding in found if finding.is_fault]
    good = sum(len(samples) for samples in splits.values()) - len(faults)
    notes, obstacle = _prospects(loaded, name, chosen, chosen_task, good, [*loaded.bad_pictures, *faults])
    return Report(
        name=name,
        format=chosen,
        task=chosen_task,
        labels=loaded.labels,
        splits={split: count_split(_readable(samples, looks[split])) for split, samples in splits.items()},
        findings=(*loaded.findings, *found, *_near_duplicates(splits, looks, chosen_task)),
        notes=notes,
        obstacle=obstacle,
    )


def _check_generated(task: str, progress: Callable[[int, int], None] | None) -> Report:
    dataset = open_dataset(SYNTHETIC, task=task)
    found, looks = _look_at_all(dataset.splits, {}, progress)
    return Report(
        name=dataset.name,
        format=dataset.format,
        task=task,
        labels=dataset.labels,
        splits={split: count_split(samples) for split, samples in dataset.splits.items()},
        findings=(*found, *_near_duplicates(dataset.splits, looks, task)),
    )


def _prospects(
    loaded: Loaded, name: str, format: str, task: str, good: int, bad: Sequence[str]
) -> tuple[tuple[str, ...], str | None]:
    """Return what is decided on the user's behalf, and the sentence with which training would refuse the data."""
    try:
        refuse_unknown_classes(loaded)
        check_loaded(name, good, bad)
        return arrange(loaded, name=name, format=format, task=task).notes, None
    except BadData as error:
        return (), str(error)


def _readable(samples: Sequence[Sample], looks: Sequence[np.ndarray | None]) -> list[Sample]:
    """Return those that could be decoded, as training uses them."""
    return [sample for sample, bits in zip(samples, looks, strict=True) if bits is not None]


def _look_at_all(
    splits: Mapping[str, Sequence[Sample]], files: Mapping[str, Path], progress: Callable[[int, int], None] | None
) -> tuple[list[Finding], dict[str, list[np.ndarray | None]]]:
    """Decode every picture; return what is wrong with them, and per split how each looks, None where unreadable."""
    found: list[Finding] = []
    looks: dict[str, list[np.ndarray | None]] = {split: [] for split in splits}
    total, done = sum(len(samples) for samples in splits.values()), 0
    with ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1)) as pool:
        for split, samples in splits.items():
            for findings, bits in pool.map(_look_at, samples, (files.get(sample.key) for sample in samples)):
                found += findings
                looks[split].append(bits)
                done += 1
                if progress is not None:
                    progress(done, total)
    return found, looks


def _look_at(sample: Sample, file: Path | None) -> tuple[list[Finding], np.ndarray | None]:
    name = str(file or sample.key)
    try:
        bits = look(sample.load())
    except BadImage as error:
        return [Finding(error.kind, name, str(error))], None
    kinds = picture_traits(file) if file is not None else []
    return [Finding(kind, name, f"{name} is a {REMARKS[kind]}.") for kind in kinds], bits


def _near_duplicates(
    splits: Mapping[str, Sequence[Sample]], looks: Mapping[str, Sequence[np.ndarray | None]], task: str
) -> Iterator[Finding]:
    """Find pictures that are almost the same in two splits: what is learnt by heart in one is measured in the other."""
    most_bits = SAME_PORTRAIT_BITS if task == FACE_RECOGNITION else SAME_PHOTO_BITS
    for left, right in combinations(splits, 2):
        known = {split: [row for row, bits in enumerate(looks[split]) if bits is not None] for split in (left, right)}
        table = {
            split: np.array([looks[split][row] for row in known[split]], np.uint64).reshape(-1, 2) for split in known
        }
        for first, second, bits in alike(table[left], table[right], most_bits):
            names = splits[left][known[left][first]].key, splits[right][known[right][second]].key
            yield Finding(
                "near-duplicate",
                names[0],
                f"'{names[0]}' in {left} and '{names[1]}' in {right} look the same ({bits} of {BITS} bits differ).",
            )
