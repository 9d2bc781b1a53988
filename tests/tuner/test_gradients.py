"""The gradient check itself: it finds a wrong slope, and says in a sentence what cannot be checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import pytest

import zoo
from tuner.gradients import check_gradient, slopes

VALUES = {"a": np.array([0.5, -1.5, 2.0]), "b": np.array([[1.0, 3.0]])}


def square(outputs: Mapping[str, Any]) -> Any:
    return keras.ops.sum(keras.ops.square(outputs["a"])) * keras.ops.prod(outputs["b"])


def test_a_right_gradient_differs_by_rounding_alone() -> None:
    assert 0 < check_gradient(square, VALUES) < 1e-7


def test_a_gradient_that_is_cut_is_wrong_by_all_of_it() -> None:
    def cut(outputs: Mapping[str, Any]) -> Any:
        return square({**outputs, "b": keras.ops.stop_gradient(outputs["b"])})

    assert check_gradient(cut, VALUES) == pytest.approx(1.0)


def test_a_coarse_step_shows() -> None:
    def cube(outputs: Mapping[str, Any]) -> Any:
        return keras.ops.sum(outputs["a"] ** 3)

    assert check_gradient(cube, {"a": np.array([1.0])}, step=0.1) == pytest.approx(0.01 / 3.01, rel=1e-6)


def test_float32_and_integers_are_checked_in_double_precision() -> None:
    before = keras.config.floatx()
    assert check_gradient(square, {"a": np.array([1, 2]), "b": np.array([0.3], np.float32)}) < 1e-7
    assert keras.config.floatx() == before


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda outputs: keras.ops.sum(outputs["a"]), "output 'b' has no influence"),
        (lambda outputs: square(outputs) / 0.0, "The loss is (inf|-inf|nan)"),
        (lambda outputs: square(outputs) + keras.ops.sum(keras.ops.sqrt(outputs["a"] * 0.0)), "'a' is not finite"),
        (lambda outputs: keras.ops.square(outputs["a"]), r"scalar tensor; got shape \(3,\)"),
        (lambda outputs: None, "scalar tensor; got NoneType"),
    ],
)
def test_what_cannot_be_checked_is_a_sentence(loss: Any, message: str) -> None:
    with pytest.raises(zoo.ZooError, match=message):
        check_gradient(loss, VALUES)


def test_numpy_breaks_the_chain() -> None:
    _, found = slopes(lambda outputs: keras.ops.sum(keras.ops.convert_to_numpy(outputs["a"])), VALUES)
    assert found == {"a": None, "b": None}
