"""Random changes to training pictures that leave the answer known: place, mirror, light, colour, sharpness.

    batch = augment(data, rows, spec.inputs, AUGMENTATIONS["scenes"], spec.head.keypoints, generator)

Boxes and landmarks follow exactly. Deterministic by the generator given. Pictures of many objects are zoomed, cropped
and put together (`tuner.placement`); pictures of one object are turned a little.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from tuner.data import Decoded, Sample
from tuner.placement import Labels, Tile, covered, follow, mosaic, whole, zoomed
from zoo._errors import ZooError, unknown
from zoo._specs import ImageSpec

BLUR_RADIUS_PX = (0.5, 1.5)
DEGRADE_FACTOR = (1.5, 3.0)
KEPT_QUANTILE = 0.95
"""A few larger pictures among many are shrunk: keeping all at their size would take several times the room."""
LUMA = (0.299, 0.587, 0.114)
"""What red, green and blue give to a picture's grey (ITU-R BT.601)."""


@dataclass(frozen=True)
class Augmentation:
    """How training pictures are changed; the defaults change nothing.

    Chances per picture, 0..1: `mirror`; `zoom`, drawn at a size between `zoom_range`, logarithmically uniform, its
    aspect ratio off by up to the share `stretch`; `mosaic`, put together with others, `mosaic_sides` tiles to a side
    (one of them by chance); `grey`; `blur`; `degrade`, shrunk and enlarged again. Strengths: `light`, by how much
    brightness and contrast may change, 0..1; `colour`, the same of saturation and of each channel; `rotate_degrees`,
    to either side, for pictures labelled as a whole. So that crops are sharp, pictures are kept at up to `detail` times
    the input's sides, where they are that large.
    """

    mirror: float = 0.0
    zoom: float = 0.0
    zoom_range: tuple[float, float] = (0.5, 1.5)
    stretch: float = 0.0
    mosaic: float = 0.0
    mosaic_sides: tuple[int, ...] = (2,)
    rotate_degrees: float = 0.0
    light: float = 0.0
    colour: float = 0.0
    grey: float = 0.0
    blur: float = 0.0
    degrade: float = 0.0
    detail: int = 1

    def __post_init__(self) -> None:
        for name in ("mirror", "zoom", "mosaic", "grey", "blur", "degrade", "light", "colour"):
            if not 0 <= getattr(self, name) <= 1:
                raise ZooError(f"Augmentation '{name}' must be from 0 to 1, got {getattr(self, name):g}.")
        if not 0 <= self.stretch < 1:
            raise ZooError(f"Augmentation 'stretch' must be from 0 to below 1, got {self.stretch:g}.")
        low, high = self.zoom_range
        if not 0 < low <= high:
            raise ZooError(f"Augmentation 'zoom_range' must be a rising pair above 0, got {low:g} and {high:g}.")
        if not self.mosaic_sides or not all(1 <= side <= 4 for side in self.mosaic_sides):
            raise ZooError(f"Augmentation 'mosaic_sides' must be from 1 to 4, got {self.mosaic_sides}.")
        if not 0 <= self.rotate_degrees <= 180:
            raise ZooError(f"Augmentation 'rotate_degrees' must be from 0 to 180, got {self.rotate_degrees:g}.")
        if not 1 <= self.detail <= 4:
            raise ZooError(f"Augmentation 'detail' must be from 1 to 4, got {self.detail}.")

    def __bool__(self) -> bool:
        """False when nothing is changed."""
        return any(getattr(self, field.name) != field.default for field in fields(self))

    def kept_at(self, inputs: ImageSpec, samples: Sequence[Sample]) -> ImageSpec:
        """Return the size at which training pictures are decoded for a model input: no larger than most of them are."""
        longest_px = [max(sample.size_px) for sample in samples if sample.size_px is not None] or [0]
        held = math.ceil(np.quantile(longest_px, KEPT_QUANTILE, method="lower") / max(inputs.height, inputs.width))
        detail = max(1, min(self.detail, held))
        return replace(inputs, height=inputs.height * detail, width=inputs.width * detail)


SCENES = Augmentation(
    mirror=0.5,
    zoom=0.6,
    zoom_range=(0.4, 2.0),
    stretch=0.15,
    mosaic=0.3,
    mosaic_sides=(2, 2, 3),
    light=0.3,
    colour=0.2,
    grey=0.05,
    blur=0.05,
    degrade=0.05,
    detail=2,
)

AUGMENTATIONS: Mapping[str, Augmentation] = MappingProxyType(
    {
        "none": Augmentation(),
        "light": Augmentation(mirror=0.5, light=0.25),
        # Objects of all sizes, down to those of a crowd.
        "scenes": SCENES,
        # Two to four times as many objects from 6 to 10 % of the input, where most are missed.
        "crowds": replace(SCENES, zoom_range=(0.25, 1.8), mosaic=0.5, mosaic_sides=(2, 3, 4)),
        # One object that fills the picture, such as an aligned face.
        "portraits": Augmentation(
            mirror=0.5,
            zoom=0.7,
            zoom_range=(0.9, 1.15),
            stretch=0.05,
            rotate_degrees=10.0,
            light=0.3,
            colour=0.2,
            grey=0.1,
            blur=0.1,
            degrade=0.15,
        ),
    }
)


def as_augmentation(given: str | Mapping[str, Any]) -> Augmentation:
    """Return one of `AUGMENTATIONS` by its name, or one with the given settings.

    Raises: UnknownName for a name or setting that does not exist, ZooError for a value that cannot be.
    """
    if isinstance(given, str):
        if given not in AUGMENTATIONS:
            raise unknown("augmentation", given, AUGMENTATIONS, f"Augmentations are: {', '.join(AUGMENTATIONS)}.")
        return AUGMENTATIONS[given]
    settings = [field.name for field in fields(Augmentation)]
    for name in given:
        if name not in settings:
            raise unknown("augmentation setting", name, settings, f"Settings are: {', '.join(settings)}.")
    values: dict[str, Any] = {name: tuple(it) if isinstance(it, list) else it for name, it in given.items()}
    return Augmentation(**values)


def augment(
    data: Decoded,
    rows: np.ndarray,
    inputs: ImageSpec,
    augmentation: Augmentation,
    keypoint_names: tuple[str, ...],
    generator: np.random.Generator,
    partners: np.ndarray | None = None,
) -> Decoded:
    """Return the given rows of `data`, changed by chance, at the size of `inputs`; `data` itself stays as it is.

    The rows that fill up a mosaic are drawn from `partners`, by default all.
    `data` may be kept at a multiple of the input's sides. A mirror turns the whole input, padding included. Raises:
    ZooError when pictures with boxes are to be turned.
    """
    if not augmentation and data.images.shape[1:] == inputs.shape:
        return data.take(rows)
    kept_at = replace(inputs, height=data.images.shape[1], width=data.images.shape[2])
    if augmentation.rotate_degrees and any(len(data.boxes[row]) for row in rows):
        raise ZooError("Boxes cannot follow a turned picture. Set rotate_degrees to 0, or use 'scenes' for detection.")
    order = mirrored_keypoint_order(keypoint_names)
    partners = np.arange(len(data)) if partners is None else partners
    images = np.empty((len(rows), *inputs.shape), np.uint8)
    labels = []
    for index, row in enumerate(rows):
        tiles = _tiles(data, int(row), inputs, kept_at, augmentation, generator, partners)
        picture = _drawn(data.images, tiles, inputs, augmentation, generator)
        found = _labels(data, tiles, inputs)
        if generator.random() < augmentation.mirror:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            found = found._replace(boxes=mirror_boxes(found.boxes), keypoints=mirror_keypoints(found.keypoints, order))
        images[index] = np.asarray(_turned(picture, inputs, augmentation, generator)).reshape(inputs.shape)
        labels.append(found)
    return Decoded(
        images=images,
        boxes=[one.boxes for one in labels],
        classes=[one.classes for one in labels],
        keypoints=[one.keypoints for one in labels],
        ignore=[one.ignore for one in labels],
        labels=data.labels[rows],
        sizes_px=data.sizes_px[rows],
        keys=tuple(data.keys[row] for row in rows),
    )


def mirrored_keypoint_order(names: tuple[str, ...]) -> list[int]:
    """Return for each landmark the index of the one that takes its place in a mirror: left and right swap."""
    swap = {"left": "right", "right": "left"}

    def twin(name: str) -> str:
        return "_".join(swap.get(word, word) for word in name.split("_"))

    return [names.index(twin(name)) if twin(name) in names else index for index, name in enumerate(names)]


def mirror_boxes(boxes: np.ndarray) -> np.ndarray:
    """Boxes (n, 4) xyxy fractions as seen in a mirror."""
    return np.stack([1 - boxes[:, 2], boxes[:, 1], 1 - boxes[:, 0], boxes[:, 3]], axis=1)


def mirror_keypoints(keypoints: np.ndarray, order: list[int]) -> np.ndarray:
    """Keypoints (n, k, 2) in fractions as seen in a mirror, sides swapped by `order`."""
    if not keypoints.shape[1]:
        return keypoints
    mirrored = keypoints[:, order].copy()
    mirrored[..., 0] = 1 - mirrored[..., 0]
    return mirrored


def _tiles(
    data: Decoded,
    row: int,
    inputs: ImageSpec,
    kept_at: ImageSpec,
    augmentation: Augmentation,
    generator: np.random.Generator,
    partners: np.ndarray,
) -> list[Tile]:
    choice = generator.random()
    if choice < augmentation.mosaic:
        count = augmentation.mosaic_sides[generator.integers(len(augmentation.mosaic_sides))] ** 2
        rows = [row, *partners[generator.integers(len(partners), size=count - 1)].tolist()]
        generator.shuffle(rows)
        covers = [covered(kept_at, *data.sizes_px[other].tolist()) for other in rows]
        return mosaic(rows, inputs, covers, [data.boxes[other] for other in rows], generator)
    if choice < augmentation.mosaic + (1 - augmentation.mosaic) * augmentation.zoom:
        low, high = augmentation.zoom_range
        size = math.exp(generator.uniform(math.log(low), math.log(high)))
        stretch = 1 + generator.uniform(-augmentation.stretch, augmentation.stretch)
        scale = (size * math.sqrt(stretch), size / math.sqrt(stretch))
        return [zoomed(row, inputs, covered(kept_at, *data.sizes_px[row].tolist()), scale, data.boxes[row], generator)]
    return [whole(row, inputs, covered(kept_at, *data.sizes_px[row].tolist()))]


def _drawn(
    images: np.ndarray,
    tiles: list[Tile],
    inputs: ImageSpec,
    augmentation: Augmentation,
    generator: np.random.Generator,
) -> Image.Image:
    """Draw tiles onto an input of padding; each is averaged over the pixels it covers when it shrinks."""
    is_grey = inputs.channels == 1
    canvas = Image.new("L" if is_grey else "RGB", (inputs.width, inputs.height), _padding(inputs))
    height, width = images.shape[1:3]
    for tile in tiles:
        left, top, right, bottom = tile.place
        x_min, y_min, x_max, y_max = tile.window
        window = (x_min * width, y_min * height, x_max * width, y_max * height)
        kept = images[tile.row, : math.ceil(window[3])]
        source = Image.fromarray(kept[..., 0] if is_grey else kept)
        size = (right - left, bottom - top)
        shrinks = window[2] - window[0] > size[0]  # then the mean of the covered pixels costs least and is as good
        filter = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
        picture = source.resize(size, filter, box=window, reducing_gap=1.0)
        canvas.paste(_toned(_softened(picture, augmentation, generator), augmentation, generator), (left, top))
    return canvas


def _padding(inputs: ImageSpec) -> int | tuple[int, int, int]:
    return inputs.pad_value if inputs.channels == 1 else (inputs.pad_value,) * 3


def _labels(data: Decoded, tiles: list[Tile], inputs: ImageSpec) -> Labels:
    """Return the labels of all tiles together."""
    rows = [tile.row for tile in tiles]
    own = [Labels(data.boxes[row], data.classes[row], data.keypoints[row], data.ignore[row]) for row in rows]
    return follow(tiles, inputs, own)


def _turned(
    picture: Image.Image, inputs: ImageSpec, augmentation: Augmentation, generator: np.random.Generator
) -> Image.Image:
    if not augmentation.rotate_degrees:
        return picture
    angle = generator.uniform(-augmentation.rotate_degrees, augmentation.rotate_degrees)
    return picture.rotate(angle, Image.Resampling.BILINEAR, fillcolor=_padding(inputs))


def _softened(picture: Image.Image, augmentation: Augmentation, generator: np.random.Generator) -> Image.Image:
    """Blur, or take the detail away that a small or far picture lacks."""
    if generator.random() < augmentation.blur:
        picture = picture.filter(ImageFilter.BoxBlur(generator.uniform(*BLUR_RADIUS_PX)))
    if generator.random() < augmentation.degrade:
        factor = generator.uniform(*DEGRADE_FACTOR)
        small = (max(1, round(picture.width / factor)), max(1, round(picture.height / factor)))
        picture = picture.resize(small, Image.Resampling.BILINEAR).resize(picture.size, Image.Resampling.BILINEAR)
    return picture


def _toned(picture: Image.Image, augmentation: Augmentation, generator: np.random.Generator) -> Image.Image:
    """Change saturation, contrast, brightness and the channels' balance, all by one linear map of the channels.

    Written in plain numbers: for three channels, arrays cost more than the arithmetic.
    """
    light, colour = augmentation.light, augmentation.colour
    if not (light or colour or augmentation.grey):
        return picture
    channels = len(picture.getbands())
    chance = generator.random(4 + channels).tolist()
    is_grey = chance[0] < augmentation.grey
    saturation = 0.0 if is_grey else 1 + (3 * chance[1] - 2) * colour
    gain = 1 + (2 * chance[2] - 1) * light
    mean = _mean(picture) if light else 0.0
    shift = (1 - gain) * mean + 255 * (2 * chance[3] - 1) * light
    balance = [1 + (2 * one - 1) * colour / 4 for one in chance[4:]]
    if channels == 1:
        tones = (gain * balance[0] * np.arange(256) + shift * balance[0]).round().clip(0, 255)
        return picture.point(tones.tolist())
    rows = [
        [
            *(
                factor * gain * ((1 - saturation) * grey + saturation * (own == other))
                for other, grey in enumerate(LUMA)
            ),
            factor * shift,
        ]
        for own, factor in enumerate(balance)
    ]
    return picture.convert("RGB", [value for row in rows for value in row])


def _mean(picture: Image.Image) -> float:
    """Return the mean over pixels and channels, 0..255; of large pictures, that of a few hundred pixels."""
    small = picture.resize((min(picture.width, 16), min(picture.height, 16)), Image.Resampling.NEAREST)
    return float(np.frombuffer(small.tobytes(), np.uint8).mean())
