"""What a published model answers for pictures, generated or given, as one picture for its card."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from exports.load import Loaded
from tuner.data import SYNTHETIC, Sample, decode, open_dataset
from tuner.data._pictures import is_picture, read_picture
from tuner.data.show import draw_detections
from tuner.learners import DetectionLearner
from tuner.training import predict
from zoo._errors import ZooError
from zoo._specs import EmbeddingHead, GridHead, ModelSpec
from zoo.tasks.letterbox import to_picture

COLUMNS = 3
NUM_PICTURES = 6
NUM_CANDIDATES = 24
"""The pictures with most boxes among the first few: one can see more there."""
TILE_PX = 240
CAPTION_PX = 26
COLOURS = 128
UNKNOWN = -1
"""The label of a picture that nobody labelled."""

INK = (20, 20, 24)


def read_shown(folder: Path, spec: ModelSpec) -> tuple[Sample, ...]:
    """Read the first pictures of a folder, by name, for `draw_samples`.

    Raises ZooError where there are none, or the model answers with an embedding; BadImage for one that is unreadable.
    """
    if isinstance(spec.head, EmbeddingHead):
        raise ZooError(f"'{spec.name}' answers with an embedding, which no picture shows. Publish it without pictures.")
    paths = sorted(path for path in folder.iterdir() if is_picture(path)) if folder.is_dir() else []
    if not paths:
        raise ZooError(f"There are no pictures to be shown in {folder}. Name a folder with up to {NUM_PICTURES}.")
    shown = []
    for path in paths[:NUM_PICTURES]:
        pixels = read_picture(path)
        shown.append(Sample(key=path.name, load=partial(np.array, pixels), size_px=pixels.shape[:2]))
    return tuple(shown)


def draw_samples(loaded: Loaded, output: Path, shown: Sequence[Sample] = ()) -> None:
    """Draw what a detector finds, or a recognizer of classes sees, in pictures; one PNG of few colours.

    They are those `shown`, or else generated ones. Draws nothing where the model knows other labels than these show, or
    answers with an embedding.
    """
    spec = loaded.spec
    if isinstance(spec.head, EmbeddingHead):
        return
    samples = list(shown)
    if not samples:
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
        if sample.label not in (best, UNKNOWN):
            caption += f" (is {loaded.labels[sample.label]})"
        tile = Image.new("RGB", (TILE_PX, TILE_PX + CAPTION_PX), "white")
        tile.paste(ImageOps.pad(Image.fromarray(sample.load()), (TILE_PX, TILE_PX), color="white"))
        place = (TILE_PX / 2, TILE_PX + CAPTION_PX / 2)
        ImageDraw.Draw(tile).text(place, caption, fill=INK, font=ImageFont.load_default(15), anchor="mm")
        tiles.append(tile)
    return tiles
