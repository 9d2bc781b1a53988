"""Values of the Python twins for the unit tests of the page's geometry: `exports/web/test/golden.json`.

    python tests/browser/golden_values.py     writes the file anew

Everything is drawn from one seed. A test compares the committed file with what this module computes now.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from exports.manifest import loss_rule
from tuner.data import Decoded
from tuner.data._decode import resize
from tuner.learners import DetectionLearner
from tuner.losses import classification_loss
from zoo._specs import OBJECT_DETECTION, GridHead, ImageSpec, ModelSpec
from zoo.tasks.alignment import fit_similarity, template
from zoo.tasks.boxes import Detections, decode_detections
from zoo.tasks.grid import anchors
from zoo.tasks.letterbox import placed_size, scale
from zoo.tasks.metrics import Truth, average_precision

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
        "training": [_training(generator, head, num_labels) for head in HEADS for num_labels in (1, 3)],
        "classification": _classification(generator),
        "precision": [_precision(generator, num_labels) for num_labels in (1, 3)],
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


def _training(generator: np.random.Generator, head: GridHead, num_labels: int) -> dict[str, Any]:
    """Labels of two pictures, what each anchor should answer, and the loss of random outputs with its slopes."""
    spec = _spec(head)
    pictures = [_labels(generator, head, num_labels, count) for count in (4, 1)]
    learner = DetectionLearner(spec, num_labels)
    data = Decoded(
        images=np.zeros((2, 1, 1, 3), np.uint8),
        **{name: [one[name] for one in pictures] for name in ("boxes", "classes", "keypoints", "ignore")},
        labels=np.full(2, -1),
        sizes_px=np.ones((2, 2), int),
        keys=("0", "1"),
    )
    targets = learner.targets(data, np.arange(2))
    count, points = head.num_anchors(spec.inputs), 2 * head.num_keypoints
    sizes = {"class_logits": num_labels, "box_offsets": 4, **({"keypoint_offsets": points} if points else {})}
    outputs = {
        name: generator.normal(0, 0.7, (2, count, size)).round(3).astype(np.float32) for name, size in sizes.items()
    }
    loss, slopes = _slopes(lambda values: learner.loss(targets, values), outputs)
    weights = {"box_weight": 1.5, "keypoint_weight": 0.25}
    return {
        "input": _input(spec.inputs),
        "rule": {"kind": "grid", "strides": head.strides, "anchor_sides": head.sides, "keypoints": head.keypoints},
        "loss_rule": loss_rule(spec, {}),
        "num_labels": num_labels,
        "labels": [
            {
                "boxes": one["boxes"].tolist(),
                "classes": one["classes"].tolist(),
                "keypoints": [[None if np.isnan(p).any() else p.tolist() for p in row] for row in one["keypoints"]],
                "ignore": one["ignore"].tolist(),
            }
            for one in pictures
        ],
        "targets": {name: _numbers(values) for name, values in targets.items()},
        "outputs": {name: _numbers(values) for name, values in outputs.items()},
        "loss": loss,
        "slopes": {name: _numbers(values) for name, values in slopes.items()},
        "weights": weights,
        "weighted_loss": _slopes(lambda values: learner.loss(targets, values, **_of(learner, weights)), outputs)[0],
    }


def _spec(head: GridHead) -> ModelSpec:
    return ModelSpec(
        name="golden",
        task=OBJECT_DETECTION,
        inputs=ImageSpec(32, 48),
        head=head,
        paper="",
        builder=lambda spec: None,
    )


def _of(learner: DetectionLearner, weights: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in weights.items() if name in learner.loss_weights}


def _labels(generator: np.random.Generator, head: GridHead, num_labels: int, count: int) -> dict[str, np.ndarray]:
    """Boxes of every size, the first one ignored, the last one too small to hold an anchor's centre."""
    low = generator.uniform(0, 0.6, (count, 2))
    high = np.minimum(low + generator.uniform(0.1, 0.7, (count, 2)), 1)
    high[-1] = low[-1] + 0.01
    points = generator.uniform(0, 1, (count, head.num_keypoints, 2)).round(4)
    points[0, :1] = np.nan
    return {
        "boxes": np.concatenate([low, high], axis=1).round(4).astype(np.float32),
        "classes": generator.integers(0, num_labels, count),
        "keypoints": points.astype(np.float32),
        "ignore": np.arange(count) < count - 3,
    }


def _classification(generator: np.random.Generator) -> dict[str, Any]:
    logits = generator.normal(0, 2, (5, 4)).round(3).astype(np.float32)
    logits[0] *= 50  # where an exponential overflows unless the largest is taken away
    labels = generator.integers(0, 4, 5)
    loss, slopes = _slopes(lambda values: classification_loss({"label": labels}, values), {"class_logits": logits})
    return {
        "labels": labels.tolist(),
        "logits": _numbers(logits),
        "loss": loss,
        "slopes": _numbers(slopes["class_logits"]),
    }


def _precision(generator: np.random.Generator, num_labels: int) -> dict[str, Any]:
    """Boxes of six pictures, some ignored, and finds around them: moved, doubled, or of another label."""
    truths, found = [], []
    for _ in range(6):
        count = int(generator.integers(1, 5))
        low = generator.uniform(0, 0.6, (count, 2))
        boxes = np.concatenate([low, low + generator.uniform(0.1, 0.4, (count, 2))], axis=1)
        truths.append(Truth(boxes, generator.integers(0, num_labels, count), generator.uniform(size=count) < 0.2))
        rows = generator.integers(0, count, 12)
        moved = boxes[rows] + generator.normal(0, 0.04, (12, 4))
        moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 0.01)
        classes = np.where(generator.uniform(size=12) < 0.8, truths[-1].classes[rows], 0)
        scores = np.sort(generator.uniform(size=12).round(1))[::-1]  # equal scores, whose order matters
        found.append(Detections(moved, scores, classes, np.zeros((12, 0, 2))))
    return {
        "num_labels": num_labels,
        "truths": [
            {"boxes": one.boxes.tolist(), "classes": one.classes.tolist(), "ignore": one.ignore.tolist()}
            for one in truths
        ],
        "found": [
            [
                {"box": box, "score": score, "label": label}
                for box, score, label in zip(one.boxes.tolist(), one.scores.tolist(), one.classes.tolist(), strict=True)
            ]
            for one in found
        ],
        "expected": average_precision(truths, found, num_labels),
    }


def _slopes(loss: Callable[[Any], Any], outputs: dict[str, np.ndarray]) -> tuple[float, dict[str, np.ndarray]]:
    """Return a loss and its derivative by each output."""
    values = {name: tf.constant(value) for name, value in outputs.items()}
    with tf.GradientTape() as tape:
        tape.watch(list(values.values()))
        total = loss(values)
    found = tape.gradient(total, values)
    return float(total), {name: np.asarray(slope) for name, slope in found.items()}


def _numbers(values: np.ndarray) -> list[float]:
    return [round(float(value), 6) for value in values.ravel()]


if __name__ == "__main__":
    PATH.write_text(json.dumps(golden_values(), separators=(",", ":")) + "\n", encoding="utf-8")
