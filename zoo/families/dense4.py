"""Dense4: dense blocks of four separable convolutions, for detection, embeddings and classes.

Source: the 'denseBlock4' networks of face-api.js (github.com/justadudewhohacks/face-api.js,
TinyFaceFeatureExtractor), itself after DenseNet (arXiv:1608.06993). What we changed: batch normalisation in
training (folded away at export), Glorot-normal kernels, and for detection a top-down neck and anchor-free heads at
three strides in place of one classifier.
"""

from __future__ import annotations

from typing import Any

from zoo._lazy import keras
from zoo._registry import register_model
from zoo._specs import (
    FACE_DETECTION,
    FACE_KEYPOINTS,
    FACE_RECOGNITION,
    OBJECT_DETECTION,
    OBJECT_RECOGNITION,
    ClassHead,
    EmbeddingHead,
    GridHead,
    ImageSpec,
    ModelSpec,
)
from zoo.blocks import conv_block, dense_block4, global_depthwise, scaled
from zoo.heads import class_outputs, embedding_outputs, grid_outputs, merge_down

DETECTION_FILTERS = (32, 64, 64, 64)
CLASS_FILTERS = (32, 48, 64)
EMBEDDING_FILTERS = (64, 128, 192)


def dense4_detector(spec: ModelSpec, *, width: float, activation: str, num_classes: int) -> Any:
    """Build four dense blocks down to 1/32, a top-down neck, and one branch per output and stride."""
    image = keras.Input(spec.inputs.shape, name="image")
    x = conv_block(image, scaled(16, width), strides=2, activation=activation, name="stem")  # (B, H/2, W/2, 16)
    maps = []
    for filters, stride in zip(DETECTION_FILTERS, (4, 8, 16, 32), strict=True):
        x = dense_block4(x, scaled(filters, width), activation=activation, name=f"dense{stride}")
        maps.append(x)  # (B, H/4, W/4, 32), then (B, H/8 / H/16 / H/32, ..., 64)
    fine, middle, coarse = maps[1:]
    middle = merge_down(middle, coarse, middle.shape[-1], activation=activation, name="neck16")
    fine = merge_down(fine, middle, fine.shape[-1], activation=activation, name="neck8")
    return keras.Model(image, grid_outputs([fine, middle, coarse], spec, num_classes), name=spec.name)


@register_model(
    task=FACE_DETECTION,
    inputs=ImageSpec(160, 160),
    outputs=GridHead(strides=(8, 16, 32), keypoints=FACE_KEYPOINTS),
    paper="arXiv:1608.06993",
    max_bytes=400_000,
)
def dense4_face_160(spec: ModelSpec, *, width: float = 1.0, activation: str = "relu") -> Any:
    """Dense-block face detector at 160x160."""
    return dense4_detector(spec, width=width, activation=activation, num_classes=1)


@register_model(
    task=OBJECT_DETECTION,
    inputs=ImageSpec(160, 160),
    outputs=GridHead(strides=(8, 16, 32)),
    paper="arXiv:1608.06993",
    max_bytes=400_000,
)
def dense4_det_160(spec: ModelSpec, *, width: float = 1.0, activation: str = "relu", num_classes: int = 3) -> Any:
    """Dense-block object detector at 160x160, any number of classes."""
    return dense4_detector(spec, width=width, activation=activation, num_classes=num_classes)


@register_model(
    task=FACE_RECOGNITION,
    inputs=ImageSpec(112, 112, value_range=(-1.0, 1.0), resize="stretch"),
    outputs=EmbeddingHead(size=128),
    paper="arXiv:1608.06993",
    max_bytes=1_000_000,
)
def dense4_id_112(spec: ModelSpec, *, width: float = 1.0, activation: str = "relu") -> Any:
    """Dense-block face recognizer, 112x112 aligned faces, 128 values."""
    assert isinstance(spec.head, EmbeddingHead)
    image = keras.Input(spec.inputs.shape, name="image")
    x = conv_block(image, scaled(32, width), strides=2, activation=activation, name="stem")  # (B, 56, 56, 32)
    for index, filters in enumerate(EMBEDDING_FILTERS, start=1):
        x = dense_block4(
            x, scaled(filters, width), activation=activation, name=f"dense{index}"
        )  # (B, 28 / 14 / 7, ...)
    x = global_depthwise(x, name="global_dw")
    return keras.Model(image, embedding_outputs(x, spec.head.size), name=spec.name)


@register_model(
    task=OBJECT_RECOGNITION,
    inputs=ImageSpec(64, 64),
    outputs=ClassHead(),
    paper="arXiv:1608.06993",
    max_bytes=200_000,
)
def dense4_cls_64(spec: ModelSpec, *, width: float = 1.0, activation: str = "relu", num_classes: int = 4) -> Any:
    """Dense-block classifier at 64x64."""
    image = keras.Input(spec.inputs.shape, name="image")
    x = conv_block(image, scaled(16, width), strides=2, activation=activation, name="stem")  # (B, 32, 32, 16)
    for index, filters in enumerate(CLASS_FILTERS, start=1):
        x = dense_block4(x, scaled(filters, width), activation=activation, name=f"dense{index}")  # (B, 16 / 8 / 4, ...)
    return keras.Model(image, class_outputs(x, num_classes), name=spec.name)
