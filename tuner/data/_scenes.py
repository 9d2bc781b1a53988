"""Which things stand where in a generated picture. A scene is cheap to lay out; painting it takes milliseconds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from PIL import ImageDraw

from tuner.data._animals import ANIMALS
from tuner.data._faces import body, head
from tuner.data._people import Identity, draw_identity, draw_look
from tuner.data._scenery import ZOOM, background, clutter, finish
from tuner.data._shapes import Placement, Shape, extent, hsv, paint, place
from zoo.tasks.alignment import TEMPLATE_PX, TEMPLATE_SIDE_PX, fit_similarity

_TRIES = 30
_MAX_OVERLAP = 0.12


@dataclass
class Scene:
    """A laid-out picture: shapes in pixels from back to front, and the labels of what counts."""

    width_px: int
    height_px: int
    behind: list[Shape] = field(default_factory=list)
    front: list[Shape] = field(default_factory=list)
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    classes: list[int] = field(default_factory=list)
    keypoints: list[np.ndarray] = field(default_factory=list)


def render(scene: Scene, generator: np.random.Generator) -> np.ndarray:
    """Paint a scene. Shape: (height, width, 3) uint8."""
    image = background(generator, scene.width_px, scene.height_px)
    draw = ImageDraw.Draw(image, "RGBA")
    amount = int(generator.integers(2, 14)) * scene.width_px * scene.height_px // 30_000
    paint(draw, clutter(generator, scene.width_px, scene.height_px, amount), ZOOM)
    paint(draw, scene.behind, ZOOM)
    paint(draw, scene.front, ZOOM)
    return finish(image, generator)


def face_scene(generator: np.random.Generator) -> Scene:
    """No to four faces, large and small, tilted by up to 25 degrees, some partly hidden."""
    scene = _empty(generator)
    for _ in range(generator.choice(5, p=(0.1, 0.4, 0.25, 0.15, 0.1))):
        identity = draw_identity(generator)
        shapes, landmarks = head(identity, draw_look(generator, identity))
        angle = generator.normal(0, 0.15)
        placement = _find_place(scene, shapes, generator, (11, 62), min(max(angle, -0.44), 0.44), mirror=False)
        if placement is None:
            continue
        placed = place(shapes, placement)
        scene.behind += place(body(identity), placement)
        scene.front += placed
        scene.boxes.append(extent(placed))
        scene.classes.append(0)
        scene.keypoints.append(placement.apply(landmarks))
        if generator.random() < 0.15:
            scene.front += _cover(generator, scene.boxes[-1])
    return scene


def animal_scene(generator: np.random.Generator, kinds: tuple[str, ...]) -> Scene:
    """No to five animals of the kinds given, turned any way, some partly hidden."""
    scene = _empty(generator)
    for _ in range(generator.choice(6, p=(0.08, 0.27, 0.25, 0.2, 0.12, 0.08))):
        kind = int(generator.integers(len(kinds)))
        shapes = ANIMALS[kinds[kind]](generator)
        is_mirrored = bool(generator.random() < 0.5)
        placement = _find_place(scene, shapes, generator, (13, 52), _angle(kinds[kind], generator), is_mirrored)
        if placement is None:
            continue
        scene.classes.append(kind)
        _add_animal(scene, shapes, placement)
        if generator.random() < 0.15:
            scene.front += _cover(generator, scene.boxes[-1])
    return scene


def animal_portrait(generator: np.random.Generator, kind: str) -> Scene:
    """One animal that fills most of the picture, off its middle, sometimes partly hidden."""
    side = int(generator.integers(80, 113))
    scene = Scene(side, side)
    shapes = ANIMALS[kind](generator)
    scale = side * generator.uniform(0.27, 0.44)
    x, y = side / 2 + generator.uniform(-0.08, 0.08, 2) * side
    _add_animal(scene, shapes, Placement(x, y, scale, _angle(kind, generator), bool(generator.random() < 0.5)))
    if generator.random() < 0.2:
        scene.front += _cover(generator, scene.boxes[-1])
    return scene


def face_portrait(identity: Identity, generator: np.random.Generator) -> Scene:
    """One face aligned to the template by its landmarks, as a detector would align it: with small errors."""
    scene = Scene(TEMPLATE_SIDE_PX, TEMPLATE_SIDE_PX)
    shapes, landmarks = head(identity, draw_look(generator, identity))
    placement = _align(landmarks + generator.normal(0, 0.02, landmarks.shape))
    scene.behind += place(body(identity), placement)
    scene.front += place(shapes, placement)
    if generator.random() < 0.1:
        scene.front += _cover(generator, (25.0, 30.0, 87.0, 105.0))
    return scene


def _align(landmarks: np.ndarray) -> Placement:
    """Find the similarity that takes landmarks (5, 2) closest to the template, by least squares."""
    (cosine, _, x), (sine, _, y) = fit_similarity(landmarks, TEMPLATE_PX)
    return Placement(float(x), float(y), math.hypot(cosine, sine), math.atan2(sine, cosine))


def _empty(generator: np.random.Generator) -> Scene:
    return Scene(int(generator.integers(144, 241)), int(generator.integers(120, 201)))


def _angle(kind: str, generator: np.random.Generator) -> float:
    """Animals seen from above lie any way around; those seen from the side keep their feet below."""
    return (
        generator.uniform(-math.pi, math.pi)
        if kind in ("ladybird", "butterfly", "turtle")
        else generator.normal(0, 0.35)
    )


def _add_animal(scene: Scene, shapes: list[Shape], placement: Placement) -> None:
    placed = place(shapes, placement)
    scene.front += placed
    x_min, y_min, x_max, y_max = extent(placed)
    box = (max(x_min, 0.0), max(y_min, 0.0), min(x_max, float(scene.width_px)), min(y_max, float(scene.height_px)))
    scene.boxes.append(box)


def _find_place(
    scene: Scene,
    shapes: list[Shape],
    generator: np.random.Generator,
    scales: tuple[float, float],
    angle: float,
    mirror: bool,
) -> Placement | None:
    """Find a place inside the picture that covers little of the others; small sizes are as likely as large ones."""
    unit = np.array(extent(place([shape for shape in shapes if shape.counts], Placement(0, 0, 1.0, angle, mirror))))
    for _ in range(_TRIES):
        scale = math.exp(generator.uniform(math.log(scales[0]), math.log(scales[1])))
        x_min, y_min, x_max, y_max = (unit * scale).tolist()
        room_x, room_y = scene.width_px - (x_max - x_min), scene.height_px - (y_max - y_min)
        if min(room_x, room_y) <= 0:
            continue
        x, y = generator.uniform(0, room_x) - x_min, generator.uniform(0, room_y) - y_min
        box = (x + x_min, y + y_min, x + x_max, y + y_max)
        if all(_overlap(box, other) <= _MAX_OVERLAP for other in scene.boxes):
            return Placement(x, y, scale, angle, mirror)
    return None


def _overlap(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    """Return the shared area as a fraction of the smaller box."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return max(width, 0) * max(height, 0) / min(areas)


def _cover(generator: np.random.Generator, box: tuple[float, float, float, float]) -> list[Shape]:
    """A patch over one side of a box, a quarter of it at most."""
    x_min, y_min, x_max, y_max = box
    colour = hsv(generator.uniform(), generator.uniform(0.1, 0.7), generator.uniform(0.2, 0.9))
    side, depth = generator.integers(3), generator.uniform(0.1, 0.25)
    if side == 2:
        y_min = y_max - depth * (y_max - y_min)
    elif side == 1:
        x_min = x_max - depth * (x_max - x_min)
    else:
        x_max = x_min + depth * (x_max - x_min)
    slack = generator.uniform(-0.03, 0.12, 4) * (x_max - x_min)
    corners = [
        (x_min - slack[0], y_min),
        (x_max, y_min - slack[1]),
        (x_max + slack[2], y_max),
        (x_min, y_max + slack[3]),
    ]
    return [Shape(np.array(corners), colour, False)]
