"""Opening a data set: the one entry for generated data and for folders of every known format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tuner.data._annotations import MAX_BAD_SHARE, Loaded, check_bad_share
from tuner.data._arrange import arrange
from tuner.data._findings import refuse_faults
from tuner.data._formats import check_format, check_is_folder, read_location
from tuner.data._types import Dataset
from tuner.data.tfds import is_tfds
from zoo._errors import BadData
from zoo._places import is_url
from zoo._specs import check_task

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
    strict: bool = False,
) -> Dataset:
    """Open labelled pictures for a task, without decoding them.

    `location` is "synthetic" for generated data, `tfds:NAME` for a data set that TensorFlow Datasets has prepared, or a
    folder; its format is recognised by what it holds unless `format`
    names one of `FORMATS`. A data set without splits is divided by hash, about a tenth for validation: pictures by
    their bytes, identities by name. Detection data serve object recognition as crops of the boxes, face detection
    with all classes as one label "face", and the face gate as squares with and without a face, as many of each.

    `limit` and `val_limit` keep that many pictures of train and of val; the other split is never touched. Each
    class keeps its share; of identities, as many as possible are kept, with eight pictures each and two at least,
    which can end one picture short. Generated data come in any size, 512 and 128 pictures by default. `seed`
    decides which pictures are kept or generated, never how a folder is divided. `labels` fixes the classes and
    their order: any other class is an error. With `strict`, so is each annotation that would be left out.

    Raises: BadData for a folder that cannot be used, saying why; UnknownName for an unknown task or format.
    """
    check_task(task)
    for name, count in (("limit", limit), ("val_limit", val_limit)):
        if count is not None and count < 1:
            raise BadData(f"{name} is a number of pictures, got {count}. Use 1 or more, or leave it out.")
    check_format(format)
    if str(location) == SYNTHETIC and format is None:
        return _open_synthetic(task, limit, val_limit, seed, labels)
    loaded, chosen, name = read_location(location, task, format, labels)
    refuse_unknown_classes(loaded, are_fixed=labels is not None)
    check_loaded(name, sum(len(samples) for samples in loaded.splits.values()), loaded.bad_pictures)
    limits = {"train": limit, "val": val_limit}
    dataset = arrange(loaded, name=name, format=chosen, task=task, limits=limits, seed=seed)
    if strict:
        refuse_faults(dataset.skipped, str(location))
    return dataset


def check_location(location: str | Path) -> None:
    """Raise BadData where a location is neither a folder nor anything else that data can be behind, without reading."""
    if str(location) != SYNTHETIC and not is_url(location) and not is_tfds(location):
        check_is_folder(Path(location))


def _open_synthetic(
    task: str, limit: int | None, val_limit: int | None, seed: int, labels: Sequence[str] | None
) -> Dataset:
    from tuner.data import synthetic

    if labels is not None:
        raise BadData("Generated data have labels of their own. Leave out labels, or open a folder.")
    return synthetic.generate(task, limit or synthetic.TRAIN_PICTURES, val_limit or synthetic.VAL_PICTURES, seed)


def refuse_unknown_classes(loaded: Loaded, *, are_fixed: bool = False) -> None:
    """Raise BadData for annotations of classes that are not declared, unless they are a few boxes among many.

    Those few are ignored: neither hit nor miss. With `are_fixed` labels, given by the caller, every one is an error,
    and so it is where whole pictures are labelled.
    """
    unknown = [finding for finding in loaded.findings if finding.kind == "unknown-class"]
    boxes = sum(len(sample.boxes_px) for samples in loaded.splits.values() for sample in samples)
    if unknown and (are_fixed or len(unknown) > MAX_BAD_SHARE * boxes):
        raise BadData(unknown[0].sentence)


def check_loaded(name: str, good: int, bad: Sequence[str]) -> None:
    """Raise BadData for a data set without pictures, and for one with too many that cannot be used.

    `good` counts the pictures that can be, `bad` holds a sentence for each of the others.
    """
    if not good and not bad:
        raise BadData(f"{name} holds annotations for no picture at all. Export it again with pictures.")
    check_bad_share(len(bad), good + len(bad), bad)
