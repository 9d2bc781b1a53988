"""The network to export: batch normalisation folded into the convolution before it, on the Keras model.

Done here and not in the converter, so that the weights that are quantized are exactly Keras variables: the artifact can
be loaded back into Keras, and Keras computes what the page computes.

A normalised output is gamma · (w∗x + b - mean) / sqrt(variance + epsilon) + beta, which is again a convolution, with
w' = w · g and b' = (b - mean) · g + beta for g = gamma / sqrt(variance + epsilon) (arXiv:1712.05877, section 3.2).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

FOLDABLE = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)


def export_network(model: keras.Model) -> keras.Model:
    """Return a copy of a functional model that computes the same without normalisations behind a convolution.

    Layer names and outputs stay; nearest-neighbour doubling becomes a resize. A normalisation that cannot be folded
    (after an activation, or where the convolution feeds others too) stays as it is.
    """
    folded = {layer.name: before for layer in model.layers if (before := _foldable_into(layer)) is not None}
    with_bias = {before.name for before in folded.values()}

    def clone(layer: Any) -> Any:
        config = layer.get_config()
        if isinstance(layer, keras.layers.UpSampling2D) and layer.interpolation == "nearest":
            # The same values as one graph operation instead of about sixteen.
            height, width = layer.output.shape[1:3]
            return keras.layers.Resizing(height, width, interpolation="nearest", name=layer.name)
        if layer.name in with_bias:
            config["use_bias"] = True
        return type(layer).from_config(config)

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        return args[0] if layer.name in folded else layer(*args, **kwargs)

    copy = keras.models.clone_model(model, clone_function=clone, call_function=call)
    norms = {before.name: model.get_layer(name) for name, before in folded.items()}
    for layer in model.layers:
        if layer.name in folded:
            continue
        values = layer.get_weights()
        if layer.name in norms:
            values = _folded_weights(layer, norms[layer.name])
        copy.get_layer(layer.name).set_weights(values)
    return copy


def resized_network(model: keras.Model, height: int, width: int) -> keras.Model:
    """Return a copy of a functional model that takes pictures of another size, with the same weights.

    Layers that name a size, reshapes to rows and resizes, follow the input. Raises: ValueError where a weight's shape
    depends on the size of the input.
    """

    def clone(layer: Any) -> Any:
        config = layer.get_config()
        if isinstance(layer, keras.layers.Reshape):
            config["target_shape"] = (-1, *config["target_shape"][1:])
        if isinstance(layer, keras.layers.Resizing):
            factors = [
                after // before for before, after in zip(layer.input.shape[1:3], layer.output.shape[1:3], strict=True)
            ]
            return keras.layers.UpSampling2D(factors, interpolation=layer.interpolation, name=layer.name)
        return type(layer).from_config(config)

    image = keras.Input((height, width, model.input.shape[-1]), name="image")
    copy = keras.models.clone_model(model, input_tensors=image, clone_function=clone)
    copy.set_weights(model.get_weights())
    return copy


def _foldable_into(layer: Any) -> Any | None:
    """Return the convolution that `layer`, a batch normalisation, can be folded into."""
    if not isinstance(layer, keras.layers.BatchNormalization) or len(layer._inbound_nodes) != 1:
        return None
    before = layer._inbound_nodes[0].parent_nodes[0].operation
    if not isinstance(before, FOLDABLE) or before.activation is not keras.activations.linear:
        return None
    return before if len(before._outbound_nodes) == 1 else None


def _folded_weights(convolution: Any, norm: Any) -> list[np.ndarray]:
    def values(variable: Any) -> np.ndarray:
        return keras.ops.convert_to_numpy(variable).astype(np.float64)

    channels = norm.moving_mean.shape[0]
    gamma = values(norm.gamma) if norm.scale else np.ones(channels)
    beta = values(norm.beta) if norm.center else np.zeros(channels)
    gain = gamma / np.sqrt(values(norm.moving_variance) + norm.epsilon)
    kernel, *rest = convolution.get_weights()
    bias = rest[0] if rest else np.zeros(channels)
    # A depthwise kernel is (height, width, channels, 1), the others end with their output channels.
    per_kernel = gain.reshape(kernel.shape[-2:]) if isinstance(convolution, keras.layers.DepthwiseConv2D) else gain
    folded_bias = (bias - values(norm.moving_mean)) * gain + beta
    return [(kernel * per_kernel).astype(np.float32), folded_bias.astype(np.float32)]
