"""What to try next: the first trial, reproducible proposals, the four oracles, and bringing one back."""

from __future__ import annotations

import random
from typing import Any

import pytest

import zoo
from tuner.defaults import Range, Space
from tuner.oracles import Search, grid_values
from tuner.trials import Trial

SPACE = Space((4, 8, 16), (1e-4, 1e-2), {"width": (0.5, 1.0)})
DEFAULTS = {"width": 1.0}


def score(trial: Trial) -> float:
    """A landscape with its top at batch size 8 and rate 2e-3, higher with more epochs."""
    return 1 - abs(trial.values["batch_size"] - 8) / 20 - abs(trial.values["learning_rate"] - 2e-3) + trial.epochs / 1e3


def searched(oracle: str, space: Space = SPACE, trials: int | None = 12, seed: int = 1, **rest: Any) -> list[Trial]:
    """Run a search alone, one trial at a time, without training."""
    search, found = Search(oracle, space, trials=trials, epochs=9, seed=seed, defaults=DEFAULTS, **rest), []
    while (trial := search.propose()) is not None:
        found.append(trial)
        search.tell(trial.number, score(trial))
    return found


def test_the_first_trial_is_the_customary_one() -> None:
    first, *rest = searched("random", Space(), trials=6, seed=7)
    assert first == Trial(1, {"batch_size": 16, "learning_rate": 1e-3}, epochs=9)
    assert len(rest) == 5
    for trial in rest:
        assert trial.values["batch_size"] in (1, 2, 4, 8, 16, 32, 64)
        assert 1e-4 <= trial.values["learning_rate"] <= 1e-2


@pytest.mark.parametrize("oracle", ["random", "grid", "hyperband"])
def test_every_oracle_starts_with_the_defaults_and_follows_its_seed(oracle: str) -> None:
    one, same, other = (searched(oracle, seed=seed) for seed in (1, 1, 2))
    assert one[0].values == {"batch_size": 16, "learning_rate": 1e-3, "width": 1.0}
    assert one == same
    assert (one == other) == (oracle == "grid")
    assert [trial.number for trial in one] == list(range(1, 13))


def test_learning_rates_are_spread_on_a_log_scale() -> None:
    found = searched("random", Space(learning_rates=(1e-5, 1e-1)), trials=60, seed=3)
    assert 0.3 < sum(trial.values["learning_rate"] < 1e-3 for trial in found) / len(found) < 0.7


@pytest.mark.parametrize(
    ("space", "first"),
    [
        (Space((64,), (1e-5, 1e-4)), {"batch_size": 64, "learning_rate": 1e-4}),
        (Space((1, 8), (5e-3, 5e-3)), {"batch_size": 8, "learning_rate": 5e-3}),
        (Space((8,), more={"width": (0.25, 0.9)}), {"batch_size": 8, "learning_rate": 1e-3, "width": 0.9}),
        (Space(more={"batch_size": Range(2, 9)}), {"batch_size": 9, "learning_rate": 1e-3}),
    ],
)
def test_a_narrow_space_starts_as_near_as_it_can(space: Space, first: dict[str, Any]) -> None:
    assert searched("random", space, trials=1)[0].values == first


@pytest.mark.parametrize("oracle", ["random", "grid"])
@pytest.mark.parametrize("workers", [1, 3, 100])
def test_random_and_grid_do_not_depend_on_workers_or_order(oracle: str, workers: int) -> None:
    search = Search(oracle, SPACE, trials=20, epochs=9, seed=5, defaults=DEFAULTS)
    chance, running, found = random.Random(workers), [], []
    while True:
        while len(running) < workers and (trial := search.propose()) is not None:
            running.append(trial)
            found.append(trial)
        if not running:
            break
        ended = running.pop(chance.randrange(len(running)))
        search.tell(ended.number, None if chance.random() < 0.3 else chance.random())
    assert found == searched(oracle, trials=20, seed=5)


def test_a_grid_tries_every_combination_once() -> None:
    found = searched("grid", trials=None)
    combinations = [tuple(trial.values.values()) for trial in found]
    assert len(set(combinations)) == len(found) == 3 * 5 * 2
    assert grid_values(Range(1e-4, 1e-2, log=True), 1e-3) == (1e-4, 0.000316228, 1e-3, 0.00316228, 1e-2)
    assert grid_values(Range(1, 4), 2) == (1, 2, 3, 4)


def test_a_small_space_is_searched_through_and_no_longer() -> None:
    found = searched("random", Space((4, 8), (1e-3, 1e-3), {"width": (0.5, 1.0)}), trials=50)
    assert len({tuple(trial.values.values()) for trial in found}) == len(found) == 4


def test_hyperband_goes_on_with_the_best_for_more_epochs() -> None:
    found = {trial.number: trial for trial in searched("hyperband", trials=None)}
    promoted = [trial for trial in found.values() if trial.continues is not None]
    assert {trial.epochs for trial in found.values()} == {1, 3, 9}
    for trial in promoted:
        assert trial.continues is not None
        assert found[trial.continues].values == trial.values
        assert found[trial.continues].epochs < trial.epochs
    search = Search("hyperband", SPACE, trials=None, epochs=9, seed=1, defaults=DEFAULTS)
    before = {trial.number: found[trial.continues].epochs for trial in promoted if trial.continues}
    assert search.total_trials == len(found)
    assert search.total_epochs == sum(trial.epochs - before.get(trial.number, 0) for trial in found.values())


@pytest.fixture(scope="module")
def bayesian() -> list[Trial]:
    """Six trials by chance, then three by the fitted process."""
    return searched("bayesian", trials=9)


def test_bayesian_search_learns_where_the_top_is(bayesian: list[Trial]) -> None:
    assert bayesian[0].values == {"batch_size": 16, "learning_rate": 1e-3, "width": 1.0}
    assert sum(map(score, bayesian[6:])) / 3 > sum(map(score, bayesian[:6])) / 6
    assert len({tuple(trial.values.values()) for trial in bayesian}) == 9


@pytest.mark.parametrize(
    ("oracle", "cut"),
    [*((oracle, cut) for oracle in ("random", "grid", "hyperband") for cut in (0, 1, 7)), ("bayesian", 7)],
)
def test_a_search_brought_back_goes_on_as_if_never_gone(oracle: str, cut: int, bayesian: list[Trial]) -> None:
    whole = bayesian if oracle == "bayesian" else searched(oracle, trials=9)
    search = Search(oracle, SPACE, trials=9, epochs=9, seed=1, defaults=DEFAULTS)
    for trial in whole[:cut]:
        assert search.propose(trial.values) == trial
        search.tell(trial.number, score(trial))
    rest = []
    while (trial := search.propose()) is not None:
        rest.append(trial)
        search.tell(trial.number, score(trial))
    assert whole[:cut] + rest == whole


def test_a_record_that_the_oracle_would_not_propose_is_a_sentence() -> None:
    search = Search("random", SPACE, trials=3, epochs=1, seed=0, defaults=DEFAULTS)
    with pytest.raises(zoo.ZooError, match=r"Trial 1 was recorded with .* Resume with the versions"):
        search.propose({"batch_size": 4, "learning_rate": 1e-3, "width": 1.0})


def test_an_unknown_oracle_is_a_sentence() -> None:
    with pytest.raises(zoo.ZooError, match="Did you mean 'bayesian'"):
        Search("baysian", SPACE, trials=3, epochs=1, seed=0)
