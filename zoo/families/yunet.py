"""YuNet: anchor-free detection from 3x3 depthwise units, of faces with five landmarks or of objects of any class.

Paper: Wu, Peng, Yu, 'YuNet: a tiny millisecond-level face detector', Machine Intelligence Research 20, 2023,
doi:10.1007/s11633-023-1423-y. Reference implementation: github.com/ShiqiYu/libfacedetection.train (yunet_n, yunet_s).
What we changed: no separate objectness branch: the class score itself is trained to predict the overlap of its box
(quality focal loss, arXiv:2006.04388), which is one number less per cell to carry and to decode; padding is Keras'
'same'; offsets count from the cell's centre. The paper finds faces alone; for objects, there are several classes and no
landmarks.
"""

from __future__ import annotations

from typing import Any

from zoo._lazy import keras
from zoo._registry import register_model
from zoo._specs import FACE_DETECTION, FACE_KEYPOINTS, OBJECT_DETECTION, GridHead, ImageSpec, ModelSpec
from zoo.blocks import conv_block, pointwise_depthwise_block, scaled
from zoo.heads import grid_outputs, merge_down

# Filters of the five stages, and whether a unit stands before the heads: the configurations yunet_n and yunet_s.
N, S = ((64, 64, 64, 64, 64), True), ((32, 64, 64, 64, 64), False)
STEM_FILTERS, NECK_FILTERS = 16, 64


def yunet(
    spec: ModelSpec, size: tuple[tuple[int, ...], bool], *, width: float, activation: str, num_classes: int = 1
) -> Any:
    """Build the network: a stem at 1/2, five stages down to 1/32, a top-down neck, one branch per output and stride."""
    stages, has_head_units = size
    narrow, wide = scaled(STEM_FILTERS, width), scaled(NECK_FILTERS, width)

    def stage(x: Any, index: int) -> Any:
        name = f"stage{index}"
        x = pointwise_depthwise_block(x, x.shape[-1], activation=activation, name=f"{name}_1")
        return pointwise_depthwise_block(x, scaled(stages[index - 1], width), activation=activation, name=f"{name}_2")

    def halve(x: Any, name: str) -> Any:
        return keras.layers.MaxPooling2D(name=f"{name}_pool")(x)

    image = keras.Input(spec.inputs.shape, name="image")
    x = conv_block(image, narrow, strides=2, activation=activation, name="stem")  # (B, H/2, W/2, narrow)
    x = pointwise_depthwise_block(x, narrow, activation=activation, name="stem_unit")
    x = stage(stage(halve(x, "stage1"), 1), 2)  # (B, H/4, W/4, ...)
    fine = stage(halve(x, "stage3"), 3)  # (B, H/8, W/8, ...)
    middle = stage(halve(fine, "stage4"), 4)  # (B, H/16, W/16, ...)
    coarse = stage(halve(middle, "stage5"), 5)  # (B, H/32, W/32, ...)

    coarse = pointwise_depthwise_block(coarse, wide, activation=activation, name="neck32")
    middle = merge_down(middle, coarse, wide, activation=activation, name="neck16")
    fine = merge_down(fine, middle, wide, activation=activation, name="neck8")
    features = [fine, middle, coarse]
    if has_head_units:
        features = [
            pointwise_depthwise_block(x, wide, activation=activation, name=f"head{stride}")
            for stride, x in zip((8, 16, 32), features, strict=True)
        ]
    return keras.Model(image, grid_outputs(features, spec, num_classes), name=spec.name)


@register_model(
    task=FACE_DETECTION,
    inputs=ImageSpec(96, 96),
    outputs=GridHead(strides=(8, 16, 32), keypoints=FACE_KEYPOINTS),
    paper="doi:10.1007/s11633-023-1423-y",
    max_bytes=150_000,
)
def yunet_a_96(spec: ModelSpec, *, width: float = 0.25, activation: str = "relu") -> Any:
    """A quarter of YuNet-s at 96x96: the smallest that still gives boxes and landmarks."""
    return yunet(spec, S, width=width, activation=activation)


@register_model(
    task=FACE_DETECTION,
    inputs=ImageSpec(160, 160),
    outputs=GridHead(strides=(8, 16, 32), keypoints=FACE_KEYPOINTS),
    paper="doi:10.1007/s11633-023-1423-y",
    max_bytes=150_000,
)
def yunet_a_160(spec: ModelSpec, *, width: float = 0.25, activation: str = "relu") -> Any:
    """A quarter of YuNet-s at 160x160."""
    return yunet(spec, S, width=width, activation=activation)


@register_model(
    task=FACE_DETECTION,
    inputs=ImageSpec(160, 160),
    outputs=GridHead(strides=(8, 16, 32), keypoints=FACE_KEYPOINTS),
    paper="doi:10.1007/s11633-023-1423-y",
    max_bytes=300_000,
)
def yunet_xs_160(spec: ModelSpec, *, width: float = 0.75, activation: str = "relu") -> Any:
    """Three quarters of YuNet-s at 160x160."""
    return yunet(spec, S, width=width, activation=activation)


@register_model(
    task=FACE_DETECTION,
    inputs=ImageSpec(320, 320),
    outputs=GridHead(strides=(8, 16, 32), keypoints=FACE_KEYPOINTS),
    paper="doi:10.1007/s11633-023-1423-y",
    max_bytes=300_000,
)
def yunet_xs_320(spec: ModelSpec, *, width: float = 0.75, activation: str = "relu") -> Any:
    """Three quarters of YuNet-s at 320x320, for crowds."""
    return yunet(spec, S, width=width, activation=activation)


@register_model(
    task=FACE_DETECTION,
    inputs=ImageSpec(160, 160),
    outputs=GridHead(strides=(8, 16, 32), keypoints=FACE_KEYPOINTS),
    paper="doi:10.1007/s11633-023-1423-y",
    max_bytes=400_000,
)
def yunet_s_160(spec: ModelSpec, *, width: float = 1.0, activation: str = "relu") -> Any:
    """YuNet-s at 160x160: two thirds of the weights of YuNet-n."""
    return yunet(spec, S, width=width, activation=activation)


@register_model(
    task=FACE_DETECTION,
    inputs=ImageSpec(160, 160),
    outputs=GridHead(strides=(8, 16, 32), keypoints=FACE_KEYPOINTS),
    paper="doi:10.1007/s11633-023-1423-y",
    max_bytes=400_000,
)
def yunet_n_160(spec: ModelSpec, *, width: float = 1.0, activation: str = "relu") -> Any:
    """YuNet-n at 160x160: faces from about 6 % of the picture's longer side."""
    return yunet(spec, N, width=width, activation=activation)


@register_model(
    task=FACE_DETECTION,
    inputs=ImageSpec(320, 320),
    outputs=GridHead(strides=(8, 16, 32), keypoints=FACE_KEYPOINTS),
    paper="doi:10.1007/s11633-023-1423-y",
    max_bytes=400_000,
)
def yunet_n_320(spec: ModelSpec, *, width: float = 1.0, activation: str = "relu") -> Any:
    """YuNet-n at 320x320: crowds."""
    return yunet(spec, N, width=width, activation=activation)


@register_model(
    task=OBJECT_DETECTION,
    inputs=ImageSpec(512, 512),
    outputs=GridHead(strides=(8, 16, 32)),
    paper="doi:10.1007/s11633-023-1423-y",
    max_bytes=500_000,
)
def yunet_det_512(spec: ModelSpec, *, width: float = 1.0, activation: str = "relu", num_classes: int = 3) -> Any:
    """YuNet-s at 512x512, any number of classes: many small objects, such as faces of several kinds."""
    return yunet(spec, S, width=width, activation=activation, num_classes=num_classes)


@register_model(
    task=OBJECT_DETECTION,
    inputs=ImageSpec(640, 640),
    outputs=GridHead(strides=(8, 16, 32)),
    paper="doi:10.1007/s11633-023-1423-y",
    max_bytes=500_000,
)
def yunet_det_640(spec: ModelSpec, *, width: float = 1.0, activation: str = "relu", num_classes: int = 3) -> Any:
    """YuNet-s at 640x640, any number of classes: crowds of small objects."""
    return yunet(spec, S, width=width, activation=activation, num_classes=num_classes)
