"""How many bits each weight gets: chosen by what rounding does to the network's outputs and to its metric.

Everything starts as uint8. A tensor's damage is the squared error of its values, each weighed by how much the outputs
move with it (`exports.sensitivity`). `choose_auto` spends a few percent of the bytes where a byte saves most damage,
which is mostly on depthwise kernels, first layers and biases, and more only while the metric is out of the tolerance.
`choose_smallest` gives each tensor just as many levels as its damage asks for: fewer levels repeat more, so they travel
in fewer bytes under gzip.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from exports.calibration import Calibration, Weights, size_of, travelling_size
from exports.quantize import LEVELS, Quantized, quantize
from zoo._errors import ZooError

SPARE_SHARES = (0.0, 0.03, 0.06)
"""Bytes over plain uint8, as a share of it, that precision may cost although the metric does not ask for it."""
SHARES = (0.12, 0.25, 0.5, 1.0)
"""Tried in this order while the metric is out of the tolerance; 1.0 makes all weights uint16."""
MEAN_BITS = (4.5, 4.75, 5.0, 5.25, 5.5, 5.75, 6.0, 6.5)
"""Tried in this order; below, few networks keep anything, and above, nothing is gained over `choose_auto`."""
FEWEST_LEVELS = 7


def choose_auto(calibration: Calibration) -> Weights:
    """Return the cheapest weights that keep the metric: uint8, and uint16 where a byte saves most damage.

    Of those for at most `SPARE_SHARES` more bytes, the most exact within the tolerance: between them the metric differs
    by chance, and the error of the outputs does not. Raises ZooError when the metric cannot be kept within the budget.
    """
    own, searched = (
        {path: calibration.quantized(path, LEVELS["uint8"], is_searched=wanted) for path in calibration.values}
        for wanted in (False, True)
    )
    spare = calibration.max_bytes - max(_travelling(own), _travelling(searched))

    def choices(shares: Sequence[float]) -> list[Weights]:
        upgrades = [_upgrades(calibration, own, int(share * size_of(own)), spare) for share in shares]
        return sorted(({**base, **more} for more in upgrades for base in (own, searched)), key=calibration.error)

    for choice in choices(SPARE_SHARES):
        if calibration.keeps_the_metric(choice):
            return choice
    for share in SHARES:
        for choice in choices([share]):
            if calibration.keeps_the_metric(choice):
                return choice
        if share * size_of(own) >= spare:
            break
    exact = {path: quantize(values, "float32") for path, values in calibration.values.items()}
    if _travelling(exact) <= calibration.max_bytes and calibration.keeps_the_metric(exact):
        return exact
    raise ZooError(
        f"No precision keeps the metric of {calibration.before:.4f} within {100 * calibration.tolerance:g} points in "
        f"{calibration.max_bytes:,} bytes of weights. Allow more with --tolerance, use fewer filters, or name a "
        f"--precision."
    )


def choose_smallest(calibration: Calibration) -> Weights:
    """Return the weights of the fewest levels that keep the metric; at worst those of `choose_auto`.

    For a given sum of damages, the fewest bits are those where each value of every tensor does equally much; damage
    falls with the square of the levels, so a tensor gets levels like the root of its damage per value.
    """
    plain = {path: calibration.quantized(path, LEVELS["uint8"], is_searched=False) for path in calibration.values}
    need = {
        path: math.sqrt(calibration.damage(path, tensor) / max(1, tensor.stored.size)) for path, tensor in plain.items()
    }
    for bits in MEAN_BITS:
        choice = _with_mean_bits(calibration, need, bits)
        if _travelling(choice) <= calibration.max_bytes and calibration.keeps_the_metric(choice):
            return choice
    return choose_auto(calibration)


def _travelling(weights: Weights) -> int:
    return sum(travelling_size(tensor) for tensor in weights.values())


def _upgrades(calibration: Calibration, plain: Weights, weight_bytes: int, budget_bytes: int) -> Weights:
    """Return the tensors to store as uint16, first where a byte saves most damage.

    They take at most `weight_bytes` more of weights, and with what tells their precision at most `budget_bytes` more.
    """
    upgraded: Weights = {}
    saved = {
        path: calibration.damage(path, tensor) / tensor.stored.size
        for path, tensor in plain.items()
        if tensor.stored.size
    }
    for path in sorted(saved, key=lambda path: -saved[path]):
        finer = calibration.quantized(path, LEVELS["uint16"], is_searched=False)
        cost = travelling_size(finer) - travelling_size(plain[path])
        more = plain[path].stored.nbytes
        if more <= weight_bytes and cost <= budget_bytes and saved[path] > 0:
            upgraded[path] = finer
            weight_bytes -= more
            budget_bytes -= cost
    return upgraded


def _with_mean_bits(calibration: Calibration, need: Mapping[str, float], bits: float) -> Weights:
    sizes = {path: values.size for path, values in calibration.values.items()}

    def levels(factor: float) -> dict[str, int]:
        return {
            path: int(min(max(factor * need[path], FEWEST_LEVELS), LEVELS["uint16"])) if need[path] else LEVELS["uint8"]
            for path in need
        }

    low, high = -20.0, 60.0  # logarithms of the factor
    for _ in range(60):
        middle = (low + high) / 2
        told = sum(sizes[path] * math.log2(count + 1) for path, count in levels(2.0**middle).items())
        low, high = (middle, high) if told < bits * sum(sizes.values()) else (low, middle)
    return {
        path: calibration.quantized(path, count, is_searched=count < LEVELS["uint8"])
        for path, count in levels(2.0**low).items()
    }


def summary(network: keras.Model, weights: Mapping[str, Quantized], calibration: Calibration) -> list[dict[str, Any]]:
    """Return a row per kind of tensor and precision; damage is a share of the outputs' spread."""
    kinds = {variable.path: _kind(layer, variable) for layer in network.layers for variable in layer.weights}
    groups: dict[tuple[str, str], list[str]] = {}
    for path in weights:
        groups.setdefault((kinds[path], weights[path].precision), []).append(path)
    return [
        {
            "group": kind,
            "precision": precision,
            "tensors": len(paths),
            "bytes": size_of({path: weights[path] for path in paths}),
            "damage": math.sqrt(sum(calibration.damage(path, weights[path]) for path in paths)),
        }
        for (kind, precision), paths in sorted(groups.items())
    ]


def _kind(layer: Any, variable: Any) -> str:
    if len(variable.shape) < 2:
        return "bias"
    names: Sequence[tuple[type, str]] = (
        (keras.layers.DepthwiseConv2D, "depthwise kernel"),
        (keras.layers.Conv2D, "convolution kernel"),
        (keras.layers.Dense, "dense kernel"),
    )
    return next((name for kind, name in names if isinstance(layer, kind)), "other")
