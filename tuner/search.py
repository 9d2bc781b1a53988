"""The sweep: an oracle proposes hyperparameters, an executor trains with them, the best network becomes the winner.

keras-tuner's oracles decide (`tuner.oracles`); trials are pure functions (`tuner.trials`) and run in this process or on
a cluster (`tuner.executors`). Everything a later step needs is a file in the run folder (`tuner.runs`), and the driver
here holds nothing that those files do not: it can be killed at any moment and resumed.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zoo
from tuner.checkpoints import CHECKPOINT_FILE, epochs_done
from tuner.defaults import Range, Space
from tuner.events import write_space, write_trial
from tuner.executors import Executor, InProcess, Record, check_executor
from tuner.learners import CustomLoss, metric_of
from tuner.oracles import Search
from tuner.outcome import SweepResult, best_of, finish, number_of, run_record
from tuner.overfit import Overfit, overfit
from tuner.progress import SweepProgress, tell_data, tell_skipped
from tuner.recipe_files import with_recipe
from tuner.requests import Request, check_kinds, check_objective
from tuner.runs import RunFolder, versions
from tuner.trials import Bench, Trial
from zoo._errors import BadData, ZooError
from zoo._files import check_writable


def sweep(
    model: str | None = None,
    *,
    data: str | Path | None = None,
    extra_data: Sequence[str | Path] | None = None,
    rename: Mapping[str, str] | None = None,
    format: str | None = None,
    strict: bool | None = None,
    trials: int | None = None,
    epochs: int | None = None,
    limit: int | None = None,
    seed: int | None = None,
    oracle: str | None = None,
    objective: str | None = None,
    space: Space | None = None,
    options: Mapping[str, Any] | None = None,
    loss: CustomLoss | None = None,
    augmentation: str | Mapping[str, Any] | None = None,
    finish_epochs: int | None = None,
    weights: Path | str | None = None,
    embedding_loss: str | None = None,
    teacher: str | None = None,
    recipe: Path | str | None = None,
    overfit: bool = True,
    out: Path | str = "runs",
    resume: Path | str | None = None,
    executor: Executor | None = None,
) -> SweepResult:
    """Search hyperparameters for a registered model and keep the best network.

    Arguments left out take the values of `tuner.defaults`, of generated data and of seed 0. `limit` keeps that many
    training pictures, and a quarter as many to choose by. `extra_data` are further data sets with the same labels:
    their training pictures are added, and nothing is measured on them; `rename` maps labels of theirs to those of the
    data that mean the same. `format` is that of a data folder that holds more than one; with `strict`, whatever would
    be left out of the data is an error. `augmentation` says how training pictures are changed, by a name of
    `tuner.augment.AUGMENTATIONS` or by its settings. `loss(targets, outputs)` -> scalar takes the place of the task's
    loss; both arguments map names to tensors. `overfit` begins with the pre-flight of `tuner.overfit`. After the
    search, `finish_epochs` trains once more, and longer, with the winner's hyperparameters. `weights`, a run, a
    `.keras` file or a published model, is where every trial starts instead of random weights. `embedding_loss` is one
    of `tuner.learners.EMBEDDING_LOSSES`; "distill" needs a `teacher`, an `.npz` with the arrays `files` and `emb`.

    `recipe` is a file with any of these arguments (`tuner.recipe_files`), or the name of one that is shipped; an
    argument given here comes before that of the recipe, of `space`, `options` and `rename` name by name.

    `resume` names the folder of a run to go on with: what it was asked for holds, and other arguments may be left out
    but not differ. Finished trials are not run again; one that was interrupted goes on after its last epoch.

    The same seed gives the same trials: with the oracles random and grid in whatever order and on however many workers
    they run, with bayesian and hyperband on one worker. Of equal scores the first trial's wins. Progress goes to
    stderr. Raises ZooError for a mistake in the request (unknown model, option, dimension, oracle or objective,
    unusable data or loss, over budget) and a failed pre-flight before any trial, and when every trial failed.
    """
    given = {
        "model": model,
        "data": data,
        "extra_data": extra_data,
        "rename": rename,
        "trials": trials,
        "epochs": epochs,
        "limit": limit,
        "seed": seed,
        "oracle": oracle,
        "objective": objective,
        "space": space,
        "options": options,
        "format": format,
        "strict": strict,
        "augmentation": augmentation,
        "finish_epochs": finish_epochs,
        "weights": weights,
        "embedding_loss": embedding_loss,
        "teacher": teacher,
    }
    check_kinds({**given, "recipe": recipe, "out": out, "resume": resume})
    if recipe is not None:
        if model is None:
            raise ZooError("A run is resumed with the recipe it was begun with. Leave the recipe out.")
        given = with_recipe(given, recipe, model)
    executor = executor or InProcess()
    check_executor(executor)
    if resume is not None:
        return _resume(RunFolder.begun(Path(resume)), given, loss, executor)
    if model is None:
        raise ZooError("Name the model to sweep, or a run to resume. 'zoo list' shows all models.")
    request = Request.of(loss, **given)
    request.check(loss)
    check_objective(request.objective, metric_of(zoo.get(model)))
    check_writable(Path(out))
    search = _search(request, loss)
    with _connected(executor):
        bench = Bench(request.job(loss))
        _tell(bench)
        _tell_space(request, search, len(bench.train))
        flight = _preflight(bench) if overfit else None
        run = RunFolder.create(Path(out), model, run_record(request, bench, search, flight))
        with run.locked():
            return _drive(run, request, bench, search, executor)


@contextmanager
def _connected(executor: Executor) -> Iterator[None]:
    """Reach where trials run before anything is read, and let go of it in the end."""
    try:
        executor.connect()
        yield
    finally:
        executor.close()


def _resume(run: RunFolder, given: Mapping[str, Any], loss: CustomLoss | None, executor: Executor) -> SweepResult:
    with run.locked():
        record = run.read_json("run.json", ("request", "data", "untrained"))
        request = Request.from_record(record["request"])
        request.check_same(Request.of(loss, **{**given, "model": given["model"] or request.model}), given, run.path)
        loss_name = Request.of(loss, model=request.model).loss
        if loss_name != request.loss:
            raise ZooError(
                f"{run.path} was begun with {f'the loss {request.loss}' if request.loss else 'the loss of its task'}, "
                f"not {loss_name or 'the loss of its task'}. Resume it from Python with loss= as at first."
            )
        if run.is_complete:
            return finish(run, sorted(run.read_json_lines("trials.jsonl"), key=number_of))
        changed = {name: now for name, now in versions().items() if record["versions"].get(name) != now}
        if changed:
            told = ", ".join(f"{name} {record['versions'].get(name)} is now {now}" for name, now in changed.items())
            print(f"versions have changed since this run began: {told}", file=sys.stderr)
        with _connected(executor):
            bench = Bench(request.job(loss, record["data"]["sha256"]))
            _tell(bench)
            return _drive(run, request, bench, _search(request, loss), executor)


def _search(request: Request, loss: CustomLoss | None) -> Search:
    return Search(
        request.oracle,
        request.space,
        trials=request.trials,
        epochs=request.epochs,
        seed=request.seed,
        defaults=request.defaults(loss),
    )


def _tell(bench: Bench) -> None:
    tell_data(bench.dataset, {"train": len(bench.train), "val": len(bench.val)})
    tell_skipped([*bench.dataset.skipped, *bench.train.skipped, *bench.val.skipped])


def _tell_space(request: Request, search: Search, pictures: int) -> None:
    """Say on stderr where the space is smaller than what was asked for, or wider than the data."""
    if request.trials is not None and search.total_trials < request.trials:
        print(f"the space has {search.total_trials} trials, not {request.trials}: no more are there", file=sys.stderr)
    sizes = request.space.dimensions["batch_size"]
    largest = sizes.high if isinstance(sizes, Range) else max(sizes)
    if largest > pictures:
        print(f"batch sizes above {pictures:,} take all {pictures:,} training pictures at once", file=sys.stderr)


def _preflight(bench: Bench) -> Overfit:
    flight = overfit(bench, quick=True)
    if not flight.passed:
        raise BadData(
            f"'{bench.spec.name}' does not learn {flight.pictures} of the pictures by heart, so a sweep would be in "
            f"vain. {flight.reason} 'zoo overfit {bench.spec.name} --data {bench.job.data}' draws the curve; "
            f"--no-overfit sweeps all the same."
        )
    return flight


def _drive(run: RunFolder, request: Request, bench: Bench, search: Search, executor: Executor) -> SweepResult:
    """Run the trials that are left, then write down the winner."""
    finished = {record["trial"]: record for record in run.read_json_lines("trials.jsonl")}
    proposed = {line["trial"]: line for line in [*finished.values(), *run.read_json_lines("proposals.jsonl")]}
    waiting = _bring_back(search, finished, {n: line for n, line in proposed.items() if "finishes" not in line})
    metric = bench.learner.metric
    needs_all = request.oracle == "hyperband"  # a later trial may take over an earlier one
    write_space(run.path / "tensorboard", request.space, metric)
    print(
        f"seed {request.seed}, {search.total_trials} trials by {request.oracle} search, run {run.path}", file=sys.stderr
    )

    def propose() -> Trial | None:
        trial = search.propose()
        if trial is None and request.finish_epochs and not running:
            trial = _finishing(request, finished.values())
        if trial is not None and trial.number not in finished:
            line = {"trial": trial.number, "hyperparameters": dict(trial.values), "known": len(finished)}
            if trial.finishes is not None:
                line["finishes"] = trial.finishes
            run.append_json_line("proposals.jsonl", line, sync=False)
            proposed[trial.number] = line
        return trial

    total_epochs = search.total_epochs + request.finish_epochs
    with SweepProgress(bench.spec.name, metric, total_epochs, len(bench.train)) as progress:
        for record in sorted(finished.values(), key=number_of):
            progress.show(record)
        progress.begin()
        best = best_of(finished.values())
        _drop_checkpoints(
            run, (number for number in finished if not needs_all and (not best or number != best["trial"]))
        )
        running: dict[int, Trial] = {}
        executor.start(bench, run.trials, progress.advance)
        with _telling_how_to_go_on(run):
            while True:
                while len(running) < executor.capacity and (trial := waiting.pop(0) if waiting else propose()):
                    progress.take_up(_epochs_behind(run, trial, finished))
                    executor.submit(trial)
                    running[trial.number] = trial
                if not running:
                    break
                for told in executor.wait():
                    number = told["trial"]
                    del running[number]
                    finished[number] = record = {**told, "known": proposed[number]["known"]}
                    run.append_json_line("trials.jsonl", record)
                    if "finishes" not in record:
                        search.tell(number, record.get("score"))
                    write_trial(run.path / "tensorboard" / f"{number}", record, metric)
                    progress.show(record)
                    before, best = best, best_of([record, *([best] if best else [])])
                    if not needs_all:
                        _drop_checkpoints(
                            run, {number, *([before["trial"]] if before else [])} - {best and best["trial"]}
                        )
    return finish(run, sorted(finished.values(), key=number_of), bench)


@contextmanager
def _telling_how_to_go_on(run: RunFolder) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        print(f"\nto go on where this stopped: zoo sweep --resume {run.path}", file=sys.stderr)
        raise


def _epochs_behind(run: RunFolder, trial: Trial, finished: Mapping[int, Record]) -> int:
    """Return how many epochs of its own an interrupted trial has done."""
    done = epochs_done(run.trials / f"{trial.number}" / CHECKPOINT_FILE)
    taken_over = finished.get(trial.continues or 0)
    return max(0, done - (taken_over["max_epochs"] if taken_over else 0))


def _finishing(request: Request, finished: Iterable[Record]) -> Trial | None:
    """Return the training that follows the search, None where it was done or no trial succeeded."""
    records = list(finished)
    best = best_of(records)
    if best is None or any("finishes" in record for record in records):
        return None
    number = max(map(number_of, records)) + 1
    return Trial(number, best["hyperparameters"], request.finish_epochs, finishes=best["trial"])


def _bring_back(search: Search, finished: Mapping[int, Record], proposed: Mapping[int, Record]) -> list[Trial]:
    """Ask and tell the oracle all that it was asked and told before; return the trials that did not finish.

    A line says how many results, in the order of `finished`, the oracle knew when it proposed that trial. A line that a
    power cut took is asked for anew.
    """
    results = [record for record in finished.values() if "finishes" not in record]
    unfinished = []
    told = 0
    for number in range(1, max(proposed, default=0) + 1):
        line = proposed.get(number)
        for record in results[told : line["known"] if line else told]:
            search.tell(record["trial"], record.get("score"))
            told += 1
        trial = search.propose(line and line["hyperparameters"])
        if trial is None:
            raise ZooError(
                f"The oracle has no trial {number} to propose, but one is recorded. Resume with the versions that "
                f"run.json names, or start a new sweep."
            )
        if number not in finished:
            unfinished.append(trial)
    for record in results[told:]:
        search.tell(record["trial"], record.get("score"))
    return unfinished


def _drop_checkpoints(run: RunFolder, numbers: Iterable[int]) -> None:
    for number in numbers:
        shutil.rmtree(run.trials / f"{number}", ignore_errors=True)
