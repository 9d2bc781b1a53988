"""Who is drawn: an identity that stays the same, and a look that changes from picture to picture.

Units: a head is 2 high, from -1 at the top of the forehead to 1 at the chin, its middle at x = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tuner.data._shapes import Colour, hsv

_SKIN = np.array([(252, 224, 203), (236, 190, 155), (214, 160, 120), (176, 120, 84), (126, 84, 58), (86, 58, 44)])
_HAIR = np.array([(26, 22, 22), (62, 42, 30), (108, 72, 42), (208, 172, 106), (160, 76, 38), (150, 150, 152)])
_IRIS = np.array([(70, 45, 30), (95, 70, 40), (70, 110, 140), (80, 120, 80)])
HAIR_STYLES = ("none", "short", "side", "long", "curls", "bun")
BEARDS = ("none", "none", "none", "moustache", "goatee", "full")


@dataclass(frozen=True)
class Identity:
    """What makes a person: lengths in head units, colours."""

    skin: Colour
    hair: Colour
    iris: Colour
    shirt: Colour
    hair_style: str
    beard: str
    has_glasses: bool
    width: float
    jaw: float
    eye_y: float
    eye_spacing: float
    eye_width: float
    eye_height: float
    brow_width: float
    brow_slant: float
    nose_width: float
    nose_tip: float
    mouth_y: float
    mouth_width: float
    lips: float
    ears: float


@dataclass(frozen=True)
class Look:
    """What changes from picture to picture: yaw in radians, the rest in head units."""

    yaw: float
    pitch: float
    smile: float
    opening: float
    brow_lift: float
    gaze: float
    lids: float
    wears_glasses: bool


def draw_identity(generator: np.random.Generator) -> Identity:
    """Draw a person at random."""
    tone = generator.uniform(0, len(_SKIN) - 1)
    low = int(tone)
    skin = _SKIN[low] + (tone - low) * (_SKIN[min(low + 1, len(_SKIN) - 1)] - _SKIN[low]) + generator.normal(0, 4, 3)
    hair = _HAIR[generator.integers(len(_HAIR))] + generator.normal(0, 9, 3)
    return Identity(
        skin=_colour(skin),
        hair=_colour(hair),
        iris=_colour(_IRIS[generator.integers(len(_IRIS))]),
        shirt=hsv(generator.uniform(), generator.uniform(0.2, 0.8), generator.uniform(0.2, 0.9)),
        hair_style=HAIR_STYLES[generator.choice(len(HAIR_STYLES), p=(0.08, 0.24, 0.2, 0.22, 0.16, 0.1))],
        beard=BEARDS[generator.integers(len(BEARDS))],
        has_glasses=bool(generator.random() < 0.25),
        width=generator.uniform(0.68, 0.84),
        jaw=generator.uniform(0.1, 0.42),
        eye_y=generator.uniform(-0.16, -0.02),
        eye_spacing=generator.uniform(0.29, 0.38),
        eye_width=generator.uniform(0.11, 0.165),
        eye_height=generator.uniform(0.055, 0.1),
        brow_width=generator.uniform(0.03, 0.1),
        brow_slant=generator.uniform(-0.08, 0.1),
        nose_width=generator.uniform(0.1, 0.19),
        nose_tip=generator.uniform(0.22, 0.34),
        mouth_y=generator.uniform(0.52, 0.62),
        mouth_width=generator.uniform(0.21, 0.33),
        lips=generator.uniform(0.03, 0.085),
        ears=generator.uniform(0.1, 0.19),
    )


def draw_look(generator: np.random.Generator, identity: Identity) -> Look:
    """Draw an expression and a pose at random."""
    return Look(
        yaw=generator.uniform(-0.35, 0.35),
        pitch=generator.uniform(-0.06, 0.06),
        smile=generator.uniform(-0.06, 0.12),
        opening=max(0.0, generator.uniform(-0.12, 0.12)),
        brow_lift=generator.uniform(-0.03, 0.06),
        gaze=generator.uniform(-0.35, 0.35),
        lids=generator.uniform(0.7, 1.1) if generator.random() > 0.05 else 0.15,
        wears_glasses=identity.has_glasses and bool(generator.random() < 0.8),
    )


def _colour(values: np.ndarray) -> Colour:
    red, green, blue = (int(np.clip(value, 8, 255)) for value in values)
    return red, green, blue, 255
