"""Pascal VOC: `JPEGImages/`, one XML file per picture in `Annotations/`, splits as lists of names in `ImageSets/`.

The lists are `train.txt` and `val.txt`, in `ImageSets/` or `ImageSets/Main/`; without them all pictures are divided by
hash. Boxes are taken in pixels as they are written. `difficult=1` marks a box as neither hit nor miss.
Format: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from tuner.data._annotations import (
    UNSPLIT,
    Box,
    Loaded,
    declared_size,
    make_sample,
    numbers,
)
from tuner.data._pictures import find_picture, is_inside, is_picture, picture_size, read_picture
from tuner.data._types import Sample
from zoo._errors import BadData, BadImage

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def is_voc(folder: Path) -> bool:
    """Tell whether a folder holds Pascal VOC annotations."""
    return (folder / "Annotations").is_dir() and (folder / "JPEGImages").is_dir()


def load_voc(folder: Path, labels: Sequence[str] | None = None) -> Loaded:
    """Read the pictures of every split.

    `labels` fixes names and order of the classes, and a class outside it is a fault; by default the classes are the
    names that occur, sorted. Raises: BadData when a list of names cannot be read.
    """
    loaded = Loaded(labels=tuple(labels or ()))
    trees = {
        split: {name: tree for name in names if (tree := _read_xml(folder, name, loaded)) is not None}
        for split, names in _split_names(folder).items()
    }
    if labels is None:
        objects = (found for by_name in trees.values() for tree in by_name.values() for found in tree.iter("object"))
        loaded.labels = tuple(sorted({_text(found, "name") for found in objects} - {""}))
    pictures = {path.stem: path for path in sorted((folder / "JPEGImages").iterdir()) if is_picture(path)}
    for split, by_name in trees.items():
        samples = (_sample(folder, name, tree, pictures, loaded) for name, tree in by_name.items())
        loaded.splits[split] = [sample for sample in samples if sample is not None]
    return loaded


def _split_names(folder: Path) -> dict[str, list[str]]:
    for place in (folder / "ImageSets", folder / "ImageSets" / "Main"):
        files = {split: place / f"{split}.txt" for split in ("train", "val")}
        if all(path.is_file() for path in files.values()):
            return {split: _read_names(path) for split, path in files.items()}
    return {UNSPLIT: sorted(path.stem for path in (folder / "Annotations").glob("*.xml"))}


def _read_names(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"{path} is not a list of names ({error}). Write one picture name per line.") from None
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))


def _read_xml(folder: Path, name: str, loaded: Loaded) -> ElementTree.Element | None:
    path = folder / "Annotations" / f"{name}.xml"
    if not is_inside(name):
        sentence = f"{folder / 'ImageSets'}: '{name}' lies outside the data set's folder; it is left out."
        loaded.skip_picture("outside-folder", name, sentence)
        return None
    try:
        return ElementTree.parse(path).getroot()
    except FileNotFoundError:
        sentence = f"{path} does not exist, though ImageSets names it; the picture is left out."
        loaded.skip_picture("missing-file", path, sentence)
    except (ElementTree.ParseError, ValueError, LookupError, OSError) as error:
        loaded.skip_picture("malformed", path, f"{path} is not valid XML ({error}); the picture is left out.")
    return None


def _sample(
    folder: Path, name: str, tree: ElementTree.Element, pictures: dict[str, Path], loaded: Loaded
) -> Sample | None:
    path = folder / "Annotations" / f"{name}.xml"
    file = pictures.get(name)
    if file is None:
        declared = _text(tree, "filename") or f"{name}.jpg"
        file = find_picture(declared, [folder / "JPEGImages"]) if is_inside(declared) else None
        if file is None:
            sentence = f"{path}: the picture '{declared}' does not exist in JPEGImages; it is left out."
            loaded.skip_picture("missing-file" if is_inside(declared) else "outside-folder", declared, sentence)
            return None
    try:
        size_px = declared_size(_text(tree, "size/height"), _text(tree, "size/width")) or picture_size(file)
    except BadImage as error:
        loaded.skip_picture(error.kind, file, str(error))
        return None
    boxes = [_box(found, path, name, size_px, loaded) for found in tree.iter("object")]
    loaded.files[name] = file
    load = partial(read_picture, file, size_px)
    return make_sample(name, load, size_px, boxes, 0)


def _box(found: ElementTree.Element, path: Path, name: str, size_px: tuple[int, int], loaded: Loaded) -> Box | None:
    label = _text(found, "name")
    is_known = label in loaded.labels
    if not is_known:
        loaded.unknown_class(path, label, loaded.labels)
    corners = numbers([_text(found, f"bndbox/{corner}") for corner in _CORNERS], 4)
    if corners is None:
        sentence = f"{path}: a box of '{name}' lacks one of its four corner numbers; the box is left out."
        loaded.report("malformed", path, sentence)
        return None
    placed = loaded.place_box(path, name, corners, size_px)
    if placed is None:
        return None
    is_difficult = _text(found, "difficult") == "1"
    index = loaded.labels.index(label) if is_known else 0
    return Box(placed, index, np.zeros((0, 2), np.float32), is_difficult or not is_known)


def _text(element: ElementTree.Element, tag: str) -> str:
    return (element.findtext(tag) or "").strip()
