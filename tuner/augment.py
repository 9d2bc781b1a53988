"""Random changes to a batch of pictures that leave the answer known: mirror, light.

Mirroring moves boxes and landmarks along and swaps the landmarks of the two sides. Deterministic by the generator
given.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tuner.data import Decoded

BRIGHTNESS = 0.25
CONTRAST = 0.25


def mirrored_keypoint_order(names: tuple[str, ...]) -> list[int]:
    """Return for each landmark the index of the one that takes its place in a mirror: left and right swap."""
    swap = {"left": "right", "right": "left"}

    def twin(name: str) -> str:
        return "_".join(swap.get(word, word) for word in name.split("_"))

    return [names.index(twin(name)) if twin(name) in names else index for index, name in enumerate(names)]


def augment(batch: Decoded, keypoint_names: tuple[str, ...], generator: np.random.Generator) -> Decoded:
    """Mirror half of the pictures and change light and contrast of each.

    Shapes are kept; `batch` itself is not changed. Mirrors the whole input, padding included.
    """
    count = len(batch)
    flips = generator.random(count) < 0.5
    order = mirrored_keypoint_order(keypoint_names)
    boxes, keypoints = list(batch.boxes), list(batch.keypoints)
    images = batch.images.copy()
    images[flips] = images[flips, :, ::-1]
    for row in np.flatnonzero(flips):
        boxes[row] = mirror_boxes(boxes[row])
        keypoints[row] = mirror_keypoints(keypoints[row], order)
    gain = 1.0 + generator.uniform(-CONTRAST, CONTRAST, (count, 1, 1, 1))
    shift = 255.0 * generator.uniform(-BRIGHTNESS, BRIGHTNESS, (count, 1, 1, 1))
    centre = images.mean(axis=(1, 2, 3), keepdims=True)
    lit = np.clip((images - centre) * gain + centre + shift, 0, 255).astype(np.uint8)
    return replace(batch, images=lit, boxes=boxes, keypoints=keypoints)


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
