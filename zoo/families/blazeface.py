"""BlazeFace: 5x5 depthwise residual blocks, two grids, eight anchors for each cell of the coarser one's area.

Paper: Bazarevsky et al., arXiv:1907.05047 (table 4 for the blocks). Reference implementation: MediaPipe's short-range
model. What we changed: where a block doubles the filters, a 1x1 convolution on the skip connection in place of padding
with zeros; five landmarks in place of six; anchors of two and six sides in place of one, so that size alone decides
which anchor learns a face; non-maximum suppression in place of blending.
"""

from __future__ import annotations

from typing import Any

from zoo._lazy import keras
from zoo._registry import register_model
from zoo._specs import FACE_DETECTION, FACE_KEYPOINTS, GridHead, ImageSpec, ModelSpec
from zoo.blocks import activate, conv_block, convolve, depthwise, normalise, scaled
from zoo.heads import grid_outputs, pointwise_branch

# (filters, stride) of the single blocks, and of the double ones whose middle has BOTTLENECK filters.
SINGLE = ((24, 1), (24, 1), (48, 2), (48, 1), (48, 1))
DOUBLE = ((96, 2), (96, 1), (96, 1), (96, 2), (96, 1), (96, 1))
BOTTLENECK = 24


def blaze_block(x: Any, filters: int, strides: int, bottleneck: int | None, activation: str, name: str) -> Any:
    """5x5 depthwise, 1x1 projection, a second such pair when `bottleneck` is given, and a skip connection."""
    y = depthwise(x, 5, strides, use_bias=False, name=f"{name}_dw")
    y = normalise(convolve(y, bottleneck or filters, use_bias=False, name=f"{name}_pw"), f"{name}_pw")
    if bottleneck:
        y = depthwise(activate(y, activation, f"{name}_pw"), 5, use_bias=False, name=f"{name}_dw2")
        y = normalise(convolve(y, filters, use_bias=False, name=f"{name}_pw2"), f"{name}_pw2")
    if strides == 2:
        x = keras.layers.MaxPooling2D(name=f"{name}_pool")(x)
    if x.shape[-1] != filters:
        x = convolve(x, filters, name=f"{name}_widen")
    return activate(keras.layers.Add(name=f"{name}_skip")([x, y]), activation, name)


@register_model(
    task=FACE_DETECTION,
    inputs=ImageSpec(128, 128, value_range=(-1.0, 1.0)),
    outputs=GridHead(
        strides=(8, 16),
        anchor_sides=((1.25, 2.0), (1.5, 2.1, 3.0, 4.2, 5.8, 7.5)),
        keypoints=FACE_KEYPOINTS,
    ),
    paper="arXiv:1907.05047",
    max_bytes=500_000,
)
def blazeface_128(spec: ModelSpec, *, width: float = 1.0, activation: str = "relu") -> Any:
    """BlazeFace at 128x128: 896 anchors, made for one or a few faces before a phone's front camera."""
    image = keras.Input(spec.inputs.shape, name="image")
    x = conv_block(image, scaled(24, width), 5, 2, activation=activation, name="stem")  # (B, 64, 64, 24)
    for index, (filters, strides) in enumerate(SINGLE, start=1):
        x = blaze_block(x, scaled(filters, width), strides, None, activation, f"single{index}")  # (B, 32, 32, 48)
    features = []
    for index, (filters, strides) in enumerate(DOUBLE, start=1):
        x = blaze_block(x, scaled(filters, width), strides, scaled(BOTTLENECK, width), activation, f"double{index}")
        features.append(x)  # (B, 16, 16, 96) three times, then (B, 8, 8, 96)
    outputs = grid_outputs([features[2], features[5]], spec, num_classes=1, branch=pointwise_branch)
    return keras.Model(image, outputs, name=spec.name)
