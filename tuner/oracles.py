"""What to try next: keras-tuner's oracles, asked for one trial at a time and told one score at a time.

`Search` is the same for all four. What they have in common here: the first trial is the customary one, nothing is kept
in files, and an interrupted search is brought back by asking again in the recorded order (`tuner.search`), so each
answer must follow from the seed, the trial's number and the scores told before.

What we changed: random search and grid search propose without waiting for scores, so their trials do not depend on
their order; keras-tuner's grid waits. Bayesian search draws its starting points from seed and number.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import keras_tuner
import numpy as np

from tuner.defaults import GRID_STEPS, TRIALS, Range, Space, Values
from tuner.trials import Trial
from zoo._errors import ZooError, unknown

SCORE = "score"
SEED_FOR_ZERO = 10_007
"""keras-tuner takes a seed of 0 for none and draws one by chance."""

MAX_COLLISIONS = 1_000
"""Draws that were tried before, until a space counts as searched through. keras-tuner's 20 give up halfway."""

STARTING_POINTS = 2
"""Bayesian search draws so many trials per dimension by chance before it fits a process."""

GP_RESTARTS = 3
"""Starts of the search for the process' length scale. keras-tuner's 20 take seconds and find the same."""

HYPERBAND_FACTOR = 3
"""Of three trainings, one goes on for three times as many epochs (arXiv:1603.06560, section 2)."""


def hyperparameters(
    space: Space, defaults: Mapping[str, Any] | None = None, *, listed: bool = False
) -> keras_tuner.HyperParameters:
    """Return the space in keras-tuner's terms, the first trial as its defaults. With `listed`, no ranges are left."""
    declared = keras_tuner.HyperParameters()
    first = space.first_trial(defaults or {})
    for name, values in space.dimensions.items():
        default = first[name]
        if listed:
            values = grid_values(values, default)
        if isinstance(values, Range):
            sampling = "log" if values.log else "linear"
            if values.low == values.high:
                declared.Fixed(name, values.low)
            elif isinstance(values.low, int) and isinstance(values.high, int):
                declared.Int(name, values.low, values.high, sampling=sampling, default=default)
            else:
                declared.Float(name, float(values.low), float(values.high), sampling=sampling, default=float(default))
        elif len(values) == 1:
            declared.Fixed(name, values[0])
        else:
            declared.Choice(name, _of_one_type(values), default=_of_one_type((*values, default))[-1])
    return declared


def grid_values(values: Values, default: Any) -> tuple[Any, ...]:
    """Return the values of one dimension that a grid tries: those listed, or steps of a range and its default."""
    if not isinstance(values, Range):
        return tuple(dict.fromkeys(values))
    if values.low == values.high:
        return (values.low,)
    spaced = np.geomspace if values.log else np.linspace
    steps = [float(f"{step:.6g}") for step in spaced(values.low, values.high, GRID_STEPS)]
    if isinstance(values.low, int) and isinstance(values.high, int):
        return tuple(sorted({*(round(step) for step in steps), default}))
    return tuple(sorted({*steps, default}))


def _of_one_type(values: tuple[Any, ...]) -> list[Any]:
    """keras-tuner refuses whole numbers beside others."""
    has_fraction = any(isinstance(value, float) for value in values)
    return [float(value) for value in values] if has_fraction else list(values)


class _InMemory(keras_tuner.Oracle):
    """Keeps no files: the run folder's records are enough to ask again."""

    def save(self) -> None:
        pass

    def _save_trial(self, trial: Any) -> None:
        pass

    def _check_consecutive_failures(self) -> None:
        """A failure is data; only the end of the sweep judges."""


class _FirstDefault(_InMemory):
    """The first trial is the space's defaults."""

    def _random_values(self) -> dict[str, Any] | None:
        if not self.trials:
            return {parameter.name: parameter.default for parameter in self.hyperparameters.space}
        return super()._random_values()


class _Random(_FirstDefault, keras_tuner.oracles.RandomSearchOracle):
    pass


class _Grid(_InMemory, keras_tuner.oracles.GridSearchOracle):
    def populate_space(self, trial_id: str) -> dict[str, Any]:
        if not self.start_order:
            return {"status": "RUNNING", "values": {one.name: one.default for one in self.hyperparameters.space}}
        values = self._get_next_combination(self.trials[self.start_order[-1]].hyperparameters.values)
        return {"status": "STOPPED" if values is None else "RUNNING", "values": values}


class _Hyperband(_FirstDefault, keras_tuner.oracles.HyperbandOracle):
    pass


class _Bayesian(_FirstDefault, keras_tuner.oracles.BayesianOptimizationOracle):
    recorded: Mapping[str, Any] | None = None
    """The answer that is known already, while a search is brought back: fitting a process again would be slow."""

    def _make_gpr(self) -> Any:
        process = super()._make_gpr()
        return process.set_params(n_restarts_optimizer=GP_RESTARTS)

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        from sklearn.exceptions import ConvergenceWarning
        from threadpoolctl import threadpool_limits

        self._random_state = np.random.RandomState([self.seed, len(self.trials)])
        is_random = sum(trial.status == "COMPLETED" for trial in self.trials.values()) < self.num_initial_points
        if self.recorded is not None and not is_random:
            return {"status": "RUNNING", "values": dict(self.recorded)}
        with warnings.catch_warnings(), threadpool_limits(1):  # the matrices are tiny, threads double the time
            warnings.simplefilter("ignore", ConvergenceWarning)  # of a few points, which nobody can mend
            return super().populate_space(trial_id)


ORACLES = ("random", "grid", "bayesian", "hyperband")


class Search:
    """Asks one oracle for trials, numbered from 1, and tells it their scores.

    `trials` is the most that are proposed; None means four for random and bayesian, and for grid and hyperband all that
    there are. `total_trials` and `total_epochs` say what lies ahead.
    """

    def __init__(
        self,
        oracle: str,
        space: Space,
        *,
        trials: int | None,
        epochs: int,
        seed: int,
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        if oracle not in ORACLES:
            raise unknown("oracle", oracle, ORACLES, f"Oracles are: {', '.join(ORACLES)}.")
        declared = hyperparameters(space, defaults, listed=oracle == "grid")
        combinations = _count(declared)
        self._oracle = _make(oracle, declared, seed, epochs)
        self._oracle.verbose = 0
        self._oracle._max_collisions = MAX_COLLISIONS
        self._asked: dict[int, Any] = {}
        self._epochs = epochs
        if oracle == "hyperband":
            rounds = _rounds(self._oracle)
        else:
            most = TRIALS if trials is None and oracle != "grid" else trials
            bounded = [count for count in (most, combinations) if count is not None]
            rounds = [epochs] * min(bounded)
        if trials is not None:
            rounds = rounds[:trials]
        self._oracle.max_trials = self.total_trials = len(rounds)
        self.total_epochs = sum(rounds)

    def propose(self, recorded: Mapping[str, Any] | None = None) -> Trial | None:
        """Return the next trial, or None while the oracle waits for scores or has no more.

        `recorded` is the answer that was given before, when a search is brought back. Raises ZooError when the oracle
        now answers otherwise.
        """
        number = len(self._asked) + 1
        if isinstance(self._oracle, _Bayesian):
            self._oracle.recorded = recorded
        proposed = self._oracle.create_trial(f"trial {number}")
        if proposed.status != "RUNNING":
            return None
        self._asked[number] = proposed
        values = dict(proposed.hyperparameters.values)
        band = {name: values.pop(name) for name in list(values) if name.startswith("tuner/")}
        if recorded is not None and recorded != values:
            raise ZooError(
                f"Trial {number} was recorded with {dict(recorded)}, but the oracle now proposes {values}. "
                f"Resume with the versions of keras-tuner and pocket-zoo that run.json names, or start a new sweep."
            )
        past = band.get("tuner/trial_id")
        return Trial(
            number,
            values,
            epochs=band.get("tuner/epochs", self._epochs),
            continues=None if past is None else int(past) + 1,
        )

    def tell(self, number: int, score: float | None) -> None:
        """Report the score of a trial, None when it failed."""
        trial = self._asked[number]
        if score is not None:
            self._oracle.update_trial(trial.trial_id, {SCORE: score})
        trial.status = "FAILED" if score is None else "COMPLETED"
        self._oracle.end_trial(trial)


def _make(oracle: str, declared: keras_tuner.HyperParameters, seed: int, epochs: int) -> Any:
    common: dict[str, Any] = {
        "objective": keras_tuner.Objective(SCORE, "max"),
        "hyperparameters": declared,
        "seed": seed or SEED_FOR_ZERO,
    }
    if oracle == "hyperband":
        return _Hyperband(max_epochs=epochs, factor=HYPERBAND_FACTOR, **common)
    if oracle == "bayesian":
        searched = sum(not isinstance(one, keras_tuner.engine.hyperparameters.Fixed) for one in declared.space)
        try:
            return _Bayesian(num_initial_points=STARTING_POINTS * max(searched, 1), **common)
        except ImportError as error:
            raise ZooError(
                "The oracle 'bayesian' needs scikit-learn. Install it with: pip install 'pocket-zoo[bayesian]'."
            ) from error
    return {"random": _Random, "grid": _Grid}[oracle](**common)


def _count(declared: keras_tuner.HyperParameters) -> int | None:
    """Return how many combinations the space has, None when they are beyond counting."""
    counts = []
    for parameter in declared.space:
        match parameter:
            case keras_tuner.engine.hyperparameters.Fixed():
                counts.append(1)
            case keras_tuner.engine.hyperparameters.Float():
                return None
            case keras_tuner.engine.hyperparameters.Int():
                counts.append(int(parameter.max_value) - int(parameter.min_value) + 1)
            case _:
                counts.append(len(parameter.values))
    return math.prod(counts)


def _rounds(oracle: Any) -> list[int]:
    """Return how many epochs each trial of one run of Hyperband adds, from the widest bracket to the narrowest."""
    added = []
    for bracket in reversed(range(oracle._get_num_brackets())):
        before = 0
        for number in range(oracle._get_num_rounds(bracket)):
            epochs = oracle._get_epochs(bracket, number)
            added += [epochs - before] * oracle._get_size(bracket, number)
            before = epochs
    return added
