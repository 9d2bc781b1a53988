"""The exported network, its files, and the way back: for every registered model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from _lived_in import lived_in

import zoo
from exports.graph_model import read_graph_weights, write_graph_model
from exports.network import export_network
from exports.quantize import quantize_weights
from exports.topology import slim
from exports.verify import replay_in_node
from exports.weights import TOPOLOGY_FILE, WEIGHTS_FILE
from tuner.training import predict
from zoo._budget import footprint

FOLD_TOLERANCE = 1e-5  # float32; largest seen 5e-7
TFJS_TOLERANCE = 1e-4  # relative, float32 kernels in another order; largest seen 1e-6
PREDICTION_TOLERANCE = 0.15  # of the topology's bytes; largest seen 0.08
CONVERTER_SHARE = 0.5  # of the bytes that the converter's own model.json has; largest seen 0.36

PATHS_FILE = "paths.json"

Case = tuple[zoo.ModelSpec, keras.Model, keras.Model, Path, np.ndarray, dict[str, np.ndarray]]


@pytest.fixture(scope="module", params=[spec.name for spec in zoo.list_models()])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    spec = zoo.get(request.param)
    model = lived_in(zoo.build(spec.name), seed=1)
    network = export_network(model)
    pictures = np.random.default_rng(2).integers(0, 256, (2, *spec.inputs.shape)).astype(np.uint8)
    folder = tmp_path_factory.mktemp(spec.name)
    weights = {variable.path: keras.ops.convert_to_numpy(variable) for variable in network.variables}
    (folder / PATHS_FILE).write_text(json.dumps(write_graph_model(network, quantize_weights(weights, "uint8"), folder)))
    return spec, model, network, folder, pictures, predict(network, pictures, spec.inputs)


def test_folding_changes_nothing(case: Case) -> None:
    spec, *_ = case
    model = lived_in(zoo.build(spec.name), seed=3)
    network = export_network(model)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in network.layers)
    values = np.random.default_rng(4).uniform(*spec.inputs.value_range, (2, *spec.inputs.shape)).astype(np.float32)
    before, after = (keras.tree.map_structure(keras.ops.convert_to_numpy, of(values)) for of in (model, network))
    for name in before:
        scale = max(1.0, float(np.abs(before[name]).max()))
        np.testing.assert_allclose(after[name] / scale, before[name] / scale, atol=FOLD_TOLERANCE)


def test_files_give_back_every_weight(case: Case) -> None:
    _, _, network, folder, _, _ = case
    weights = read_graph_weights(folder, json.loads((folder / PATHS_FILE).read_text()))
    for variable in network.variables:
        np.testing.assert_array_equal(weights[variable.path], keras.ops.convert_to_numpy(variable), variable.path)


def replay(spec: zoo.ModelSpec, folder: Path, pictures: np.ndarray, outputs: dict[str, np.ndarray]) -> dict[str, float]:
    """Write a golden replay into a graph model's folder, run it, and return relative differences per back end."""
    golden: dict[str, Any] = {"outputs": {}}
    (folder / "input.bin").write_bytes(pictures.tobytes())
    golden["input"] = {"path": "input.bin", "shape": list(pictures.shape), "dtype": "uint8"}
    for name, values in outputs.items():
        (folder / f"{name}.bin").write_bytes(values.astype("<f4").tobytes())
        golden["outputs"][name] = {"path": f"{name}.bin", "shape": list(values.shape), "dtype": "float32"}
    height, width, channels = spec.inputs.shape
    manifest = {
        "model": {"topology": TOPOLOGY_FILE},
        "input": {
            "node": "image",
            "height": height,
            "width": width,
            "channels": channels,
            "value_range": list(spec.inputs.value_range),
        },
        "outputs": [{"name": name, "shape": list(values.shape[1:])} for name, values in outputs.items()],
        "golden": golden,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    report = replay_in_node(folder, ("wasm", "cpu"))
    assert set(report["backends"]) == {"wasm", "cpu"}
    differences = {}
    for backend, result in report["backends"].items():
        assert set(result["outputs"]) == set(outputs)
        differences[backend] = max(
            output["max_abs_difference"] / max(1.0, output["max_abs_expected"]) for output in result["outputs"].values()
        )
    return differences


def test_tfjs_computes_what_keras_does(case: Case) -> None:
    spec, _, _, folder, pictures, outputs = case
    assert max(replay(spec, folder, pictures, outputs).values()) <= TFJS_TOLERANCE


@pytest.mark.parametrize("activation", ["relu6", "leaky_relu"])
def test_tfjs_computes_every_activation(activation: str, tmp_path: Path) -> None:
    spec = zoo.get("dense4_cls_64")
    network = export_network(lived_in(zoo.build(spec.name, activation=activation), seed=7))
    weights = {variable.path: keras.ops.convert_to_numpy(variable) for variable in network.variables}
    write_graph_model(network, quantize_weights(weights, "uint8"), tmp_path)
    pictures = np.random.default_rng(8).integers(0, 256, (2, *spec.inputs.shape)).astype(np.uint8)
    outputs = predict(network, pictures, spec.inputs)
    assert max(replay(spec, tmp_path, pictures, outputs).values()) <= TFJS_TOLERANCE


def test_predicted_bytes_are_near_the_written_ones(case: Case) -> None:
    _, model, _, folder, _, _ = case
    size = footprint(model)
    topology, weights = ((folder / name).stat().st_size for name in (TOPOLOGY_FILE, WEIGHTS_FILE))
    assert abs(size.topology_bytes - topology) <= PREDICTION_TOLERANCE * topology
    written = size.predicted_bytes("uint8") - size.topology_bytes
    assert abs(written - weights) <= 0.02 * weights  # shapes of reshapes travel too


@pytest.mark.slow
def test_the_topology_is_at_most_half_of_the_converters(case: Case, tmp_path: Path) -> None:
    from tensorflowjs.converters.tf_saved_model_conversion_v2 import convert_tf_saved_model

    _, model, _, folder, _, _ = case
    model.export(tmp_path / "saved", verbose=False)
    convert_tf_saved_model(str(tmp_path / "saved"), str(tmp_path / "plain"), quantization_dtype_map={"uint8": "*"})
    plain = (tmp_path / "plain" / TOPOLOGY_FILE).stat().st_size
    assert (folder / TOPOLOGY_FILE).stat().st_size <= CONVERTER_SHARE * plain


@pytest.mark.parametrize("precision", ["uint16", "float16", "float32"])
def test_other_precisions_come_back_too(precision: str, tmp_path: Path) -> None:
    network = export_network(lived_in(zoo.build("dense4_cls_64"), seed=5))
    weights = {variable.path: keras.ops.convert_to_numpy(variable) for variable in network.variables}
    quantized = quantize_weights(weights, precision)
    again = read_graph_weights(tmp_path, write_graph_model(network, quantized, tmp_path))
    for path, one in quantized.items():
        np.testing.assert_array_equal(again[path], one.dequantized())


def test_an_operation_that_alters_weights_is_refused(tmp_path: Path) -> None:
    image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(4, 3, name="stem")(image)
    x = keras.layers.ReLU(name="between")(x)
    x = keras.layers.BatchNormalization(name="late")(x)  # cannot fold through the activation
    x = keras.layers.Conv2D(4, 1, name="after")(x)
    model = lived_in(keras.Model(image, {"class_logits": x}), seed=6)
    network = export_network(model)
    weights = {variable.path: keras.ops.convert_to_numpy(variable) for variable in network.variables}
    with pytest.raises(zoo.ZooError, match=r"changed \d+ weights .* normalisation directly behind a convolution"):
        write_graph_model(network, quantize_weights(weights, "uint8"), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("change", "message"), [(-1, "end after"), (1, "the topology tells of")])
def test_a_torn_shard_is_a_sentence(change: int, message: str, case: Case, tmp_path: Path) -> None:
    folder = case[3]
    shard = (folder / WEIGHTS_FILE).read_bytes()
    (tmp_path / TOPOLOGY_FILE).write_bytes((folder / TOPOLOGY_FILE).read_bytes())
    (tmp_path / WEIGHTS_FILE).write_bytes(shard[:-1] if change < 0 else shard + b"\0")
    with pytest.raises(zoo.BadArtifact, match=message):
        read_graph_weights(tmp_path, [])


def test_slimming_fixes_the_batch_size_and_drops_the_rest() -> None:
    graph: dict[str, Any] = {
        "node": [
            {"name": "x", "op": "Placeholder", "attr": {"dtype": {"type": "DT_FLOAT"}, "_note": {}}},
            {"name": "zero", "op": "Const", "attr": {"dtype": {}}},
            {"name": "one", "op": "Const", "attr": {}},
            {"name": "step", "op": "Const", "attr": {}},
            {"name": "five", "op": "Const", "attr": {}},
            {"name": "shape", "op": "Shape", "input": ["x"], "attr": {"T": {}, "out_type": {}}},
            {"name": "batch", "op": "StridedSlice", "input": ["shape", "zero", "one", "step"], "attr": {}},
            {"name": "pack", "op": "Pack", "input": ["batch", "five"], "attr": {"N": {"i": "2"}}},
            {"name": "y", "op": "Reshape", "input": ["x", "pack"], "attr": {"T": {}, "Tshape": {}}},
            {"name": "idle", "op": "Relu", "input": ["x"], "attr": {"T": {}}},
        ],
        "library": {},
        "versions": {"producer": 1},
    }
    constants = {name: np.array([value], np.int32) for name, value in [("zero", 0), ("one", 1), ("step", 1)]}
    constants["five"] = np.array(5, np.int32)
    slim(graph, constants, ["y"])
    assert [node["op"] for node in graph["node"]] == ["Const", "Placeholder", "Reshape"]
    assert [value.tolist() for value in constants.values()] == [[-1, 5]]
    assert graph["node"][1] == {"name": "x", "op": "Placeholder", "attr": {"dtype": {"type": "DT_FLOAT"}}}
    assert "library" not in graph
