"""Every registered model keeps its promises. The registry is the parameter list: a new model needs no new test."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import keras
import numpy as np
import pytest

import zoo
from zoo import _facts
from zoo._budget import footprint
from zoo._specs import ClassHead, EmbeddingHead, GridHead

MODELS = [spec.name for spec in zoo.list_models()]


@pytest.fixture(scope="module", params=MODELS)
def built(request: pytest.FixtureRequest) -> tuple[zoo.ModelSpec, keras.Model]:
    keras.utils.set_random_seed(0)
    return zoo.get(request.param), zoo.build(request.param)


Built = tuple[zoo.ModelSpec, keras.Model]

WEB = Path(__file__).parents[2] / "exports" / "web"


@pytest.fixture(scope="module")
def tfjs_layers() -> set[str]:
    """Return the layer classes that an unmodified TF.js can load, asked of TF.js itself."""
    script = (
        "import tf from '@tensorflow/tfjs';"
        "console.log(JSON.stringify(Object.keys(tf.serialization.SerializationMap.getMap().classNameMap)));"
    )
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script], cwd=WEB, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_meets_its_declared_outputs(built: Built) -> None:
    spec, model = built
    num_classes = spec.options.get("num_classes", 1)  # face detectors know one class
    expected: dict[str, tuple[int, ...]]
    match spec.head:
        case GridHead() as head:
            cells = head.num_anchors(spec.inputs)
            expected = {"class_logits": (cells, num_classes), "box_offsets": (cells, 4)}
            if head.num_keypoints:
                expected["keypoint_offsets"] = (cells, 2 * head.num_keypoints)
        case EmbeddingHead() as head:
            expected = {"embedding": (head.size,)}
        case ClassHead():
            expected = {"class_logits": (num_classes,)}
    assert {name: tensor.shape[1:] for name, tensor in model.output.items()} == expected
    assert model.input_shape == (None, *spec.inputs.shape)
    assert model.name == spec.name


def test_first_layer_is_a_standard_convolution(built: Built) -> None:
    _, model = built
    weighted = [layer for layer in model.layers if layer.weights]
    assert type(weighted[0]) is keras.layers.Conv2D


def test_starts_with_zero_biases_and_glorot_normal_kernels(built: Built) -> None:
    _, model = built
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D | keras.layers.Dense):
            if layer.use_bias:
                assert not np.any(keras.ops.convert_to_numpy(layer.bias)), layer.name
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            initializer = layer.depthwise_initializer if depthwise else layer.kernel_initializer
            assert isinstance(initializer, keras.initializers.GlorotNormal), layer.name


def test_every_trainable_weight_gets_a_gradient(built: Built) -> None:
    import tensorflow as tf

    spec, model = built
    pictures = np.random.default_rng(0).uniform(*spec.inputs.value_range, (4, *spec.inputs.shape)).astype(np.float32)
    generator = np.random.default_rng(1)
    with tf.GradientTape() as tape:
        outputs = model(pictures, training=True)
        # Random weights on the outputs: plain sums have no gradient through a normalised embedding or batch mean.
        loss = sum(
            tf.reduce_sum(output * generator.normal(size=output.shape).astype(np.float32))
            for output in outputs.values()
        )
    gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
    silent = [
        variable.path
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True)
        if gradient is None or not np.any(keras.ops.convert_to_numpy(gradient))
    ]
    assert silent == []


def test_survives_save_and_load(built: Built, tmp_path: Path) -> None:
    spec, model = built
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    pictures = np.random.default_rng(0).uniform(size=(2, *spec.inputs.shape)).astype(np.float32)
    before, after = model(pictures), again(pictures)  # no trace, which would take longer than all else here
    for name, values in before.items():
        np.testing.assert_array_equal(after[name], values)


def test_has_only_layers_that_tfjs_knows(built: Built, tfjs_layers: set[str]) -> None:
    """The graph format is tried in tests/exports; the layers format needs every class registered in TF.js."""
    _, model = built
    assert {type(layer).__name__ for layer in model.layers} <= tfjs_layers


def test_fits_its_budget(built: Built) -> None:
    spec, model = built
    assert footprint(model).predicted_bytes("uint8") <= spec.max_bytes


def test_says_what_it_is(built: Built) -> None:
    spec, _ = built
    assert spec.summary
    assert spec.paper


def test_embeddings_have_unit_length() -> None:
    for spec in zoo.list_models(task=zoo.FACE_RECOGNITION):
        pictures = np.random.default_rng(0).uniform(-1, 1, (3, *spec.inputs.shape)).astype(np.float32)
        embedding = zoo.build(spec.name).predict_on_batch(pictures)["embedding"]
        np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1.0, atol=1e-5)


def test_recorded_facts_are_up_to_date() -> None:
    """Run 'python -m zoo._facts' after changing an architecture."""
    assert _facts.measure_all() == _facts._recorded()


# What the papers and reference implementations count, and what of it ours leaves out or adds. PARAMETERS[name] is
# (reference, difference, reason).
PARAMETERS = {
    "yunet_n_160": (75_856, -3 * (64 + 1 + 9 + 1) - 16, "no objectness branches, no bias under a normalisation"),
    "yunet_s_160": (54_608, -3 * (64 + 1 + 9 + 1) - 16, "no objectness branches, no bias under a normalisation"),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_agree_with_the_reference(name: str) -> None:
    reference, difference, _ = PARAMETERS[name]
    assert footprint(zoo.build(name)).parameters == reference + difference


def test_mobilefacenet_has_the_size_of_its_paper() -> None:
    # Table 2 of arXiv:1804.07573: 0.99 million parameters with PReLU, one number per channel.
    size = footprint(zoo.build("mobilefacenet_112"))
    model = zoo.build("mobilefacenet_112")
    slopes = sum(layer.output.shape[-1] for layer in model.layers if isinstance(layer, keras.layers.ReLU))
    assert size.parameters + slopes == pytest.approx(990_000, rel=0.02)


def test_blazeface_has_the_anchors_of_its_paper() -> None:
    spec = zoo.get("blazeface_128")
    assert spec.head.num_anchors(spec.inputs) == 16 * 16 * 2 + 8 * 8 * 6 == 896


def test_the_gate_weighs_less_than_3_000_bytes() -> None:
    size = footprint(zoo.build("gate_64"))
    assert size.predicted_bytes("uint8") - size.topology_bytes <= 3_000


def test_footprint_counts_by_hand() -> None:
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False)(image)  # 108 values, 16 places
    x = keras.layers.BatchNormalization()(x)  # folds into 4 biases
    x = keras.layers.ReLU()(x)
    x = keras.layers.DepthwiseConv2D(3, padding="same")(x)  # 36 values and 4 biases, 16 places
    x = keras.layers.Dense(2)(keras.layers.Flatten()(x))  # 128 values and 2 biases
    size = footprint(keras.Model(image, x))
    assert (size.kernel_values, size.bias_values) == (108 + 36 + 128, 4 + 4 + 2)
    assert size.multiply_adds == 108 * 16 + 36 * 16 + 128
    assert size.parameters == 108 + 8 + 40 + 130
    assert size.predicted_bytes("float32") - size.predicted_bytes("uint8") == 3 * size.kernel_values


@pytest.mark.parametrize("activation", ["relu", "relu6", "leaky_relu"])
def test_activations_are_options(activation: str) -> None:
    kinds = {type(layer).__name__ for layer in zoo.build("dense4_cls_64", activation=activation).layers}
    assert ("LeakyReLU" if activation == "leaky_relu" else "ReLU") in kinds


def test_an_unknown_activation_is_a_sentence() -> None:
    with pytest.raises(zoo.UnknownName, match=r"Unknown activation 'rellu'. Did you mean 'relu'"):
        zoo.build("dense4_cls_64", activation="rellu")
