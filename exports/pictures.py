"""Pictures of what a published network sees: boxes and landmarks on validation pictures."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps

from exports.load import Loaded
from tuner.data import decode, open_dataset
from tuner.data.show import draw_detections
from tuner.learners import DetectionLearner
from tuner.training import predict
from zoo._specs import GridHead
from zoo.tasks.letterbox import to_picture

COLUMNS = 3
NUM_PICTURES = 6
NUM_CANDIDATES = 24
"""The pictures with most boxes among the first few: one can see more there."""
TILE_PX = 240
COLOURS = 128


def draw_findings(loaded: Loaded, data: str, output: Path, format: str | None = None) -> Path | None:
    """Draw a detector's findings on validation pictures that show something, and write one PNG of few colours.

    Returns the path, or None for a model that finds no boxes and for data without any, or of other labels.
    """
    if not isinstance(loaded.spec.head, GridHead):
        return None
    dataset = open_dataset(data, task=loaded.spec.task, seed=loaded.seed, format=format)
    if loaded.labels and dataset.labels != loaded.labels:
        return None
    labelled = [sample for sample in dataset.splits["val"] if len(sample.boxes_px)][:NUM_CANDIDATES]
    samples = sorted(labelled, key=lambda sample: -len(sample.boxes_px))[:NUM_PICTURES]
    if not samples:
        return None
    pictures = decode(samples, loaded.spec.inputs)
    outputs = predict(loaded.network, pictures.images, loaded.spec.inputs)
    learner = DetectionLearner(loaded.spec, len(dataset.labels))
    by_key = {sample.key: sample for sample in samples}
    sheet = Image.new("RGB", (COLUMNS * TILE_PX, -(-len(pictures) // COLUMNS) * TILE_PX), "white")
    for index, (key, found) in enumerate(zip(pictures.keys, learner.detections(outputs), strict=True)):
        image = Image.fromarray(by_key[key].load())
        size = (image.height, image.width)
        drawn = draw_detections(
            image,
            to_picture(found.boxes, loaded.spec.inputs, *size),
            [dataset.labels[label] for label in found.classes],
            scores=found.scores,
            keypoints_px=to_picture(found.keypoints, loaded.spec.inputs, *size),
            names=dataset.labels,
        )
        tile = ImageOps.pad(drawn, (TILE_PX, TILE_PX), color="white")
        sheet.paste(tile, (index % COLUMNS * TILE_PX, index // COLUMNS * TILE_PX))
    sheet.quantize(COLOURS).save(output, optimize=True)
    return output
