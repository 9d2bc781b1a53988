"""Killed at any moment and resumed: nothing finished is run again, and the winner is the same."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import zoo
from tuner import checkpoints, outcome, runs, search, sweep
from tuner.defaults import Space
from tuner.runs import RunFolder
from tuner.search import SweepResult
from tuner.training import Trainer

ASKED: dict[str, Any] = {
    "limit": 16,
    "epochs": 3,
    "trials": 4,
    "seed": 2,
    "space": Space((8, 16), (1e-3, 1e-2)),
    "overfit": False,
}
TIMES = ("seconds", "images_per_second", "known")


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


def without_times(records: Any) -> list[dict[str, Any]]:
    return [{name: value for name, value in record.items() if name not in TIMES} for record in records]


def approximately(records: Any) -> list[dict[str, Any]]:
    """The histories aside, which threads change in the last digits."""
    return [{**record, "history": len(record["history"])} for record in without_times(records)]


def dying_after(count: int, patch: pytest.MonkeyPatch) -> None:
    """Die at the file operation number `count`: before it, or in its middle where it can be torn."""
    left = [count]

    def mortal(operation: Callable[..., Any], torn: Callable[..., Any] | None = None) -> Callable[..., Any]:
        def run(*arguments: Any, **rest: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                if torn is not None:
                    torn(*arguments)
                raise Killed
            return operation(*arguments, **rest)

        return run

    def torn_line(run: RunFolder, name: str, record: Any) -> None:
        with (run.path / name).open("a") as file:
            file.write(json.dumps(record)[:20])

    def torn_beside(path: Path, content: bytes) -> None:
        path.with_name(f".{path.name}.torn.part").write_bytes(bytes(content)[:20])

    for module in (checkpoints, runs):
        patch.setattr(module, "write_atomically", mortal(module.write_atomically, torn_beside))
    patch.setattr(RunFolder, "append_json_line", mortal(RunFolder.append_json_line, torn_line))
    patch.setattr(RunFolder, "save_model", mortal(RunFolder.save_model))
    patch.setattr(outcome, "write_report", mortal(outcome.write_report))
    patch.setattr(search, "write_trial", mortal(search.write_trial))
    patch.setattr(search.shutil, "rmtree", mortal(shutil.rmtree))


def only_run(root: Path) -> Path | None:
    """Return the run folder below `root`; there may be none, but never a half one."""
    folders = [path for path in root.glob("*/*") if not path.name.startswith(".")]
    assert len(folders) <= 1
    assert all((folder / "run.json").exists() for folder in folders)
    return folders[0] if folders else None


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> SweepResult:
    return sweep("pebble_cls_48", out=tmp_path_factory.mktemp("undisturbed"), **ASKED)


@pytest.mark.parametrize("seed", [0, 1])
def test_dying_at_any_file_operation_changes_nothing(
    seed: int, undisturbed: SweepResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, deaths, epochs = random.Random(seed), 0, []
    judge = Trainer._judge_epoch
    monkeypatch.setattr(Trainer, "_judge_epoch", lambda self, *rest: [epochs.append(1), judge(self, *rest)])
    finished: list[str] = []
    while True:
        folder = only_run(tmp_path)
        arguments = {**ASKED, "out": tmp_path} if folder is None else {"resume": folder}
        with monkeypatch.context() as patch:
            dying_after(chance.randint(1, 9), patch)
            try:
                result = sweep("pebble_cls_48", **arguments)
                break
            except Killed:
                deaths += 1
        folder = only_run(tmp_path)
        if folder is not None and (folder / "trials.jsonl").exists():
            *lines, _ = (folder / "trials.jsonl").read_text().split("\n")
            assert lines[: len(finished)] == finished  # no finished trial is run again
            finished = lines
    assert deaths > 5
    assert sum(epochs) <= 12 + deaths  # each death costs one epoch at most
    assert approximately(result.trials) == approximately(undisturbed.trials)
    assert result.hyperparameters == undisturbed.hyperparameters
    assert RunFolder.open(result.folder).winner()["trial"] == RunFolder.open(undisturbed.folder).winner()["trial"]
    assert {path.name for path in result.folder.iterdir() if not path.name.endswith(".part")} == {
        path.name for path in undisturbed.folder.iterdir()
    }


@pytest.mark.parametrize("keep", [None, 2000], ids=["missing", "torn"])
def test_a_lost_winner_is_trained_again(keep: int | None, undisturbed: SweepResult, tmp_path: Path) -> None:
    folder = shutil.copytree(undisturbed.folder, tmp_path / "run")
    network = folder / "winner.keras"
    whole = network.read_bytes()
    network.unlink() if keep is None else network.write_bytes(whole[:keep])
    with pytest.raises(zoo.ZooError, match=r"winner.keras is (missing|torn).*--resume"):
        RunFolder.open(folder)
    assert approximately(sweep(resume=folder).trials) == approximately(undisturbed.trials)
    assert len(network.read_bytes()) == len(whole)
    RunFolder.open(folder)


def test_a_finished_run_is_not_run_again(undisturbed: SweepResult) -> None:
    (undisturbed.folder / "report.html").unlink()
    again = sweep(resume=undisturbed.folder)
    assert again == undisturbed
    assert (undisturbed.folder / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "dense4_cls_64"}, "begun with model pebble_cls_48, not dense4_cls_64. Leave model out"),
        ({"trials": 5}, "begun with trials 4, not 5"),
        ({"seed": 0}, "begun with seed 2, not 0"),
        ({"oracle": "grid"}, "begun with oracle random, not grid"),
        ({"space": Space((8,))}, "begun with space"),
        ({"loss": lambda targets, outputs: 0.0}, "begun with the loss of its task, not"),
    ],
)
def test_a_contradiction_is_a_sentence(arguments: dict[str, Any], message: str, undisturbed: SweepResult) -> None:
    with pytest.raises(zoo.ZooError, match=message):
        sweep(**{**arguments, "resume": undisturbed.folder})
    assert sweep(resume=undisturbed.folder, trials=4, seed=2, data="synthetic") == undisturbed


def test_a_second_sweep_in_the_same_folder_is_refused(undisturbed: SweepResult) -> None:
    run = RunFolder.begun(undisturbed.folder)
    command = [sys.executable, "-m", "zoo", "sweep", "--resume", str(run.path)]
    with run.locked():
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    sentence = done.stderr.strip().splitlines()[-1]
    assert sentence.startswith(f"zoo: Another sweep (process {os.getpid()} on ")
    assert sentence.endswith("Wait for its end, or start a new one without --resume.")


def test_what_is_no_run_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(zoo.ZooError, match="There is no run folder"):
        sweep(resume=tmp_path / "nowhere")
    with pytest.raises(zoo.ZooError, match=r"holds no run\.json"):
        sweep(resume=tmp_path)


KILLS = 20
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
SLOW = ("pebble_cls_48", "--limit", "64", "--trials", "6", "--epochs", "4", "--seed", "2", "--batch-size", "4,8,16")


def start(root: Path, oracle: str, log: Path) -> subprocess.Popen[bytes]:
    folder = only_run(root)
    words = ["--resume", str(folder)] if folder else [*SLOW, "--oracle", oracle, "--out", str(root)]
    command = [sys.executable, "-m", "zoo", "sweep", *words]
    with log.open("wb") as file:
        return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env={**os.environ, **ONE_THREAD})


def has_begun(log: Path) -> bool:
    return b", run /" in log.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("oracle", ["random", "bayesian", "hyperband"])
def test_killed_at_random_moments(oracle: str, tmp_path: Path) -> None:
    """With SIGKILL, twenty times, in a process of its own; the weights of the winner are the same bit for bit."""
    log, chance, kills = tmp_path / "log", random.Random(oracle), 0
    assert start(tmp_path / "whole", oracle, log).wait(600) == 0, log.read_text()
    whole = only_run(tmp_path / "whole")
    attempt = 0
    while kills < KILLS:
        attempt += 1
        root = tmp_path / f"killed{attempt}"
        while kills < KILLS:
            process = start(root, oracle, log)
            early = chance.random() < 0.2  # in its start, where it reads and prepares
            deadline = time.monotonic() + (chance.uniform(0, 8) if early else 300)
            while not has_begun(log) and time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.01)
            time.sleep(0 if early else chance.uniform(0, 1.2))
            if process.poll() is not None:
                break
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
        else:
            process = start(root, oracle, log)
        assert process.wait(600) == 0, log.read_text()
        folder = only_run(root)
        assert whole is not None
        assert folder is not None
        one, other = (
            [json.loads(line) for line in (run / "trials.jsonl").read_text().splitlines()] for run in (whole, folder)
        )
        assert without_times(one) == without_times(other)
        assert (whole / "winner.keras").exists()
        assert winner_weights(whole) == winner_weights(folder)


def winner_weights(run: Path) -> bytes:
    import keras

    return b"".join(weight.tobytes() for weight in keras.models.load_model(run / "winner.keras").get_weights())
