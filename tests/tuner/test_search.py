"""The sweep: its first trial, its records, its reproducibility, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import zoo
from tuner import search, sweep
from tuner.defaults import Space
from tuner.runs import RunFolder
from tuner.training import Fit, Recipe, Trainer, TrialFailed

QUICK: dict[str, Any] = {"limit": 16, "epochs": 1, "trials": 3, "space": Space((4, 8), (1e-4, 1e-2))}


def proposals(space: Space, trials: int, seed: int, tmp_path: Path) -> list[dict[str, Any]]:
    """Ask the oracle alone, without training."""
    import keras_tuner

    oracle = search._FirstThenRandom(
        objective=keras_tuner.Objective("score", "max"),
        max_trials=trials,
        seed=seed,
        hyperparameters=search.hyperparameters(space),
    )
    oracle.verbose = 0
    oracle._set_project_dir(str(tmp_path), f"oracle{seed}")
    values = []
    while (trial := oracle.create_trial("test")).status == "RUNNING":
        values.append(dict(trial.hyperparameters.values))
        oracle.update_trial(trial.trial_id, {"score": 0.5})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    return values


def test_the_first_trial_is_the_customary_one(tmp_path: Path) -> None:
    first, *rest = proposals(Space(), 6, 7, tmp_path)
    assert first == {"batch_size": 16, "learning_rate": 1e-3}
    assert len(rest) == 5
    for values in rest:
        assert values["batch_size"] in (1, 2, 4, 8, 16, 32, 64)
        assert 1e-4 <= values["learning_rate"] <= 1e-2


def test_a_seed_decides_the_trials(tmp_path: Path) -> None:
    one, same, other = (proposals(Space(), 5, seed, tmp_path / name) for name, seed in [("a", 1), ("b", 1), ("c", 2)])
    assert one == same != other


def test_learning_rates_are_spread_on_a_log_scale(tmp_path: Path) -> None:
    rates = [values["learning_rate"] for values in proposals(Space(learning_rates=(1e-5, 1e-1)), 60, 3, tmp_path)]
    assert 0.3 < sum(rate < 1e-3 for rate in rates) / len(rates) < 0.7


@pytest.mark.parametrize(
    ("space", "first"),
    [
        (Space((64,), (1e-5, 1e-4)), {"batch_size": 64, "learning_rate": 1e-4}),
        (Space((1, 8), (5e-3, 5e-3)), {"batch_size": 8, "learning_rate": 5e-3}),
    ],
)
def test_a_narrow_space_starts_as_near_as_it_can(space: Space, first: dict[str, Any], tmp_path: Path) -> None:
    assert proposals(space, 1, 1, tmp_path) == [first]


@pytest.mark.parametrize("wrong", [((), (1e-4, 1e-2)), ((0,), (1e-4, 1e-2)), ((8,), (1e-2, 1e-4)), ((8,), (0.0, 1.0))])
def test_an_empty_or_backward_space_is_refused(wrong: tuple[Any, Any]) -> None:
    with pytest.raises(zoo.ZooError, match="For example"):
        Space(*wrong)


def test_a_run_folder_holds_what_the_next_step_needs(run_folder: Path) -> None:
    run = RunFolder.open(run_folder)
    record, winner = run.read_json("run.json"), run.read_json("winner.json")
    trials = [json.loads(line) for line in (run_folder / "trials.jsonl").read_text().splitlines()]
    assert record["model"] == "yunet_n_160"
    assert record["data"]["train_pictures"] == 32
    assert len(record["data"]["sha256"]) == 64
    assert set(record["versions"]) >= {"python", "keras", "tensorflow", "keras-tuner"}
    assert [trial["trial"] for trial in trials] == [1, 2]
    assert (trials[0]["batch_size"], trials[0]["learning_rate"]) == (16, 1e-3)
    assert winner["score"] == max(trial["score"] for trial in trials)
    assert len(trials[0]["history"]) == trials[0]["epochs"]
    report = (run_folder / "report.html").read_text()
    assert "<svg" in report
    assert "http" not in report.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    ).replace("https://matplotlib.org", "")
    assert list((run_folder / "tensorboard").rglob("events.out.tfevents.*"))


def test_a_failed_trial_is_recorded_and_the_sweep_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = Trainer.fit

    def fail_first(self: Trainer, recipe: Recipe, *data: Any, **rest: Any) -> Fit:
        if recipe.learning_rate == 1e-3:
            raise TrialFailed("the loss was nan after epoch 1")
        return train(self, recipe, *data, **rest)

    monkeypatch.setattr(Trainer, "fit", fail_first)
    result = sweep("dense4_cls_64", out=tmp_path, **QUICK)
    assert [trial["status"] for trial in result.trials] == ["failed", "completed", "completed"]
    assert result.trials[0]["failure"] == "the loss was nan after epoch 1"
    assert "failed: the loss was nan" in (result.folder / "report.html").read_text()


def test_a_sweep_whose_trials_all_fail_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Trainer, *arguments: Any, **rest: Any) -> Fit:
        raise TrialFailed("the loss was nan after epoch 1")

    monkeypatch.setattr(Trainer, "fit", fail)
    with pytest.raises(
        zoo.ZooError, match=r"All 3 trials .* the loss was nan after epoch 1\. Lower the learning rates"
    ):
        sweep("dense4_cls_64", out=tmp_path, **QUICK)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trials": 0}, "at least 1 trial"),
        ({"options": {"num_classes": 9}}, "Leave it out, and it follows the data"),
        ({"options": {"width": 9.0}}, "its budget is"),
        ({"data": "no/such/folder"}, "no/such/folder"),
    ],
)
def test_a_wrong_request_leaves_no_run_folder(arguments: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(zoo.ZooError, match=message):
        sweep("dense4_cls_64", out=tmp_path, **{**QUICK, **arguments})
    assert list(tmp_path.iterdir()) == []


def test_two_runs_started_at_once_get_two_folders(tmp_path: Path) -> None:
    folders = {RunFolder.create(tmp_path, "model").path for _ in range(3)}
    assert len(folders) == 3


def test_an_unfinished_run_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(zoo.ZooError, match=r"winner\.json, winner\.keras is missing"):
        RunFolder.open(tmp_path)
    with pytest.raises(zoo.ZooError, match="There is no run folder"):
        RunFolder.open(tmp_path / "nowhere")
