"""WIDER FACE text annotations: `wider_face_train_bbx_gt.txt` and `wider_face_val_bbx_gt.txt`, faces in pixels.

For each picture its file name, the number of faces, then one line `x y width height blur expression illumination
invalid occlusion pose` per face; a picture without faces has one line of zeros. The files lie in `wider_face_split/`
or in the folder itself, the pictures in `WIDER_train/images/` and `WIDER_val/images/` or in `images/`. `invalid=1`
marks a face as neither hit nor miss; the other attributes are passed over. Format: http://shuoyang1213.me/WIDERFACE/.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tuner.data._annotations import UNSPLIT, Box, Loaded, make_sample, numbers
from tuner.data._pictures import find_picture, is_inside, is_picture, picture_size, read_picture
from tuner.data._types import Sample
from zoo._errors import BadData, BadImage

LABELS = ("face",)
_SPLITS = ("train", "val")
_SHORTEST, _LONGEST = 4, 10  # numbers in the line of a face; some tools write the box alone
_INVALID = 7


class _Entry(NamedTuple):
    """One picture as the file tells it, with the number of its line; `faces_told` the number below it, if any."""

    line: int
    name: str
    faces_told: int | None
    faces: list[str]


def is_wider(folder: Path) -> bool:
    """Tell whether a folder holds annotations of WIDER FACE."""
    return bool(_files(folder))


def load_wider(folder: Path, labels: Sequence[str] | None = None) -> Loaded:
    """Read the pictures of every split.

    `labels` must name the class 'face', the only one there is. Raises: BadData when a file cannot be read or names no
    picture.
    """
    loaded = Loaded(labels=tuple(labels) if labels is not None else LABELS)
    files = _files(folder)
    for split, path in files.items():
        if LABELS[0] not in loaded.labels:
            loaded.unknown_class(path, LABELS[0], loaded.labels)
        roots = [folder / f"WIDER_{split}" / "images", folder / f"WIDER_{split}", folder / "images", folder]
        samples = (_sample(entry, path, roots, loaded) for entry in _entries(path))
        loaded.splits[split] = [sample for sample in samples if sample is not None]
    if set(files) != set(_SPLITS):
        loaded.splits = {UNSPLIT: next(iter(loaded.splits.values()))}
    return loaded


def _files(folder: Path) -> dict[str, Path]:
    paths = {
        split: place / f"wider_face_{split}_bbx_gt.txt"
        for place in (folder, folder / "wider_face_split")
        for split in _SPLITS
        if (place / f"wider_face_{split}_bbx_gt.txt").is_file()
    }
    return {split: paths[split] for split in _SPLITS if split in paths}


def _entries(path: Path) -> Iterator[_Entry]:
    """Read a file picture by picture: whatever is wrong with one, the next name begins anew."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"{path} is not a text file ({error}). Download it again.") from None
    starts = [row for row, line in enumerate(lines) if is_picture(Path(line.strip()))]
    if not starts:
        raise BadData(f"{path} names no picture. It needs a file name, a number of faces, then a line for each face.")
    for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True):
        count, *faces = [line.strip() for line in lines[start + 1 : stop] if line.strip()] or [""]
        is_count = count.isdecimal() and len(count) < 7
        yield _Entry(start + 1, lines[start].strip(), int(count) if is_count else None, faces)


def _sample(entry: _Entry, path: Path, roots: list[Path], loaded: Loaded) -> Sample | None:
    name, here = entry.name, f"{path}, line {entry.line}"
    faces = [] if entry.faces_told == 0 and _is_zeros(entry.faces) else entry.faces
    file = find_picture(name, roots) if is_inside(name) else None
    if not is_inside(name):
        sentence = f"{here}: the picture '{name}' lies outside the data set's folder; it is left out."
        loaded.skip_picture("outside-folder", name, sentence)
    elif entry.faces_told != len(faces):
        told = "no number of faces follows" if entry.faces_told is None else f"{entry.faces_told} faces are announced"
        sentence = f"{here}: for '{name}' {told}, but {len(faces)} lines are there; the picture is left out."
        loaded.skip_picture("malformed", path, sentence)
    elif file is None:
        loaded.skip_picture("missing-file", name, f"{here}: the picture '{name}' does not exist; it is left out.")
    else:
        try:
            size_px = picture_size(file)
        except BadImage as error:
            loaded.skip_picture(error.kind, file, str(error))
            return None
        boxes = [_box(face, path, name, size_px, loaded) for face in faces]
        loaded.files[name] = file
        load = partial(read_picture, file, size_px)
        return make_sample(name, load, size_px, boxes, 0)
    return None


def _is_zeros(faces: Sequence[str]) -> bool:
    """Tell whether this is what stands for no face: one line of zeros, or nothing."""
    return len(faces) <= 1 and not "".join(faces).strip("0 \t")


def _box(face: str, path: Path, name: str, size_px: tuple[int, int], loaded: Loaded) -> Box | None:
    words = face.split()
    values = numbers(words, len(words))
    if values is None or not _SHORTEST <= len(values) <= _LONGEST:
        sentence = f"{path}: for '{name}', the line '{face[:40]}' is not x, y, width, height, ...; it is left out."
        loaded.report("malformed", path, sentence)
        return None
    x, y, width, height = values[:4]
    placed = loaded.place_box(path, name, (x, y, x + width, y + height), size_px)
    if placed is None or LABELS[0] not in loaded.labels:
        return None
    is_invalid = len(values) > _INVALID and values[_INVALID] == 1
    return Box(placed, loaded.labels.index(LABELS[0]), np.zeros((0, 2), np.float32), is_invalid)
