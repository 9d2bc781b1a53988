"""Pictures of labels: what a data set says, drawn on its pictures, to be looked at before anything is trained."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tuner.data._types import Dataset, Sample
from zoo._errors import BadImage, unknown

MIN_WIDTH_PX = 320
"""Smaller pictures are enlarged first, so that text stays legible."""

TILE_PX = 320
_CAPTION_PX = 26
_GAP_PX = 8
_IGNORED = (150, 150, 150)
_INK = (20, 20, 24)
_PAPER = (255, 255, 255)

BOX_COLOURS = ((0, 158, 115), (213, 94, 0), (0, 114, 178), (204, 121, 167), (230, 159, 0), (86, 180, 233))
"""Told apart by colour-blind eyes too (Okabe and Ito)."""

KEYPOINT_COLOURS = ((0, 114, 255), (255, 64, 64), (255, 214, 0), (0, 214, 143), (200, 80, 255))


def draw_detections(
    image: Image.Image | np.ndarray,
    boxes_px: np.ndarray,
    labels: Sequence[str],
    scores: Sequence[float] | np.ndarray | None = None,
    keypoints_px: np.ndarray | None = None,
    *,
    ignore: Sequence[bool] | np.ndarray | None = None,
    names: Sequence[str] | None = None,
) -> Image.Image:
    """Draw boxes with their names, scores and landmarks on a copy of a picture.

    Shapes: boxes_px (n, 4) as xyxy pixels of `image`, labels n names, scores (n,) in 0..1, keypoints_px (n, k, 2) with
    NaN where unknown, ignore (n,) True for boxes to be drawn grey and dashed. A picture narrower than 320 pixels is
    enlarged. `names` are all names that may occur and fix the colour of each; by default those that do occur. In a
    crowd, captions that would hide other boxes are left out.
    """
    picture = (Image.fromarray(image) if isinstance(image, np.ndarray) else image).convert("RGB")
    zoom = max(1.0, MIN_WIDTH_PX / picture.width)
    picture = picture.resize((round(picture.width * zoom), round(picture.height * zoom)), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    line = max(2, round(picture.width / 200))
    font = ImageFont.load_default(max(13, round(picture.width / 30)))
    names = list(names) if names is not None else sorted(set(labels))
    boxes = np.asarray(boxes_px, float).reshape(-1, 4) * zoom
    is_ignored = np.zeros(len(boxes), bool) if ignore is None else np.asarray(ignore, bool)
    colours = [_IGNORED if is_ignored[row] else _colour(label, names) for row, label in enumerate(labels)]
    for row, box in enumerate(boxes):
        _outline(draw, box, colours[row], line, bool(is_ignored[row]))
    for row, points in enumerate(() if keypoints_px is None else np.asarray(keypoints_px, float) * zoom):
        _dots(draw, points, min(max((boxes[row, 2] - boxes[row, 0]) / 24, 1.5), picture.width / 100))
    taken: list[np.ndarray] = []
    for row in np.argsort(boxes[:, 0] - boxes[:, 2]).tolist():  # the largest first
        text = labels[row] if scores is None else f"{labels[row]} {float(scores[row]):.2f}"
        place = _caption_place(draw, picture, boxes[row], text, font)
        if _is_free(place, np.delete(boxes, row, axis=0), taken):
            draw.rectangle(place.tolist(), fill=colours[row])
            draw.text((place[0] + 3, place[1] + 1), text, fill=_PAPER, font=font)
            taken.append(place)
    return picture


def contact_sheet(dataset: Dataset, split: str = "train", count: int = 12, seed: int = 0) -> Image.Image:
    """Draw a grid of up to `count` pictures of a split, chosen by `seed`, with all their labels.

    Detection data get boxes and landmarks, recognition data the name below each picture. A picture that cannot be read
    shows a cross. Raises: UnknownName for an unknown split.
    """
    if split not in dataset.splits:
        raise unknown("split", split, dataset.splits, f"Splits are: {', '.join(dataset.splits)}.")
    samples = dataset.splits[split]
    rows = np.sort(np.random.default_rng(seed).permutation(len(samples))[: max(count, 1)])
    tiles = [_tile(samples[row], dataset) for row in rows]
    columns = max(1, math.ceil(math.sqrt(len(tiles))))
    lines = max(1, math.ceil(len(tiles) / columns))
    pitch_x, pitch_y = TILE_PX + _GAP_PX, TILE_PX + _CAPTION_PX + _GAP_PX
    has_boxes = any(len(samples[row].classes) for row in rows)
    legend_px = _CAPTION_PX + _GAP_PX if has_boxes else 0
    sheet = Image.new("RGB", (columns * pitch_x + _GAP_PX, lines * pitch_y + _GAP_PX + legend_px), _PAPER)
    for place, tile in enumerate(tiles):
        sheet.paste(tile, (_GAP_PX + place % columns * pitch_x, _GAP_PX + place // columns * pitch_y))
    if has_boxes:
        _legend(sheet, dataset)
    return sheet


def _legend(sheet: Image.Image, dataset: Dataset) -> None:
    """Name the colours of boxes and landmarks along the lower edge, as many as fit."""
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    entries = [(name, _colour(name, dataset.labels), False) for name in dataset.labels]
    entries += [(name, KEYPOINT_COLOURS[i % len(KEYPOINT_COLOURS)], True) for i, name in enumerate(dataset.keypoints)]
    x, y = float(_GAP_PX), sheet.height - _CAPTION_PX / 2 - _GAP_PX
    for name, colour, is_dot in [*entries, ("ignored", _IGNORED, False)]:
        if x + 24 + draw.textlength(name, font) > sheet.width:
            break
        mark = [x, y - 6, x + 12, y + 6]
        if is_dot:
            draw.ellipse(mark, fill=colour)
        else:
            draw.rectangle(mark, outline=colour, width=3)
        draw.text((x + 18, y), name, fill=_INK, font=font, anchor="lm")
        x += 36 + draw.textlength(name, font)


def _tile(sample: Sample, dataset: Dataset) -> Image.Image:
    tile = Image.new("RGB", (TILE_PX, TILE_PX + _CAPTION_PX), _PAPER)
    draw = ImageDraw.Draw(tile)
    try:
        picture = sample.load()
    except BadImage:
        draw.line([(0, 0), (TILE_PX, TILE_PX)], fill=_IGNORED, width=3)
        draw.line([(0, TILE_PX), (TILE_PX, 0)], fill=_IGNORED, width=3)
        caption = f"unreadable: {sample.key}"
    else:
        names = [dataset.labels[index] for index in sample.classes]
        drawn = draw_detections(
            picture, sample.boxes_px, names, None, sample.keypoints_px, ignore=sample.ignore, names=dataset.labels
        )
        factor = TILE_PX / max(drawn.size)
        size = (max(1, round(drawn.width * factor)), max(1, round(drawn.height * factor)))
        drawn = drawn.resize(size, Image.Resampling.LANCZOS)
        tile.paste(drawn, ((TILE_PX - drawn.width) // 2, (TILE_PX - drawn.height) // 2))
        caption = dataset.labels[sample.label] if sample.label >= 0 else sample.key
    font = ImageFont.load_default(15)
    while caption and draw.textlength(caption, font) > TILE_PX:
        caption = f"…{caption[2:]}"
    draw.text((TILE_PX / 2, TILE_PX + _CAPTION_PX / 2), caption, fill=_INK, font=font, anchor="mm")
    return tile


def _outline(
    draw: ImageDraw.ImageDraw, box: np.ndarray, colour: tuple[int, int, int], width: int, dashed: bool
) -> None:
    x_min, y_min, x_max, y_max = box.tolist()
    if not dashed:
        draw.rectangle([x_min, y_min, max(x_max, x_min), max(y_max, y_min)], outline=colour, width=width)
        return
    corners = [(x_min, y_min), (x_max, y_min), (x_max, y_max), (x_min, y_max), (x_min, y_min)]
    for start, stop in zip(np.array(corners[:-1]), np.array(corners[1:]), strict=True):
        steps = max(2, int(np.abs(stop - start).max() / (4 * width)))
        marks = np.linspace(start, stop, steps + 1)
        for first, second in zip(marks[:-1:2], marks[1::2], strict=False):
            draw.line([tuple(first), tuple(second)], fill=colour, width=width)


def _dots(draw: ImageDraw.ImageDraw, points: np.ndarray, radius: float) -> None:
    for index, (x, y) in enumerate(points):
        if math.isfinite(x) and math.isfinite(y):
            circle = [x - radius, y - radius, x + radius, y + radius]
            draw.ellipse(circle, fill=KEYPOINT_COLOURS[index % len(KEYPOINT_COLOURS)], outline=_PAPER)


def _colour(label: str, names: Sequence[str]) -> tuple[int, int, int]:
    return BOX_COLOURS[list(names).index(label) % len(BOX_COLOURS)] if label in names else _INK


def _caption_place(
    draw: ImageDraw.ImageDraw,
    picture: Image.Image,
    box: np.ndarray,
    text: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> np.ndarray:
    """Return xyxy pixels above the box, or inside it where the picture ends, never outside of the picture."""
    right, bottom = draw.textbbox((0, 0), text, font)[2:]
    width, height = right + 6, bottom + 4
    x = min(max(box[0], 0), max(picture.width - width, 0))
    y = box[1] - height if box[1] >= height else max(min(box[1], picture.height - height), 0)
    return np.array([x, y, x + width, y + height])


def _is_free(place: np.ndarray, others: np.ndarray, taken: Sequence[np.ndarray]) -> bool:
    """Tell whether a caption covers no other caption and less than a quarter of any other box."""

    def shared(boxes: np.ndarray) -> np.ndarray:
        sides = np.minimum(place[2:], boxes[:, 2:]) - np.maximum(place[:2], boxes[:, :2])
        return np.prod(np.clip(sides, 0, None), axis=1)

    areas = np.prod(others[:, 2:] - others[:, :2], axis=1)
    return not (shared(others) > 0.25 * areas).any() and not shared(np.reshape(taken, (-1, 4))).any()
