"""The choice of precisions: sensitivities against measured moves, and choices on a network whose damage is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import zoo
from exports.calibration import Calibration, Weights, size_of, travelling_size, weight_budget
from exports.graph_model import write_graph_model
from exports.network import export_network
from exports.precision import SPARE_SHARES, choose_auto, choose_smallest
from exports.publish import publish
from exports.quantize import FEW_VALUES, LEVELS, best_limits, own_range, quantize
from exports.sensitivity import output_error, sensitivities
from tuner.training import predict

FACTOR = 2.5  # between a foretold and a measured square, each from 8 random vectors; largest seen 1.9
UNEVEN = arrays(np.float32, (64,), elements=st.floats(-8, 8, width=32))


def made_up(
    sizes: dict[str, tuple[int, float]], metric_at: Any = None, max_bytes: int = 10**9, before: float = 0.9
) -> Calibration:
    """Make a calibration of normal weights: sizes are (count, importance) by path; errors are what damage tells."""
    generator = np.random.default_rng(0)
    values = {path: generator.normal(size=count).astype(np.float32) for path, (count, _) in sizes.items()}
    importance = {path: np.full(count, weight) for path, (count, weight) in sizes.items()}
    calibration: Calibration

    def error(weights: Weights) -> float:
        return float(np.sqrt(sum(calibration.damage(path, tensor) for path, tensor in weights.items())))

    calibration = Calibration(
        values, importance, error, metric_at or (lambda weights: before), before=before, max_bytes=max_bytes
    )
    return calibration


def test_sensitivity_foretells_how_far_outputs_move() -> None:
    spec = zoo.get("pebble_cls_48")
    keras.utils.set_random_seed(4)
    network = export_network(zoo.build(spec.name))
    pictures = np.random.default_rng(1).integers(0, 256, (16, *spec.inputs.shape)).astype(np.uint8)
    importance = sensitivities(network, pictures, spec.inputs)
    expected = predict(network, pictures, spec.inputs)
    generator = np.random.default_rng(2)
    for path in ("stem/kernel", "block2_dw/kernel", "class_logits/kernel"):
        [variable] = [variable for variable in network.variables if variable.path == path]
        kept = keras.ops.convert_to_numpy(variable)
        foretold, measured = [], []
        for _ in range(8):
            move = generator.normal(0, 1e-3, kept.shape)
            variable.assign(kept + move)
            measured.append(output_error(predict(network, pictures, spec.inputs), expected) ** 2)
            foretold.append((importance[path] * move**2).sum())
        variable.assign(kept)
        assert np.mean(measured) / FACTOR < np.mean(foretold) < np.mean(measured) * FACTOR


@given(UNEVEN, arrays(np.float64, (64,), elements=st.floats(0, 4)), st.sampled_from([7, 63, 255]))
def test_the_best_range_is_never_worse_than_the_own_one(
    values: np.ndarray, importance: np.ndarray, levels: int
) -> None:
    def damage(limits: tuple[float, float]) -> float:
        rounded = quantize(values, "uint8", levels=levels, limits=limits).dequantized()
        return float((importance * np.square(rounded.astype(np.float64) - values)).sum())

    own, best = damage(own_range(values)), damage(best_limits(values, importance, levels))
    assert best <= own * (1 + 1e-3) + 1e-6  # limits are kept to seven digits


def test_an_outlier_that_does_not_matter_is_clipped() -> None:
    values = np.append(np.linspace(-1, 1, 999), 100.0).astype(np.float32)
    importance = np.append(np.ones(999), 0.0)
    low, high = best_limits(values, importance, 63)
    assert low == -1
    assert high < 60


def test_fewer_levels_take_fewer_numbers() -> None:
    stored = quantize(np.linspace(-1, 1, 1000).astype(np.float32), "uint8", levels=15).stored
    assert set(np.unique(stored)) == set(range(16))


def test_bytes_go_where_they_save_most_damage() -> None:
    chosen = choose_auto(made_up({"first": (50, 100.0), "large": (10_000, 1.0), "small": (500, 10.0)}))
    assert {path: tensor.precision for path, tensor in chosen.items()} == {
        "first": "uint16",
        "large": "uint8",
        "small": "uint16",
    }
    assert size_of(chosen) <= (1 + max(SPARE_SHARES)) * 10_550


def test_few_values_stay_exact() -> None:
    sizes = {"few": (FEW_VALUES, 1.0), "many": (FEW_VALUES + 1, 0.0)}
    for chosen in (choose_auto(made_up(sizes)), choose_smallest(made_up(sizes))):
        assert chosen["few"].precision == "float32"
        assert chosen["many"].precision == "uint8"


def test_an_upgrade_pays_for_its_longer_entry() -> None:
    sizes = {"only": (100, 100.0), "large": (10_000, 0.0)}
    chosen = choose_auto(made_up(sizes))
    assert chosen["only"].precision == "uint16"
    needed = sum(travelling_size(tensor) for tensor in chosen.values())
    assert needed > size_of(chosen)
    assert choose_auto(made_up(sizes, max_bytes=needed))["only"].precision == "uint16"
    assert choose_auto(made_up(sizes, max_bytes=needed - 1))["only"].precision == "uint8"


def test_a_tight_budget_is_reckoned_with_the_written_topology(tmp_path: Path) -> None:
    network = export_network(zoo.build("yunet_a_160"))
    values = {variable.path: keras.ops.convert_to_numpy(variable) for variable in network.variables}
    exact = size_of({path: quantize(value, "float32") for path, value in values.items()})
    assert weight_budget(network, values, 2_000_000) > exact
    matters = {path: np.ones(value.shape) for path, value in values.items()}
    tight = weight_budget(network, values, 36_000)
    for variable in network.variables:
        assert np.array_equal(values[variable.path], keras.ops.convert_to_numpy(variable))
    rounded = choose_auto(Calibration(values, matters, lambda _: 0.0, lambda _: 0.9, 0.9, tight))
    write_graph_model(network, rounded, tmp_path)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 36_000


def test_more_is_spent_only_until_the_metric_is_kept() -> None:
    sizes = {f"layer{index}": (100, 2.0**index) for index in range(20)}

    def metric(weights: Weights) -> float:
        return 0.9 if weights["layer15"].precision == "uint16" else 0.5

    chosen = choose_auto(made_up(sizes, metric))
    assert sum(tensor.precision == "uint16" for tensor in chosen.values()) == 5  # a quarter of the bytes
    assert chosen["layer15"].precision == "uint16"


def test_float32_is_the_last_resort() -> None:
    def metric(weights: Weights) -> float:
        return 0.9 if weights["only"].precision == "float32" else 0.5

    assert choose_auto(made_up({"only": (100, 1.0)}, metric))["only"].precision == "float32"


def test_a_metric_that_cannot_be_kept_within_the_budget_is_a_sentence() -> None:
    with pytest.raises(zoo.ZooError, match=r"No precision keeps the metric of 0\.9000 within 0\.3 points in 110 bytes"):
        choose_auto(made_up({"only": (100, 1.0)}, lambda weights: 0.5, max_bytes=110))


def test_the_smallest_gives_each_tensor_the_levels_that_it_needs() -> None:
    calibration = made_up({"coarse": (5_000, 0.01), "fine": (5_000, 1.0)})
    chosen = choose_smallest(calibration)
    levels = {path: int(tensor.stored.max()) for path, tensor in chosen.items()}
    assert levels["coarse"] < levels["fine"] / 5
    coarse, fine = (calibration.damage(path, tensor) for path, tensor in chosen.items())
    assert fine / 4 < coarse < 4 * fine  # with equal levels it would be 100 times more
    assert max(levels.values()) < LEVELS["uint8"]


def test_the_smallest_falls_back_on_auto() -> None:
    def metric(weights: Weights) -> float:
        return 0.9 if int(weights["only"].stored.max()) >= LEVELS["uint8"] else 0.5

    assert choose_smallest(made_up({"only": (5_000, 1.0)}, metric))["only"].stored.max() == LEVELS["uint8"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "int8"}, "Did you mean 'uint8'"),
        ({"precision": "float16", "smallest": True}, "Leave out --precision float16"),
        ({"tolerance": 3.0}, "a share of the metric"),
        ({"max_bytes": 0}, "above 0 bytes, got 0"),
        ({"max_bytes": 3_000_000}, "cannot be raised to 3,000,000"),
    ],
)
def test_a_choice_that_contradicts_itself_is_a_sentence(
    options: dict[str, Any], message: str, run_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(zoo.ZooError, match=message):
        publish(run_folder, tmp_path / "store", **options)
    assert not (tmp_path / "store").exists()
