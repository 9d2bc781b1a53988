"""The formats of data: what each looks like, which serve which task, how one is recognised and read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tuner.data import coco, folders, voc, wider, yolo
from tuner.data._annotations import Loaded, listing
from tuner.data.tfds import is_tfds, load_tfds, tfds_task
from zoo._errors import BadData, unknown
from zoo._specs import FACE_DETECTION, FACE_GATE, FACE_RECOGNITION, OBJECT_DETECTION, OBJECT_RECOGNITION


class _Format(NamedTuple):
    layout: str
    is_present: Callable[[Path], bool]
    load: Callable[[Path, Sequence[str] | None], Loaded]


def _load_identities(folder: Path, labels: Sequence[str] | None) -> Loaded:
    if labels is not None:
        raise BadData("Identities are not classes, so labels does not apply to them. Leave it out.")
    return folders.load_identities(folder)


_FORMATS = {
    "coco": _Format("'train.json' and 'val.json' with 'images/'", coco.is_coco, coco.load_coco),
    "voc": _Format("'JPEGImages/', 'Annotations/' and 'ImageSets/'", voc.is_voc, voc.load_voc),
    "yolo": _Format("'data.yaml' with 'images/' and 'labels/'", yolo.is_yolo, yolo.load_yolo),
    "wider": _Format(
        "'wider_face_split/wider_face_train_bbx_gt.txt' and so on with 'WIDER_train/images/'",
        wider.is_wider,
        wider.load_wider,
    ),
    "identities": _Format("one folder of pictures per identity", folders.is_folders, _load_identities),
    "classes": _Format("one folder of pictures per class", folders.is_folders, folders.load_classes),
}

FORMATS = tuple(_FORMATS)
"""Their names, as `open_dataset` and `--format` take them."""

ANNOTATED = tuple(name for name in FORMATS if name not in ("identities", "classes"))
"""Formats with boxes."""

MAX_CLASSES = 100
"""More folders of pictures than these are taken for people, not for classes."""

FORMATS_OF_TASK = {
    FACE_DETECTION: ANNOTATED,
    OBJECT_DETECTION: ANNOTATED,
    FACE_RECOGNITION: ("identities",),
    OBJECT_RECOGNITION: ("classes", *ANNOTATED),
    FACE_GATE: ANNOTATED,
}


def check_format(format: str | None) -> None:
    """Raise UnknownName for a format that does not exist."""
    if format is not None and format not in FORMATS:
        raise unknown("format", format, FORMATS, f"Formats are: {', '.join(FORMATS)}.")


def fitting_task(location: str | Path, format: str | None) -> str:
    """Return the task that the format of the data suits, for when none is asked: boxes detect, folders recognise.

    Many folders of pictures are people, few are classes.
    """
    if is_tfds(location):
        return tfds_task(str(location))
    folder = Path(location)
    names = ANNOTATED if format is None else (format,)
    if any(_FORMATS[name].is_present(folder) for name in names if name in ANNOTATED):
        return OBJECT_DETECTION
    if format == "identities" or (format is None and folders.count_folders(folder) > MAX_CLASSES):
        return FACE_RECOGNITION
    is_folders = format == "classes" or folders.is_folders(folder)
    return OBJECT_RECOGNITION if is_folders else OBJECT_DETECTION


def read_location(
    location: str | Path, task: str, format: str | None, labels: Sequence[str] | None
) -> tuple[Loaded, str, str]:
    """Read a folder or `tfds:NAME`; return what it holds, its format, and the name of the data set. Raises: BadData."""
    if not is_tfds(location):
        loaded, chosen = read_folder(Path(location), task, format, labels)
        return loaded, chosen, Path(location).resolve().name
    if format is not None:
        raise BadData(f"A format is for folders, and {location} is none. Leave out --format.")
    return load_tfds(str(location), task, labels), "tfds", str(location)


def read_folder(folder: Path, task: str, format: str | None, labels: Sequence[str] | None) -> tuple[Loaded, str]:
    """Read a folder and return what it holds with the name of its format: `format`, or the one recognised.

    Raises: BadData when there is no folder or no data in it, when its format does not serve the task, and when it
    holds more than one.
    """
    entries = _entries(folder, task)
    found = _recognise(folder, task, format, entries)
    if found not in FORMATS_OF_TASK[task]:
        raise BadData(
            f"Data folder {folder} has the format {found} ({_FORMATS[found].layout}), which does not fit the task "
            f"{task}. It takes: {_layouts(task)}."
        )
    return _FORMATS[found].load(folder, labels), found


def check_is_folder(folder: Path) -> None:
    """Raise BadData where there is no folder."""
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise BadData(f"Data folder {folder} {what}. Give a folder, or 'synthetic' for generated pictures.")


def _entries(folder: Path, task: str) -> list[str]:
    """Return the names of what a folder holds. Raises: BadData when it cannot be read or is empty."""
    check_is_folder(folder)
    try:
        entries = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise BadData(f"Data folder {folder} cannot be read ({error.strerror}). Change its permissions.") from None
    if not entries:
        raise BadData(f"Data folder {folder} is empty. For {task} it holds one of: {_layouts(task)}.")
    return entries


def _recognise(folder: Path, task: str, format: str | None, entries: Sequence[str]) -> str:
    candidates = FORMATS if format is None else (format,)
    present = [name for name in candidates if _FORMATS[name].is_present(folder)]
    if not present:
        wanted = f"data of the format {format}" if format else "data of any known format"
        needed = f"That is {_FORMATS[format].layout}" if format else f"For {task} it needs one of: {_layouts(task)}"
        raise BadData(f"Data folder {folder} holds no {wanted}; it holds {listing(entries, most=5)}. {needed}.")
    annotated = [name for name in present if name in ANNOTATED]
    if not annotated and format is None and (missing := yolo.missing_part(folder)):
        raise BadData(
            f"Data folder {folder} looks like YOLO labels, but {missing} is missing. Add it; if these are folders of "
            f"pictures by class, say so with --format classes."
        )
    if len(annotated) > 1:
        raise BadData(
            f"Data folder {folder} holds annotations of {len(annotated)} formats: {', '.join(annotated)}. Choose one "
            f"with --format, such as --format {annotated[0]}."
        )
    if annotated:  # their picture folders would pass as classes
        return annotated[0]
    return next((name for name in present if name in FORMATS_OF_TASK[task]), present[0])


def _layouts(task: str) -> str:
    return "; ".join(f"{name}: {_FORMATS[name].layout}" for name in FORMATS_OF_TASK[task])
