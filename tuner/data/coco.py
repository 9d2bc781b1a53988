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
    brief,
    declared_size,
    listing,
    make_sample,
    numbers,
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
    An annotation of another class is a fault. Raises: BadData when a file is broken or the files of a split are
    ambiguous.
    """
    files = _annotation_files(folder)
    documents = {split: _read_document(path) for split, path in files.items()}
    first = next(iter(files))
    loaded = Loaded(labels=())
    for split, path in files.items():
        _drop_strays(documents[split], path, loaded)
    loaded.labels = tuple(labels) if labels is not None else _category_names(documents[first], files[first])
    loaded.category_ids = _category_ids(documents[first], loaded.labels)
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
            tell = loaded.skip_picture if part == "images" else loaded.report
            tell("malformed", path, f"{path}: the entry {brief(stray)} of '{part}' is not an object; it is left out.")
        if strays:
            document[part] = [entry for entry in document[part] if isinstance(entry, dict)]


def _category_names(document: dict[str, Any], path: Path) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(_name(category) for category in document["categories"]))
    if not names or "" in names:
        raise BadData(f"{path} declares {'a category without a name' if names else 'no categories'}. Name each class.")
    return names


def _category_ids(document: dict[str, Any], labels: tuple[str, ...]) -> tuple[int, ...]:
    """Return the numbers of the labels, none unless each has one of its own."""
    of_name = {_name(category): category.get("id") for category in reversed(document["categories"])}
    found = (of_name.get(label) for label in labels)
    whole = tuple(number for number in found if type(number) is int)
    return whole if len(set(whole)) == len(labels) else ()


def _keypoint_names(documents: Any) -> tuple[str, ...]:
    categories = (category for document in documents for category in document["categories"])
    found: list[Any] = next(
        (category["keypoints"] for category in categories if isinstance(category.get("keypoints"), list)), []
    )
    return tuple(name if isinstance(name, str) else brief(name) for name in found)


def _load_split(folder: Path, split: str, path: Path, document: dict[str, Any], loaded: Loaded) -> list[Sample]:
    names = {_key(category.get("id")): _name(category) for category in document["categories"]}
    boxes_of: dict[tuple[str, str], list[Box | None]] = {}
    pictures: dict[tuple[str, str], _Picture] = {}
    roots = [folder / "images", folder, path.parent, *(folder / parent / split for parent in ("images", "."))]
    stem = path.stem.rsplit("_", 1)[-1]  # instances_train2017 -> train2017
    roots += [folder / "images" / stem, folder / stem]
    for entry in document["images"]:
        _add_picture(entry, path, roots, pictures, loaded)
    left_out = {_key(entry.get("id")) for entry in document["images"]} - set(pictures)
    seen: set[tuple[str, str]] = set()
    for annotation in document["annotations"]:
        _report_repeated(annotation, path, seen, loaded)
        name, image = names.get(_key(annotation.get("category_id"))), _key(annotation.get("image_id"))
        index = loaded.labels.index(name) if name in loaded.labels else None
        if index is None:
            _report_class(annotation, name, path, names, loaded)
        if image in pictures:
            boxes_of.setdefault(image, []).append(_box(annotation, path, pictures[image], index, loaded))
        elif image not in left_out:
            loaded.report(
                "unknown-picture",
                path,
                f"{path}: an annotation names the image id {brief(annotation.get('image_id'))}, which is not among "
                f"its images; the annotation is left out.",
            )
    samples = []
    for image, (name, file, size_px) in pictures.items():
        load = partial(read_picture, file, size_px)
        number = int(image[1]) if image[0] == "int" else None
        samples.append(make_sample(name, load, size_px, boxes_of.get(image, []), len(loaded.keypoints), number))
        loaded.files[name] = file
    return samples


def _key(identifier: Any) -> tuple[str, str]:
    """A dictionary key for an id of any JSON type; 1 and "1" differ, as they do in the file."""
    return type(identifier).__name__, str(identifier) if _is_id(identifier) else ""


def _is_id(value: Any) -> bool:
    return isinstance(value, int | float | str)


def _name(category: dict[str, Any]) -> str:
    """Return the name of a category, empty where it has none."""
    name = category.get("name")
    return str(name) if _is_id(name) else ""


def _report_repeated(annotation: dict[str, Any], path: Path, seen: set[tuple[str, str]], loaded: Loaded) -> None:
    identifier = _key(annotation.get("id"))
    if identifier in seen and _is_id(annotation.get("id")):
        loaded.report("repeated-id", path, f"{path}: the annotation id {brief(annotation['id'])} occurs twice.")
    seen.add(identifier)


def _report_class(
    annotation: dict[str, Any], name: str | None, path: Path, names: dict[tuple[str, str], str], loaded: Loaded
) -> None:
    """Record an annotation whose category is not declared, or declared and not among the labels."""
    if name is not None:
        loaded.unknown_class(path, name, loaded.labels)
        return
    known = [f"{key[1]} ({name})" for key, name in names.items() if name in loaded.labels]
    loaded.unknown_class(path, annotation.get("category_id"), known)


def _add_picture(
    entry: dict[str, Any], path: Path, roots: list[Path], pictures: dict[tuple[str, str], _Picture], loaded: Loaded
) -> None:
    name, identifier = entry.get("file_name"), _key(entry.get("id"))
    if not isinstance(name, str) or not _is_id(entry.get("id")):
        loaded.skip_picture("malformed", path, f"{path}: an image entry has no id or no file_name; it is left out.")
    elif identifier in pictures:
        sentence = f"{path}: the image id {brief(entry['id'])} occurs twice; '{name}' is left out."
        loaded.skip_picture("duplicate-id", name, sentence)
    elif not is_inside(name):
        sentence = f"{path}: the picture '{name}' lies outside the data set's folder; it is left out."
        loaded.skip_picture("outside-folder", name, sentence)
    elif (file := find_picture(name, roots)) is None:
        loaded.skip_picture("missing-file", name, f"{path}: the picture '{name}' does not exist; it is left out.")
    else:
        try:
            size_px = declared_size(entry.get("height"), entry.get("width")) or picture_size(file)
        except BadImage as error:
            loaded.skip_picture(error.kind, file, str(error))
            return
        pictures[identifier] = _Picture(name, file, size_px)


def _box(
    annotation: dict[str, Any], path: Path, picture: _Picture, class_index: int | None, loaded: Loaded
) -> Box | None:
    """Return a box, an ignored one where its class is not known, or None where it cannot be one."""
    name, _, size_px = picture
    corner_and_size = numbers(annotation.get("bbox"), 4)
    if corner_and_size is None:
        sentence = f"{path}: a box of '{name}' is not a list of four numbers; the box is left out."
        loaded.report("malformed", path, sentence)
        return None
    x, y, width, height = corner_and_size
    placed = loaded.place_box(path, name, (x, y, x + width, y + height), size_px)
    if placed is None:
        return None
    is_ignored = class_index is None or annotation.get("iscrowd") in (1, True)
    return Box(placed, class_index or 0, _keypoints(annotation, path, name, loaded), is_ignored)


def _keypoints(annotation: dict[str, Any], path: Path, name: str, loaded: Loaded) -> np.ndarray:
    """Return (k, 2) pixels, NaN where the visibility is 0 or the annotation has none."""
    count = len(loaded.keypoints)
    values = annotation.get("keypoints")
    triplets = numbers(values, 3 * count)
    if triplets is None or not count:
        if values and count:
            sentence = f"{path}: the keypoints of '{name}' are not {3 * count} numbers; they count as unknown."
            loaded.report("malformed", path, sentence)
        return np.full((count, 2), np.nan, np.float32)
    points = np.array(triplets, np.float32).reshape(count, 3)
    is_known = (points[:, 2] > 0) & np.isfinite(points).all(axis=1)
    return np.where(is_known[:, None], points[:, :2], np.nan).astype(np.float32)
