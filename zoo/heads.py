"""Output heads: they give a network the named outputs that its declared head promises."""

from __future__ import annotations

import math
from collections.abc import Callable

from zoo._errors import ZooError
from zoo._lazy import keras
from zoo._specs import GridHead, ModelSpec
from zoo.blocks import KERNEL_INITIALIZER, Tensor, convolve, depthwise, pointwise_depthwise_block

Branch = Callable[[Tensor, int, str], Tensor]

NORM_EPSILON = 1e-25
"""Far below the variance of any embedding: 1e-15 was seen before training, about 1 after it."""
PRIOR_PROBABILITY = 0.01
"""Score of every cell before training, so that the many empty cells do not drown the first steps (arXiv:1708.02002)."""
MAX_CLASSES = 10_000
"""Far more than any budget allows; refused before memory is asked for."""


def grid_outputs(
    features: list[Tensor], spec: ModelSpec, num_classes: int, *, branch: Branch | None = None
) -> dict[str, Tensor]:
    """Predict from one feature map per stride, finest first, and join the anchors of all strides.

    Shapes: features (batch, height/stride, width/stride, filters) -> class_logits (batch, num_anchors, num_classes),
    box_offsets (batch, num_anchors, 4), keypoint_offsets (batch, num_anchors, 2·num_keypoints). `branch(x, filters,
    name)` makes one linear prediction per output and stride; left out, a pointwise-depthwise unit as in YuNet. Logits
    start at log(p / (1 - p)) with p = `PRIOR_PROBABILITY`, added as a constant so that trainable biases start at zero.
    Raises: ZooError for a number of classes that is not from 1 to `MAX_CLASSES`.
    """
    head = spec.head
    assert isinstance(head, GridHead)
    _check_classes(num_classes)
    branch = branch or pointwise_depthwise_branch
    sizes = {"class_logits": num_classes, "box_offsets": 4}
    if head.num_keypoints:
        sizes["keypoint_offsets"] = 2 * head.num_keypoints
    branches: dict[str, list[Tensor]] = {name: [] for name in sizes}
    for stride, sides, x in zip(head.strides, head.sides, features, strict=True):
        for name, size in sizes.items():
            y = branch(x, size * len(sides), f"{name}_{stride}")
            rows = x.shape[1] * x.shape[2] * len(sides)
            branches[name].append(keras.layers.Reshape((rows, size), name=f"{name}_{stride}_rows")(y))
    outputs = {name: _joined(parts, f"{name}_joined") for name, parts in branches.items()}
    prior_logit = math.log(PRIOR_PROBABILITY / (1 - PRIOR_PROBABILITY))
    logits = keras.layers.Rescaling(1.0, offset=prior_logit, name="prior")(outputs["class_logits"])
    return {**outputs, "class_logits": logits}


def pointwise_depthwise_branch(x: Tensor, filters: int, name: str) -> Tensor:
    """Predict with a 1x1 convolution and one 3x3 kernel per number (YuNet)."""
    return pointwise_depthwise_block(x, filters, activation="linear", name=name)


def pointwise_branch(x: Tensor, filters: int, name: str) -> Tensor:
    """Predict with a 1x1 convolution (YOLO, BlazeFace)."""
    return convolve(x, filters, name=name)


def depthwise_pointwise_branch(x: Tensor, filters: int, name: str) -> Tensor:
    """Predict with one 3x3 kernel per channel and a 1x1 convolution (SSDLite, arXiv:1801.04381, section 6.2)."""
    return convolve(depthwise(x, name=f"{name}_dw"), filters, name=f"{name}_pw")


def _check_classes(num_classes: int) -> None:
    if not 1 <= num_classes <= MAX_CLASSES:
        raise ZooError(f"num_classes counts the labels; it must be from 1 to {MAX_CLASSES:,}, got {num_classes:,}.")


def _joined(parts: list[Tensor], name: str) -> Tensor:
    return keras.layers.Concatenate(axis=1, name=name)(parts) if len(parts) > 1 else parts[0]


def embedding_outputs(x: Tensor, size: int) -> dict[str, Tensor]:
    """Project globally pooled features onto the unit sphere: x (batch, filters) -> embedding (batch, size).

    The length comes from a layer normalisation without weights, which also takes the mean away: TF.js has that layer
    in both of its formats, and none that divides by the length alone. A cosine is then a correlation.
    """
    x = keras.layers.Dense(size, kernel_initializer=KERNEL_INITIALIZER, name="embedding")(x)
    x = keras.layers.LayerNormalization(center=False, scale=False, epsilon=NORM_EPSILON, name="embedding_norm")(x)
    return {"embedding": keras.layers.Rescaling(1.0 / math.sqrt(size), name="embedding_length")(x)}


def class_outputs(x: Tensor, num_classes: int) -> dict[str, Tensor]:
    """Average over the picture and classify: x (batch, height, width, filters) -> class_logits (batch, num_classes).

    Raises: ZooError for a number of classes that is not from 1 to `MAX_CLASSES`.
    """
    _check_classes(num_classes)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = keras.layers.Dense(num_classes, kernel_initializer=KERNEL_INITIALIZER, name="class_logits")(x)
    return {"class_logits": x}


def merge_down(fine: Tensor, coarse: Tensor, filters: int, *, activation: str, name: str) -> Tensor:
    """Add a coarse map, doubled by nearest neighbours, to a fine one of the same filters, then mix.

    The top-down path of YuNet's tiny feature pyramid.
    """
    up = keras.layers.UpSampling2D(interpolation="nearest", name=f"{name}_up")(coarse)
    x = keras.layers.Add(name=f"{name}_add")([fine, up])
    return pointwise_depthwise_block(x, filters, activation=activation, name=name)
