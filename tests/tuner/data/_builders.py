"""Small real data sets on disk, one function per format."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIZE = (64, 48)  # width, height


def write_picture(path: Path, size: tuple[int, int] = SIZE) -> Path:
    """Write a noise picture that follows from the path's name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = int.from_bytes(hashlib.sha256(os.fsencode(path)).digest()[:4], "little")
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def coco_document(names: list[str], **changes: Any) -> dict[str, Any]:
    """One box of category 7 per picture, the categories 'cat' and 'dog'."""
    document: dict[str, Any] = {
        "images": [{"id": i, "file_name": n, "width": SIZE[0], "height": SIZE[1]} for i, n in enumerate(names)],
        "annotations": [{"id": i, "image_id": i, "category_id": 7, "bbox": [4, 8, 20, 10]} for i in range(len(names))],
        "categories": [{"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}],
    }
    return document | changes


def write_coco(folder: Path, train: int = 12, val: int = 4, **changes: Any) -> Path:
    """Write `train.json`, `val.json` and `images/`; `changes` replace parts of train.json."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, count in (("train", train), ("val", val)):
        names = [f"{split}{index}.png" for index in range(count)]
        for name in names:
            write_picture(folder / "images" / name)
        document = coco_document(names, **(changes if split == "train" else {}))
        (folder / f"{split}.json").write_text(json.dumps(document))
    return folder


def edit_json(path: Path, edit: Any) -> None:
    """Read a JSON file, let `edit` change the document in place, write it back."""
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


def voc_xml(objects: str, size: tuple[int, int] = SIZE) -> str:
    return f"<annotation><size><width>{size[0]}</width><height>{size[1]}</height></size>{objects}</annotation>"


def voc_object(name: str = "dog", box: tuple[object, ...] = (4, 8, 24, 18), difficult: int = 0) -> str:
    corners = "".join(f"<{k}>{v}</{k}>" for k, v in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
    return f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox>{corners}</bndbox></object>"


def write_voc(folder: Path, train: int = 12, val: int = 4, sets: str = "ImageSets") -> Path:
    """Write a VOC folder with one 'dog' per picture; `sets` names the folder of the lists."""
    for split, count in (("train", train), ("val", val)):
        names = [f"{split}{index}" for index in range(count)]
        for name in names:
            write_picture(folder / "JPEGImages" / f"{name}.png")
            (folder / "Annotations").mkdir(exist_ok=True)
            (folder / "Annotations" / f"{name}.xml").write_text(voc_xml(voc_object()))
        (folder / sets).mkdir(parents=True, exist_ok=True)
        (folder / sets / f"{split}.txt").write_text("\n".join(names) + "\n")
    return folder


def write_folders(folder: Path, counts: dict[str, int]) -> Path:
    """Write `counts[name]` pictures into each folder `name`."""
    for name, count in counts.items():
        for index in range(count):
            write_picture(folder / name / f"{index:03d}.png", (16, 16))
    return folder


def write_yolo(folder: Path, train: int = 12, val: int = 4, names: str = "names: [cat, dog]") -> Path:
    """Write `data.yaml`, `images/` and `labels/` with one 'dog' per picture, the same box as the other formats."""
    for split, count in (("train", train), ("val", val)):
        (folder / "labels" / split).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            write_picture(folder / "images" / split / f"{index}.png")
            (folder / "labels" / split / f"{index}.txt").write_text(yolo_line() + "\n")
    (folder / "data.yaml").write_text(names)
    return folder


def write_wider(folder: Path, train: int = 12, val: int = 4) -> Path:
    """Write `wider_face_split/` and `WIDER_*/images/` with one face per picture, the same box as the other formats."""
    (folder / "wider_face_split").mkdir(parents=True, exist_ok=True)
    for split, count in (("train", train), ("val", val)):
        names = [f"0--Parade/{split}{index}.png" for index in range(count)]
        for name in names:
            write_picture(folder / f"WIDER_{split}" / "images" / name)
        text = "".join(f"{name}\n1\n4 8 20 10 0 0 0 0 0 0 \n" for name in names)
        wider_file(folder, split).write_text(text)
    return folder


def wider_file(folder: Path, split: str = "train") -> Path:
    return folder / "wider_face_split" / f"wider_face_{split}_bbx_gt.txt"


def yolo_line(class_index: object = 1, box: tuple[float, float, float, float] = (4, 8, 24, 18)) -> str:
    x, y = (box[0] + box[2]) / 2 / SIZE[0], (box[1] + box[3]) / 2 / SIZE[1]
    return f"{class_index} {x} {y} {(box[2] - box[0]) / SIZE[0]} {(box[3] - box[1]) / SIZE[1]}"
