"""Small data folders, written by hand."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any


def png(path: Path, side: int = 40, shade: int = 120) -> None:
    """Write a small grey PNG by hand."""
    rows = b"".join(b"\0" + bytes([shade + (row % 7), shade, shade]) * side for row in range(side))

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def coco(folder: Path, pictures: int = 24, **changes: Any) -> Path:
    """Write a COCO folder with one box per picture; `changes` replace keys of the first annotation."""
    (folder / "images").mkdir(parents=True)
    for split, first in (("train", 0), ("val", pictures)):
        images, annotations = [], []
        for number in range(first, first + pictures):
            name = f"{number}.png"
            png(folder / "images" / name, shade=60 + number)
            images.append({"id": number, "file_name": name, "width": 40, "height": 40})
            annotation = {"id": number, "image_id": number, "category_id": 1, "bbox": [5, 5, 20, 20], "iscrowd": 0}
            annotations.append({**annotation, **(changes if number == 0 else {})})
        document = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "thing"}]}
        (folder / f"{split}.json").write_text(json.dumps(document))
    return folder
