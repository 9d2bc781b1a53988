"""SphereFace: face embeddings from residual units of plain 3x3 convolutions.

Paper: Liu et al., arXiv:1704.08063, table 2. Reference implementation: github.com/wy1iu/sphereface.
Plain convolutions keep a processor busier than depthwise ones, so such a network learns more per minute of training.
What we changed: a quarter to half of the filters of the first stage and fewer towards the last, where the bytes are;
batch normalisation, for training without warm-up of weeks; ReLU in place of PReLU; and in place of the dense layer over
the whole 7x7 map, which would outweigh everything before it, MobileFaceNet's global depthwise convolution.
"""

from __future__ import annotations

from typing import Any

from zoo._lazy import keras
from zoo._registry import register_model
from zoo._specs import FACE_RECOGNITION, EmbeddingHead, ImageSpec, ModelSpec
from zoo.blocks import Tensor, conv_block, global_depthwise, scaled
from zoo.heads import embedding_outputs

STAGES = ((32, 0), (64, 1), (96, 2), (128, 1))
"""Filters and residual units of each stage, which begins by halving the map; the paper's 20 layers have 1, 2, 4, 1."""


def sphereface(spec: ModelSpec, *, width: float, activation: str) -> Any:
    """Build the network for a 112x112 aligned face; output embedding (batch, size), unit length."""
    assert isinstance(spec.head, EmbeddingHead)
    x = image = keras.Input(spec.inputs.shape, name="image")
    for stage, (filters, units) in enumerate(STAGES, start=1):
        x = conv_block(x, scaled(filters, width), strides=2, activation=activation, name=f"stage{stage}")
        for unit in range(1, units + 1):
            x = residual_unit(x, activation=activation, name=f"stage{stage}_{unit}")  # (B, 56 / 28 / 14 / 7, ...)
    x = global_depthwise(x, name="global_dw")  # (B, 128 * width)
    return keras.Model(image, embedding_outputs(x, spec.head.size), name=spec.name)


def residual_unit(x: Tensor, *, activation: str, name: str) -> Tensor:
    """Add what two 3x3 convolutions, each with its activation, make of a map; the sum itself is not activated."""
    y = conv_block(x, x.shape[-1], activation=activation, name=f"{name}_a")
    y = conv_block(y, x.shape[-1], activation=activation, name=f"{name}_b")
    return keras.layers.Add(name=f"{name}_skip")([x, y])


@register_model(
    task=FACE_RECOGNITION,
    inputs=ImageSpec(112, 112, value_range=(-1.0, 1.0), resize="stretch"),
    outputs=EmbeddingHead(size=128),
    paper="arXiv:1704.08063",
    max_bytes=1_000_000,
)
def sphereface_050_112(spec: ModelSpec, *, width: float = 0.5, activation: str = "relu") -> Any:
    """Twelve-layer SphereFace at half its width, 112x112 aligned faces, 128 values."""
    return sphereface(spec, width=width, activation=activation)


@register_model(
    task=FACE_RECOGNITION,
    inputs=ImageSpec(112, 112, value_range=(-1.0, 1.0), resize="stretch"),
    outputs=EmbeddingHead(size=128),
    paper="arXiv:1704.08063",
    max_bytes=2_000_000,
)
def sphereface_112(spec: ModelSpec, *, width: float = 1.0, activation: str = "relu") -> Any:
    """Twelve-layer SphereFace, 112x112 aligned faces, 128 values."""
    return sphereface(spec, width=width, activation=activation)
