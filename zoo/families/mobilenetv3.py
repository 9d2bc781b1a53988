"""MobileNetV3-small: inverted residuals with squeeze-excite, for classes.

Paper: Howard et al., arXiv:1905.02244, table 2. Reference implementation: keras.applications.MobileNetV3Small. What we
changed: ReLU in place of hard swish and a plain sigmoid in place of the hard one, which are one kernel in TF.js instead
of four; no second fully connected layer before the classes.
"""

from __future__ import annotations

from typing import Any

from zoo._lazy import keras
from zoo._registry import register_model
from zoo._specs import OBJECT_RECOGNITION, ClassHead, ImageSpec, ModelSpec
from zoo.blocks import activate, conv_block, depthwise, normalise, scaled, squeeze_excite
from zoo.heads import class_outputs

# Table 2: kernel size, expanded filters, filters, squeeze-excite, stride.
BOTTLENECKS = (
    (3, 16, 16, True, 2),
    (3, 72, 24, False, 2),
    (3, 88, 24, False, 1),
    (5, 96, 40, True, 2),
    (5, 240, 40, True, 1),
    (5, 240, 40, True, 1),
    (5, 120, 48, True, 1),
    (5, 144, 48, True, 1),
    (5, 288, 96, True, 2),
    (5, 576, 96, True, 1),
    (5, 576, 96, True, 1),
)
STEM_FILTERS, LAST_FILTERS = 16, 576


@register_model(
    task=OBJECT_RECOGNITION,
    inputs=ImageSpec(96, 96, value_range=(-1.0, 1.0)),
    outputs=ClassHead(),
    paper="arXiv:1905.02244",
    max_bytes=1_000_000,
)
def mobilenetv3_small_050_96(
    spec: ModelSpec, *, width: float = 0.5, activation: str = "relu", num_classes: int = 4
) -> Any:
    """MobileNetV3-small at half its width, 96x96."""
    image = keras.Input(spec.inputs.shape, name="image")
    x = conv_block(image, scaled(STEM_FILTERS, width), strides=2, activation=activation, name="stem")  # (B, 48, 48, 8)
    for index, (kernel_size, expanded, filters, excite, strides) in enumerate(BOTTLENECKS, start=1):
        name, filters_in = f"block{index}", x.shape[-1]
        y = conv_block(x, scaled(expanded, width), 1, activation=activation, name=f"{name}_expand")
        y = depthwise(y, kernel_size, strides, use_bias=False, name=f"{name}_dw")
        y = activate(normalise(y, f"{name}_dw"), activation, f"{name}_dw")
        if excite:
            y = squeeze_excite(y, name=f"{name}_se")
        y = conv_block(y, scaled(filters, width), 1, activation="linear", name=f"{name}_project")
        keeps_shape = strides == 1 and filters_in == y.shape[-1]
        x = keras.layers.Add(name=f"{name}_skip")([x, y]) if keeps_shape else y  # (B, 24 / 12 / 6 / 3, ...)
    x = conv_block(x, scaled(LAST_FILTERS, width), 1, activation=activation, name="last")
    return keras.Model(image, class_outputs(x, num_classes), name=spec.name)
