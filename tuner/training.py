"""The training recipe: Adam, a lower learning rate when the loss stalls, an early stop, shuffling, best weights kept.

A `Trainer` builds and traces one network once. Every `fit` starts it afresh from the same initial weights, so trials
neither pay for tracing again nor see what an earlier trial left behind.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

import zoo
from tuner.augment import AUGMENTATIONS, Augmentation
from tuner.batches import Batches, as_input
from tuner.data import Decoded
from tuner.defaults import DEFAULT_AUGMENTATION
from tuner.learners import Learner
from zoo._specs import ImageSpec, ModelSpec

PREDICT_BATCH = 64


class TrialFailed(RuntimeError):
    """This training cannot go on (its loss is no longer finite); others may."""


@dataclass(frozen=True)
class Recipe:
    """How one network is trained. Patience counts epochs; `plateau_factor` multiplies the learning rate.

    Training also ends once the score reaches `enough`.
    """

    batch_size: int
    learning_rate: float = 1e-3
    epochs: int = 10
    plateau_patience: int = 2
    plateau_factor: float = 0.5
    stop_patience: int = 6
    enough: float = 1.1  # no score reaches it
    augmentation: Augmentation = AUGMENTATIONS[DEFAULT_AUGMENTATION]
    seed: int = 0


@dataclass
class Fit:
    """What a training left: the best epoch's score and weights, and per epoch loss, score and learning rate."""

    metric: str
    best_score: float = -math.inf
    best_epoch: int = -1
    weights: list[np.ndarray] = field(default_factory=list, repr=False)
    history: list[dict[str, float]] = field(default_factory=list)


def predict(model: Any, images: np.ndarray, inputs: ImageSpec) -> dict[str, np.ndarray]:
    """Run `model` over all pictures: uint8 (N, height, width, channels) -> its outputs by name, first axis N."""
    parts = [
        model.predict_on_batch(as_input(images[start : start + PREDICT_BATCH], inputs))
        for start in range(0, len(images), PREDICT_BATCH)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class Trainer:
    """One network, compiled once, trained as often as asked.

    Raises BudgetExceeded before anything is trained when the network is predicted to outgrow its spec's budget.
    """

    def __init__(self, spec: ModelSpec, learner: Learner, options: Mapping[str, Any], seed: int) -> None:
        keras.utils.set_random_seed(seed)
        self._spec, self._learner = spec, learner
        self.model = zoo.build(spec.name, **options)
        trained = learner.attach(self.model)
        self._network = _Network(trained.input, trained.output, name=f"{spec.name}_trained")
        self._network.learner = learner
        # XLA slows these networks down on a CPU under TensorFlow; under JAX it is the only way to run.
        self._network.compile(keras.optimizers.Adam(), jit_compile=keras.backend.backend() != "tensorflow")
        self._network.optimizer.build(self._network.trainable_variables)
        self._initial_weights = self._network.get_weights()
        self._initial_optimizer = [
            keras.ops.convert_to_numpy(variable) for variable in self._network.optimizer.variables
        ]

    def fit(
        self,
        recipe: Recipe,
        train: Decoded,
        val: Decoded,
        *,
        log_dir: Path | None = None,
        on_images: Callable[[int], None] | None = None,
    ) -> Fit:
        """Train from the initial weights and return the best epoch by the learner's metric on `val`.

        `on_images(n)` is called after each step with the number of pictures it took. Raises TrialFailed when the loss
        is not finite.
        """
        self._reset(recipe.learning_rate)
        fit = Fit(self._learner.metric)
        callbacks: list[Any] = [
            _Progress(on_images, min(recipe.batch_size, len(train))),
            _Score(self, val, fit, recipe.enough),
            keras.callbacks.ReduceLROnPlateau(
                monitor="loss", factor=recipe.plateau_factor, patience=recipe.plateau_patience, min_delta=1e-3
            ),
            keras.callbacks.EarlyStopping(monitor="score", mode="max", patience=recipe.stop_patience),
        ]
        if log_dir is not None:
            callbacks.append(keras.callbacks.TensorBoard(str(log_dir), write_graph=False))
        batches = Batches(self._spec, self._learner, train, recipe)
        self._network.fit(batches, epochs=recipe.epochs, shuffle=False, verbose=0, callbacks=callbacks)
        self._network.set_weights(fit.weights)
        return fit

    def outputs(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the named outputs of the network as it now stands, for uint8 pictures at model size."""
        return predict(self._network, images, self._spec.inputs)

    def load(self, weights: list[np.ndarray]) -> None:
        """Put weights of a `Fit` into the network; `model` shares them."""
        self._network.set_weights(weights)

    def _reset(self, learning_rate: float) -> None:
        self._network.set_weights(self._initial_weights)
        for variable, value in zip(self._network.optimizer.variables, self._initial_optimizer, strict=True):
            variable.assign(value)
        self._network.optimizer.learning_rate = learning_rate
        self._network.stop_training = False


class _Network(keras.Model):
    """A functional network whose loss sees all outputs at once, as the detection loss needs."""

    learner: Learner

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        loss = self.learner.loss(y, y_pred)
        self._loss_tracker.update_state(loss)
        return loss


class _Score(keras.callbacks.Callback):
    """Scores each epoch on the validation pictures, keeps the best weights, stops on a loss that is not finite."""

    def __init__(self, trainer: Trainer, val: Decoded, fit: Fit, enough: float) -> None:
        super().__init__()
        self._trainer, self._val, self._fit, self._enough = trainer, val, fit, enough

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs is not None
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise TrialFailed(f"the loss was {loss} after epoch {epoch + 1}")
        fit, trainer = self._fit, self._trainer
        score = trainer._learner.score(trainer.outputs(self._val.images), self._val)
        logs["score"] = score
        rate = float(self.model.optimizer.learning_rate)
        fit.history.append({"epoch": epoch + 1, "loss": loss, fit.metric: score, "learning_rate": rate})
        if score > fit.best_score:
            fit.best_score, fit.best_epoch = score, epoch + 1
            fit.weights = self.model.get_weights()
        if score >= self._enough:
            self.model.stop_training = True


class _Progress(keras.callbacks.Callback):
    def __init__(self, on_images: Callable[[int], None] | None, batch_size: int) -> None:
        super().__init__()
        self._on_images, self._batch_size = on_images, batch_size

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if self._on_images is not None:
            self._on_images(self._batch_size)


def recipe_record(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as plain values for a run's records."""
    return asdict(recipe)
