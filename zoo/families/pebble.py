"""Pebble: a handful of separable convolutions, for questions so simple that a few thousand weights answer them.

Source: the plain stack of MobileNet (arXiv:1704.04861, table 1), cut short. What we changed: four separable blocks, at
most 48 filters.
"""

from __future__ import annotations

from typing import Any

from zoo._lazy import keras
from zoo._registry import register_model
from zoo._specs import FACE_GATE, OBJECT_RECOGNITION, ClassHead, ImageSpec, ModelSpec
from zoo.blocks import conv_block, scaled, separable_block
from zoo.heads import class_outputs


def pebble(spec: ModelSpec, filters: tuple[int, ...], *, width: float, activation: str, num_classes: int) -> Any:
    """Build a stem with the first of `filters`, then one separable convolution of stride 2 for each of the others."""
    first, *rest = (scaled(count, width) for count in filters)
    image = keras.Input(spec.inputs.shape, name="image")
    x = conv_block(image, first, strides=2, activation=activation, name="stem")
    for index, count in enumerate(rest, start=1):
        x = separable_block(x, count, strides=2, activation=activation, name=f"block{index}")
    return keras.Model(image, class_outputs(x, num_classes), name=spec.name)


@register_model(
    task=OBJECT_RECOGNITION,
    inputs=ImageSpec(48, 48),
    outputs=ClassHead(),
    paper="arXiv:1704.04861",
    max_bytes=40_000,
)
def pebble_cls_48(spec: ModelSpec, *, width: float = 1.0, activation: str = "relu", num_classes: int = 4) -> Any:
    """The smallest classifier, 48x48."""
    return pebble(spec, (16, 32, 48, 64), width=width, activation=activation, num_classes=num_classes)


@register_model(
    task=FACE_GATE,
    inputs=ImageSpec(64, 64),
    outputs=ClassHead(),
    paper="arXiv:1704.04861",
    max_bytes=20_000,
)
def gate_64(spec: ModelSpec, *, width: float = 1.0, activation: str = "relu", num_classes: int = 2) -> Any:
    """Face or no face, 64x64, in less than 3,000 bytes of weights: wakes larger models."""
    return pebble(spec, (8, 16, 24, 32), width=width, activation=activation, num_classes=num_classes)
