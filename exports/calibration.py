"""What a choice of precision is judged by: expected damage, measured output error, measured metric."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from exports.evaluate import Findings, Labelled, Measurement, run_over, score
from exports.graph_model import write_graph_model
from exports.load import Loaded
from exports.quantize import FEW_VALUES, LEVELS, Quantized, best_limits, quantize
from exports.sensitivity import calibration_pictures, output_error, sensitivities
from tuner.progress import Progress
from tuner.training import predict
from zoo._budget import footprint

TOLERANCE = 0.003
"""What quantization may take from the metric, 0.3 points."""
TOPOLOGY_RESERVE = 1.1
"""The topology's bytes are predicted to a tenth."""

Weights = dict[str, Quantized]


@dataclass(frozen=True)
class Calibration:
    """What a choice is judged by.

    `values` are the float32 weights by path and `importance` how much each matters, of the same shapes. `error`
    measures the output error of a choice, `metric` its metric; `before` is the metric in float32, `tolerance` what may
    be lost of it, and `max_bytes` what the weights may weigh, as `travelling_size` counts.
    """

    values: Mapping[str, np.ndarray]
    importance: Mapping[str, np.ndarray]
    error: Callable[[Weights], float]
    metric: Callable[[Weights], float]
    before: float
    max_bytes: int
    tolerance: float = TOLERANCE

    def damage(self, path: str, tensor: Quantized) -> float:
        """Return the expected mean squared move of the outputs, in units of their spread."""
        error = tensor.dequantized().astype(np.float64) - self.values[path]
        return float((self.importance[path] * np.square(error)).sum())

    def quantized(self, path: str, levels: int, *, is_searched: bool) -> Quantized:
        """Round one tensor to so many levels in the narrowest type for them, over its own or the best range.

        One of `FEW_VALUES` or fewer stays as it is.
        """
        precision = "uint8" if levels <= LEVELS["uint8"] else "uint16"
        values, importance = self.values[path], self.importance[path]
        if values.size <= FEW_VALUES:
            return quantize(values, "float32")
        limits = best_limits(values, importance, levels) if is_searched else None
        return quantize(values, precision, levels=levels, limits=limits)

    def keeps_the_metric(self, weights: Weights) -> bool:
        return self.metric(weights) >= self.before - self.tolerance


def size_of(weights: Mapping[str, Quantized]) -> int:
    """Return the bytes that the stored weights have."""
    return sum(tensor.stored.nbytes for tensor in weights.values())


def travelling_size(tensor: Quantized) -> int:
    """Return the bytes of a tensor together with those of the manifest that tell its precision."""
    entry = tensor.tfjs_entry()
    told = {"dtype": tensor.precision, **({"quantization": entry} if entry else {})}
    return tensor.stored.nbytes + len(json.dumps(told, separators=(",", ":")))


class Judge:
    """Runs an exported network with weights of any precision; leaves the last ones in it."""

    def __init__(self, loaded: Loaded, labelled: Labelled) -> None:
        self.loaded, self._labelled = loaded, labelled
        self.pictures = calibration_pictures(labelled.pictures.images, loaded.spec.inputs)
        self._expected = predict(loaded.network, self.pictures, loaded.spec.inputs)
        self._last: tuple[Weights, Findings] | None = None
        self._measured: tuple[Weights, Measurement] | None = None

    def error(self, weights: Weights) -> float:
        """Return the output error over calibration pictures."""
        self._give(weights)
        return output_error(predict(self.loaded.network, self.pictures, self.loaded.spec.inputs), self._expected)

    def metric(self, weights: Weights) -> float:
        """Return the metric over all labelled pictures."""
        return self.measured(weights).value

    def measured(self, weights: Weights) -> Measurement:
        """Return the metric with its conditions; asked twice in a row, it is measured once."""
        if self._measured is None or self._measured[0] is not weights:
            self._measured = weights, score(self.findings(weights))
        return self._measured[1]

    def findings(self, weights: Weights) -> Findings:
        """Return what the network answers for all labelled pictures; asked twice in a row, it is run once."""
        self._give(weights)
        if self._last is None or self._last[0] is not weights:
            with Progress("measuring a precision", len(self._labelled.pictures), unit="img") as progress:
                found = run_over(self.loaded, self._labelled)
                progress.advance(len(self._labelled.pictures))
            self._last = weights, found
        return self._last[1]

    def _give(self, weights: Weights) -> None:
        for variable in self.loaded.network.variables:
            variable.assign(weights[variable.path].dequantized())


def calibrate(judge: Judge, before: float, tolerance: float = TOLERANCE) -> Calibration:
    """Prepare to judge precisions: weigh the weights that the judge's network has now, float32."""
    network, spec = judge.loaded.network, judge.loaded.spec
    values = {variable.path: keras.ops.convert_to_numpy(variable) for variable in network.variables}
    with Progress("weighing the weights", unit="pass") as progress:
        importance = sensitivities(network, judge.pictures, spec.inputs, progress=progress.update_to)
    max_bytes = weight_budget(network, values, spec.max_bytes)
    return Calibration(values, importance, judge.error, judge.metric, before, max_bytes, tolerance)


def weight_budget(network: keras.Model, values: Mapping[str, np.ndarray], max_bytes: int) -> int:
    """Return what of `max_bytes` is left for the weights and what tells their precision, beside the topology.

    Its bytes are predicted where any precision fits, else counted: the network, with `values`, is written once.
    """
    left = max_bytes - int(TOPOLOGY_RESERVE * footprint(network).topology_bytes)
    if sum(travelling_size(quantize(value, "float32")) for value in values.values()) <= left:
        return left
    rounded = {
        path: quantize(value, "uint8" if value.size > FEW_VALUES else "float32") for path, value in values.items()
    }
    with tempfile.TemporaryDirectory() as scratch, Progress("counting the topology's bytes", unit="file"):
        write_graph_model(network, rounded, Path(scratch))
        written = sum(file.stat().st_size for file in Path(scratch).iterdir())
    for variable in network.variables:
        variable.assign(values[variable.path])
    return max_bytes - (written - sum(travelling_size(tensor) for tensor in rounded.values()))
