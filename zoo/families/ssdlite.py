"""SSDLite on MobileNetV2: inverted residuals, separable prediction branches, two anchors per cell.

Paper: Sandler et al., MobileNetV2, arXiv:1801.04381 (table 2 for the stages, section 6.2 for SSDLite). Reference
implementation: the TensorFlow Object Detection API. What we changed: a third of the width; three strides from 8 on in
place of six from 16 on, since the inputs are small; square anchors of two sides in place of six shapes; the score
predicts the box's overlap.
"""

from __future__ import annotations

from typing import Any

from zoo._lazy import keras
from zoo._registry import register_model
from zoo._specs import OBJECT_DETECTION, GridHead, ImageSpec, ModelSpec
from zoo.blocks import conv_block, inverted_residual, scaled
from zoo.heads import depthwise_pointwise_branch, grid_outputs

# Table 2: expansion, filters, repeats, first stride. The stages that end at 1/8, 1/16 and 1/32 are tapped.
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2))
TAPS = (3, 5, 6)


@register_model(
    task=OBJECT_DETECTION,
    inputs=ImageSpec(192, 192, value_range=(-1.0, 1.0)),
    outputs=GridHead(strides=(8, 16, 32), anchor_sides=((2.0, 3.0), (2.1, 3.0), (2.1, 3.6))),
    paper="arXiv:1801.04381",
    max_bytes=1_000_000,
)
def ssdlite_192(spec: ModelSpec, *, width: float = 0.35, activation: str = "relu6", num_classes: int = 3) -> Any:
    """SSDLite on a third of MobileNetV2 at 192x192, any number of classes."""
    image = keras.Input(spec.inputs.shape, name="image")
    x = conv_block(image, scaled(32, width), strides=2, activation=activation, name="stem")  # (B, H/2, W/2, 8)
    features = []
    for stage, (expansion, filters, repeats, stride) in enumerate(STAGES, start=1):
        for repeat in range(repeats):
            x = inverted_residual(
                x,
                scaled(filters, width),
                expansion=expansion,
                strides=stride if repeat == 0 else 1,
                activation=activation,
                name=f"stage{stage}_{repeat + 1}",
            )
        if stage in TAPS:
            features.append(x)  # (B, H/8 / H/16 / H/32, ...)
    outputs = grid_outputs(features, spec, num_classes, branch=depthwise_pointwise_branch)
    return keras.Model(image, outputs, name=spec.name)
