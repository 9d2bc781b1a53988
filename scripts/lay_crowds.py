"""Lay photos side by side, so that a detector of small faces or other objects has more to learn from.

    python scripts/lay_crowds.py --data drawn -o crowds
    zoo sweep picodet_xs_640 --data masks --extra-data crowds

In photos of crowds a face is a few pixels high; in most others it fills the picture. Each photo is laid, `--times`
over, into a grid of three, five or seven to a side, cropped to its cell, and its faces come out with as few pixels as
those of a crowd have: a training that enlarges photos, as one at 640 pixels does, then sees the blur that it meets in
real ones. Boxes follow; of which too little is left, or that are too small to tell, are marked as crowds: neither hit
nor miss. Source of the idea: mosaic, YOLOv4 (arXiv:2004.10934), section 3.3, there during training and with four
photos.

Reads every format that `zoo sweep` reads; writes COCO JSON, `OUT/train.json` beside `OUT/images`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tuner.data import Dataset, Sample, open_dataset
from tuner.placement import Labels, Tile, covered, follow, mosaic
from zoo._cli import positive, seed
from zoo._errors import ZooError
from zoo._files import whole_folder
from zoo._specs import OBJECT_DETECTION, ImageSpec
from zoo.tasks.letterbox import placed_size, to_input

SIDES = (3, 5, 7)
SIZE_PX = 304
LEAST_PX = 6.0
"""A box whose longer side is shorter than this in the picture that is written is neither hit nor miss."""
GREY = (114, 114, 114)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, metavar="DIR", help="photos and boxes, of which train is laid")
    parser.add_argument("--times", type=positive, default=1, help="how often each photo is laid, default 1")
    parser.add_argument("--seed", type=seed, default=0, help="of chance, default 0: the same pictures again")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    arguments = parser.parse_args()
    try:
        dataset = open_dataset(arguments.data, task=OBJECT_DETECTION)
        with whole_folder(arguments.out) as folder:
            told = run(dataset, folder, arguments.times, np.random.default_rng(arguments.seed))
    except (ZooError, OSError) as error:
        sys.exit(f"lay_crowds: {error}")
    print(f"{told}: {arguments.out}")


def run(dataset: Dataset, folder: Path, times: int, generator: np.random.Generator) -> str:
    """Fill the folder, and return in words with what. Raises: ZooError or OSError if it cannot be."""
    samples = dataset.splits["train"]
    (folder / "images").mkdir()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    every = [rows for _ in range(times) for rows in grids(len(samples), generator)]
    for rows in tqdm(every, unit="picture"):
        picture, found = laid([samples[row] for row in rows], generator)
        images.append(
            {"id": len(images) + 1, "file_name": f"{len(images) + 1:05}.jpg", "width": SIZE_PX, "height": SIZE_PX}
        )
        picture.save(folder / "images" / images[-1]["file_name"], quality=93)
        for (left, top, right, bottom), label, ignore in zip(
            (found.boxes * SIZE_PX).tolist(), found.classes.tolist(), found.ignore.tolist(), strict=True
        ):
            is_small = max(right - left, bottom - top) < LEAST_PX
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": len(images),
                    "category_id": label + 1,
                    "bbox": [round(value, 2) for value in (left, top, right - left, bottom - top)],
                    "area": round((right - left) * (bottom - top), 2),
                    "iscrowd": int(ignore or is_small),
                }
            )
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": place, "name": name} for place, name in enumerate(dataset.labels, start=1)],
    }
    (folder / "train.json").write_text(json.dumps(content), encoding="utf-8")
    counted = sum(not annotation["iscrowd"] for annotation in annotations)
    return f"{len(samples):,} photos in {len(images):,} pictures, {counted:,} boxes"


def grids(count: int, generator: np.random.Generator) -> list[list[int]]:
    """Divide `count` photos by chance among grids of `SIDES` to a side; the last is filled up with photos of others.

    Raises: ZooError for fewer photos than the smallest grid takes.
    """
    if count < min(SIDES) ** 2:
        raise ZooError(f"{count} photos do not fill a grid of {min(SIDES)} to a side. Name data with more.")
    order = generator.permutation(count).tolist()
    found: list[list[int]] = []
    place = 0
    while place < count:
        size = int(generator.choice([side for side in SIDES if side**2 <= count])) ** 2
        place = min(place, count - size)
        found.append(order[place : place + size])
        place += size
    return found


def laid(samples: list[Sample], generator: np.random.Generator) -> tuple[Image.Image, Labels]:
    """Lay a square number of photos into one picture; its labels are in fractions of its sides."""
    inputs = ImageSpec(SIZE_PX, SIZE_PX)
    photos = [Image.fromarray(sample.load()).convert("RGB") for sample in samples]
    sizes = [(photo.height, photo.width) for photo in photos]
    labels = [
        Labels(
            to_input(sample.boxes_px.reshape(-1, 4), inputs, *size),
            sample.classes,
            np.zeros((len(sample.classes), 0, 2), np.float32),
            sample.ignore,
        )
        for sample, size in zip(samples, sizes, strict=True)
    ]
    tiles = mosaic(
        list(range(len(samples))),
        inputs,
        [covered(inputs, *size) for size in sizes],
        [one.boxes for one in labels],
        generator,
    )
    canvas = Image.new("RGB", (SIZE_PX, SIZE_PX), GREY)
    for tile in tiles:
        canvas.paste(cut(photos[tile.row], tile, inputs), tile.place[:2])
    return canvas, follow(tiles, inputs, labels)


def cut(photo: Image.Image, tile: Tile, inputs: ImageSpec) -> Image.Image:
    """Return the window of a photo that a tile shows, at the tile's size."""
    height, width = placed_size(inputs, photo.height, photo.width)
    factors = (photo.width * inputs.width / width, photo.height * inputs.height / height) * 2
    window = [value * factor for value, factor in zip(tile.window, factors, strict=True)]
    box = (window[0], window[1], min(window[2], photo.width), min(window[3], photo.height))
    left, top, right, bottom = tile.place
    return photo.resize((right - left, bottom - top), Image.Resampling.LANCZOS, box=box)


if __name__ == "__main__":
    main()
