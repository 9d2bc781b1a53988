"""Building blocks shared by the families: plain functions over stock Keras layers.

What the practices for small browser networks ask for is decided here once: Glorot-normal kernels, zero biases, batch
normalisation folded away at export (so it costs nothing in the page), and activations that TF.js runs as one kernel.

Shapes: tensors are (batch, height, width, filters); 'same' padding, so a stride of 2 halves each side, rounded up.
"""

from __future__ import annotations

from typing import Any

from zoo._errors import ZooError, unknown
from zoo._lazy import keras

KERNEL_INITIALIZER = "glorot_normal"
MAX_WIDTH = 16.0
ACTIVATIONS = ("relu", "leaky_relu", "relu6", "linear")

Tensor = Any


def activate(x: Tensor, activation: str, name: str) -> Tensor:
    """Apply one of `ACTIVATIONS`; leaky ReLU has slope 0.1. Raises UnknownName for any other."""
    if activation == "linear":
        return x
    if activation == "relu":
        return keras.layers.ReLU(name=f"{name}_relu")(x)
    if activation == "relu6":
        return keras.layers.ReLU(max_value=6.0, name=f"{name}_relu6")(x)
    if activation == "leaky_relu":
        return keras.layers.LeakyReLU(negative_slope=0.1, name=f"{name}_leaky")(x)
    raise unknown("activation", activation, ACTIVATIONS, f"Activations are: {', '.join(ACTIVATIONS)}.")


def convolve(
    x: Tensor, filters: int, kernel_size: int = 1, strides: int = 1, *, use_bias: bool = True, name: str
) -> Tensor:
    """Standard convolution without activation."""
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=use_bias,
        kernel_initializer=KERNEL_INITIALIZER,
        name=name,
    )(x)


def depthwise(x: Tensor, kernel_size: int = 3, strides: int = 1, *, use_bias: bool = True, name: str) -> Tensor:
    """One spatial kernel per channel, without activation."""
    return keras.layers.DepthwiseConv2D(
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=use_bias,
        depthwise_initializer=KERNEL_INITIALIZER,
        name=name,
    )(x)


def normalise(x: Tensor, name: str) -> Tensor:
    """Batch normalisation with a momentum that settles within a few hundred steps, as short trials need."""
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-3, name=f"{name}_bn")(x)


def conv_block(
    x: Tensor, filters: int, kernel_size: int = 3, strides: int = 1, *, activation: str = "relu", name: str
) -> Tensor:
    """Standard convolution, batch normalisation, activation. Every network starts with one."""
    x = convolve(x, filters, kernel_size, strides, use_bias=False, name=name)
    return activate(normalise(x, name), activation, name)


def separable_block(
    x: Tensor, filters: int, kernel_size: int = 3, strides: int = 1, *, activation: str = "relu", name: str
) -> Tensor:
    """Depthwise then pointwise convolution, batch normalisation, activation (Xception, arXiv:1610.02357)."""
    x = depthwise(x, kernel_size, strides, use_bias=False, name=f"{name}_dw")
    x = convolve(x, filters, use_bias=False, name=f"{name}_pw")
    return activate(normalise(x, name), activation, name)


def pointwise_depthwise_block(x: Tensor, filters: int, *, activation: str = "relu", name: str) -> Tensor:
    """Pointwise then depthwise 3x3 convolution, both with bias; 'linear' leaves out normalisation too.

    The 'DPUnit' of YuNet (Machine Intelligence Research 20, 2023, doi:10.1007/s11633-023-1423-y).
    """
    x = convolve(x, filters, name=f"{name}_pw")
    x = depthwise(x, name=f"{name}_dw")
    return x if activation == "linear" else activate(normalise(x, name), activation, name)


def inverted_residual(
    x: Tensor, filters: int, *, expansion: int, strides: int = 1, activation: str = "relu", name: str
) -> Tensor:
    """Expand, filter each channel, project back linearly; skip connection where shapes agree.

    MobileNetV2 (arXiv:1801.04381). `expansion` multiplies the input filters.
    """
    filters_in = x.shape[-1]
    y = conv_block(x, filters_in * expansion, 1, activation=activation, name=f"{name}_expand")
    y = depthwise(y, strides=strides, use_bias=False, name=f"{name}_dw")
    y = activate(normalise(y, f"{name}_dw"), activation, f"{name}_dw")
    y = conv_block(y, filters, 1, activation="linear", name=f"{name}_project")
    if strides == 1 and filters_in == filters:
        y = keras.layers.Add(name=f"{name}_skip")([x, y])
    return y


def dense_block4(x: Tensor, filters: int, *, strides: int = 2, activation: str = "relu", name: str) -> Tensor:
    """Four separable convolutions, the first with a stride, each fed by the sum of those before it.

    The dense block of face-api.js' small networks; sums instead of DenseNet's concatenation (arXiv:1608.06993) keep
    the width, and with it the bytes, constant.
    """
    total = separable_block(x, filters, strides=strides, activation=activation, name=f"{name}_1")
    for index in (2, 3, 4):
        y = separable_block(total, filters, activation=activation, name=f"{name}_{index}")
        total = keras.layers.Add(name=f"{name}_sum{index}")([total, y])
    return total


def scaled(filters: int, width: float) -> int:
    """Return `filters` times `width` as a multiple of 8, at least 8 (the rounding of MobileNet's reference code).

    Raises: ZooError for a width that is not above 0 and at most `MAX_WIDTH`.
    """
    if not 0 < width <= MAX_WIDTH:
        raise ZooError(f"A width scales filters; it must be above 0 and at most {MAX_WIDTH:g}, got {width:g}.")
    return max(8, int(filters * width + 4) // 8 * 8)


def global_depthwise(x: Tensor, *, name: str) -> Tensor:
    """Let each channel weigh the places of its whole map: (batch, H, W, filters) -> (batch, filters).

    In place of an average, which makes the corner of a face count as much as its centre (MobileFaceNet,
    arXiv:1804.07573, section 3.1).
    """
    x = keras.layers.DepthwiseConv2D(x.shape[1:3], use_bias=False, depthwise_initializer=KERNEL_INITIALIZER, name=name)(
        x
    )
    return keras.layers.Flatten(name=f"{name}_flat")(normalise(x, name))


def squeeze_excite(x: Tensor, *, reduction: int = 4, name: str) -> Tensor:
    """Weigh channels by what the whole picture holds (arXiv:1709.01507); a plain sigmoid gives the weights."""
    filters = x.shape[-1]
    y = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)  # (B, 1, 1, filters)
    y = keras.layers.ReLU(name=f"{name}_relu")(convolve(y, scaled(filters, 1 / reduction), name=f"{name}_reduce"))
    y = keras.layers.Activation("sigmoid", name=f"{name}_gate")(convolve(y, filters, name=f"{name}_expand"))
    return keras.layers.Multiply(name=f"{name}_excite")([x, y])
