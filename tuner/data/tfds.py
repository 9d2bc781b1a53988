"""TensorFlow Datasets: `tfds:NAME`, `tfds:NAME/CONFIG` or `tfds:NAME:VERSION`, as prepared in its data folder.

Data are read where `tfds build NAME` left them, below TFDS_DATA_DIR or ~/tensorflow_datasets; nothing is downloaded and
no code of the data set runs. Opening reads the records once, for labels, and keeps of each picture its place in the
record file: pictures are decoded when they are loaded, as those of files are, and need not fit into memory.

Boxes are a sequence with `bbox` (such as `objects` or `faces`) beside `image`, classes a `label`. `train` and
`validation` are the splits; without a validation split train is divided by hash, and `test` is there for
`zoo evaluate --split test`. Record files: https://www.tensorflow.org/tutorials/load_data/tfrecord.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tuner.data._annotations import UNSPLIT, Box, Loaded, listing, make_sample
from tuner.data._pictures import encoded_size, is_inside, read_picture
from tuner.data._types import Sample
from zoo._errors import BadData, BadImage
from zoo._specs import FACE_RECOGNITION, OBJECT_DETECTION, OBJECT_RECOGNITION

PREFIX = "tfds:"
FOLDER_VARIABLE = "TFDS_DATA_DIR"

_SPLITS = {"train": "train", "validation": "val", "val": "val", "valid": "val", "test": "test"}
_BOX = "bbox"
_IGNORED = ("is_crowd", "is_difficult", "invalid")
_HEAD, _TAIL = struct.Struct("<QI"), 4  # length and its checksum; the checksum of the content


class _Layout(NamedTuple):
    """The features of a record that are needed: the sequence of boxes, if any, and the class of each, or of the whole
    picture. `names` are the classes."""

    image: str
    boxes: str | None
    label: str | None
    names: tuple[str, ...]


def is_tfds(location: str | Path) -> bool:
    """Tell whether a location names a data set of TensorFlow Datasets."""
    return str(location).startswith(PREFIX)


def tfds_task(location: str) -> str:
    """Return the task that such a data set suits. Raises: BadData as `load_tfds`."""
    package = _package(location)
    layout = _layout(package.features, _open_builder(package, location).info.features, None)
    return OBJECT_RECOGNITION if layout is not None and layout.boxes is None else OBJECT_DETECTION


def load_tfds(location: str, task: str, labels: Sequence[str] | None = None) -> Loaded:
    """Read a prepared data set for a task.

    `labels` fixes names and order of the classes, and a class outside it is a fault. Raises: BadData when the package
    is missing, the data set is not prepared or torn, or has nothing for the task.
    """
    from tuner.progress import Progress  # which builds on this package

    package = _package(location)
    info = _open_builder(package, location).info
    layout = _layout(package.features, info.features, task)
    if layout is None:
        raise BadData(
            f"{location} has the features {listing(info.features)}, which do not fit the task {task}. Detection needs "
            f"an image and a sequence with 'bbox', recognition of objects an image and a label."
        )
    if "train" not in info.splits:
        raise BadData(f"{location} has the splits {listing(info.splits)}; 'train' is needed.")
    loaded = Loaded(labels=tuple(labels) if labels is not None else layout.names)
    decoders = {layout.image: package.decode.SkipDecoding()}
    for name in [name for name in info.splits if name in _SPLITS]:
        split = info.splits[name]
        with Progress(f"reading {location} {name}", total=split.num_examples, unit="img") as progress:
            samples: list[Sample] = []
            for record in _records(map(Path, split.filepaths)):
                example = info.features.deserialize_example_np(record.content, decoders=decoders)
                sample = _sample(example, record, f"{name}/{len(samples):06d}", layout, loaded)
                samples += [] if sample is None else [sample]
                progress.advance(1)
        loaded.splits[_SPLITS[name]] = samples
    if "val" not in loaded.splits:
        loaded.splits[UNSPLIT] = loaded.splits.pop("train")
    return loaded


def _package(location: str) -> Any:
    try:
        import tensorflow_datasets
    except ImportError:
        raise BadData(
            f"{location} needs TensorFlow Datasets, which is not installed. Install it with: pip install "
            f"'pocket-zoo[tfds]'."
        ) from None
    return tensorflow_datasets


def _open_builder(package: Any, location: str) -> Any:
    folder = _prepared_folder(location)
    try:
        return package.builder_from_directory(folder)
    except Exception as error:  # it raises whatever the parsers of its files raise
        reason = str(error).strip().split("\n", 1)[0]
        raise BadData(f"{folder} cannot be opened by TensorFlow Datasets ({reason}). Prepare it again.") from error


def _prepared_folder(location: str) -> Path:
    """Return the folder of the newest prepared version that fits `tfds:NAME[/CONFIG][:VERSION]`."""
    root = Path(os.environ.get(FOLDER_VARIABLE) or "~/tensorflow_datasets").expanduser()
    name, _, version = location.removeprefix(PREFIX).partition(":")
    if not is_inside(name) or len(Path(name).parts) > 2 or "/" in version:
        raise BadData(f"Cannot read '{location}'. Write tfds:NAME, tfds:NAME/CONFIG or tfds:NAME/CONFIG:VERSION.")
    depths = ("*",) if "/" in name else ("*", "*/*")
    found = [path.parent for depth in depths for path in (root / name).glob(f"{depth}/dataset_info.json")]
    found = [folder for folder in found if _version(folder) and version in ("", folder.name)]
    if not found:
        raise BadData(
            f"{location} is not prepared in {root}. Prepare it where there is a network, with: tfds build {name}. The "
            f"variable {FOLDER_VARIABLE} names another folder."
        )
    places = sorted({folder.parent for folder in found})
    if len(places) > 1:
        configs = listing(place.name for place in places)
        raise BadData(f"{location} is prepared in {len(places)} configurations: {configs}. Write tfds:{name}/CONFIG.")
    return max(found, key=_version)


def _version(folder: Path) -> tuple[int, ...]:
    words = folder.name.split(".")
    return tuple(int(word) for word in words) if all(word.isdecimal() for word in words) else ()


def _layout(kinds: Any, features: Any, task: str | None) -> _Layout | None:
    """Find the features that serve a task, or any; None where they do not. Boxes go before a label of the picture but
    for recognition, which takes the label."""

    def first(kind: Any, among: Any) -> str | None:
        return next((name for name, feature in among.items() if isinstance(feature, kind)), None)

    image, label = first(kinds.Image, features), first(kinds.ClassLabel, features)
    sequences = {name: feature.feature for name, feature in features.items() if isinstance(feature, kinds.Sequence)}
    boxes = next((name for name, inner in sequences.items() if _BOX in getattr(inner, "keys", list)()), None)
    if image is None or task == FACE_RECOGNITION:
        return None
    if label is not None and (task == OBJECT_RECOGNITION or (task is None and boxes is None)):
        return _Layout(image, None, label, tuple(features[label].names))
    if boxes is None:
        return None
    label = first(kinds.ClassLabel, sequences[boxes])
    names = tuple(sequences[boxes][label].names) if label is not None else (boxes.removesuffix("s"),)
    return _Layout(image, boxes, label, names)


class _Record(NamedTuple):
    """One record of a file: its content begins at `start`, in bytes."""

    path: Path
    start: int
    content: bytes


def _records(paths: Iterable[Path]) -> Iterator[_Record]:
    """Read record files one after the other. Raises: BadData for a torn or missing one, and one of another kind."""
    for path in paths:
        try:
            with path.open("rb") as file:
                rest = path.stat().st_size
                while rest > 0:
                    head = file.read(_HEAD.size)
                    length = _HEAD.unpack(head)[0] if len(head) == _HEAD.size else rest
                    rest -= _HEAD.size + length + _TAIL
                    if rest < 0:
                        raise BadData(f"{path} is torn, or prepared in another format than tfrecord. Prepare it again.")
                    start = file.tell()
                    yield _Record(path, start, file.read(length))
                    file.seek(_TAIL, os.SEEK_CUR)
        except OSError as error:
            raise BadData(f"{path} cannot be read ({error.strerror}). Prepare the data set again.") from None


def _sample(example: Mapping[str, Any], record: _Record, key: str, layout: _Layout, loaded: Loaded) -> Sample | None:
    encoded = example[layout.image]
    place = record.content.find(encoded)
    span = (record.start + place, len(encoded))
    try:
        size_px = encoded_size(encoded, key)
    except BadImage as error:
        loaded.skip_picture(error.kind, record.path, str(error))
        return None
    loaded.hashes[key] = hashlib.sha256(encoded).hexdigest()
    load = partial(read_picture, record.path, size_px, span)
    if layout.boxes is not None:
        boxes = [_box(row, record.path, key, size_px, layout, loaded) for row in _rows(example[layout.boxes])]
        return make_sample(key, load, size_px, boxes, 0)
    label = _class_index(example[layout.label or ""], record.path, layout, loaded)
    return None if label is None else Sample(key=key, load=load, label=label, size_px=size_px)


def _rows(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Turn a sequence of features, a list per name, into one record per box."""
    return [{name: values[row] for name, values in columns.items()} for row in range(len(columns[_BOX]))]


def _box(
    row: Mapping[str, Any], path: Path, key: str, size_px: tuple[int, int], layout: _Layout, loaded: Loaded
) -> Box | None:
    height, width = size_px
    y_min, x_min, y_max, x_max = (float(value) for value in row[_BOX])
    placed = loaded.place_box(path, key, (x_min * width, y_min * height, x_max * width, y_max * height), size_px)
    index = _class_index(row[layout.label] if layout.label else 0, path, layout, loaded)
    if placed is None:
        return None
    is_ignored = any(bool(row.get(name)) for name in _IGNORED)
    return Box(placed, index or 0, np.zeros((0, 2), np.float32), is_ignored or index is None)


def _class_index(value: Any, path: Path, layout: _Layout, loaded: Loaded) -> int | None:
    """Return the place of a class among the labels, None where it has none: -1 marks what is kept unlabelled."""
    if int(value) < 0:
        return None
    name = layout.names[int(value)] if int(value) < len(layout.names) else str(int(value))
    if name in loaded.labels:
        return loaded.labels.index(name)
    loaded.unknown_class(path, name, loaded.labels)
    return None
