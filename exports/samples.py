"""Generated pictures that the gallery offers to try and to train models on: nobody's photo, none in the package."""

from __future__ import annotations

import io
import json
from functools import lru_cache

from PIL import Image

from tuner.data import SYNTHETIC, open_dataset
from tuner.data.pack import pack_files
from zoo._specs import FACE_RECOGNITION, TASKS

SEED = 31_415
NUM_SAMPLES = 6
INDEX = "index.json"
SAMPLE_STEP = 4
"""Of people, every fourth picture: two of each, so that there is somebody to tell apart."""

PACKED_TASKS = tuple(task for task in TASKS if task != FACE_RECOGNITION)
PACKED_PICTURES, PACKED_VAL_PICTURES = 240, 60
PACKED_SIDE_PX = 160


def sample_names() -> dict[str, list[str]]:
    """Return the pictures of each task: paths below the folder of samples."""
    return {task: [f"{task}/{number}.png" for number in range(NUM_SAMPLES)] for task in TASKS}


@lru_cache(maxsize=NUM_SAMPLES * len(TASKS) + 1)
def sample(path: str) -> bytes | None:
    """Return the PNG or the index at a path below the folder of samples; None where there is nothing."""
    if path == INDEX:
        return json.dumps(sample_names()).encode()
    task, _, name = path.partition("/")
    if task not in TASKS or path not in sample_names()[task]:
        return None
    dataset = open_dataset(SYNTHETIC, task=task, limit=SAMPLE_STEP * NUM_SAMPLES, seed=SEED)
    step = SAMPLE_STEP if task == FACE_RECOGNITION else 1
    picture = dataset.splits["train"][step * int(name.removesuffix(".png"))].load()
    png = io.BytesIO()
    Image.fromarray(picture).save(png, "png")
    return png.getvalue()


def generated_pack_names() -> list[str]:
    """Return the folders of the generated data packs: a task each."""
    return list(PACKED_TASKS)


def generated_pack_file(path: str) -> bytes | None:
    """Return a file of a generated data pack, by its path 'task/file'; None where there is nothing."""
    task, _, name = path.partition("/")
    return _generated_pack(task).get(name) if task in PACKED_TASKS else None


@lru_cache(maxsize=len(PACKED_TASKS))
def _generated_pack(task: str) -> dict[str, bytes]:
    dataset = open_dataset(SYNTHETIC, task=task, limit=PACKED_PICTURES, val_limit=PACKED_VAL_PICTURES, seed=SEED)
    return pack_files(dataset, task, side_px=PACKED_SIDE_PX)
