"""Training by a recipe: Adam, a falling learning rate, an early stop, shuffling, best weights kept.

A `Trainer` builds and traces one network once. Every `fit` starts it afresh from the same initial state, or from the
checkpoint of an interrupted one, so trials neither pay for tracing again nor see what an earlier trial left behind. All
chance follows from the recipe's seed and the epoch: on one thread, the same recipe gives the same weights bit for bit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import keras
import numpy as np

import zoo
from tuner.batches import Batches, as_input
from tuner.data import Decoded
from tuner.fused import fuse_batch_normalisation
from tuner.learners import Learner
from tuner.recipe import Checkpoint, Fit, Recipe, TrialFailed
from tuner.schedule import COSINE, WeightAverage, cosine_rate
from tuner.starting import start_from
from tuner.steps import Step, made_ahead
from zoo._interrupts import postponed
from zoo._specs import ImageSpec, ModelSpec

PREDICT_BATCH = 64
PLATEAU_MIN_DELTA = 1e-3
"""A loss that falls by less has stalled."""

EXPLODED = 1e3
"""A loss that grew by this factor since before the training does not come back."""


def predict(model: Any, images: np.ndarray, inputs: ImageSpec) -> dict[str, np.ndarray]:
    """Run `model` over all pictures: uint8 (N, height, width, channels) -> its outputs by name, first axis N."""
    parts = []
    for start in range(0, len(images), PREDICT_BATCH):
        with postponed():
            parts.append(model.predict_on_batch(as_input(images[start : start + PREDICT_BATCH], inputs)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class Trainer:
    """One network, compiled once, trained as often as asked, from the weights of the network `start` or random ones.

    Raises BudgetExceeded before anything is trained when the network is predicted to outgrow its spec's budget.
    """

    def __init__(
        self,
        spec: ModelSpec,
        learner: Learner,
        options: Mapping[str, Any],
        seed: int,
        start: Any = None,
    ) -> None:
        keras.utils.set_random_seed(seed)
        self._spec, self._learner = spec, learner
        self.model = zoo.build(spec.name, **options)
        if start is not None:
            start_from(self.model, start)
        trained = learner.attach(self.model)
        self._network = _Network(trained.input, trained.output, name=f"{spec.name}_trained")
        self._network.take(learner)
        fuse_batch_normalisation(self._network)
        self._compile(Recipe.weight_decay)
        self._initial = self._state(Fit(learner.metric))

    def fit(
        self,
        recipe: Recipe,
        train: Decoded,
        val: Decoded,
        *,
        loss_weights: Mapping[str, float] | None = None,
        start: Checkpoint | None = None,
        on_images: Callable[[int], None] | None = None,
        on_epoch: Callable[[Checkpoint], None] | None = None,
    ) -> Fit:
        """Train, and return the best epoch by the learner's metric on `val`; the network is left with its weights.

        `start` is where an earlier training with this recipe, perhaps with fewer epochs, stood; `on_epoch` is given
        such a checkpoint after each epoch. `on_images(n)` is called after each step with the number of pictures it
        took. Raises TrialFailed when the loss is not finite or explodes, or memory runs out.
        """
        with postponed() as let_in:

            def stepped(images: int) -> None:
                if on_images is not None:
                    on_images(images)
                let_in()

            return self._fit(recipe, train, val, start, loss_weights, stepped, on_epoch)

    def _fit(
        self,
        recipe: Recipe,
        train: Decoded,
        val: Decoded,
        start: Checkpoint | None,
        loss_weights: Mapping[str, float] | None,
        stepped: Callable[[int], None],
        on_epoch: Callable[[Checkpoint], None] | None,
    ) -> Fit:
        if recipe.weight_decay != self._weight_decay:
            self._compile(recipe.weight_decay)
        self._restore(start or self._initial)
        fit = deepcopy(start.fit) if start is not None else Fit(self._learner.metric)
        if start is None:
            self._network.optimizer.learning_rate = recipe.learning_rate
            self._network.set_loss_weights(loss_weights or {})
        if not fit.has_ended and len(fit.history) < recipe.epochs:
            try:
                self._train(recipe, train, val, fit, start or self._initial, stepped, on_epoch)
            except Exception as error:
                if not _is_out_of_memory(error):
                    raise
                raise TrialFailed(f"memory ran out at batch size {recipe.batch_size}") from error
        self._network.set_weights(fit.weights)
        return fit

    def _compile(self, weight_decay: float) -> None:
        """Give the network its optimizer, whose weight decay a traced step cannot change any more."""
        self._weight_decay = weight_decay
        optimizer = keras.optimizers.Adam(weight_decay=weight_decay or None)
        variables = self._network.trainable_variables
        optimizer.exclude_from_weight_decay(var_list=[one for one in variables if len(one.shape) < 2])
        # XLA slows these networks down on a CPU under TensorFlow; under JAX it is the only way to run.
        self._network.compile(optimizer, jit_compile=keras.backend.backend() != "tensorflow")
        optimizer.build(variables)
        self._step = Step(self._network)

    def _train(
        self,
        recipe: Recipe,
        train: Decoded,
        val: Decoded,
        fit: Fit,
        start: Checkpoint,
        stepped: Callable[[int], None],
        on_epoch: Callable[[Checkpoint], None] | None,
    ) -> None:
        batches = Batches(self._spec, self._learner, train, recipe)
        average = WeightAverage(recipe.weight_average, start.average, start.average_steps)
        self._step.prepare(batches)
        for epoch in range(len(fit.history), recipe.epochs):
            batches.start_epoch(epoch)
            started = time.perf_counter()
            loss = self._train_epoch(recipe, batches, epoch, average, fit, stepped)
            fit.epoch_seconds.append(time.perf_counter() - started)
            self._judge_epoch(recipe, epoch, loss, average, val, fit)
            if on_epoch is not None:
                on_epoch(self._state(fit, average))
            if fit.has_ended:
                break

    def _train_epoch(
        self,
        recipe: Recipe,
        batches: Batches,
        epoch: int,
        average: WeightAverage,
        fit: Fit,
        stepped: Callable[[int], None],
    ) -> float:
        """Train on every batch once; return the mean loss over the pictures."""
        total, pictures = 0.0, 0
        for index, (images, targets) in enumerate(made_ahead(batches)):
            if recipe.schedule == COSINE:
                moment = epoch + index / len(batches)
                self._network.optimizer.learning_rate = cosine_rate(
                    recipe.learning_rate, moment, recipe.epochs, recipe.warmup_epochs
                )
            loss = self._step(images, targets)
            if fit.first_loss is None:
                fit.first_loss = loss
            total += len(images) * loss
            pictures += len(images)
            if recipe.weight_average:
                average.take(self._network.get_weights())
            stepped(len(images))
        return total / pictures

    def _judge_epoch(
        self, recipe: Recipe, epoch: int, loss: float, average: WeightAverage, val: Decoded, fit: Fit
    ) -> None:
        """After an epoch: score on the validation pictures, keep the best weights, lower the rate, say when to end."""
        if not math.isfinite(loss):
            raise TrialFailed(f"the loss was {loss} after epoch {epoch + 1}")
        if fit.first_loss is not None and loss > EXPLODED * max(abs(fit.first_loss), 1.0):
            raise TrialFailed(f"the loss exploded from {fit.first_loss:.3g} to {loss:.3g} by epoch {epoch + 1}")
        score, weights = self._scored(average, val)
        if not math.isfinite(score):
            raise TrialFailed(f"the {fit.metric} was {score} after epoch {epoch + 1}")
        optimizer = self._network.optimizer
        rate = float(optimizer.learning_rate)
        fit.history.append({"epoch": epoch + 1, "loss": loss, fit.metric: score, "learning_rate": rate})
        if score > fit.best_score:
            fit.best_score, fit.best_epoch = score, epoch + 1
            fit.weights = weights
        is_cosine = recipe.schedule == COSINE
        if fit.plateau.wait(loss, PLATEAU_MIN_DELTA) >= recipe.plateau_patience and not is_cosine:
            optimizer.learning_rate = rate * recipe.plateau_factor
            fit.plateau.waited = 0
        fit.has_ended = (
            (fit.stop.wait(-score) >= recipe.stop_patience and not is_cosine)
            or score >= recipe.enough
            or (recipe.loss_falls_to > 0 and loss <= recipe.loss_falls_to * fit.history[0]["loss"])
        )

    def _scored(self, average: WeightAverage, val: Decoded) -> tuple[float, list[np.ndarray]]:
        """Return the score on the validation pictures, and the weights that reached it."""
        current = self._network.get_weights()
        if not average.values:
            return self._score(val), current
        scored = [np.array(value) for value in average.values]
        self._network.set_weights(scored)
        score = self._score(val)
        self._network.set_weights(current)
        return score, scored

    def _score(self, val: Decoded) -> float:
        return float(self._learner.score(self.outputs(val.images), val))

    def outputs(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the named outputs of the network as it now stands, for uint8 pictures at model size."""
        return predict(self._network, images, self._spec.inputs)

    def load(self, weights: list[np.ndarray]) -> None:
        """Put weights of a `Fit` into the network; `model` shares them."""
        self._network.set_weights(weights)

    def reset(self) -> None:
        """Put the initial weights back."""
        self._restore(self._initial)

    def _variables(self) -> list[Any]:
        """Weights and the state of random layers such as dropout, but no running means of metrics."""
        metrics = {id(variable) for variable in self._network.metrics_variables}
        return [variable for variable in self._network.variables if id(variable) not in metrics]

    def _state(self, fit: Fit, average: WeightAverage | None = None) -> Checkpoint:
        numpy = keras.ops.convert_to_numpy
        return Checkpoint(
            fit,
            network=[np.array(numpy(variable)) for variable in self._variables()],
            optimizer=[np.array(numpy(variable)) for variable in self._network.optimizer.variables],
            average=[np.array(value) for value in average.values] if average else [],
            average_steps=average.steps if average else 0,
        )

    def _restore(self, checkpoint: Checkpoint) -> None:
        variables = [*self._variables(), *self._network.optimizer.variables]
        for variable, value in zip(variables, [*checkpoint.network, *checkpoint.optimizer], strict=True):
            variable.assign(value)


def _is_out_of_memory(error: Exception) -> bool:
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "ResourceExhaustedError"
        or "RESOURCE_EXHAUSTED" in str(error)
    )


class _Network(keras.Model):
    """A functional network whose loss sees all outputs at once, as the detection loss needs.

    Weights of the loss's terms are variables, so that a trial can change them without tracing again.
    """

    def take(self, learner: Learner) -> None:
        """Train for this learner from now on."""
        self.learner = learner
        self._loss_weights = {
            name: self.add_weight(
                shape=(), initializer=keras.initializers.Constant(value), trainable=False, name=f"loss_{name}"
            )
            for name, value in learner.loss_weights.items()
        }

    def set_loss_weights(self, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._loss_weights[name].assign(value)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        return self.learner.loss(y, y_pred, **self._loss_weights)
