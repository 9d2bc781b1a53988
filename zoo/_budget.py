"""What a network will weigh and cost, told from its layers before anyone trains it.

Batch normalisation is counted as folded into the convolution before it, as the exporter does. Matrices and kernels
travel in the chosen precision, biases as float32.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zoo._errors import BudgetExceeded, unknown
from zoo._specs import ModelSpec

PRECISION_BYTES: Mapping[str, int] = {"uint8": 1, "uint16": 2, "float16": 2, "float32": 4}
# model.json of an exported network: some for the document, the rest per graph node and its entries. Fitted to the
# exported zoo, where it is within a tenth; a test compares it with the written files.
TOPOLOGY_BASE_BYTES = 700
TOPOLOGY_KERNEL_BYTES = 250
TOPOLOGY_BIAS_BYTES = 170
TOPOLOGY_OTHER_BYTES = 160
ACTIVATIONS = ("ReLU", "LeakyReLU")  # fused into the convolution before them


@dataclass(frozen=True)
class Footprint:
    """Size and cost of one network. `multiply_adds` is for one picture; bytes are those of the artifact's files."""

    parameters: int
    multiply_adds: int
    kernel_values: int
    bias_values: int
    topology_bytes: int

    def predicted_bytes(self, precision: str = "uint8") -> int:
        """Topology plus weights with kernels in `precision`."""
        if precision not in PRECISION_BYTES:
            known = ", ".join(PRECISION_BYTES)
            raise unknown("precision", precision, PRECISION_BYTES, f"Precisions are: {known}.")
        return self.topology_bytes + self.kernel_values * PRECISION_BYTES[precision] + 4 * self.bias_values


def footprint(model: Any) -> Footprint:
    """Measure a built Keras model; layers of kinds it does not know count their weights and no multiply-adds."""
    parameters = multiply_adds = kernel_values = bias_values = 0
    topology_bytes = TOPOLOGY_BASE_BYTES
    for layer in model.layers:
        kind = type(layer).__name__
        parameters += sum(math.prod(weight.shape) for weight in layer.trainable_weights)
        if kind == "BatchNormalization":
            if not getattr(_layer_before(layer), "use_bias", False):
                bias_values += layer.output.shape[-1]
                topology_bytes += TOPOLOGY_BIAS_BYTES
            continue
        if not layer.weights and kind != "InputLayer" and kind not in ACTIVATIONS:
            topology_bytes += TOPOLOGY_OTHER_BYTES
        for weight in layer.weights:
            count = math.prod(weight.shape)
            if len(weight.shape) < 2:
                bias_values += count
                topology_bytes += TOPOLOGY_BIAS_BYTES
                continue
            kernel_values += count
            topology_bytes += TOPOLOGY_KERNEL_BYTES
            if kind in ("Conv2D", "DepthwiseConv2D"):
                multiply_adds += count * math.prod(layer.output.shape[1:3])
            elif kind == "Dense":
                multiply_adds += count
    return Footprint(parameters, multiply_adds, kernel_values, bias_values, topology_bytes)


def check_predicted(spec: ModelSpec, model: Any) -> None:
    """Raise BudgetExceeded when even uint8 weights would outgrow the spec's budget."""
    size = footprint(model).predicted_bytes("uint8")
    if size > spec.max_bytes:
        raise BudgetExceeded(
            f"Model '{spec.name}' would weigh about {size:,} bytes with uint8 weights; its budget is "
            f"{spec.max_bytes:,}. Use fewer filters (a smaller width) or, below 2,000,000, raise its max_bytes."
        )


def check_written(spec: ModelSpec, size_bytes: int) -> None:
    """Raise BudgetExceeded when the written files outgrow the spec's budget."""
    if size_bytes > spec.max_bytes:
        raise BudgetExceeded(
            f"The artifact of '{spec.name}' weighs {size_bytes:,} bytes; its budget is {spec.max_bytes:,}. "
            f"Nothing was published. Use fewer filters or a smaller precision."
        )


def _layer_before(layer: Any) -> Any:
    return layer._inbound_nodes[0].parent_nodes[0].operation
