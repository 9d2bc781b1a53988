"""A data pack: labelled pictures in the form that a page trains on, in few files, so that it asks the server rarely.

    pack.json             schema, task, labels, names of landmarks, files, and a record per picture
    pictures-000.bin ...  the pictures, PNG or JPEG, one after the other; the index says where each begins

A picture's record has file, offset, bytes, width, height and split; `label`, a number into `labels`, or `boxes`, each
with `box` (x_min, y_min, x_max, y_max) in pixels of the packed picture, `label`, `landmarks` as [x, y] or null, and
`ignore` where it is neither right nor wrong. `files` holds bytes and SHA-256 of each file; a page checks them first.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tuner.data._annotations import check_bad_share
from tuner.data._types import Dataset, Sample
from zoo._errors import BadData, BadImage, ZooError
from zoo._files import sync_folder, write_atomically
from zoo._specs import FACE_RECOGNITION, ImageSpec
from zoo.tasks import letterbox

SCHEMA = "pocket-zoo/pack/1"
INDEX_FILE = "pack.json"
SPLITS = ("train", "val")

MAX_PICTURES = 20_000
MAX_BYTES = 256_000_000
"""What a browser may be asked to keep; a page refuses more, too."""
FILE_BYTES = 8_000_000
"""A file is closed once it holds this many."""

DEFAULT_SIDE_PX = 320
PNG = 0
"""In place of a JPEG quality: every byte as it was."""


def pack_files(
    dataset: Dataset,
    task: str,
    *,
    inputs: ImageSpec | None = None,
    side_px: int = DEFAULT_SIDE_PX,
    jpeg_quality: int = PNG,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, bytes]:
    """Return the files of a pack by name.

    Pictures take the size at which they lie in the model input `inputs`, so that a page resizes nothing; without it,
    longer sides end at `side_px`. A picture that cannot be read is left out. Raises: BadData for identities, which no
    page trains on, for more than `MAX_PICTURES` or `MAX_BYTES`, and when more than a tenth cannot be read.
    """
    if task == FACE_RECOGNITION:
        raise BadData("Pages train detectors and classifiers, not face recognition. Pack data for another task.")
    samples = [(split, sample) for split in SPLITS for sample in dataset.splits.get(split, ())]
    if len(samples) > MAX_PICTURES:
        raise BadData(f"{dataset.name} has {len(samples):,} pictures; a pack holds {MAX_PICTURES:,}. Use --limit.")
    contents: list[bytearray] = []
    pictures: list[dict[str, Any]] = []
    skipped: list[str] = []
    total = 0
    for number, (split, sample) in enumerate(samples, start=1):
        try:
            encoded, record = _packed(sample, inputs, side_px, jpeg_quality)
        except BadImage as error:
            skipped.append(str(error))
            continue
        if not contents or len(contents[-1]) >= FILE_BYTES:
            contents.append(bytearray())
        place = {"file": _file_name(len(contents) - 1), "offset": len(contents[-1]), "bytes": len(encoded)}
        contents[-1] += encoded
        pictures.append({**place, "split": split, **record})
        total += len(encoded)
        if total > MAX_BYTES:
            raise BadData(
                f"{dataset.name} takes more than the {MAX_BYTES:,} bytes that a browser may be asked to keep, after "
                f"{number:,} of {len(samples):,} pictures. Use --limit, --side or --jpeg."
            )
        if progress is not None:
            progress(number, len(samples))
    check_bad_share(len(skipped), len(samples), skipped)
    files = {_file_name(number): bytes(content) for number, content in enumerate(contents)}
    index = {
        "schema": SCHEMA,
        "name": dataset.name,
        "task": task,
        "labels": list(dataset.labels),
        "keypoints": list(dataset.keypoints),
        "files": {name: _file_record(content) for name, content in files.items()},
        "pictures": pictures,
    }
    return {INDEX_FILE: json.dumps(index, separators=(",", ":"), allow_nan=False).encode(), **files}


def write_pack(files: Mapping[str, bytes], folder: Path) -> None:
    """Write the files of a pack into a new folder, all or none. Raises: ZooError when it holds something already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ZooError(f"{folder} is there already and not empty. Name a new folder with -o.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, content in files.items():
            write_atomically(part / name, content)
        part.chmod(0o755)
        os.replace(part, folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    sync_folder(folder.parent)


def _packed(sample: Sample, inputs: ImageSpec | None, side_px: int, jpeg_quality: int) -> tuple[bytes, dict[str, Any]]:
    picture = Image.fromarray(sample.load())
    width, height = picture.size
    if inputs is not None:
        placed_height, placed_width = letterbox.placed_size(inputs, height, width)
    else:
        factor = min(1.0, side_px / max(width, height))
        placed_width, placed_height = max(1, round(width * factor)), max(1, round(height * factor))
    encoded = io.BytesIO()
    resized = picture.resize((placed_width, placed_height), Image.Resampling.BILINEAR)
    if jpeg_quality == PNG:
        resized.save(encoded, "png")
    else:
        resized.save(encoded, "jpeg", quality=jpeg_quality)
    record: dict[str, Any] = {"width": placed_width, "height": placed_height}
    if sample.label >= 0:
        record["label"] = int(sample.label)
    else:
        scale = np.array([placed_width / width, placed_height / height])
        record["boxes"] = [_box(sample, row, scale, record) for row in range(len(sample.boxes_px))]
    return encoded.getvalue(), record


def _box(sample: Sample, row: int, scale: np.ndarray, size: Mapping[str, int]) -> dict[str, Any]:
    corners = sample.boxes_px[row].reshape(2, 2) * scale
    box = np.clip(corners, 0, [size["width"], size["height"]]).reshape(-1)
    record: dict[str, Any] = {"box": box.round(3).tolist(), "label": int(sample.classes[row])}
    if sample.keypoints_px.shape[1]:
        points = sample.keypoints_px[row] * scale
        record["landmarks"] = [None if np.isnan(point).any() else point.round(3).tolist() for point in points]
    if sample.ignore[row]:
        record["ignore"] = True
    return record


def _file_name(number: int) -> str:
    return f"pictures-{number:03d}.bin"


def _file_record(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
