"""Drawn faces: head, hair, eyes, brows, nose, mouth, beard, glasses, and five landmarks known exactly.

Drawn from the front in the units of `tuner.data._people`; turning the head moves the features over it.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from tuner.data._people import Identity, Look
from tuner.data._shapes import Colour, Shape, arc, curve, ellipse, move, ring, shade, stroke

_DARK: Colour = (30, 22, 22, 255)


def body(identity: Identity) -> list[Shape]:
    """Long hair behind the head, neck and shoulders: painted before any head, outside of the face's box."""
    shapes = []
    wide = identity.width
    if identity.hair_style == "long":
        hair = np.concatenate(
            [arc(0, -0.1, wide * 1.22, 1.02, math.pi, 2 * math.pi), [(wide * 1.3, 1.2), (-wide * 1.3, 1.2)]]
        )
        shapes.append(Shape(hair, shade(identity.hair, 0.75)))
    neck = np.array([(-wide * 0.5, 0.4), (wide * 0.5, 0.4), (wide * 0.58, 1.5), (-wide * 0.58, 1.5)])
    shoulders = np.concatenate([arc(0, 1.95, 1.35, 0.72, math.pi, 2 * math.pi), [(1.35, 2.5), (-1.35, 2.5)]])
    return [*shapes, Shape(neck, shade(identity.skin, 0.78)), Shape(shoulders, identity.shirt)]


def head(identity: Identity, look: Look) -> tuple[list[Shape], np.ndarray]:
    """Return the shapes of a head and its landmarks (5, 2), in the order of `zoo.FACE_KEYPOINTS`."""
    skin, wide = identity.skin, identity.width
    outline = head_outline(identity)
    features, landmarks = _features(identity, look)
    ears = [
        Shape(ellipse(side * wide * 0.98, 0.05, identity.ears * 0.7, identity.ears * 1.3), shade(skin, 0.85), False)
        for side in (-1, 1)
    ]
    shadow = np.concatenate([outline[3:17], (outline[3:17] * (0.78, 0.94))[::-1]])
    glow = ellipse(-0.25 * wide, -0.35, 0.3 * wide, 0.25)
    face = [Shape(outline, skin), Shape(shadow, shade(skin, 0.6, 50)), Shape(glow, shade(skin, 1.35, 50))]
    turned = move([Shape(shape.points, shape.colour, False) for shape in features], partial(_turn, identity, look))
    return [*ears, *face, *turned, *_hair(identity)], _turn(identity, look, landmarks)


def head_outline(identity: Identity) -> np.ndarray:
    """The face from forehead to chin and cheek to cheek: its extent is the box of the face."""
    steps = np.linspace(0, 2 * math.pi, 36, endpoint=False)
    x, y = np.sin(steps), -np.cos(steps)
    taper = 1 - identity.jaw * np.clip(y, 0, 1) ** 1.5 * 0.75
    return np.stack([np.sign(x) * np.abs(x) ** 0.85 * identity.width * taper, y], axis=1)


def _features(identity: Identity, look: Look) -> tuple[list[Shape], np.ndarray]:
    """Eyes, brows, nose, mouth, beard and glasses as seen from the front, and the landmarks."""
    skin, lips = identity.skin, identity.lips
    mouth_y, half = identity.mouth_y, identity.mouth_width + 0.3 * max(look.smile, 0)
    corner_y = mouth_y - look.smile
    corners = np.array([(-half, corner_y), (half, corner_y)])
    shapes = _beard(identity, half)
    upper = curve(corners[0], (0, 2 * mouth_y - corner_y - 2 * lips), corners[1])
    lower = curve(corners[1], (0, 2 * mouth_y - corner_y + 2 * lips + 2.4 * look.opening), corners[0])
    middle = curve(corners[0], (0, 2 * mouth_y - corner_y), corners[1])
    gap = curve(corners[1], (0, 2 * mouth_y - corner_y + 2 * look.opening), corners[0])
    red = (min(255, skin[0] * 3 // 4 + 40), skin[1] * 11 // 20, skin[2] * 11 // 20, 255)
    shapes.append(Shape(np.concatenate([upper, lower]), red))
    if look.opening > 0.02:
        shapes.append(Shape(np.concatenate([middle, gap]), (90, 24, 28, 255)))
        teeth = curve(
            corners[1] * 0.7 + (0, 0.3 * corner_y),
            (0, mouth_y * 2 - corner_y + 0.7 * look.opening),
            corners[0] * 0.7 + (0, 0.3 * corner_y),
        )
        shapes.append(Shape(np.concatenate([middle[2:-2], teeth]), (240, 236, 230, 255)))
    else:
        shapes.append(Shape(stroke(middle, 0.025), shade(red, 0.5)))
    tip, wing = identity.nose_tip, identity.nose_width
    bridge = curve((wing * 0.3, identity.eye_y), (wing * 0.2, tip - 0.1), (wing, tip))
    shapes.append(Shape(np.concatenate([bridge, [(0.0, tip + 0.03)]]), shade(skin, 0.78, 150)))
    shapes.append(Shape(ellipse(0, tip + 0.02, wing, 0.065, corners=14), shade(skin, 0.82)))
    shapes.append(Shape(ellipse(0, tip - 0.015, wing * 0.75, 0.06, corners=14), shade(skin, 1.06)))
    shapes += [
        Shape(ellipse(s * wing * 0.5, tip + 0.045, wing * 0.2, 0.022, corners=8), shade(skin, 0.4)) for s in (-1, 1)
    ]
    for side in (-1, 1):
        shapes += _eye(identity, look, side)
    if look.wears_glasses:
        shapes += _glasses(identity)
    eyes = np.array([(-identity.eye_spacing, identity.eye_y), (identity.eye_spacing, identity.eye_y)])
    return shapes, np.concatenate([eyes, [(0.0, tip)], corners])


def _eye(identity: Identity, look: Look, side: int) -> list[Shape]:
    x, y, wide, high = side * identity.eye_spacing, identity.eye_y, identity.eye_width, identity.eye_height * look.lids
    iris = min(identity.eye_height * 1.05, wide * 0.7)
    gaze = look.gaze * (wide - iris * 0.7)
    brow_y = y - identity.eye_height - 0.11 - look.brow_lift
    inner, outer = x - side * wide * 1.1, x + side * wide * 1.4
    slant = identity.brow_slant
    brow = curve((inner, brow_y + slant), (x, brow_y - 0.06), (outer, brow_y - slant * 0.4 + 0.05))
    shapes = [
        Shape(ellipse(x, y, wide * 1.35, identity.eye_height * 1.7), shade(identity.skin, 0.72, 70)),
        Shape(stroke(brow, identity.brow_width, identity.brow_width * 0.4), shade(identity.hair, 0.8)),
        Shape(ellipse(x, y, wide, high, corners=16), (246, 244, 240, 255)),
    ]
    if high > 0.03:
        tall = min(iris, high)
        shapes += [
            Shape(ellipse(x + gaze, y, iris, tall, corners=14), identity.iris),
            Shape(ellipse(x + gaze, y, iris * 0.5, min(iris * 0.5, tall), corners=10), _DARK),
            Shape(
                ellipse(x + gaze - iris * 0.3, y - tall * 0.35, iris * 0.22, tall * 0.22, corners=8),
                (255, 255, 255, 255),
            ),
        ]
    return [*shapes, Shape(stroke(arc(x, y, wide * 1.05, high, math.pi, 2 * math.pi, corners=9), 0.032), _DARK)]


def _glasses(identity: Identity) -> list[Shape]:
    y, radius, frame = identity.eye_y, identity.eye_spacing * 0.78, (40, 36, 44, 255)
    shapes = [
        Shape(ellipse(s * identity.eye_spacing, y + 0.02, radius, radius * 0.85), (225, 240, 255, 45)) for s in (-1, 1)
    ]
    shapes += [Shape(ring(s * identity.eye_spacing, y + 0.02, radius, radius * 0.85, 0.045), frame) for s in (-1, 1)]
    inner, outer = identity.eye_spacing - radius, identity.eye_spacing + radius
    lines = [
        [(-inner, y), (inner, y)],
        [(outer, y), (identity.width, y - 0.05)],
        [(-outer, y), (-identity.width, y - 0.05)],
    ]
    return [*shapes, *(Shape(stroke(line, 0.045), frame) for line in lines)]


def _beard(identity: Identity, half: float) -> list[Shape]:
    colour = shade(identity.hair, 0.9, 225)
    lip = identity.mouth_y - identity.lips
    moustache = np.concatenate(
        [curve((-half * 0.95, lip + 0.02), (0, lip - 0.22), (half * 0.95, lip + 0.02)), [(0.0, lip)]]
    )
    if identity.beard == "none":
        return []
    if identity.beard == "moustache":
        return [Shape(moustache, colour)]
    if identity.beard == "goatee":
        return [Shape(moustache, colour), Shape(ellipse(0, 0.82, half * 0.75, 0.17), colour)]
    outline = head_outline(identity)
    below = outline[outline[:, 1] > 0.15]
    jaw = below[np.argsort(-below[:, 0])] * (0.985, 0.99)
    inside = curve((-identity.width * 0.72, 0.12), (0, identity.mouth_y * 1.15), (identity.width * 0.72, 0.12))
    return [Shape(np.concatenate([jaw, inside]), colour), Shape(moustache, colour)]


def _hair(identity: Identity) -> list[Shape]:
    """Hair in front of the forehead, above it and at the temples."""
    colour, wide = identity.hair, identity.width
    if identity.hair_style == "none":
        return []
    side = {"side": 0.22, "long": 0.12}.get(identity.hair_style, 0.0)
    steps = np.linspace(-1.75, 1.75, 16)
    outer = np.stack([np.sin(steps) * wide * 1.1, -np.cos(steps) * 1.12], axis=1)
    across = np.linspace(1, -1, 13)
    line = -0.66 + 0.5 * np.abs(across) ** 3 + side * across
    cap = Shape(np.concatenate([outer, np.stack([across * wide * 1.0, line], axis=1)]), colour, False)
    shine = Shape(arc(-0.1, -0.55, wide * 0.75, 0.42, 3.6, 5.2), shade(colour, 1.4, 60), False)
    if identity.hair_style == "curls":
        curls = [
            Shape(
                ellipse(math.sin(a) * wide * 1.1, -math.cos(a) * 0.98, 0.23, 0.22, corners=12),
                shade(colour, 0.9 + 0.2 * (i % 2)),
                False,
            )
            for i, a in enumerate(np.linspace(-1.5, 1.5, 10))
        ]
        return [cap, *curls]
    if identity.hair_style == "bun":
        return [Shape(ellipse(0, -1.2, 0.34, 0.28), shade(colour, 0.9), False), cap, shine]
    return [cap, shine]


def _turn(identity: Identity, look: Look, points: np.ndarray) -> np.ndarray:
    """Move features over the head as over a cylinder, and up or down."""
    radius = identity.width * 1.25
    angle = np.arcsin(np.clip(points[:, 0] / radius, -1, 1))
    x = radius * (np.sin(angle + look.yaw) - math.sin(look.yaw) * 0.55)
    return np.stack([x, points[:, 1] + look.pitch], axis=1)
