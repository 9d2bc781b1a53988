"""Drawn animals, each in colours of its own kind and no two alike. Units: about -1 to 1, seen as it lies or swims."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from tuner.data._shapes import Colour, Shape, arc, curve, ellipse, hsv, shade, stroke

_BLACK: Colour = (34, 30, 34, 255)
_WHITE: Colour = (248, 246, 240, 255)


def fish(generator: np.random.Generator) -> list[Shape]:
    """Side view, swimming to the right: tail, fins, bars or spots, belly and eye."""
    colour = hsv(generator.uniform(), generator.uniform(0.5, 0.95), generator.uniform(0.6, 1.0))
    accent = hsv(generator.uniform(), generator.uniform(0.2, 0.8), generator.uniform(0.5, 1.0))
    high, spread = generator.uniform(0.38, 0.58), generator.uniform(0.35, 0.55)
    back = curve((-0.6, 0), (0.15, -2 * high), (1, 0.03), 14)
    belly = curve((1, 0.03), (0.15, 2 * high), (-0.6, 0), 14)
    shapes = [
        Shape(np.array([(-0.5, 0), (-1, -spread), (-0.86, 0), (-1, spread)]), accent),
        Shape(np.array([(-0.2, -high * 0.7), (0.1, -high * 1.6), (0.45, -high * 0.6)]), accent),
        Shape(np.array([(-0.05, high * 0.7), (0.0, high * 1.4), (0.3, high * 0.65)]), accent),
        Shape(np.concatenate([back, belly]), colour),
        Shape(np.concatenate([belly[2:-2], curve((-0.4, 0.08), (0.2, 0.2), (0.9, 0.1))]), shade(colour, 1.35, 110)),
    ]
    bars = generator.integers(0, 4)
    for x in np.linspace(-0.3, 0.35, bars) if bars else ():
        tall = high * (0.85 - 0.5 * abs(x))
        shapes.append(Shape(stroke(curve((x, -tall), (x + 0.1, 0), (x, tall)), 0.11, 0.05), shade(accent, 0.9, 220)))
    if not bars:
        spots = generator.uniform((-0.3, -0.2), (0.4, 0.2), (5, 2))
        shapes += [Shape(ellipse(x, y, 0.06, 0.06, corners=10), shade(accent, 0.9, 220)) for x, y in spots]
    gill = stroke(arc(0.5, 0.02, 0.12, high * 0.5, 2.0, 4.3), 0.03)
    return [*shapes, Shape(gill, shade(colour, 0.6, 180)), *_eye(0.7, -0.1, 0.09)]


def ladybird(generator: np.random.Generator) -> list[Shape]:
    """From above, head up: a dome in red to yellow with dark spots, a line along the middle, six legs."""
    colour = hsv(generator.uniform(-0.03, 0.13), generator.uniform(0.75, 0.98), generator.uniform(0.7, 1.0))
    wide = generator.uniform(0.68, 0.8)
    shapes = []
    for side in (-1, 1):
        for y in (-0.3, 0.1, 0.5):
            leg = curve((side * wide * 0.7, y), (side * wide * 1.15, y - 0.1), (side * wide * 1.25, y + 0.16), 5)
            shapes.append(Shape(stroke(leg, 0.08), _BLACK))
        feeler = curve((side * 0.12, -0.75), (side * 0.2, -1.0), (side * 0.4, -1.02), 5)
        shapes.append(Shape(stroke(feeler, 0.05), _BLACK))
    shapes += [
        Shape(ellipse(0, -0.62, 0.42, 0.32), _BLACK),
        Shape(ellipse(0, 0.12, wide, 0.84, corners=28), colour),
        Shape(ellipse(-0.25 * wide, -0.2, 0.26 * wide, 0.22), shade(colour, 1.4, 90)),
        Shape(np.array([(-0.02, -0.7), (0.02, -0.7), (0.03, 0.95), (-0.03, 0.95)]), _BLACK),
    ]
    shapes += [Shape(ellipse(side * 0.27, -0.6, 0.09, 0.11, corners=10), _WHITE) for side in (-1, 1)]
    size = generator.uniform(0.1, 0.16)
    for x, y in np.array([(0.42, -0.2), (0.3, 0.28), (0.5, 0.5), (0.2, 0.7)])[: generator.integers(2, 5)]:
        shapes += [Shape(ellipse(side * x * wide * 1.15, y, size, size, corners=12), _BLACK) for side in (-1, 1)]
    return shapes


def butterfly(generator: np.random.Generator) -> list[Shape]:
    """From above, wings open: two pairs of wings with rims and eyespots, a thin body, two feelers."""
    colour = hsv(generator.uniform(), generator.uniform(0.5, 0.95), generator.uniform(0.65, 1.0))
    accent = hsv(generator.uniform(), generator.uniform(0.2, 0.8), generator.uniform(0.6, 1.0))
    slant, reach = generator.uniform(0.45, 0.75), generator.uniform(0.44, 0.54)
    shapes = []
    for side in (-1, 1):
        for x, y, wide, high, turn in ((0.5, -0.33, reach, 0.34, -slant), (0.4, 0.42, reach * 0.8, 0.3, slant)):
            shapes += [
                Shape(ellipse(side * x, y, wide, high, side * turn), shade(colour, 0.45)),
                Shape(ellipse(side * x * 0.97, y, wide * 0.84, high * 0.8, side * turn), colour),
                Shape(ellipse(side * x * 1.15, y * 1.1, 0.15, 0.13, corners=12), accent),
                Shape(ellipse(side * x * 1.15, y * 1.1, 0.07, 0.06, corners=8), shade(accent, 0.35)),
            ]
        feeler = curve((side * 0.03, -0.55), (side * 0.08, -0.9), (side * 0.3, -0.98), 6)
        shapes.append(Shape(stroke(feeler, 0.045), _BLACK))
    return [*shapes, Shape(ellipse(0, 0.05, 0.09, 0.62), _BLACK), Shape(ellipse(0, -0.55, 0.11, 0.11), _BLACK)]


def turtle(generator: np.random.Generator) -> list[Shape]:
    """From above, head up: a shell of plates, four flippers, head and tail."""
    skin = hsv(generator.uniform(0.15, 0.42), generator.uniform(0.4, 0.8), generator.uniform(0.45, 0.85))
    shell = hsv(generator.uniform(0.05, 0.35), generator.uniform(0.4, 0.85), generator.uniform(0.35, 0.7))
    shapes = [Shape(np.array([(-0.1, 0.7), (0, 1), (0.1, 0.7)]), skin), Shape(ellipse(0, -0.78, 0.2, 0.24), skin)]
    for side in (-1, 1):
        shapes += [
            Shape(ellipse(side * 0.7, -0.45, 0.36, 0.15, side * -0.6), skin),
            Shape(ellipse(side * 0.58, 0.58, 0.26, 0.13, side * 0.7), skin),
            Shape(ellipse(side * 0.09, -0.84, 0.04, 0.05, corners=8), _BLACK),
        ]
    shapes += [Shape(ellipse(0, 0.05, 0.62, 0.7, corners=28), shade(shell, 0.65))]
    shapes += [Shape(ellipse(0, y, 0.2, 0.16, corners=6), shade(shell, 1.25)) for y in (-0.36, 0.05, 0.46)]
    for side in (-1, 1):
        shapes += [Shape(ellipse(side * 0.38, y, 0.15, 0.16, corners=6), shell) for y in (-0.2, 0.28)]
    return shapes


def crab(generator: np.random.Generator) -> list[Shape]:
    """From the front: a wide body, two open claws, legs, eyes on stalks."""
    colour = hsv(generator.uniform(-0.04, 0.1), generator.uniform(0.65, 0.95), generator.uniform(0.6, 0.95))
    shapes = []
    for side in (-1, 1):
        for y, drop in ((0.2, 0.45), (0.32, 0.62), (0.42, 0.76)):
            leg = curve((side * 0.4, y), (side * 0.85, y - 0.1), (side * (0.95 - 0.3 * (drop - 0.45)), drop), 6)
            shapes.append(Shape(stroke(leg, 0.1, 0.04), shade(colour, 0.8)))
        arm = curve((side * 0.45, 0.05), (side * 0.85, 0.05), (side * 0.75, -0.4), 6)
        claw = arc(side * 0.7, -0.6, 0.28, 0.3, -1.2 - 0.3 * side, 4.4 - 0.3 * side, corners=18)
        shapes += [
            Shape(stroke(arm, 0.14), shade(colour, 0.85)),
            Shape(np.concatenate([claw, [(side * 0.68, -0.55)]]), colour),
            Shape(stroke([(side * 0.16, -0.1), (side * 0.19, -0.45)], 0.07), shade(colour, 0.8)),
            *_eye(side * 0.19, -0.48, 0.1),
        ]
    mouth = stroke(arc(0, 0.2, 0.2, generator.uniform(0.05, 0.15), 0.3, math.pi - 0.3), 0.045)
    shine = Shape(ellipse(-0.15, 0.0, 0.25, 0.1), shade(colour, 1.35, 110))
    return [*shapes, Shape(ellipse(0, 0.18, 0.62, 0.38, corners=28), colour), shine, Shape(mouth, shade(colour, 0.4))]


def snail(generator: np.random.Generator) -> list[Shape]:
    """Side view, creeping to the right: a coiled shell on a long foot, two feelers."""
    shell = hsv(generator.uniform(), generator.uniform(0.35, 0.8), generator.uniform(0.55, 0.95))
    skin = hsv(generator.uniform(0.05, 0.16), generator.uniform(0.2, 0.55), generator.uniform(0.55, 0.9))
    foot = np.concatenate(
        [curve((-1, 0.72), (0.2, 0.35), (0.55, -0.1), 8), curve((0.95, -0.1), (0.95, 0.72), (0.6, 0.72), 8)]
    )
    shapes = [Shape(foot, skin), Shape(ellipse(0.75, -0.12, 0.22, 0.2), skin)]
    for x in (0.68, 0.9):
        shapes += [
            Shape(stroke([(0.78, -0.1), (x + 0.04, -0.55)], 0.05), skin),
            Shape(ellipse(x + 0.04, -0.58, 0.055, 0.055, corners=10), _BLACK),
        ]
    turns = np.linspace(0, 2 * math.pi * 2.4, 34)
    radius = 0.56 * (1 - turns / turns[-1] * 0.9)
    coil = np.stack([-0.2 + radius * np.cos(turns), radius * np.sin(turns)], axis=1)
    return [
        *shapes,
        Shape(ellipse(-0.2, 0, 0.62, 0.62, corners=28), shell),
        Shape(stroke(coil, 0.1, 0.04), shade(shell, 0.5)),
    ]


def _eye(x: float, y: float, radius: float) -> list[Shape]:
    return [
        Shape(ellipse(x, y, radius, radius, corners=12), _WHITE),
        Shape(ellipse(x, y, radius * 0.55, radius * 0.55, corners=10), _BLACK),
    ]


ANIMALS: Mapping[str, Callable[[np.random.Generator], list[Shape]]] = MappingProxyType(
    {"fish": fish, "ladybird": ladybird, "butterfly": butterfly, "turtle": turtle, "crab": crab, "snail": snail}
)
