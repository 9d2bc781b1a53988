"""What a training is asked for, and what it leaves: plain records, without a network."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from tuner.augment import AUGMENTATIONS, Augmentation
from tuner.defaults import DEFAULT_AUGMENTATION
from tuner.schedule import COSINE, PLATEAU, SCHEDULES
from zoo._errors import ZooError, unknown


class TrialFailed(RuntimeError):
    """This training cannot go on (its loss exploded, its memory ran out); others may."""


@dataclass(frozen=True)
class Recipe:
    """How one network is trained.

    `schedule` "plateau" multiplies the learning rate by `plateau_factor` when the loss has not improved for
    `plateau_patience` epochs, and ends after `stop_patience` epochs without a better score; "cosine" rises over
    `warmup_epochs`, falls until the last epoch and never ends early. `weight_average` above 0 scores and keeps the
    average of the weights, of which that share stays at each step, such as 0.999.

    `weight_decay` above 0, such as 0.05, takes that share of the learning rate off each kernel at each step, apart from
    the gradient (AdamW, arXiv:1711.05101); biases and the scales of normalisation keep all of theirs.

    In the last epochs, the share `close_mosaic` of all, no pictures are put together: a mosaic's cut edges are learned
    from, then unlearned (YOLOX, arXiv:2107.08430, section 2).

    In the last epochs, the share `close_extra` of all, no pictures of further data are shown, and the data's own that
    much more often, so that an epoch stays as long: generated pictures teach first, those that are meant last.

    Pictures of a class, or with one, that fewer than the share `repeat_threshold` of all pictures hold are shown more
    often, those without less, so that an epoch stays as long: repeat factor sampling, LVIS (arXiv:1908.03195).

    Training also ends once the score reaches `enough`, or the loss `loss_falls_to` times that of the first epoch.
    """

    batch_size: int
    learning_rate: float = 1e-3
    epochs: int = 10
    schedule: str = PLATEAU
    warmup_epochs: float = 0.0
    weight_average: float = 0.0
    weight_decay: float = 0.0
    repeat_threshold: float = 0.0
    close_mosaic: float = 0.0
    close_extra: float = 0.0
    plateau_patience: int = 2
    plateau_factor: float = 0.5
    stop_patience: int = 6
    enough: float = 1.1  # no score reaches it
    loss_falls_to: float = 0.0
    augmentation: Augmentation = AUGMENTATIONS[DEFAULT_AUGMENTATION]
    seed: int = 0

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise unknown("schedule", self.schedule, SCHEDULES, f"Schedules are: {', '.join(SCHEDULES)}.")
        if self.warmup_epochs < 0 or (self.warmup_epochs and self.schedule != COSINE):
            raise ZooError(
                f"warmup_epochs belongs to the schedule cosine and is 0 or more, got {self.warmup_epochs:g} with "
                f"{self.schedule}. Set the schedule too, or leave it out."
            )
        if not 0 <= self.repeat_threshold <= 1:
            raise ZooError(
                f"repeat_threshold is a share from 0 to 1, got {self.repeat_threshold:g}. Use 0 to repeat none."
            )
        for name in ("close_mosaic", "close_extra"):
            if not 0 <= getattr(self, name) <= 1:
                raise ZooError(f"{name} is a share from 0 to 1, got {getattr(self, name):g}. For example 0.15.")
        if not 0 <= self.weight_average < 1:
            raise ZooError(f"weight_average is from 0 to below 1, got {self.weight_average:g}. For example 0.999.")
        if not 0 <= self.weight_decay <= 1:
            raise ZooError(f"weight_decay is from 0 to 1, got {self.weight_decay:g}. For example 0.05.")

    def augmentation_in(self, epoch: int) -> Augmentation:
        """Return how pictures are changed in an epoch, counted from 0."""
        return replace(self.augmentation, mosaic=0.0) if self._ends(epoch, self.close_mosaic) else self.augmentation

    def has_extra_in(self, epoch: int) -> bool:
        """Return whether pictures of further data are shown in an epoch, counted from 0."""
        return not self._ends(epoch, self.close_extra)

    def _ends(self, epoch: int, share: float) -> bool:
        return epoch >= self.epochs - round(share * self.epochs)


@dataclass
class Patience:
    """Counts the epochs since a value, lower being better, last improved."""

    best: float = math.inf
    waited: int = 0

    def wait(self, value: float, min_delta: float = 0.0) -> int:
        """Take the value of one more epoch; return how many epochs it has not improved for."""
        if value < self.best - min_delta:
            self.best, self.waited = value, 0
        else:
            self.waited += 1
        return self.waited


@dataclass
class Fit:
    """What a training left: the best epoch's score and weights, and per epoch loss, score and learning rate.

    `epoch_seconds` are those of the training steps. `first_loss` is that of the first batch, before any training.
    `has_ended` tells that more epochs would change nothing.
    """

    metric: str
    best_score: float = -math.inf
    best_epoch: int = -1
    weights: list[np.ndarray] = field(default_factory=list, repr=False)
    history: list[dict[str, float]] = field(default_factory=list)
    epoch_seconds: list[float] = field(default_factory=list)
    plateau: Patience = field(default_factory=Patience)
    stop: Patience = field(default_factory=Patience)
    has_ended: bool = False
    first_loss: float | None = None


@dataclass(frozen=True)
class Checkpoint:
    """All that a training needs to go on as if nothing had happened: what it left so far, network and optimizer.

    `average` is that of the weights after `average_steps` steps, empty where the recipe keeps none.
    """

    fit: Fit
    network: list[np.ndarray]
    optimizer: list[np.ndarray]
    average: list[np.ndarray] = field(default_factory=list)
    average_steps: int = 0
