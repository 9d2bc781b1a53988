"""What a sweep leaves: run.json at its beginning, the winner and the report at its end, and its result for programs."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tuner.checkpoints import CHECKPOINT_FILE, read_checkpoint
from tuner.executors import Record
from tuner.oracles import Search
from tuner.overfit import Overfit
from tuner.report import write_report
from tuner.requests import Request
from tuner.runs import RunFolder, versions
from tuner.trials import Bench, Trial
from zoo._errors import ZooError
from zoo._specs import FACE_RECOGNITION


@dataclass(frozen=True)
class SweepResult:
    """Where the winner lies and how it scored. `trials` are the records of trials.jsonl, in the order of their numbers.

    `untrained` is the score of the network before any training, on the same pictures, `val_pictures` many.
    """

    folder: Path
    metric: str
    score: float
    untrained: float
    val_pictures: int
    batch_size: int
    learning_rate: float
    hyperparameters: Mapping[str, Any]
    trials: Sequence[Record]

    def table(self) -> list[dict[str, Any]]:
        """Return one flat row per trial, all with the same keys; `pandas.DataFrame` takes it as it is."""
        names = list(self.hyperparameters)
        told = ("score", "best_epoch", "epochs", "seconds", "images_per_second", "failure")
        return [
            {
                "trial": record["trial"],
                "status": record["status"],
                **{name: record["hyperparameters"].get(name) for name in names},
                **{name: record.get(name) for name in told},
            }
            for record in self.trials
        ]


def finish(run: RunFolder, records: Sequence[Record], bench: Bench | None = None) -> SweepResult:
    """Write down what is not yet: the winner, then the report; drop the checkpoints."""
    about, best = run.read_json("run.json"), best_of(records)
    metric, untrained = about["metric"], about["untrained"]
    if best is None:
        write_report(run, about, records, None, metric)
        what = f"All {len(records)} trials" if len(records) > 1 else "The only trial"
        raise ZooError(
            f"{what} of '{about['model']}' failed, the last because {records[-1]['failure']}. Lower the learning "
            f"rates, or look at the labels with 'zoo data show'. {run.path / 'report.html'} tells of each."
        )
    if not run.is_complete:
        assert bench is not None
        values, path = best["hyperparameters"], run.trials / f"{best['trial']}" / CHECKPOINT_FILE
        checkpoint = read_checkpoint(path)
        if checkpoint is None:  # lost in a power cut; the same training gives the same weights
            bench.run(Trial(best["trial"], values, best["max_epochs"]), run.trials)
            checkpoint = read_checkpoint(path)
            assert checkpoint is not None
        trainer = bench.trainer(values)
        trainer.load(checkpoint.fit.weights)
        run.save_model("winner.keras", trainer.model)
        options = bench.options_with(values)
        winner = {**best, "metric": metric, "untrained": untrained, "model": about["model"], "options": options}
        run.write_json("winner.json", winner)
    if not (run.path / "report.html").exists():
        write_report(run, about, records, best, metric)
    shutil.rmtree(run.trials, ignore_errors=True)
    return SweepResult(
        folder=run.path,
        metric=metric,
        score=best["score"],
        untrained=untrained,
        val_pictures=about["data"]["val_pictures"],
        batch_size=best["batch_size"],
        learning_rate=best["learning_rate"],
        hyperparameters=best["hyperparameters"],
        trials=records,
    )


def best_of(records: Iterable[Record]) -> Record | None:
    """Return the record with the highest score, of equal ones the first trial's, whatever the order they came in."""
    completed = [record for record in records if record["status"] == "completed"]
    return max(completed, key=lambda record: (record["score"], -record["trial"]), default=None)


def number_of(record: Record) -> int:
    return record["trial"]


def run_record(request: Request, bench: Bench, search: Search, flight: Overfit | None) -> dict[str, Any]:
    """Return run.json: the request, and what it was resolved to."""
    recipe, dataset, spec = asdict(bench.job.recipe), bench.dataset, bench.spec
    bench.trainer({}).reset()
    untrained = bench.learner.score(bench.trainer({}).outputs(bench.val.images), bench.val)
    return {
        "model": spec.name,
        "task": spec.task,
        "metric": bench.learner.metric,
        "untrained": float(untrained),
        "options": dict(bench.options),
        "space": request.space.record(),
        "trials": search.total_trials,
        "recipe": {name: value for name, value in recipe.items() if name not in request.space.dimensions},
        "seed": request.seed,
        **({"loss": request.loss} if request.loss else {}),
        "data": {
            "location": request.data,
            **({"extra": [Path(place).name for place in request.extra_data]} if request.extra_data else {}),
            "name": dataset.name,
            "format": dataset.format,
            # Identities are nobody else's business.
            "labels": [] if spec.task == FACE_RECOGNITION else list(dataset.labels),
            "sha256": dataset.digest,
            "limit": request.limit,
            "train_pictures": len(bench.train),
            "val_pictures": len(bench.val),
            "skipped": [*dataset.skipped, *bench.train.skipped, *bench.val.skipped],
        },
        "versions": versions(),
        "request": request.record(),
        "overfit": flight.record() if flight is not None else None,
    }
