"""What a published model answers for generated pictures, as one picture for its card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from exports.load import Loaded
from tuner.data import SYNTHETIC, Sample, decode, open_dataset
from tuner.data.show import draw_detections
from tuner.learners import DetectionLearner
from tuner.training import predict
from zoo._specs import EmbeddingHead, GridHead
from zoo.tasks.letterbox import to_picture

COLUMNS = 3
NUM_PICTURES = 6
NUM_CANDIDATES = 24
"""The pictures with most boxes among the first few: one can see more there."""
TILE_PX = 240
CAPTION_PX = 26
COLOURS = 128
INK = (20, 20, 24)


def draw_samples(loaded: Loaded, output: Path) -> None:
    """Draw what a detector finds, or a recognizer of classes sees, in generated pictures; one PNG of few colours.

    Draws nothing where the model knows other labels than the generated pictures show, or answers with an embedding.
    """
    spec = loaded.spec
    if isinstance(spec.head, EmbeddingHead):
        return
    dataset = open_dataset(SYNTHETIC, task=spec.task, limit=1, val_limit=NUM_CANDIDATES, seed=loaded.seed)
    if loaded.labels != dataset.labels:
        return
    samples = list(dataset.splits["val"])
    if isinstance(spec.head, GridHead):
        samples = sorted((one for one in samples if len(one.boxes_px)), key=lambda one: -len(one.boxes_px))
    samples = samples[:NUM_PICTURES]
    outputs = predict(loaded.network, decode(samples, spec.inputs).images, spec.inputs)
    draw = _boxed if isinstance(spec.head, GridHead) else _named
    tiles = draw(loaded, samples, outputs)
    width, height = tiles[0].size
    sheet = Image.new("RGB", (COLUMNS * width, -(-len(tiles) // COLUMNS) * height), "white")
    for index, tile in enumerate(tiles):
        sheet.paste(tile, (index % COLUMNS * width, index // COLUMNS * height))
    sheet.quantize(COLOURS).save(output, optimize=True)


def _boxed(loaded: Loaded, samples: Sequence[Sample], outputs: dict[str, np.ndarray]) -> list[Image.Image]:
    """Return the pictures with boxes, scores and landmarks."""
    tiles = []
    found = DetectionLearner(loaded.spec, len(loaded.labels)).detections(outputs)
    for sample, one in zip(samples, found, strict=True):
        image = Image.fromarray(sample.load())
        size = (image.height, image.width)
        drawn = draw_detections(
            image,
            to_picture(one.boxes, loaded.spec.inputs, *size),
            [loaded.labels[label] for label in one.classes],
            scores=one.scores,
            keypoints_px=to_picture(one.keypoints, loaded.spec.inputs, *size),
            names=loaded.labels,
        )
        tiles.append(ImageOps.pad(drawn, (TILE_PX, TILE_PX), color="white"))
    return tiles


def _named(loaded: Loaded, samples: Sequence[Sample], outputs: dict[str, np.ndarray]) -> list[Image.Image]:
    """Return the pictures with the best class and its share below, and what it should be where that is another."""
    logits = outputs["class_logits"].astype(np.float64)
    shares = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    tiles = []
    for sample, share in zip(samples, shares, strict=True):
        best = int(share.argmax())
        caption = f"{loaded.labels[best]} {share[best]:.2f}"
        if best != sample.label:
            caption += f" (is {loaded.labels[sample.label]})"
        tile = Image.new("RGB", (TILE_PX, TILE_PX + CAPTION_PX), "white")
        tile.paste(ImageOps.pad(Image.fromarray(sample.load()), (TILE_PX, TILE_PX), color="white"))
        place = (TILE_PX / 2, TILE_PX + CAPTION_PX / 2)
        ImageDraw.Draw(tile).text(place, caption, fill=INK, font=ImageFont.load_default(15), anchor="mm")
        tiles.append(tile)
    return tiles
