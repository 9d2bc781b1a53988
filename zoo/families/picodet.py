"""PicoDet: anchor-free object detection on four strides, with 5x5 depthwise convolutions throughout.

Paper: Yu et al., arXiv:2111.00902, with the PP-LCNet backbone (arXiv:2109.15099, table 1) that its authors moved to.
Reference implementation: github.com/PaddlePaddle/PaddleDetection, picodet_*_lcnet. What we changed: ReLU in place of
hard swish (one kernel in TF.js instead of four); boxes as centre and logarithm of size in place of a distribution over
distances; labels assigned by size and centre in place of SimOTA; one branch for class and box, as in the reference's
`share_cls_reg`; and half the blocks at 1/16, which the two smallest inputs hardly use.
"""

from __future__ import annotations

from typing import Any

from zoo._lazy import keras
from zoo._registry import register_model
from zoo._specs import FACE_DETECTION, FACE_KEYPOINTS, OBJECT_DETECTION, GridHead, ImageSpec, ModelSpec
from zoo.blocks import conv_block, scaled, separable_block, squeeze_excite
from zoo.heads import grid_outputs, pointwise_branch

# (filters, kernel size, stride, squeeze-excite) of the backbone after the stem; maps at 1/8, 1/16 and 1/32 go on.
BLOCKS = (
    (32, 3, 1, False),
    (64, 3, 2, False),
    (64, 3, 1, False),
    (128, 3, 2, False),
    (128, 3, 1, False),
    (256, 3, 2, False),
    (256, 5, 1, False),
    (256, 5, 1, False),
    (512, 5, 2, True),
    (512, 5, 1, True),
)
TAPS = (5, 8, 10)
STRIDES = (8, 16, 32, 64)


def picodet(
    spec: ModelSpec,
    *,
    width: float,
    neck: int,
    activation: str,
    num_classes: int,
    levels: int = len(STRIDES),
) -> Any:
    """Build backbone, two-way pyramid and heads. `width` scales the backbone, `neck` is the pyramid's filters.

    The pyramid has `levels` levels, the first of `STRIDES`: 3 or 4.
    """

    def mix(x: Any, name: str, strides: int = 1) -> Any:
        return separable_block(x, neck, 5, strides, activation=activation, name=name)

    image = keras.Input(spec.inputs.shape, name="image")
    x = conv_block(image, scaled(16, width), strides=2, activation=activation, name="stem")  # (B, H/2, W/2, 16)
    taps = []
    for index, (filters, kernel_size, strides, excite) in enumerate(BLOCKS, start=1):
        x = separable_block(
            x, scaled(filters, width), kernel_size, strides, activation=activation, name=f"block{index}"
        )
        if excite:
            x = squeeze_excite(x, name=f"block{index}_se")
        if index in TAPS:
            taps.append(conv_block(x, neck, 1, activation=activation, name=f"lateral{index}"))
    fine, middle, coarse = taps  # (B, H/8 / H/16 / H/32, ..., neck)

    def doubled(x: Any, name: str) -> Any:
        return keras.layers.UpSampling2D(interpolation="nearest", name=f"{name}_up")(x)

    middle = mix(keras.layers.Add(name="down16_add")([middle, doubled(coarse, "down16")]), "down16")
    fine = mix(keras.layers.Add(name="down8_add")([fine, doubled(middle, "down8")]), "down8")
    middle = mix(keras.layers.Add(name="up16_add")([middle, mix(fine, "up16_step", 2)]), "up16")
    coarse = mix(keras.layers.Add(name="up32_add")([coarse, mix(middle, "up32_step", 2)]), "up32")
    maps = [fine, middle, coarse]
    if levels > len(maps):
        maps.append(mix(coarse, "up64_step", 2))  # (B, H/64, W/64, neck)
    features = [
        mix(mix(x, f"head{stride}_1"), f"head{stride}_2") for stride, x in zip(STRIDES[:levels], maps, strict=True)
    ]
    return keras.Model(image, grid_outputs(features, spec, num_classes, branch=pointwise_branch), name=spec.name)


@register_model(
    task=OBJECT_DETECTION,
    inputs=ImageSpec(192, 192),
    outputs=GridHead(strides=STRIDES),
    paper="arXiv:2111.00902",
    max_bytes=500_000,
)
def picodet_xs_192(spec: ModelSpec, *, width: float = 0.25, activation: str = "relu", num_classes: int = 3) -> Any:
    """PicoDet with a quarter of PP-LCNet at 192x192, any number of classes."""
    return picodet(spec, width=width, neck=48, activation=activation, num_classes=num_classes)


@register_model(
    task=OBJECT_DETECTION,
    inputs=ImageSpec(320, 320),
    outputs=GridHead(strides=STRIDES),
    paper="arXiv:2111.00902",
    max_bytes=500_000,
)
def picodet_xs_320(spec: ModelSpec, *, width: float = 0.25, activation: str = "relu", num_classes: int = 3) -> Any:
    """PicoDet with a quarter of PP-LCNet at 320x320, any number of classes."""
    return picodet(spec, width=width, neck=48, activation=activation, num_classes=num_classes)


@register_model(
    task=OBJECT_DETECTION,
    inputs=ImageSpec(640, 640),
    outputs=GridHead(strides=STRIDES[:3]),
    paper="arXiv:2111.00902",
    max_bytes=500_000,
)
def picodet_xs_640(spec: ModelSpec, *, width: float = 0.25, activation: str = "relu", num_classes: int = 3) -> Any:
    """PicoDet with a quarter of PP-LCNet at 640x640, any number of classes: many small objects."""
    return picodet(spec, width=width, neck=48, activation=activation, num_classes=num_classes, levels=3)


@register_model(
    task=OBJECT_DETECTION,
    inputs=ImageSpec(320, 320),
    outputs=GridHead(strides=STRIDES),
    paper="arXiv:2111.00902",
    max_bytes=1_000_000,
)
def picodet_s_320(spec: ModelSpec, *, width: float = 0.5, activation: str = "relu", num_classes: int = 3) -> Any:
    """PicoDet with half of PP-LCNet at 320x320, any number of classes."""
    return picodet(spec, width=width, neck=64, activation=activation, num_classes=num_classes)


@register_model(
    task=OBJECT_DETECTION,
    inputs=ImageSpec(320, 320),
    outputs=GridHead(strides=STRIDES),
    paper="arXiv:2111.00902",
)
def picodet_m_320(spec: ModelSpec, *, width: float = 1.0, activation: str = "relu", num_classes: int = 3) -> Any:
    """PicoDet with the whole of PP-LCNet at 320x320, any number of classes."""
    return picodet(spec, width=width, neck=96, activation=activation, num_classes=num_classes)


@register_model(
    task=FACE_DETECTION,
    inputs=ImageSpec(320, 320),
    outputs=GridHead(strides=STRIDES[:3], keypoints=FACE_KEYPOINTS),
    paper="arXiv:2111.00902",
    max_bytes=500_000,
)
def picodet_face_320(spec: ModelSpec, *, width: float = 0.25, neck: int = 48, activation: str = "relu") -> Any:
    """PicoDet with a quarter of PP-LCNet at 320x320, for faces and their landmarks: crowds."""
    return picodet(spec, width=width, neck=neck, activation=activation, num_classes=1, levels=3)
