"""Every metric of a task, and what a detector found as a file: what `zoo evaluate` prints and writes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from exports.evaluate import Findings, Measurement
from exports.load import Loaded
from tuner.data import Sample, cache_folder, decode
from tuner.data._pictures import read_picture
from tuner.data.pairs import read_pairs
from tuner.learners import DetectionLearner, EmbeddingLearner
from tuner.progress import Progress
from tuner.training import predict
from zoo._errors import BadData, ZooError
from zoo._files import write_atomically
from zoo._specs import FACE_RECOGNITION, GridHead, ImageSpec
from zoo.tasks.boxes import Detections
from zoo.tasks.letterbox import scale, to_picture
from zoo.tasks.metrics import (
    Truth,
    average_precision,
    landmark_error,
    top_k_accuracy,
    true_accept_rate,
    verification_accuracy,
)

IOU = 0.5
FALSE_ACCEPT_RATES = (1e-2, 1e-3)


@dataclass(frozen=True)
class Comparison:
    """Labelled boxes beside detected ones, per picture, in fractions of the model input; `min_heights` likewise."""

    truths: list[Truth]
    found: list[Detections]
    min_heights: list[float]
    num_classes: int


def compare(findings: Findings, min_face: float = 0.0) -> Comparison:
    """Decode what a detector answered down to `SCORE_FLOOR`, and put it beside the labels."""
    inputs, pictures = findings.loaded.spec.inputs, findings.labelled.pictures
    num_classes = len(findings.labelled.dataset.labels)
    return Comparison(
        truths=findings.truths,
        found=findings.detections,
        min_heights=[min_face * max(size) * scale(inputs, *size)[1] for size in pictures.sizes_px.tolist()],
        num_classes=num_classes,
    )


def check_measures(loaded: Loaded, iou: float, min_face: float, saves_detections: bool = False) -> None:
    """Raise ZooError for an IoU or a least face height that cannot be, or that a network without boxes is asked for."""
    if not 0 < iou < 1:
        raise ZooError(f"--iou is an overlap above 0 and below 1, got {iou:g}. COCO's customary one is 0.5.")
    if not 0 <= min_face < 1:
        raise ZooError(f"--min-face is a share of the picture's longer side from 0 to 1, got {min_face:g}. Try 0.06.")
    if not isinstance(loaded.spec.head, GridHead) and (iou != IOU or min_face or saves_detections):
        raise ZooError(
            f"'{loaded.spec.name}' is for {loaded.spec.task} and finds no boxes. Leave out --iou, --min-face and "
            f"--save-detections."
        )


def measure_all(findings: Findings, iou: float = IOU, min_face: float = 0.0) -> list[Measurement]:
    """Return every metric of the task, its main one first.

    Detection: AP at `iou`, COCO's AP at .50:.05:.95, the landmark error where landmarks are labelled; recognition:
    verification accuracy over generated pairs and TAR at FAR 1e-2 and 1e-3; classes: top-1 and top-5 accuracy.
    """
    learner, pictures = findings.learner, findings.labelled.pictures
    if isinstance(learner, DetectionLearner):
        return _measure_boxes(findings, iou, min_face)
    measured = [findings.measurement(learner.metric, learner.score(findings.outputs, pictures))]
    if isinstance(learner, EmbeddingLearner):
        cosines, same = learner.pairs(findings.outputs, pictures)
        measured += [findings.measurement(name, value) for name, value in _accept_rates(cosines, same)]
    elif learner.metric == "top1" and findings.outputs["class_logits"].shape[1] > 5:
        measured.append(findings.measurement("top5", top_k_accuracy(findings.outputs["class_logits"], pictures.labels)))
    return measured


def _measure_boxes(findings: Findings, iou: float, min_face: float) -> list[Measurement]:
    sides = compare(findings, min_face)

    def precision(iou_threshold: float | None) -> float:
        return average_precision(sides.truths, sides.found, sides.num_classes, iou_threshold, sides.min_heights)

    measured = [
        findings.measurement(f"ap{100 * iou:g}", precision(iou), min_face),
        findings.measurement("ap", precision(None), min_face),
    ]
    head, dataset = findings.loaded.spec.head, findings.labelled.dataset
    names = head.keypoints if isinstance(head, GridHead) else ()
    if names and names == dataset.keypoints:
        measured.append(findings.measurement("landmark_error", _landmark_error(findings, sides)))
    return measured


def _landmark_error(findings: Findings, sides: Comparison) -> float:
    inputs, pictures = findings.loaded.spec.inputs, findings.labelled.pictures
    sizes = pictures.sizes_px.tolist()
    found_px = [_in_pixels(one, inputs, *size) for one, size in zip(sides.found, sizes, strict=True)]
    truths_px = [
        replace(truth, boxes=to_picture(truth.boxes, inputs, *size))
        for truth, size in zip(sides.truths, sizes, strict=True)
    ]
    points_px = [to_picture(points, inputs, *size) for points, size in zip(pictures.keypoints, sizes, strict=True)]
    return landmark_error(truths_px, points_px, found_px)


def _in_pixels(found: Detections, inputs: ImageSpec, height_px: int, width_px: int) -> Detections:
    return replace(
        found,
        boxes=to_picture(found.boxes, inputs, height_px, width_px),
        keypoints=to_picture(found.keypoints, inputs, height_px, width_px),
    )


def save_detections(findings: Findings, path: Path) -> int:
    """Write what a detector found as COCO results, in pixels of the original pictures; return how many.

    One object per detection down to a score of 0.01: `image_id` and `category_id` are those of the data's COCO file, or
    count the split's pictures and the labels from 1; `file_name` names the picture, `bbox` is [x, y, width, height],
    `keypoints` are triplets of x, y and visibility 2. Format: https://cocodataset.org/#format-results.
    """
    pictures = findings.labelled.pictures
    rows: list[dict[str, Any]] = []
    found = compare(findings).found
    category_ids = findings.labelled.dataset.category_ids
    for image_id, key, one, size in zip(pictures.image_ids, pictures.keys, found, pictures.sizes_px, strict=True):
        placed = _in_pixels(one, findings.loaded.spec.inputs, int(size[0]), int(size[1]))
        for box, score, label, points in zip(placed.boxes, one.scores, one.classes, placed.keypoints, strict=True):
            x, y, right, bottom = (float(value) for value in box)
            row: dict[str, Any] = {
                "image_id": image_id,
                "file_name": key,
                "category_id": category_ids[label] if category_ids else int(label) + 1,
                "bbox": [x, y, right - x, bottom - y],
                "score": float(score),
            }
            if len(points):
                row["keypoints"] = [value for x_px, y_px in points.tolist() for value in (x_px, y_px, 2)]
            rows.append(row)
    write_atomically(path, json.dumps(rows).encode())
    return len(rows)


def _accept_rates(cosines: np.ndarray, same: np.ndarray) -> list[tuple[str, float]]:
    return [(f"tar_at_far_{rate:g}", true_accept_rate(cosines, same, rate)) for rate in FALSE_ACCEPT_RATES]


def measure_pairs(loaded: Loaded, folder: Path) -> list[Measurement]:
    """Return the 10-fold accuracy, TAR at FAR 1e-2 and at 1e-3 on a pairs file, LFW view 2 or laid out like it.

    Raises ZooError when the network gives no embedding, BadData when the folder has no usable pairs file.
    """
    if loaded.spec.task != FACE_RECOGNITION:
        raise ZooError(
            f"'{loaded.spec.name}' is for {loaded.spec.task}; pairs measure {FACE_RECOGNITION} alone. Use --data."
        )
    pairs = read_pairs(folder)
    paths = sorted({*pairs.paths_a, *pairs.paths_b})
    position = {path: index for index, path in enumerate(paths)}
    samples = [Sample(key=str(path), load=partial(read_picture, path)) for path in paths]
    with Progress("reading pairs", unit="img") as progress:
        pictures = decode(samples, loaded.spec.inputs, progress=progress.update_to, cache=cache_folder())
    if pictures.skipped:
        raise BadData(f"Every picture of a pairs file is needed: {pictures.skipped[0]}")
    embedding = predict(loaded.network, pictures.images, loaded.spec.inputs)["embedding"]
    left, right = ([position[path] for path in side] for side in (pairs.paths_a, pairs.paths_b))
    cosines = (embedding[left] * embedding[right]).sum(axis=1)
    accuracy = verification_accuracy(cosines, pairs.same, pairs.folds)
    return [
        Measurement(
            name=name,
            value=value,
            data=folder.name,
            split=f"{len(np.unique(pairs.folds))} folds",
            data_sha256=hashlib.sha256((folder / "pairs.txt").read_bytes()).hexdigest(),
            pictures=len(paths),
            skipped=0,
            input_size=(loaded.spec.inputs.height, loaded.spec.inputs.width),
            precision=loaded.precision,
        )
        for name, value in [("verification_accuracy", accuracy), *_accept_rates(cosines, pairs.same)]
    ]
