"""MobileFaceNet: face embeddings from inverted residuals and a global depthwise convolution.

Paper: Chen, Liu, Gao, Han, arXiv:1804.07573 (table 1 for the stages). Reference implementation:
github.com/deepinsight/insightface. What we changed: ReLU in place of PReLU (one number per channel less, one TF.js
kernel less), a `width` factor on all filters, and an embedding of the declared size.
"""

from __future__ import annotations

from typing import Any

from zoo._lazy import keras
from zoo._registry import register_model
from zoo._specs import FACE_RECOGNITION, EmbeddingHead, ImageSpec, ModelSpec
from zoo.blocks import activate, conv_block, depthwise, global_depthwise, inverted_residual, normalise, scaled
from zoo.heads import embedding_outputs

# Table 1 of the paper: expansion, filters, repeats, first stride.
STAGES = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))
STEM_FILTERS, LAST_FILTERS = 64, 512


def mobilefacenet(spec: ModelSpec, *, width: float, activation: str) -> Any:
    """Build the network for a 112x112 aligned face; output embedding (batch, size), unit length."""
    assert isinstance(spec.head, EmbeddingHead)
    image = keras.Input(spec.inputs.shape, name="image")
    x = conv_block(image, scaled(STEM_FILTERS, width), strides=2, activation=activation, name="stem")  # (B, 56, 56, 64)
    x = depthwise(x, use_bias=False, name="stem_dw")
    x = activate(normalise(x, "stem_dw"), activation, "stem_dw")
    for stage, (expansion, filters, repeats, stride) in enumerate(STAGES, start=1):
        for repeat in range(repeats):
            x = inverted_residual(
                x,
                scaled(filters, width),
                expansion=expansion,
                strides=stride if repeat == 0 else 1,
                activation=activation,
                name=f"stage{stage}_{repeat + 1}",
            )  # (B, 28 / 14 / 14 / 7 / 7, ...)
    x = conv_block(x, scaled(LAST_FILTERS, width), 1, activation=activation, name="last")  # (B, 7, 7, 512)
    x = global_depthwise(x, name="global_dw")  # (B, 512)
    return keras.Model(image, embedding_outputs(x, spec.head.size), name=spec.name)


@register_model(
    task=FACE_RECOGNITION,
    inputs=ImageSpec(112, 112, value_range=(-1.0, 1.0), resize="stretch"),
    outputs=EmbeddingHead(size=128),
    paper="arXiv:1804.07573",
    max_bytes=500_000,
)
def mobilefacenet_025_112(spec: ModelSpec, *, width: float = 0.25, activation: str = "relu") -> Any:
    """MobileFaceNet at a quarter of its width, 112x112 aligned faces, 128 values."""
    return mobilefacenet(spec, width=width, activation=activation)


@register_model(
    task=FACE_RECOGNITION,
    inputs=ImageSpec(112, 112, value_range=(-1.0, 1.0), resize="stretch"),
    outputs=EmbeddingHead(size=128),
    paper="arXiv:1804.07573",
    max_bytes=1_200_000,
)
def mobilefacenet_050_112(spec: ModelSpec, *, width: float = 0.5, activation: str = "relu") -> Any:
    """MobileFaceNet at half its width, 112x112 aligned faces, 128 values."""
    return mobilefacenet(spec, width=width, activation=activation)


@register_model(
    task=FACE_RECOGNITION,
    inputs=ImageSpec(112, 112, value_range=(-1.0, 1.0), resize="stretch"),
    outputs=EmbeddingHead(size=128),
    paper="arXiv:1804.07573",
    max_bytes=2_000_000,
)
def mobilefacenet_112(spec: ModelSpec, *, width: float = 1.0, activation: str = "relu") -> Any:
    """MobileFaceNet as in its paper, 112x112 aligned faces, 128 values."""
    return mobilefacenet(spec, width=width, activation=activation)
