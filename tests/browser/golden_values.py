"""Values of the Python twins for the unit tests of the page's geometry: `exports/web/test/golden.json`.

    python tests/browser/golden_values.py     writes the file anew

Everything is drawn from one seed. A test compares the committed file with what this module computes now.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

from tuner.data._decode import resize
from zoo._specs import GridHead, ImageSpec
from zoo.tasks.alignment import fit_similarity, template
from zoo.tasks.boxes import decode_detections
from zoo.tasks.grid import anchors
from zoo.tasks.letterbox import placed_size, scale

PATH = Path(__file__).parents[2] / "exports" / "web" / "test" / "golden.json"
SEED = 27
PICTURE_SIZES = ((48, 64), (65, 33), (7, 200), (20, 20))
LARGE_SIZES = ((1080, 1920), (997, 1501))
INPUTS = (
    ImageSpec(32, 32),
    ImageSpec(24, 40, resize="stretch"),
    ImageSpec(32, 32, channels=1, pad_value=0),
    ImageSpec(40, 24),
)
HEADS = (
    GridHead(strides=(8, 16), keypoints=("one", "two"), max_detections=20),
    GridHead(strides=(8, 16), anchor_sides=((1.0, 2.5), (3.0,)), iou_threshold=0.3),
)
THRESHOLDS = (0.35, 0.5, 0.0)


def golden_values() -> dict[str, Any]:
    """Return inputs and results of every twin, as JSON holds them."""
    generator = np.random.default_rng(SEED)
    return {
        "resize": [_resize(size, inputs) for size in PICTURE_SIZES for inputs in INPUTS],
        "letterbox": [
            _letterbox(size, inputs) for size in (*PICTURE_SIZES, (1080, 1920), (997, 1501)) for inputs in INPUTS
        ],
        "decode": [_decode(generator, head, threshold) for head in HEADS for threshold in THRESHOLDS],
        "similarity": [_similarity(generator) for _ in range(3)],
    }


def _input(inputs: ImageSpec) -> dict[str, Any]:
    return {
        "height": inputs.height,
        "width": inputs.width,
        "channels": inputs.channels,
        "resize": inputs.resize,
        "pad_value": inputs.pad_value,
    }


def picture(height: int, width: int) -> np.ndarray:
    """RGB bytes that follow from their place alone, so that the file need not hold them."""
    place = np.arange(height * width * 3)
    return ((place * place * 7 + place * 13 + place // 8 * 29) % 256).astype(np.uint8).reshape(height, width, 3)


def _resize(size: tuple[int, int], inputs: ImageSpec) -> dict[str, Any]:
    resized = base64.b64encode(resize(picture(*size), inputs).tobytes()).decode()
    return {"input": _input(inputs), "size": size, "expected": resized}


def _letterbox(size: tuple[int, int], inputs: ImageSpec) -> dict[str, Any]:
    x, y = scale(inputs, *size)
    return {"input": _input(inputs), "size": size, "placed": placed_size(inputs, *size), "factors": [1 / x, 1 / y]}


def _decode(generator: np.random.Generator, head: GridHead, threshold: float) -> dict[str, Any]:
    inputs, num_labels = ImageSpec(32, 48), 2
    count = head.num_anchors(inputs)
    # Rounded, so that equal scores occur; the order among them is part of the contract.
    logits = generator.normal(0, 1.5, (count, num_labels)).round(1).astype(np.float32)
    boxes = generator.normal(0, 0.7, (count, 4)).round(3).astype(np.float32)
    boxes[0, 2] = 90.0  # an exponent that needs the limit
    points = generator.normal(0, 1, (count, 2 * head.num_keypoints)).round(3).astype(np.float32)
    grid = anchors(head, inputs)
    found = decode_detections(logits, boxes, points if head.keypoints else None, head, grid, threshold)
    return {
        "input": _input(inputs),
        "rule": {
            "kind": "grid",
            "strides": head.strides,
            "anchor_sides": head.sides,
            "keypoints": head.keypoints,
            "score_threshold": head.score_threshold,
            "iou_threshold": head.iou_threshold,
            "max_detections": head.max_detections,
        },
        "threshold": threshold,
        "outputs": {
            "class_logits": _numbers(logits),
            "box_offsets": _numbers(boxes),
            "keypoint_offsets": _numbers(points),
        },
        "anchors": _numbers(np.concatenate([grid.centres, grid.units, grid.sides], axis=1)),
        "expected": {
            "boxes": found.boxes.round(6).tolist(),
            "scores": found.scores.round(8).tolist(),
            "classes": found.classes.tolist(),
            "keypoints": found.keypoints.round(6).tolist(),
        },
    }


def _similarity(generator: np.random.Generator) -> dict[str, Any]:
    points = generator.uniform(0, 300, (5, 2)).round(2)
    targets = np.array(list(template().values())) * 112
    return {
        "points": points.tolist(),
        "targets": targets.tolist(),
        "expected": fit_similarity(points, targets).tolist(),
    }


def _numbers(values: np.ndarray) -> list[float]:
    return [round(float(value), 6) for value in values.ravel()]


if __name__ == "__main__":
    PATH.write_text(json.dumps(golden_values(), separators=(",", ":")) + "\n", encoding="utf-8")
