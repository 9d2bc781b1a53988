"""COCO object annotations: one JSON file per split, boxes as [x, y, width, height] in pixels, keypoints as triplets.

Read are `train.json` and `val.json` in the folder, or files below `annotations/` whose names hold the split, as in
`instances_train2017.json`; a single file without a split in its name is divided by hash. Pictures lie in `images/`,
beside the files, or in a folder named like the split. `iscrowd=1` marks a box as neither hit nor miss; a keypoint of
visibility 0 is unknown. Format: https://cocodataset.org/#format-data.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tuner.data._annotations import (
    UNSPLIT,
    Box,
    Loaded,
    box_sentence,
    clip_box,
    declared_size,
    listing,
    make_sample,
    numbers,
    unknown_class,
)
from tuner.data._pictures import find_picture, is_inside, picture_size, read_picture
from tuner.data._types import Sample
from zoo._errors import BadData, BadImage

_PARTS = ("images", "annotations", "categories")


class _Picture(NamedTuple):
    name: str
    file: Path
    size_px: tuple[int, int]


def is_coco(folder: Path) -> bool:
    """Tell whether a folder holds COCO annotation files."""
    return bool(_candidates(folder))


def load_coco(folder: Path, labels: Sequence[str] | None = None) -> Loaded:
    """Read every annotation file of a folder.

    `labels` fixes names and order of the classes; by default they are the categories of the first file, in its order.
    Raises: BadData when a file is broken, the files of a split are ambiguous or a class is not declared.
    """
    files = _annotation_files(folder)
    documents = {split: _read_document(path) for split, path in files.items()}
    first = next(iter(files))
    loaded = Loaded(labels=())
    for split, path in files.items():
        _drop_strays(documents[split], path, loaded)
    loaded.labels = tuple(labels) if labels is not None else _category_names(documents[first], files[first])
    loaded.keypoints = _keypoint_names(documents.values())
    for split, path in files.items():
        loaded.splits[split] = _load_split(folder, split, path, documents[split], loaded)
    return loaded


def _candidates(folder: Path) -> list[Path]:
    paths = [path for place in (folder, folder / "annotations") for path in sorted(place.glob("*.json"))]
    return [path for path in paths if path.is_file() and (path.name in ("train.json", "val.json") or _mentions(path))]


def _mentions(path: Path) -> bool:
    """Tell whether a file talks of images and annotations, even when it is not valid JSON."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return b'"images"' in content and b'"annotations"' in content


def _annotation_files(folder: Path) -> dict[str, Path]:
    """Return one file per split: train and val, or the one undivided file."""
    by_split: dict[str, list[Path]] = {}
    for path in _candidates(folder):
        by_split.setdefault(_split_of(path), []).append(path)
    by_split.pop("test", None)
    if "train" in by_split:
        by_split.pop(UNSPLIT, None)
    files = {split: _only(split, paths) for split, paths in sorted(by_split.items())}
    if not files:
        raise BadData(f"{folder} holds COCO annotations for testing only. Add 'train.json' and 'val.json'.")
    return files if set(files) == {"train", "val"} else {UNSPLIT: _only(UNSPLIT, list(files.values()))}


def _split_of(path: Path) -> str:
    stem = path.stem.lower()
    found = [split for split in ("train", "val", "test") if split in stem]
    return found[0] if len(found) == 1 else UNSPLIT


def _only(split: str, paths: list[Path]) -> Path:
    """Choose the file of a split; among COCO's own three files, the one with the boxes."""
    chosen = [path for path in paths if path.name.startswith("instances")] or paths
    if len(chosen) > 1:
        what = "no split in their names" if split == UNSPLIT else f"the split '{split}'"
        raise BadData(
            f"{len(chosen)} annotation files have {what}: {listing(str(path) for path in chosen)}. Keep one, "
            f"or name them 'train.json' and 'val.json'."
        )
    return chosen[0]


def _read_document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError, OSError) as error:
        raise BadData(f"{path} is not valid JSON ({error}). Export the annotations again.") from None
    parts = document if isinstance(document, dict) else {}
    missing = [part for part in _PARTS if not isinstance(parts.get(part), list)]
    if missing:
        raise BadData(
            f"{path} is not a COCO file: {' and '.join(repr(part) for part in missing)} missing or not a list. "
            f"It needs the lists {', '.join(_PARTS)}."
        )
    return {part: document[part] for part in _PARTS}


def _drop_strays(document: dict[str, Any], path: Path, loaded: Loaded) -> None:
    """Leave out list entries that are no objects."""
    for part in _PARTS:
        strays = [entry for entry in document[part] if not isinstance(entry, dict)]
        for stray in strays:
            note = loaded.skip_picture if part == "images" else loaded.skipped.append
            note(f"{path}: the entry {stray!r:.40} of '{part}' is not an object; it is left out.")
        if strays:
            document[part] = [entry for entry in document[part] if isinstance(entry, dict)]


def _category_names(document: dict[str, Any], path: Path) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(str(category.get("name", "")) for category in document["categories"]))
    if not names or "" in names:
        raise BadData(f"{path} declares {'a category without a name' if names else 'no categories'}. Name each class.")
    return names


def _keypoint_names(documents: Any) -> tuple[str, ...]:
    categories = (category for document in documents for category in document["categories"])
    found: list[Any] = next(
        (category["keypoints"] for category in categories if isinstance(category.get("keypoints"), list)), []
    )
    return tuple(str(name) for name in found)


def _load_split(folder: Path, split: str, path: Path, document: dict[str, Any], loaded: Loaded) -> list[Sample]:
    classes = _class_indices(document, path, loaded.labels)
    boxes_of: dict[tuple[str, str], list[Box]] = {}
    pictures: dict[tuple[str, str], _Picture] = {}
    roots = [folder / "images", folder, path.parent, *(folder / parent / split for parent in ("images", "."))]
    stem = path.stem.rsplit("_", 1)[-1]  # instances_train2017 -> train2017
    roots += [folder / "images" / stem, folder / stem]
    for entry in document["images"]:
        _add_picture(entry, path, roots, pictures, loaded)
    left_out = {_key(entry.get("id")) for entry in document["images"]} - set(pictures)
    for annotation in document["annotations"]:
        class_index = classes.get(_key(annotation.get("category_id")))
        if class_index is None:
            known = [f"{key[1]} ({loaded.labels[index]})" for key, index in classes.items()]
            raise unknown_class(path, annotation.get("category_id"), known)
        image = _key(annotation.get("image_id"))
        if image in pictures:
            box = _box(annotation, path, pictures[image], class_index, loaded)
            if box is not None:
                boxes_of.setdefault(image, []).append(box)
        elif image not in left_out:
            loaded.skipped.append(
                f"{path}: an annotation names the image id {annotation.get('image_id')!r}, which is not among its "
                f"images; the annotation is left out."
            )
    samples = []
    for image, (name, file, size_px) in pictures.items():
        load = partial(read_picture, file, size_px)
        samples.append(make_sample(name, load, size_px, boxes_of.get(image, []), len(loaded.keypoints)))
        loaded.files[name] = file
    return samples


def _key(identifier: Any) -> tuple[str, str]:
    """A dictionary key for an id of any JSON type; 1 and "1" differ, as they do in the file."""
    return type(identifier).__name__, str(identifier)


def _class_indices(document: dict[str, Any], path: Path, labels: tuple[str, ...]) -> dict[tuple[str, str], int]:
    indices = {}
    for category in document["categories"]:
        name = str(category.get("name", ""))
        if name in labels:
            indices[_key(category.get("id"))] = labels.index(name)
            continue
        used = any(annotation.get("category_id") == category.get("id") for annotation in document["annotations"])
        if used:
            raise unknown_class(path, name, labels)
    return indices


def _add_picture(
    entry: dict[str, Any], path: Path, roots: list[Path], pictures: dict[tuple[str, str], _Picture], loaded: Loaded
) -> None:
    name, identifier = entry.get("file_name"), _key(entry.get("id"))
    if not isinstance(name, str) or "id" not in entry:
        loaded.skip_picture(f"{path}: an image entry has no id or no file_name; it is left out.")
    elif identifier in pictures:
        loaded.skip_picture(f"{path}: the image id {entry['id']!r} occurs twice; '{name}' is left out.")
    elif not is_inside(name):
        loaded.skip_picture(f"{path}: the picture '{name}' lies outside the data set's folder; it is left out.")
    elif (file := find_picture(name, roots)) is None:
        loaded.skip_picture(f"{path}: the picture '{name}' does not exist; it is left out.")
    else:
        try:
            size_px = declared_size(entry.get("height"), entry.get("width")) or picture_size(file)
        except BadImage as error:
            loaded.skip_picture(str(error))
            return
        pictures[identifier] = _Picture(name, file, size_px)


def _box(annotation: dict[str, Any], path: Path, picture: _Picture, class_index: int, loaded: Loaded) -> Box | None:
    name, _, size_px = picture
    corner_and_size = numbers(annotation.get("bbox"), 4)
    if corner_and_size is None:
        loaded.skipped.append(box_sentence(path, name, "is not a list of four numbers"))
        return None
    x, y, width, height = corner_and_size
    clipped = clip_box((x, y, x + width, y + height), *size_px)
    if isinstance(clipped, str):
        loaded.skipped.append(box_sentence(path, name, clipped))
        return None
    return Box(clipped, class_index, _keypoints(annotation, path, name, loaded), annotation.get("iscrowd") in (1, True))


def _keypoints(annotation: dict[str, Any], path: Path, name: str, loaded: Loaded) -> np.ndarray:
    """Return (k, 2) pixels, NaN where the visibility is 0 or the annotation has none."""
    count = len(loaded.keypoints)
    values = annotation.get("keypoints")
    triplets = numbers(values, 3 * count)
    if triplets is None or not count:
        if values and count:
            loaded.skipped.append(
                f"{path}: the keypoints of '{name}' are not {3 * count} numbers; they count as unknown."
            )
        return np.full((count, 2), np.nan, np.float32)
    points = np.array(triplets, np.float32).reshape(count, 3)
    is_known = (points[:, 2] > 0) & np.isfinite(points).all(axis=1)
    return np.where(is_known[:, None], points[:, :2], np.nan).astype(np.float32)
