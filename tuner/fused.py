"""Batch normalisation in one kernel while TensorFlow trains, where Keras 3 computes it by several operations.

Keras leaves joining such operations to XLA, which slows these networks down on a CPU. The layers stay what they are,
so saved networks do not know of this; only how they compute on a batch of training changes, by rounding alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras


def fuse_batch_normalisation(network: keras.Model) -> None:
    """Let batch normalisation of maps (B, height, width, channels) use TensorFlow's kernel; elsewhere, do nothing.

    Source of the kernel: Ioffe and Szegedy, arXiv:1502.03167, algorithm 1, as TensorFlow's FusedBatchNormV3.
    """
    if keras.backend.backend() != "tensorflow":
        return
    for layer in network.layers:
        if type(layer) is keras.layers.BatchNormalization and _fits(layer):
            layer.call = _fused(layer, layer.call)


def _fits(layer: Any) -> bool:
    return layer.axis in (-1, 3) and layer.compute_dtype == "float32" and layer.scale and layer.center


def _fused(layer: Any, unfused: Callable[..., Any]) -> Callable[..., Any]:
    """Return what computes `layer`; `unfused`, its own way, is kept for all but batches of training."""
    import tensorflow as tf

    def call(inputs: Any, training: Any = None, mask: Any = None) -> Any:
        if not training or not layer.trainable or mask is not None or inputs.shape.rank != 4:
            return unfused(inputs, training=training, mask=mask)
        normalised, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.convert_to_tensor(layer.gamma),
            offset=tf.convert_to_tensor(layer.beta),
            mean=tf.zeros((0,)),
            variance=tf.zeros((0,)),
            epsilon=layer.epsilon,
            is_training=True,
        )
        count = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], tf.float32)
        variance *= (count - 1) / count  # the kernel's is that of a sample, Keras' that of the batch
        for moving, seen in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
            moving.assign(moving * layer.momentum + seen * (1 - layer.momentum))
        return normalised

    return call
