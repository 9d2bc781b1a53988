"""Batch normalisation in one kernel: the numbers of Keras' own way, in training, frozen and saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from tuner.fused import fuse_batch_normalisation

PICTURES = np.random.default_rng(0).normal(2, 3, (6, 12, 10, 3)).astype(np.float32)


def network() -> keras.Model:
    """Normalises maps three times, one of them without a scale, and vectors once."""
    keras.utils.set_random_seed(0)
    image = keras.Input(PICTURES.shape[1:])
    x = keras.layers.Conv2D(8, 3, padding="same", use_bias=False)(image)
    x = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-2, name="maps")(x)
    x = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(x)
    x = keras.layers.BatchNormalization(scale=False, name="unscaled")(x)
    x = keras.layers.ReLU()(x)  # else what the next layer takes away again would have no gradient but rounding
    x = keras.layers.BatchNormalization(gamma_initializer="random_normal", name="small")(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    return keras.Model(image, keras.layers.BatchNormalization(name="vectors")(x))


def kernels(model: keras.Model) -> int:
    """Return how often the traced network calls the kernel."""
    import tensorflow as tf

    traced = tf.function(lambda images: model(images, training=True)).get_concrete_function(tf.constant(PICTURES))
    return sum(operation.type == "FusedBatchNormV3" for operation in traced.graph.get_operations())


def trained_a_step(model: keras.Model) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Return the answer in training, the gradients of its cubes' sum, and all weights with the moving statistics."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        answer = model(PICTURES, training=True)
        loss = tf.reduce_sum(answer**3)
    gradients = tape.gradient(loss, model.trainable_variables)
    return answer.numpy(), [one.numpy() for one in gradients], [one.numpy() for one in model.weights]


def test_answers_gradients_and_moving_statistics_are_those_of_keras() -> None:
    own, fused = network(), network()
    fuse_batch_normalisation(fused)
    assert (kernels(network()), kernels(fused)) == (0, 2), "of maps with a scale and an offset alone"
    for _ in range(3):
        (answer, gradients, weights), (new_answer, new_gradients, new_weights) = map(trained_a_step, (own, fused))
        np.testing.assert_allclose(new_answer, answer, rtol=1e-4, atol=1e-4)
        for old, new in zip(gradients, new_gradients, strict=True):
            np.testing.assert_allclose(new, old, rtol=1e-3, atol=1e-4 * np.abs(old).max())
        for variable, old, new in zip(own.weights, weights, new_weights, strict=True):
            np.testing.assert_allclose(new, old, rtol=1e-5, atol=1e-6, err_msg=variable.path)


def test_frozen_layers_and_predictions_go_by_the_moving_statistics() -> None:
    model = network()
    before = model.predict(PICTURES, verbose=0)
    fuse_batch_normalisation(model)
    np.testing.assert_array_equal(model.predict(PICTURES, verbose=0), before)
    for layer in model.layers:
        layer.trainable = False
    np.testing.assert_allclose(np.asarray(model(PICTURES, training=True)), before, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(model.get_layer("maps").moving_mean, np.zeros(8))


def test_a_saved_network_is_one_of_plain_keras(tmp_path: Path) -> None:
    model = network()
    config = model.to_json()
    fuse_batch_normalisation(model)
    trained_a_step(model)
    model.save(tmp_path / "trained.keras")
    loaded: Any = keras.saving.load_model(tmp_path / "trained.keras", safe_mode=True)
    assert loaded.to_json() == config
    np.testing.assert_array_equal(loaded.predict(PICTURES, verbose=0), model.predict(PICTURES, verbose=0))
    assert kernels(loaded) == 0
