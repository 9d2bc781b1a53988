"""Generated pictures that the gallery offers to try models on: nobody's photo, and none in the package."""

from __future__ import annotations

import io
import json
from functools import lru_cache

from PIL import Image

from tuner.data import SYNTHETIC, open_dataset
from zoo._specs import TASKS

SEED = 31_415
NUM_SAMPLES = 6
INDEX = "index.json"


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
    dataset = open_dataset(SYNTHETIC, task=task, limit=4 * NUM_SAMPLES, seed=SEED)
    picture = dataset.splits["train"][int(name.removesuffix(".png"))].load()
    png = io.BytesIO()
    Image.fromarray(picture).save(png, "png")
    return png.getvalue()
