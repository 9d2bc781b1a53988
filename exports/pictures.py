"""What a published detector finds in generated pictures, as one picture for its card."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps

from exports.load import Loaded
from tuner.data import SYNTHETIC, decode, open_dataset
from tuner.data.show import draw_detections
from tuner.learners import DetectionLearner
from tuner.training import predict
from zoo.tasks.letterbox import to_picture

COLUMNS = 3
NUM_PICTURES = 6
NUM_CANDIDATES = 24
"""The pictures with most boxes among the first few: one can see more there."""
TILE_PX = 240
COLOURS = 128


def draw_samples(loaded: Loaded, output: Path) -> None:
    """Draw what a detector finds in generated pictures of its task, as one PNG of few colours.

    Draws nothing where the detector knows other labels than the generated pictures show.
    """
    dataset = open_dataset(SYNTHETIC, task=loaded.spec.task, limit=1, val_limit=NUM_CANDIDATES, seed=loaded.seed)
    if loaded.labels != dataset.labels:
        return
    labelled = [sample for sample in dataset.splits["val"] if len(sample.boxes_px)]
    samples = sorted(labelled, key=lambda sample: -len(sample.boxes_px))[:NUM_PICTURES]
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
