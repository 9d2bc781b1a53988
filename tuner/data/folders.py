"""Folders of pictures: one folder per class or per identity, optionally below `train/` and `val/` or `images/`.

Classes and identities look alike on disk; the task tells which is meant. Classes are the same in both splits,
identities are disjoint: a recognizer is measured on people whom it has not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tuner.data._annotations import UNSPLIT, Loaded, listing
from tuner.data._pictures import is_picture, read_picture
from tuner.data._types import Sample
from zoo._errors import BadData

_VAL_NAMES = ("val", "valid", "validation")


def is_folders(folder: Path) -> bool:
    """Tell whether a folder holds folders of pictures, directly or below `train/` or `images/`."""
    return bool(_roots(folder))


def count_folders(folder: Path) -> int:
    """Return how many folders of pictures there are."""
    return sum(len(_folders(root)) for root in _roots(folder).values())


def load_classes(folder: Path, labels: Sequence[str] | None = None) -> Loaded:
    """Read a folder of class folders.

    `labels` fixes names and order; by default they are the folder names of the training split, sorted.
    A class folder that is not among them is a fault. Raises: BadData for fewer than two classes.
    """
    roots = _roots(folder)
    first = next(iter(roots.values()))
    loaded = Loaded(labels=tuple(labels) if labels is not None else tuple(path.name for path in _folders(first)))
    for split, root in roots.items():
        loaded.splits[split] = []
        for place in _folders(root):
            if place.name not in loaded.labels:
                loaded.unknown_class(root, place.name, loaded.labels)
                continue
            _add(folder, place, loaded.labels.index(place.name), split, loaded)
    if len(loaded.labels) < 2:
        raise BadData(
            f"{folder} holds one class, {listing(loaded.labels)}; recognition needs at least two. "
            f"Add a folder for each class."
        )
    return loaded


def load_identities(folder: Path) -> Loaded:
    """Read a folder of identity folders. Raises: BadData for one identity alone or one that is in both splits."""
    roots = _roots(folder)
    places = [(split, place) for split, root in roots.items() for place in _folders(root)]
    names = [place.name for _, place in places]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise BadData(
            f"{folder} has the same identity in train and val: {listing(twice)}. Keep each identity in one of them."
        )
    if len(names) < 2:
        raise BadData(f"{folder} holds one identity, {listing(names)}; recognition needs at least two.")
    loaded = Loaded(labels=tuple(names), splits={split: [] for split in roots})
    for label, (split, place) in enumerate(places):
        _add(folder, place, label, split, loaded)
    return loaded


def _roots(folder: Path) -> dict[str, Path]:
    """Return the folder of class folders of each split; empty when there is none."""
    train = folder / "train"
    val = next((folder / name for name in _VAL_NAMES if _folders(folder / name)), None)
    if _folders(train):
        return {"train": train, "val": val} if val is not None else {UNSPLIT: train}
    root = next((root for root in (folder, folder / "images") if _folders(root)), None)
    return {UNSPLIT: root} if root is not None else {}


def _folders(root: Path) -> list[Path]:
    """Return the folders directly below `root` that hold pictures, by name."""
    if not root.is_dir():
        return []
    places = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))
    return [place for place in places if any(is_picture(path) for path in place.iterdir())]


def _add(folder: Path, place: Path, label: int, split: str, loaded: Loaded) -> None:
    for file in sorted(path for path in place.iterdir() if is_picture(path)):
        key = file.relative_to(folder).as_posix()
        loaded.splits[split].append(Sample(key=key, load=partial(read_picture, file), label=label))
        loaded.files[key] = file
