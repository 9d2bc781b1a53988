"""GhostFaceNet: face embeddings from ghost modules, which make half of their channels by cheap depthwise kernels.

Paper: Alansari et al., GhostFaceNets, IEEE Access 11, 2023, doi:10.1109/ACCESS.2023.3266068, on GhostNet
(arXiv:1911.11907, table 1). Reference implementation: github.com/HamadYA/GhostFaceNets. What we changed: half of the
width, one bottleneck less per stage, no squeeze-excite, ReLU in place of PReLU.
"""

from __future__ import annotations

from typing import Any

from zoo._lazy import keras
from zoo._registry import register_model
from zoo._specs import FACE_RECOGNITION, EmbeddingHead, ImageSpec, ModelSpec
from zoo.blocks import activate, conv_block, convolve, depthwise, global_depthwise, normalise, scaled
from zoo.heads import embedding_outputs

# kernel size, expanded filters, filters, stride
BOTTLENECKS = (
    (3, 48, 24, 2),
    (3, 72, 24, 1),
    (5, 72, 40, 2),
    (5, 120, 40, 1),
    (3, 240, 80, 2),
    (3, 200, 80, 1),
    (3, 480, 112, 1),
    (5, 672, 160, 1),
)


def ghost_module(x: Any, filters: int, activation: str, name: str) -> Any:
    """Half of the filters by a 1x1 convolution, the other half from those by 3x3 depthwise kernels."""
    half = filters // 2
    real = conv_block(x, half, 1, activation=activation, name=f"{name}_real")
    ghost = depthwise(real, use_bias=False, name=f"{name}_ghost")
    ghost = activate(normalise(ghost, f"{name}_ghost"), activation, f"{name}_ghost")
    return keras.layers.Concatenate(name=f"{name}_both")([real, ghost])


def ghost_bottleneck(
    x: Any, kernel_size: int, expanded: int, filters: int, strides: int, activation: str, name: str
) -> Any:
    """Expand by a ghost module, stride by a depthwise convolution, reduce by a linear ghost module; skip connection."""
    y = ghost_module(x, expanded, activation, f"{name}_expand")
    if strides > 1:
        y = normalise(depthwise(y, kernel_size, strides, use_bias=False, name=f"{name}_dw"), f"{name}_dw")
    y = ghost_module(y, filters, "linear", f"{name}_reduce")
    if strides > 1 or x.shape[-1] != filters:
        x = normalise(depthwise(x, kernel_size, strides, use_bias=False, name=f"{name}_skip_dw"), f"{name}_skip_dw")
        x = normalise(convolve(x, filters, use_bias=False, name=f"{name}_skip_pw"), f"{name}_skip_pw")
    return keras.layers.Add(name=f"{name}_skip")([x, y])


@register_model(
    task=FACE_RECOGNITION,
    inputs=ImageSpec(112, 112, value_range=(-1.0, 1.0), resize="stretch"),
    outputs=EmbeddingHead(size=256),
    paper="doi:10.1109/ACCESS.2023.3266068",
    max_bytes=1_200_000,
)
def ghostfacenet_050_112(spec: ModelSpec, *, width: float = 0.5, activation: str = "relu") -> Any:
    """GhostFaceNet at half its width, 112x112 aligned faces, 256 values."""
    assert isinstance(spec.head, EmbeddingHead)
    image = keras.Input(spec.inputs.shape, name="image")
    x = conv_block(image, scaled(16, width), strides=2, activation=activation, name="stem")  # (B, 56, 56, 8)
    for index, (kernel_size, expanded, filters, strides) in enumerate(BOTTLENECKS, start=1):
        x = ghost_bottleneck(
            x, kernel_size, scaled(expanded, width), scaled(filters, width), strides, activation, f"ghost{index}"
        )  # (B, 28 / 14 / 7, ...)
    x = conv_block(x, scaled(960, width), 1, activation=activation, name="last")  # (B, 7, 7, 480)
    x = global_depthwise(x, name="global_dw")
    return keras.Model(image, embedding_outputs(x, spec.head.size), name=spec.name)
