"""YOLO text labels: one `.txt` per picture, one line `class x y width height` per box, all in fractions of the picture.

Class names come from a YAML file beside the folders, such as `data.yaml` (`names` as a list or as index: name), or
from `classes.txt`. Pictures lie in `images/train` and `images/val` with labels in `labels/train` and `labels/val`, or
in `train/images` and `valid/images` with `labels/` beside, or undivided in `images/` and `labels/`; the paths that the
YAML file names are those of another machine and are not followed. A line with more numbers is a polygon and counts as
the box around it, or, where the YAML file has `kpt_shape`, a box with landmarks; those are passed over, since the
format does not say which is which. A picture without a label file has no objects.
Format: https://docs.ultralytics.com/datasets/detect/.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from tuner.data._annotations import UNSPLIT, Box, Loaded, brief, make_sample, numbers
from tuner.data._pictures import is_picture, picture_size, read_picture
from tuner.data._types import Sample
from zoo._errors import BadData, BadImage

_SPLITS = {"train": ("train",), "val": ("val", "valid", "validation")}


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases: a list of names needs none, and a few lines of them can stand for billions of values."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases such as *name are not allowed")
        return super().compose_node(parent, index)


class _Names(NamedTuple):
    """What the YAML file or `classes.txt` says: class names by index, and how many numbers of landmarks end a line."""

    classes: dict[int, str]
    landmark_values: int = 0


def is_yolo(folder: Path) -> bool:
    """Tell whether a folder holds YOLO labels: class names, and text files in a folder beside the pictures."""
    return bool(_names_files(folder)) and any(
        any(labels.glob("*.txt")) for places in _places(folder).values() for _, labels in places
    )


def missing_part(folder: Path) -> str | None:
    """Return what a folder lacks that otherwise looks like YOLO labels, None where it does not look like them."""
    if not _names_files(folder):
        has_texts = any(any(labels.glob("*.txt")) for places in _places(folder).values() for _, labels in places)
        return "'data.yaml' or 'classes.txt' with the names of the classes" if has_texts else None
    has_pictures = any((folder / parts).is_dir() for parts in ("images", "train/images"))
    return "'labels/' with a text file for each picture" if has_pictures and not is_yolo(folder) else None


def load_yolo(folder: Path, labels: Sequence[str] | None = None) -> Loaded:
    """Read every split.

    `labels` fixes names and order of the classes; by default they are those of the names file, in its order. A class
    that it does not name is a fault. Raises: BadData when that file is broken.
    """
    names = _read_names(_names_files(folder)[0])
    loaded = Loaded(labels=tuple(labels) if labels is not None else tuple(names.classes.values()))
    for split, places in _places(folder).items():
        samples = []
        for pictures, texts in places:
            for file in sorted(path for path in pictures.iterdir() if is_picture(path)):
                sample = _sample(folder, file, texts / f"{file.stem}.txt", names, loaded)
                samples += [] if sample is None else [sample]
        loaded.splits[split] = samples
    return loaded


def _places(folder: Path) -> dict[str, list[tuple[Path, Path]]]:
    """Return for each split its folders of pictures and of labels."""
    found: dict[str, list[tuple[Path, Path]]] = {}
    for split, names in _SPLITS.items():
        for name in names:
            for pictures, labels in (
                (folder / "images" / name, folder / "labels" / name),
                (folder / name / "images", folder / name / "labels"),
            ):
                if pictures.is_dir() and labels.is_dir():
                    found.setdefault(split, []).append((pictures, labels))
    if set(found) == set(_SPLITS):
        return found
    undivided = [place for places in found.values() for place in places]
    if not undivided and (folder / "images").is_dir() and (folder / "labels").is_dir():
        undivided = [(folder / "images", folder / "labels")]
    return {UNSPLIT: undivided} if undivided else {}


def _names_files(folder: Path) -> list[Path]:
    """Return the files that may name the classes, the likeliest first."""
    paths = [folder / "data.yaml", folder / "dataset.yaml", *sorted(folder.glob("*.y*ml")), folder / "classes.txt"]
    return [path for path in paths if path.is_file() and path.suffix in (".yaml", ".yml", ".txt")]


def _read_names(path: Path) -> _Names:
    try:
        text = path.read_text(encoding="utf-8")
        document: Any = yaml.load(text, _PlainLoader) if path.suffix != ".txt" else {"names": text.split("\n")}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        reason = str(error).split("\n", 1)[0]
        raise BadData(f"{path} cannot be read as the file of class names ({reason}). Export it again.") from None
    names = document.get("names") if isinstance(document, dict) else None
    if isinstance(names, list):
        while path.suffix == ".txt" and names and not names[-1].strip():
            names.pop()
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names or not all(_is_index(index) for index in names):
        raise BadData(f"{path} names no classes. It needs 'names', a list of class names or index: name.")
    classes = {int(index): str(names[index]).strip() for index in sorted(names, key=int)}
    if len(set(classes.values())) < len(classes) or "" in classes.values():
        raise BadData(f"{path} has a class name twice or an empty one. Name each class once.")
    shape = document.get("kpt_shape")
    if shape is None:
        return _Names(classes)
    landmarks = numbers(shape, 2)
    if landmarks is None or landmarks[1] not in (2, 3) or not (1 <= landmarks[0] <= 1000 and landmarks[0] % 1 == 0):
        raise BadData(
            f"{path} has the kpt_shape {brief(shape)}; it must be a list like [5, 3]: landmarks, 2 or 3 values."
        )
    return _Names(classes, int(landmarks[0] * landmarks[1]))


def _is_index(value: object) -> bool:
    return isinstance(value, int | str) and str(value).isdecimal() and len(str(value)) < 7


def _sample(folder: Path, file: Path, text: Path, names: _Names, loaded: Loaded) -> Sample | None:
    key = file.relative_to(folder).as_posix()
    try:
        size_px = picture_size(file)
        lines = text.read_text(encoding="utf-8").splitlines() if text.is_file() else []
    except BadImage as error:
        loaded.skip_picture(error.kind, file, str(error))
        return None
    except (OSError, UnicodeDecodeError) as error:
        sentence = f"{text} is not a text file ({error}); the picture '{key}' is left out."
        loaded.skip_picture("malformed", text, sentence)
        return None
    boxes = [_box(line, text, key, size_px, names, loaded) for line in lines if line.strip()]
    loaded.files[key] = file
    load = partial(read_picture, file, size_px)
    return make_sample(key, load, size_px, boxes, 0)


def _box(line: str, text: Path, key: str, size_px: tuple[int, int], names: _Names, loaded: Loaded) -> Box | None:
    words = line.split()
    values = numbers(words, len(words))
    wanted = 5 + names.landmark_values
    is_polygon = not names.landmark_values and len(words) >= 7 and len(words) % 2 == 1
    if values is None or not (len(words) == wanted or is_polygon) or values[0] % 1:
        expected = f"{wanted} numbers: class, x, y, width, height" + (" and landmarks" if wanted > 5 else "")
        loaded.report("malformed", text, f"{text}: the line '{line.strip()[:40]}' is not {expected}; it is left out.")
        return None
    label = names.classes.get(int(values[0]))
    index = loaded.labels.index(label) if label in loaded.labels else None
    if index is None:
        known = [f"{number} ({name})" for number, name in names.classes.items() if name in loaded.labels]
        loaded.unknown_class(text, words[0] if label is None else label, known)
    width_px, height_px = float(size_px[1]), float(size_px[0])
    placed = loaded.place_box(text, key, _corners(values[1:], width_px, height_px, is_polygon), size_px)
    return None if placed is None else Box(placed, index or 0, np.zeros((0, 2), np.float32), index is None)


def _corners(
    values: Sequence[float], width_px: float, height_px: float, is_polygon: bool
) -> tuple[float, float, float, float]:
    """Return xyxy pixels of a box (x and y of its centre, width, height) or around a polygon; NaN where one is NaN."""
    if is_polygon:
        xs, ys = values[0::2], values[1::2]
        if not all(math.isfinite(value) for value in values):
            return math.nan, math.nan, math.nan, math.nan
        return min(xs) * width_px, min(ys) * height_px, max(xs) * width_px, max(ys) * height_px
    x, y, width, height = values[:4]
    return (
        (x - width / 2) * width_px,
        (y - height / 2) * height_px,
        (x + width / 2) * width_px,
        (y + height / 2) * height_px,
    )
