"""The sweep: its first trial, its records, its reproducibility, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from simulated import Simulated

import zoo
from tuner import search, sweep
from tuner.defaults import Space
from tuner.events import EVENTS_FILE
from tuner.recipe import Fit, Recipe, TrialFailed
from tuner.runs import RunFolder
from tuner.training import Trainer

QUICK: dict[str, Any] = {
    "limit": 16,
    "epochs": 1,
    "trials": 3,
    "space": Space((4, 8), (1e-4, 1e-2)),
    "overfit": False,
}


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
    assert record["overfit"]["passed"]
    assert {path.stem for path in (run_folder / "report").glob("*.png")} == {
        "search",
        "loss",
        "speed",
        "best",
        "overfit",
    }
    assert not (run_folder / "trials").exists()  # checkpoints are dropped when nobody needs them any longer


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
    report = (result.folder / "report.html").read_text()
    assert "failed: the loss was nan" in report
    assert "Trial 1, batch size 8, learning rate 0.001: the loss was nan after epoch 1" in report
    rows = result.table()
    assert [row["failure"] for row in rows] == ["the loss was nan after epoch 1", None, None]
    assert all(list(row) == list(rows[0]) for row in rows)


def test_a_batch_too_large_for_memory_is_a_failed_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class ResourceExhaustedError(Exception):
        """As TensorFlow's, which only a machine without memory raises."""

    fit = Trainer._train

    def fit_in_little_memory(self: Trainer, recipe: Recipe, *rest: Any) -> None:
        if recipe.batch_size == 8:
            raise ResourceExhaustedError("OOM when allocating tensor")
        fit(self, recipe, *rest)

    monkeypatch.setattr(Trainer, "_train", fit_in_little_memory)
    result = sweep("pebble_cls_48", out=tmp_path, **{**QUICK, "trials": 2, "space": Space((4, 8), (1e-3, 1e-3))})
    assert [trial.get("failure") for trial in result.trials] == ["memory ran out at batch size 8", None]
    assert result.batch_size == 4


def test_a_searched_option_builds_another_network_and_is_told_to_later_steps(tmp_path: Path) -> None:
    space = Space((8,), (1e-3, 1e-3), {"width": (0.5, 1.0), "activation": ("relu", "relu6")})
    result = sweep("pebble_cls_48", out=tmp_path, **{**QUICK, "space": space, "oracle": "grid", "trials": None})
    assert [(row["width"], row["activation"]) for row in result.table()] == [
        (1.0, "relu"),
        (1.0, "relu6"),
        (0.5, "relu"),
        (0.5, "relu6"),
    ]
    winner = RunFolder.open(result.folder).winner()
    assert winner["options"] == {"num_classes": 6, **{name: winner["hyperparameters"][name] for name in space.more}}
    logs = sorted(path.parent.name for path in (result.folder / "tensorboard").rglob(EVENTS_FILE))
    assert logs == ["1", "2", "3", "4", "tensorboard"]


def test_hyperband_trains_on_where_it_stopped(tmp_path: Path) -> None:
    arguments = {**QUICK, "trials": None, "epochs": 3, "oracle": "hyperband"}
    result = sweep("pebble_cls_48", out=tmp_path, **arguments)
    of_number = {trial["trial"]: trial for trial in result.trials}
    promoted = [trial for trial in result.trials if "continues" in trial]
    assert promoted
    for trial in promoted:
        before = of_number[trial["continues"]]
        assert trial["history"][: before["epochs"]] == before["history"]
        assert trial["epochs"] == 3


def test_tensorboard_reads_the_logs(run_folder: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trial = json.loads((run_folder / "trials.jsonl").read_text().splitlines()[0])
    log = EventAccumulator(str(run_folder / "tensorboard" / "1")).Reload()
    assert log.Tags()["scalars"] == ["loss", "ap50", "learning_rate"]
    assert [event.value for event in log.Scalars("loss")] == pytest.approx([row["loss"] for row in trial["history"]])
    assert "_hparams_/session_start_info" in log.summary_metadata


def test_a_sweep_whose_trials_all_fail_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Trainer, *arguments: Any, **rest: Any) -> Fit:
        raise TrialFailed("the loss was nan after epoch 1")

    monkeypatch.setattr(Trainer, "fit", fail)
    with pytest.raises(
        zoo.ZooError,
        match=r"All 3 trials .* the loss was nan after epoch 1\. Lower the learning rates.*report\.html tells of each",
    ):
        sweep("dense4_cls_64", out=tmp_path, **QUICK)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trials": 0}, "at least 1 trial"),
        ({"oracle": "rando"}, "Did you mean 'random'"),
        ({"objective": "top2"}, "Unknown objective 'top2'. Did you mean 'top1'"),
        ({"objective": "top1:min"}, "is better when higher, got 'top1:min'"),
        ({"space": Space(more={"widht": (1.0,)})}, "Did you mean 'width'"),
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
    folders = {RunFolder.create(tmp_path, "model", {"seed": 1}).path for _ in range(3)}
    assert len(folders) == 3
    assert all(json.loads((folder / "run.json").read_text()) == {"seed": 1} for folder in folders)
    assert len(list((tmp_path / "model").iterdir())) == 3  # nothing else is left


def test_an_unfinished_run_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(zoo.ZooError, match=r"holds no run\.json"):
        RunFolder.open(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(zoo.ZooError, match=r"winner\.json, winner\.keras is missing"):
        RunFolder.open(tmp_path)
    with pytest.raises(zoo.ZooError, match="There is no run folder"):
        RunFolder.open(tmp_path / "nowhere")


@pytest.mark.parametrize("oracle", ["random", "grid"])
def test_workers_and_their_order_change_neither_trials_nor_winner(oracle: str, tmp_path: Path) -> None:
    results = [
        sweep(
            "pebble_cls_48",
            out=tmp_path / f"{workers}",
            executor=Simulated(workers, seed=workers),
            **{**QUICK, "oracle": oracle, "trials": 60, "space": Space(batch_sizes=(8, 16, 64))},
        )
        for workers in (1, 7, 100)
    ]
    one, *others = [[{**trial, "known": 0} for trial in result.trials] for result in results]
    assert len(one) == {"random": 60, "grid": 15}[oracle]
    assert any(trial["status"] == "failed" for trial in one)
    assert all(other == one for other in others)
    assert len({(result.score, result.learning_rate) for result in results}) == 1
    known = [json.loads(line)["known"] for line in (results[1].folder / "proposals.jsonl").read_text().splitlines()]
    assert known[:8] == [0] * 7 + [known[7]]
    assert known == sorted(known)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"executor": "local"}, r"An executor runs trials, such as tuner.cluster.OnRay\('local'\); got 'local'"),
        ({"space": {"batch_size": [8]}}, "space is a tuner.defaults.Space, got"),
        ({"trials": "3"}, "trials is a whole number, got '3'"),
        ({"epochs": True}, "epochs is a whole number, got True"),
        ({"data": 5}, "data is a path, got 5"),
        ({"extra_data": "folder"}, "extra_data is a list of paths"),
        ({"objective": "foo"}, "Unknown objective 'foo'"),
    ],
)
def test_an_argument_of_another_kind_is_a_sentence(
    arguments: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "Bench", None)  # nothing is opened for it
    with pytest.raises(zoo.ZooError, match=message):
        sweep("pebble_cls_48", **{"out": tmp_path / "runs", **arguments})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "space", [{"batch_sizes": 8}, {"batch_sizes": ("a",)}, {"learning_rates": (1e-3,)}, {"learning_rates": 1e-3}]
)
def test_a_space_of_another_kind_is_a_sentence(space: dict[str, Any]) -> None:
    with pytest.raises(zoo.ZooError, match="For example"):
        Space(**space)
