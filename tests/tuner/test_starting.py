"""Weights to start from: of the same network, of a narrower one, of a published model; and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import zoo
from tuner import sweep
from tuner.defaults import Space
from tuner.runs import RunFolder
from tuner.starting import start_from
from zoo.catalog import STORE_VARIABLE

QUICK: dict[str, Any] = {"limit": 16, "epochs": 1, "trials": 1, "space": Space((8,), (1e-3, 1e-3)), "overfit": False}
NARROW, WIDE = 0.25, 0.5
CANNOT_WIDEN = {
    "ghostfacenet_050_112": "joins maps side by side",
    "mobilenetv3_small_050_96": "only one of them has the layer",
    "ssdlite_192": "only one of them has the layer",
}


def one_of_each_family() -> list[str]:
    """One architecture of each family that has a width."""
    return list({spec.builder.__module__: spec.name for spec in zoo.list_models() if "width" in spec.options}.values())


def pictures(spec: zoo.ModelSpec, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(*spec.inputs.value_range, (2, *spec.inputs.shape)).astype(np.float32)


@pytest.mark.parametrize("name", one_of_each_family())
def test_a_wider_network_answers_as_the_narrower_one(name: str) -> None:
    keras.utils.set_random_seed(0)
    spec, narrow, wide = zoo.get(name), zoo.build(name, width=NARROW), zoo.build(name, width=WIDE)
    for variable in narrow.variables:  # as if trained: no bias, mean or variance at its start
        variable.assign(variable + keras.random.uniform(variable.shape, 0.0, 0.1))
    if name in CANNOT_WIDEN:
        with pytest.raises(zoo.ZooError, match=CANNOT_WIDEN[name]):
            start_from(wide, narrow)
        return
    assert wide.count_params() > narrow.count_params()
    start_from(wide, narrow)
    expected, found = narrow.predict_on_batch(pictures(spec)), wide.predict_on_batch(pictures(spec))
    for output, values in expected.items():
        assert np.abs(values).max() > 0
        np.testing.assert_allclose(found[output], values, rtol=1e-4, atol=1e-5 * np.abs(values).max())


def test_what_is_new_in_a_wider_network_learns(tmp_path: Path) -> None:
    first = sweep("pebble_cls_48", out=tmp_path, options={"width": NARROW}, **{**QUICK, "epochs": 4})
    wider = sweep("pebble_cls_48", out=tmp_path, options={"width": WIDE}, weights=first.folder, **QUICK)
    assert wider.untrained == pytest.approx(first.score, abs=1e-6)
    narrow, wide = (keras.models.load_model(run.folder / "winner.keras", compile=False) for run in (first, wider))
    old = {variable.path: variable.shape for variable in narrow.variables}
    began_at_zero = [
        keras.ops.convert_to_numpy(layer.kernel)[..., old[layer.kernel.path][-2] :, : old[layer.kernel.path][-1]]
        for layer in wide.layers
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)
    ]
    assert sum(values.size for values in began_at_zero) > 100
    assert all((values != 0).all() for values in began_at_zero)


def test_training_starts_from_a_run(tmp_path: Path) -> None:
    first = sweep("pebble_cls_48", out=tmp_path, **{**QUICK, "epochs": 4})
    again = sweep("pebble_cls_48", out=tmp_path, weights=first.folder, **QUICK)
    assert again.untrained == pytest.approx(first.score, abs=1e-6)
    assert RunFolder.open(again.folder).read_json("run.json")["request"]["weights"] == str(first.folder)


def test_training_starts_from_a_published_model(
    run_folder: Path, artifact: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STORE_VARIABLE, str(store))
    trained = keras.models.load_model(run_folder / "winner.keras", compile=False)
    loaded = zoo.load("yunet_n_160", trainable=True)
    assert loaded.count_params() == trained.count_params()
    for variable, expected in zip(loaded.variables, trained.variables, strict=True):
        assert variable.path == expected.path
        np.testing.assert_allclose(variable, expected, atol=1e-3 * np.abs(expected).max())  # kernels travel in float16
    result = sweep("yunet_n_160", out=tmp_path, weights="yunet_n_160", **QUICK)
    again = sweep("yunet_n_160", out=tmp_path, weights=run_folder, **QUICK)
    assert result.untrained == pytest.approx(again.untrained, abs=0.02)
    by_folder = sweep("yunet_n_160", out=tmp_path, weights=artifact, **QUICK)
    assert by_folder.untrained == result.untrained
    asked = RunFolder.open(result.folder).read_json("run.json")["request"]
    assert asked["weights"] == f"yunet_n_160@{artifact.name}"  # a later version changes nothing


def test_weights_that_cannot_be_are_a_sentence(
    tmp_path: Path, run_folder: Path, artifact: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STORE_VARIABLE, str(store))
    with pytest.raises(zoo.ZooError, match=r"There are no weights to start from in .*'zoo import' makes a run"):
        sweep("pebble_cls_48", out=tmp_path, weights=tmp_path / "nothing", **QUICK)
    with pytest.raises(zoo.ZooError, match=r"no weights to start from in yunet_n_16: .* published: .*yunet_n_160"):
        sweep("pebble_cls_48", out=tmp_path, weights="yunet_n_16", **QUICK)
    with pytest.raises(zoo.ZooError, match=r"Of the \d+ weights of 'pebble_cls_48', only \d are"):
        sweep("pebble_cls_48", out=tmp_path, weights=run_folder, **QUICK)
    (tmp_path / "empty").mkdir()
    with pytest.raises(zoo.ZooError, match=r"no weights to start from in .*empty\. Name a finished run"):
        sweep("pebble_cls_48", out=tmp_path, weights=tmp_path / "empty", **QUICK)
    (tmp_path / "torn.keras").write_bytes(b"PK")
    with pytest.raises(zoo.ZooError, match=r"torn.keras cannot be read as a Keras model"):
        sweep("pebble_cls_48", out=tmp_path, weights=tmp_path / "torn.keras", **QUICK)
    assert artifact.is_dir()


def test_a_published_network_that_was_altered_is_not_trained_on(artifact: Path, store: Path, tmp_path: Path) -> None:
    shutil.copytree(store, tmp_path / "store")
    weights = tmp_path / "store" / artifact.relative_to(store) / "trainable" / "weights.bin"
    weights.write_bytes(b"\x00" + weights.read_bytes()[1:])
    with pytest.raises(zoo.BadArtifact, match=r"weights.bin"):
        zoo.load("yunet_n_160", store=tmp_path / "store", trainable=True)


def test_weights_of_a_wider_network_ask_for_its_options() -> None:
    with pytest.raises(zoo.ZooError, match="They are of a wider network: give the options"):
        start_from(zoo.build("yunet_a_96"), zoo.build("yunet_a_96", width=0.5))


def test_heads_of_other_labels_begin_anew() -> None:
    two, three = zoo.build("pebble_cls_48", num_classes=2), zoo.build("pebble_cls_48", num_classes=3)
    before = {variable.path: keras.ops.convert_to_numpy(variable) for variable in three.variables}
    start_from(three, two)
    after = {variable.path: keras.ops.convert_to_numpy(variable) for variable in three.variables}
    changed = {path for path, values in before.items() if (values != after[path]).any()}
    shapes = {variable.path: variable.shape for variable in two.variables}
    assert {path for path in before if shapes[path] != before[path].shape}.isdisjoint(changed)
    assert any(path.endswith("kernel") for path in changed)
