"""The script that lays photos side by side: every photo comes in, boxes follow, what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tuner.data import open_dataset
from zoo._specs import OBJECT_DETECTION

ROOT = Path(__file__).parent.parent
PATCH, SPECK = (60, 30, 80, 90), (10, 10, 6, 6)
"""x, y, width, height of what is labelled in each photo of 200 x 150 pixels: a patch, and what no one could see."""


def photos(folder: Path, count: int) -> Path:
    """Write grey photos with a patch whose colour tells its class, red or blue, as COCO JSON; one more to choose by."""
    (folder / "images").mkdir(parents=True)
    x, y, width, height = PATCH
    for index in range(count + 1):
        photo = Image.new("RGB", (200, 150), (128, 128, 128))
        photo.paste(((255, 0, 0), (0, 0, 255))[index % 2], (x, y, x + width, y + height))
        photo.save(folder / "images" / f"{index}.png")
    for split, indices in (("train", range(count)), ("val", range(count, count + 1))):
        content = {
            "images": [{"id": index, "file_name": f"{index}.png", "width": 200, "height": 150} for index in indices],
            "annotations": [
                {"id": 2 * index + place, "image_id": index, "category_id": index % 2 + 1, "bbox": box, "iscrowd": 0}
                for index in indices
                for place, box in enumerate((PATCH, SPECK))
            ],
            "categories": [{"id": 1, "name": "red"}, {"id": 2, "name": "blue"}],
        }
        (folder / f"{split}.json").write_text(json.dumps(content))
    return folder


def laid(data: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "lay_crowds.py"), "--data", str(data), "-o", str(out), *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_boxes_lie_on_what_they_held_and_specks_are_neither_hit_nor_miss(tmp_path: Path) -> None:
    done = laid(photos(tmp_path / "photos", 60), tmp_path / "out", "--times", "2")
    assert done.returncode == 0, done.stderr
    data = open_dataset(tmp_path / "out", task=OBJECT_DETECTION)
    samples = [sample for split in data.splits.values() for sample in split]
    assert f"60 photos in {len(samples)} pictures" in done.stdout
    counted = np.zeros(2, int)
    for sample in samples:
        picture = sample.load().astype(float)
        sides = sample.boxes_px[:, 2:] - sample.boxes_px[:, :2]
        assert ((sides.max(axis=1) >= 6) | sample.ignore).all(), "a speck counts"
        told = zip(sample.boxes_px[~sample.ignore].tolist(), sample.classes[~sample.ignore].tolist(), strict=True)
        for (left, top, right, bottom), label in told:
            counted[label] += 1
            inner = picture[round(top + 1) : round(bottom - 1), round(left + 1) : round(right - 1)]
            red, _, blue = inner.reshape(-1, 3).mean(axis=0)
            assert (red > 200 > 60 > blue) if data.labels[label] == "red" else (blue > 200 > 60 > red)
    assert counted.min() >= 40, "of 120 patches, half of each colour, few lie outside their cells"


def test_the_same_seed_writes_the_same_and_another_does_not(tmp_path: Path) -> None:
    data = photos(tmp_path / "photos", 60)
    for name, seed in (("one", "3"), ("two", "3"), ("other", "4")):
        assert laid(data, tmp_path / name, "--seed", seed).returncode == 0
    one, two, other = ((tmp_path / name / "train.json").read_bytes() for name in ("one", "two", "other"))
    assert one == two != other


@pytest.mark.parametrize(
    ("count", "more", "sentence"),
    [(5, (), "5 photos do not fill a grid of 3 to a side"), (60, ("--times", "0"), "--times")],
)
def test_what_cannot_be_laid_gets_a_sentence_and_leaves_nothing(
    tmp_path: Path, count: int, more: tuple[str, ...], sentence: str
) -> None:
    done = laid(photos(tmp_path / "photos", count), tmp_path / "out", *more)
    assert done.returncode != 0 and sentence in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
