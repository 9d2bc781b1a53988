"""What a sweep does unless told otherwise: the one readable place. Imports nothing heavy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

from zoo._errors import ZooError

TRIALS = 4
EPOCHS = 10
ORACLE = "random"
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
LEARNING_RATES = (1e-4, 1e-2)
DEFAULT_AUGMENTATION = "light"
"""A name of `tuner.augment.AUGMENTATIONS`."""
FIRST_BATCH_SIZE = 16
FIRST_LEARNING_RATE = 1e-3
"""Adam's customary start (arXiv:1412.6980)."""

GRID_STEPS = 5
"""A grid takes so many values from a range, its ends included."""


@dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`, both included; with `log`, each factor of ten is as likely as another."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise ZooError(f"A range must rise, got {self.low:g}:{self.high:g}. For example 0.5:2.")
        if self.log and self.low <= 0:
            raise ZooError(
                f"A range on a log scale must be above 0, got {self.low:g}:{self.high:g}. For example 0.1:10."
            )


Values = tuple[Any, ...] | Range
"""What one dimension of a space is chosen from: the values listed, or a range."""

SUGGESTED: Mapping[str, Values] = MappingProxyType(
    {
        "width": (0.5, 0.75, 1.0),
        "activation": ("relu", "relu6", "leaky_relu"),
        "box_weight": Range(0.5, 8.0, log=True),
        "keypoint_weight": Range(0.1, 2.0, log=True),
        "margin": Range(0.05, 0.4),
        "centring": Range(0.5, 1.0),
        "augmentation": ("none", "light"),
        "plateau_factor": (0.3, 0.5, 0.7),
    }
)
"""Values of the further dimensions, where a model has them and they are asked for by name alone."""


@dataclass(frozen=True)
class Space:
    """What is searched: batch sizes to choose from, a learning rate range on a logarithmic scale, and `more`.

    `more` maps names to values or a `Range`: options of the model such as `width`, fields of `tuner.recipe.Recipe`,
    weights of the loss such as `box_weight`. A batch size or learning rate there takes the place of the first two.
    """

    batch_sizes: tuple[int, ...] = BATCH_SIZES
    learning_rates: tuple[float, float] = LEARNING_RATES
    more: Mapping[str, Values] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.batch_sizes, list | tuple) or not all(type(size) is int for size in self.batch_sizes):
            raise ZooError(f"Batch sizes are a list of whole numbers, got {self.batch_sizes!r}. For example [8, 16].")
        if not _is_rising_pair(self.learning_rates):
            raise ZooError(
                f"Learning rates are a rising pair of numbers above 0, got {self.learning_rates!r}. For example "
                f"(1e-4, 1e-2), or twice the same."
            )
        sizes = self.dimensions["batch_size"]
        if not sizes or (sizes.low if isinstance(sizes, Range) else min(sizes)) < 1:
            raise ZooError(f"Batch sizes must be 1 or more, got {sizes}. For example 8,16,32.")
        rates = self.dimensions["learning_rate"]
        if not rates or (rates.low if isinstance(rates, Range) else min(rates)) <= 0:
            raise ZooError(f"Learning rates must be above 0, got {rates}. For example 1e-4,1e-3.")
        for name, values in self.dimensions.items():
            if not isinstance(values, Range) and not values:
                raise ZooError(f"There is nothing to choose from for {name}. Name values, for example (0.5, 1.0).")

    @property
    def dimensions(self) -> dict[str, Values]:
        """All dimensions by name, in the order in which a grid counts, the last one fastest."""
        rates = Range(*self.learning_rates, log=True)
        searched: dict[str, Values] = {"batch_size": self.batch_sizes, "learning_rate": rates}
        return {
            **searched,
            **{name: values if isinstance(values, Range) else tuple(values) for name, values in self.more.items()},
        }

    def over(self, base: Space) -> Space:
        """Return the dimensions of `base` with those of this space in their place.

        Batch sizes and learning rates that are the customary ones count as not given.
        """
        given = dict(self.more)
        if self.batch_sizes != BATCH_SIZES:
            given.setdefault("batch_size", self.batch_sizes)
        if self.learning_rates != LEARNING_RATES:
            given.setdefault("learning_rate", Range(*self.learning_rates, log=True))
        return Space(base.batch_sizes, base.learning_rates, {**base.more, **given})

    def first_trial(self, defaults: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
        """Return the first trial's values: the customary ones, or the nearest that the space allows.

        `defaults` are those of the dimensions beyond batch size and learning rate.
        """
        wanted = {**defaults, "batch_size": FIRST_BATCH_SIZE, "learning_rate": FIRST_LEARNING_RATE}
        return {name: _nearest(values, wanted.get(name)) for name, values in self.dimensions.items()}

    def record(self) -> dict[str, Any]:
        """Return the space as plain values; `Space.from_record` reads them."""
        more = {
            name: asdict(values) if isinstance(values, Range) else list(values) for name, values in self.more.items()
        }
        return {"batch_sizes": list(self.batch_sizes), "learning_rates": list(self.learning_rates), "more": more}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Space:
        """Return the space that `record` was made from."""
        low, high = record["learning_rates"]
        more = {
            name: Range(**values) if isinstance(values, Mapping) else tuple(values)
            for name, values in record["more"].items()
        }
        return cls(tuple(record["batch_sizes"]), (low, high), more)


def _is_rising_pair(rates: object) -> bool:
    if not isinstance(rates, list | tuple) or len(rates) != 2:
        return False
    return all(type(rate) in (int, float) and math.isfinite(rate) for rate in rates) and 0 < rates[0] <= rates[1]


def _nearest(values: Values, wanted: Any) -> Any:
    if isinstance(values, Range):
        return values.low if wanted is None else min(max(wanted, values.low), values.high)
    if wanted in values or not all(isinstance(value, int | float) for value in (*values, wanted)):
        return wanted if wanted in values else values[0]
    return min(values, key=lambda value: abs(value - wanted))
