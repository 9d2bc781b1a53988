"""What surrounds the drawn things: backgrounds, clutter that is none of them, light, blur and noise."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tuner.data._shapes import Placement, Shape, ellipse, hsv, place, ring, stroke

ZOOM = 2
"""Pictures are drawn this much larger and averaged down, which smooths the edges."""


def background(generator: np.random.Generator, width_px: int, height_px: int) -> Image.Image:
    """A soft field of a few related colours, sometimes with stripes, tiles or a horizon, at ZOOM times the size."""
    hue, saturation = generator.uniform(), generator.uniform(0.05, 0.5)
    rows, columns = generator.integers(2, 8, 2)
    field = np.empty((rows, columns, 3), np.uint8)
    level = generator.uniform(0.3, 0.9)
    for row in range(rows):
        for column in range(columns):
            value = level + generator.uniform(-0.2, 0.2)
            field[row, column] = hsv(hue + generator.uniform(-0.1, 0.1), saturation, value)[:3]
    size = (width_px * ZOOM, height_px * ZOOM)
    image = Image.fromarray(field).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image, "RGBA")
    kind = generator.integers(6)
    if kind == 0:
        _stripes(draw, generator, size)
    elif kind == 1:
        _tiles(draw, generator, size)
    elif kind == 2:
        _horizon(draw, generator, size, hue)
    return image


def clutter(generator: np.random.Generator, width_px: int, height_px: int, amount: int) -> list[Shape]:
    """Distracting forms in picture pixels: blobs, bars, rings, shards and spotted discs in any colour."""
    shapes: list[Shape] = []
    for _ in range(amount):
        colour = hsv(
            generator.uniform(),
            generator.uniform(0.1, 0.9),
            generator.uniform(0.2, 1),
            int(generator.integers(90, 256)),
        )
        placement = Placement(
            generator.uniform(0, width_px),
            generator.uniform(0, height_px),
            math.exp(generator.uniform(math.log(5), math.log(0.25 * min(width_px, height_px) + 6))),
            generator.uniform(0, 2 * math.pi),
        )
        shapes += place(_form(generator, colour), placement)
    return shapes


def _form(generator: np.random.Generator, colour: tuple[int, int, int, int]) -> list[Shape]:
    kind = generator.integers(6)
    if kind == 0:
        return [Shape(ellipse(0, 0, 1, generator.uniform(0.5, 1)), colour)]
    if kind == 1:
        return [Shape(stroke([(-2, 0), (2, 0)], generator.uniform(0.1, 0.5)), colour)]
    if kind == 2:
        return [Shape(ring(0, 0, 1, generator.uniform(0.6, 1), 0.2), colour)]
    if kind == 3:
        angles = np.sort(generator.uniform(0, 2 * math.pi, generator.integers(3, 8)))
        radii = generator.uniform(0.5, 1.1, len(angles))
        return [Shape(np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1), colour)]
    if kind == 4:
        side = generator.uniform(0.4, 1)
        return [Shape(np.array([(-1, -side), (1, -side), (1, side), (-1, side)]), colour)]
    spots = [
        Shape(ellipse(x, y, 0.14, 0.14, corners=10), (40, 40, 40, 200))
        for x, y in generator.uniform(-0.6, 0.6, (generator.integers(1, 5), 2))
    ]
    return [Shape(ellipse(0, 0, 0.9, 1), colour), *spots]


def finish(image: Image.Image, generator: np.random.Generator) -> np.ndarray:
    """Bring a drawing to its size, then add light from one side, a colour cast, sometimes blur, and noise.

    Shape: (height, width, 3) uint8.
    """
    small = image.reduce(ZOOM)
    if generator.random() < 0.25:
        small = small.filter(ImageFilter.BoxBlur(generator.uniform(0.4, 1.0)))
    values = np.asarray(small, np.float32)
    height_px, width_px = values.shape[:2]
    direction, strength = generator.uniform(0, 2 * math.pi), generator.uniform(0, 0.35)
    across = np.linspace(-1, 1, width_px, dtype=np.float32)[None, :] * math.cos(direction)
    down = np.linspace(-1, 1, height_px, dtype=np.float32)[:, None] * math.sin(direction)
    light = (across + down) * strength + math.exp(generator.uniform(-0.35, 0.2))
    cast = generator.uniform(0.92, 1.08, 3).astype(np.float32)
    grain = generator.standard_normal((height_px, width_px), dtype=np.float32) * generator.uniform(1, 7)
    values = values * (light[..., None] * cast) + grain[..., None]
    return np.clip(values, 0, 255).astype(np.uint8)


def _stripes(draw: ImageDraw.ImageDraw, generator: np.random.Generator, size: tuple[int, int]) -> None:
    period, slant = generator.uniform(14, 50), generator.uniform(-0.6, 0.6) * size[1]
    colour = hsv(generator.uniform(), 0.4, generator.uniform(0.2, 1), 60)
    for left in np.arange(-abs(slant), size[0] + abs(slant), period):
        draw.line([(left, 0), (left + slant, size[1])], fill=colour, width=round(period * 0.45))


def _tiles(draw: ImageDraw.ImageDraw, generator: np.random.Generator, size: tuple[int, int]) -> None:
    side = int(generator.integers(24, 64))
    colour = hsv(generator.uniform(), 0.3, generator.uniform(0.1, 1), 50)
    for row, top in enumerate(range(0, size[1], side)):
        for left in range((row % 2) * side, size[0], 2 * side):
            draw.rectangle([left, top, left + side, top + side], fill=colour)


def _horizon(draw: ImageDraw.ImageDraw, generator: np.random.Generator, size: tuple[int, int], hue: float) -> None:
    line = generator.uniform(0.4, 0.8) * size[1]
    draw.rectangle([0, line, *size], fill=hsv(hue + generator.uniform(0.2, 0.6), 0.4, generator.uniform(0.3, 0.7), 190))
