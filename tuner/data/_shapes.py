"""Drawings as data: lists of coloured polygons in units of the drawing, placed in a picture, then painted.

A polygon knows its corners, so the extent of a drawing is exact without looking at pixels. Points are (n, 2) float64,
x to the right and y down; colours are (red, green, blue, alpha) bytes.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import ImageDraw

Colour = tuple[int, int, int, int]


@dataclass(frozen=True)
class Shape:
    """One filled polygon. Only those that count make the extent of a drawing."""

    points: np.ndarray
    colour: Colour
    counts: bool = True


@dataclass(frozen=True)
class Placement:
    """Where a drawing lies: `scale` pixels per unit, turned clockwise by `angle` radians, mirrored before that."""

    x: float
    y: float
    scale: float
    angle: float = 0.0
    mirror: bool = False

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Turn units of the drawing into pixels of the picture."""
        cosine, sine = math.cos(self.angle) * self.scale, math.sin(self.angle) * self.scale
        side = -1.0 if self.mirror else 1.0
        matrix = np.array([[cosine * side, sine * side], [-sine, cosine]])
        return points @ matrix + np.array([self.x, self.y])


def place(shapes: Sequence[Shape], placement: Placement) -> list[Shape]:
    """Move a drawing to its place in the picture."""
    return move(shapes, placement.apply)


def move(shapes: Sequence[Shape], moved: Callable[[np.ndarray], np.ndarray]) -> list[Shape]:
    """Apply a function of points (n, 2) to all shapes at once."""
    points = moved(np.concatenate([shape.points for shape in shapes]))
    stops = np.cumsum([len(shape.points) for shape in shapes]).tolist()
    starts = [0, *stops[:-1]]
    return [
        Shape(points[start:stop], shape.colour, shape.counts)
        for shape, start, stop in zip(shapes, starts, stops, strict=True)
    ]


def extent(shapes: Sequence[Shape]) -> tuple[float, float, float, float]:
    """Return the smallest box (x_min, y_min, x_max, y_max) around the shapes that count."""
    points = np.concatenate([shape.points for shape in shapes if shape.counts])
    x_min, y_min = points.min(axis=0)
    x_max, y_max = points.max(axis=0)
    return float(x_min), float(y_min), float(x_max), float(y_max)


def paint(draw: ImageDraw.ImageDraw, shapes: Sequence[Shape], zoom: float = 1.0) -> None:
    """Fill the shapes in order. `draw` blends when it was made in mode RGBA."""
    for shape in shapes:
        draw.polygon((shape.points * zoom).ravel().tolist(), fill=shape.colour)


def ellipse(x: float, y: float, radius_x: float, radius_y: float, angle: float = 0.0, corners: int = 22) -> np.ndarray:
    """An ellipse turned by `angle` radians."""
    return arc(x, y, radius_x, radius_y, 0.0, 2 * math.pi * (1 - 1 / corners), angle, corners)


def arc(
    x: float,
    y: float,
    radius_x: float,
    radius_y: float,
    start: float,
    stop: float,
    angle: float = 0.0,
    corners: int = 14,
) -> np.ndarray:
    """Points along an ellipse from `start` to `stop` radians, 0 to the right and clockwise."""
    points = _circle(start, stop, corners) * np.array([radius_x, radius_y])
    if angle:
        points = points @ np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return points + np.array([x, y])


def ring(x: float, y: float, radius_x: float, radius_y: float, width: float) -> np.ndarray:
    """An ellipse's outline as one polygon: around outside, back inside."""
    outer = arc(x, y, radius_x, radius_y, 0, 2 * math.pi, corners=24)
    inner = arc(x, y, radius_x - width, radius_y - width, 2 * math.pi, 0, corners=24)
    return np.concatenate([outer, inner])


def stroke(points: Sequence[Sequence[float]] | np.ndarray, width: float, end_width: float | None = None) -> np.ndarray:
    """A line of a given width along points (n, 2), tapering to `end_width`."""
    line = np.asarray(points, float)
    along = np.gradient(line, axis=0)
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    half = np.linspace(width, width if end_width is None else end_width, len(line))[:, None] / 2
    return np.concatenate([line + normal * half, (line - normal * half)[::-1]])


def curve(start: Sequence[float], bend: Sequence[float], stop: Sequence[float], corners: int = 9) -> np.ndarray:
    """Points along a quadratic Bézier curve."""
    return _bend_weights(corners) @ np.array([start, bend, stop], float)


@lru_cache(maxsize=256)  # nearly all drawings use the same few
def _circle(start: float, stop: float, corners: int) -> np.ndarray:
    steps = np.linspace(start, stop, corners)
    return np.stack([np.cos(steps), np.sin(steps)], axis=1)


@lru_cache(maxsize=256)  # nearly all drawings use the same few
def _bend_weights(corners: int) -> np.ndarray:
    t = np.linspace(0, 1, corners)
    return np.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2], axis=1)


def hsv(hue: float, saturation: float, value: float, alpha: int = 255) -> Colour:
    """A colour from hue, saturation and value in 0..1; the hue wraps around."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, min(max(saturation, 0), 1), min(max(value, 0), 1))
    return round(red * 255), round(green * 255), round(blue * 255), alpha


def shade(colour: Colour, factor: float, alpha: int = 255) -> Colour:
    """A darker (factor below 1) or lighter colour."""
    red, green, blue = (min(255, max(0, round(part * factor))) for part in colour[:3])
    return red, green, blue, alpha
