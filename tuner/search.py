"""The sweep: keras-tuner proposes batch size and learning rate, each trial trains, the best one becomes the winner.

keras-tuner's oracle decides; this module runs its trials on one `Trainer`, because keras-tuner's own tuner rebuilds and
retraces the network in every trial. Everything a later step needs is a file in the run folder (`tuner.runs`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np

import zoo
from tuner.augment import Augmentation, augment, augmentation_named
from tuner.batches import keypoint_names
from tuner.data import Dataset, Decoded, cache_folder, decode, open_dataset
from tuner.data._findings import refuse_faults
from tuner.defaults import DEFAULT_AUGMENTATION, EPOCHS, TRIALS, Space
from tuner.learners import CustomLoss, CustomLossLearner, learner_for
from tuner.progress import Progress, tell_data, tell_skipped
from tuner.report import write_report
from tuner.runs import RunFolder, versions
from tuner.training import Fit, Recipe, Trainer, TrialFailed
from zoo._errors import BadData, ZooError
from zoo._specs import FACE_GATE, FACE_RECOGNITION, OBJECT_DETECTION, OBJECT_RECOGNITION, ImageSpec, ModelSpec

SCORE = "score"
SEED_FOR_ZERO = 10_007
"""keras-tuner takes a seed of 0 for none and draws one by chance."""
VAL_SHARE, MIN_VAL = 4, 64
"""With a limit, one validation picture per four training pictures chooses among trials, but no fewer than 64."""

CHECKED_PICTURES = 4
"""A loss of one's own is tried on so many pictures before it is trained with."""


@dataclass(frozen=True)
class SweepResult:
    """Where the winner lies and how it scored. `trials` are the records of trials.jsonl.

    `untrained` is the score of the network before any training, on the same pictures.
    """

    folder: Path
    metric: str
    score: float
    untrained: float
    batch_size: int
    learning_rate: float
    trials: Sequence[Mapping[str, Any]]


def hyperparameters(space: Space) -> keras_tuner.HyperParameters:
    """Return the space in keras-tuner's terms, the first trial as its defaults."""
    first, (low, high) = space.first_trial(), space.learning_rates
    declared = keras_tuner.HyperParameters()
    declared.Choice("batch_size", list(space.batch_sizes), ordered=True, default=first["batch_size"])
    if low < high:
        declared.Float("learning_rate", low, high, sampling="log", default=first["learning_rate"])
    else:
        declared.Fixed("learning_rate", low)
    return declared


class _FirstThenRandom(keras_tuner.oracles.RandomSearchOracle):
    """Random search whose first trial is the space's defaults."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        proposal = super().populate_space(trial_id)
        if not self.trials and proposal["values"] is not None:
            defaults = {parameter.name: parameter.default for parameter in self.hyperparameters.space}
            proposal["values"] = defaults
        return proposal


def sweep(
    model: str,
    *,
    data: str = "synthetic",
    format: str | None = None,
    strict: bool = False,
    trials: int = TRIALS,
    epochs: int = EPOCHS,
    limit: int | None = None,
    seed: int = 0,
    space: Space | None = None,
    out: Path | str = "runs",
    options: Mapping[str, Any] | None = None,
    loss: CustomLoss | None = None,
    augmentation: str | Augmentation = DEFAULT_AUGMENTATION,
) -> SweepResult:
    """Search batch size and learning rate for a registered model and keep the best network.

    `format` is that of a data folder that holds more than one; with `strict`, whatever would be left out of the data is
    an error. `limit` keeps that many training pictures, and a quarter as many to choose by. `augmentation` says how
    training pictures are changed, by a name of `tuner.augment.AUGMENTATIONS` or in full. `loss(targets, outputs)` ->
    scalar takes the place of the task's loss; both arguments map names to tensors. Progress goes to stderr. Raises
    ZooError for a mistake in the request (unknown model or option, unusable data or loss, over budget) before any
    training, and when every trial failed.
    """
    if trials < 1 or epochs < 1:
        raise ZooError(f"A sweep needs at least 1 trial and 1 epoch, got {trials} and {epochs}.")
    spec, space, options = zoo.get(model), space or Space(), dict(options or {})
    if isinstance(augmentation, str):
        augmentation = augmentation_named(augmentation)
    base = Recipe(batch_size=1, epochs=epochs, seed=seed, augmentation=augmentation)
    val_limit = None if limit is None else max(limit // VAL_SHARE, MIN_VAL)
    dataset = open_dataset(
        data, task=spec.task, limit=limit, val_limit=val_limit, seed=seed, format=format, strict=strict
    )
    if spec.task in (OBJECT_DETECTION, OBJECT_RECOGNITION, FACE_GATE):
        options.setdefault("num_classes", len(dataset.labels))
        if options["num_classes"] != len(dataset.labels):
            raise BadData(
                f"Option num_classes={options['num_classes']} does not fit the {len(dataset.labels)} labels of "
                f"{data}: {', '.join(dataset.labels)}. Leave it out, and it follows the data."
            )
    learner = learner_for(spec, len(dataset.labels))
    if loss is not None:
        learner = CustomLossLearner(learner, loss)
    trainer = Trainer(spec, learner, options, seed)  # refuses a network over the budget before any picture is read

    train = _decode(dataset, "train", augmentation.kept_at(spec.inputs, dataset.splits["train"]), model)
    val = _decode(dataset, "val", spec.inputs, model)
    if strict:
        refuse_faults([*train.skipped, *val.skipped], data)
    if isinstance(learner, CustomLossLearner):
        first = np.arange(min(CHECKED_PICTURES, len(train)))
        batch = augment(train, first, spec.inputs, augmentation, keypoint_names(spec), np.random.default_rng(seed))
        learner.check(learner.targets(batch, first), trainer.outputs(batch.images))
    tell_data(dataset, {"train": len(train), "val": len(val)})
    tell_skipped([*dataset.skipped, *train.skipped, *val.skipped])
    record = _run_record(spec, space, options, dataset, data, train, val, trials, limit, base)
    if loss is not None:
        record["loss"] = getattr(loss, "__qualname__", type(loss).__name__)
    untrained = learner.score(trainer.outputs(val.images), val)
    run = RunFolder.create(Path(out), model)
    run.write_json("run.json", record)

    oracle = _FirstThenRandom(
        objective=keras_tuner.Objective(SCORE, "max"),
        max_trials=trials,
        max_consecutive_failed_trials=trials + 1,  # a failure is data; only the end of the sweep judges
        seed=seed or SEED_FOR_ZERO,
        hyperparameters=hyperparameters(space),
    )
    oracle.verbose = 0
    oracle._set_project_dir(str(run.path), "oracle")

    best: Fit | None = None
    best_record: dict[str, Any] = {}
    records: list[dict[str, Any]] = []
    with Progress(f"{model}: {trials} trials", total=trials * epochs * len(train), unit="img") as progress:
        while (trial := oracle.create_trial("driver")).status == "RUNNING":
            recipe = replace(base, **trial.hyperparameters.values)
            position = progress.position
            trial_record, fit = _run_trial(trainer, recipe, train, val, run, len(records) + 1, progress)
            progress.update_to(position + epochs * len(train))  # an early stop leaves a gap
            if fit is not None:
                oracle.update_trial(trial.trial_id, {SCORE: fit.best_score}, step=fit.best_epoch)
                if best is None or fit.best_score > best.best_score:
                    best, best_record = fit, trial_record
            trial.status = "COMPLETED" if fit is not None else "FAILED"
            trial.message = trial_record.get("failure")
            oracle.end_trial(trial)
            run.append_json_line("trials.jsonl", trial_record)
            records.append(trial_record)
            progress.note(best=best.best_score if best else float("nan"))
    if best is None:
        raise ZooError(
            f"All {len(records)} trials of '{model}' failed, the last because {records[-1]['failure']}. "
            f"Lower the learning rates, or look at the labels with 'zoo data show'. The run is in {run.path}."
        )
    trainer.load(best.weights)
    run.save_model("winner.keras", trainer.model)
    run.write_json(
        "winner.json",
        {**best_record, "metric": learner.metric, "untrained": untrained, "model": model, "options": options},
    )
    write_report(run, record, records, best_record, learner.metric)
    return SweepResult(
        folder=run.path,
        metric=learner.metric,
        score=best.best_score,
        untrained=untrained,
        batch_size=best_record["batch_size"],
        learning_rate=best_record["learning_rate"],
        trials=records,
    )


def _decode(dataset: Dataset, split: str, inputs: ImageSpec, model: str) -> Decoded:
    with Progress(f"{model}: reading {split} pictures", unit="img") as progress:
        return decode(dataset.splits[split], inputs, progress=progress.update_to, cache=cache_folder())


def _run_trial(
    trainer: Trainer, recipe: Recipe, train: Decoded, val: Decoded, run: RunFolder, number: int, progress: Progress
) -> tuple[dict[str, Any], Fit | None]:
    record: dict[str, Any] = {
        "trial": number,
        "batch_size": recipe.batch_size,
        "learning_rate": recipe.learning_rate,
    }
    started = time.perf_counter()
    try:
        fit = trainer.fit(
            recipe, train, val, log_dir=run.path / "tensorboard" / f"{number}", on_images=progress.advance
        )
    except TrialFailed as failure:
        record |= {"status": "failed", "failure": str(failure), "seconds": round(time.perf_counter() - started, 2)}
        return record, None
    seconds = time.perf_counter() - started
    record |= {
        "status": "completed",
        "score": fit.best_score,
        "best_epoch": fit.best_epoch,
        "epochs": len(fit.history),
        "seconds": round(seconds, 2),
        "images_per_second": round(len(train) * len(fit.history) / seconds, 1),
        "history": fit.history,
    }
    return record, fit


def _run_record(
    spec: ModelSpec,
    space: Space,
    options: Mapping[str, Any],
    dataset: Dataset,
    location: str,
    train: Decoded,
    val: Decoded,
    trials: int,
    limit: int | None,
    base: Recipe,
) -> dict[str, Any]:
    recipe = asdict(base)
    return {
        "model": spec.name,
        "task": spec.task,
        "options": dict(options),
        "space": asdict(space),
        "trials": trials,
        "recipe": {name: value for name, value in recipe.items() if name not in ("batch_size", "learning_rate")},
        "seed": base.seed,
        "data": {
            "location": location,
            "name": dataset.name,
            "format": dataset.format,
            "labels": []
            if spec.task == FACE_RECOGNITION
            else list(dataset.labels),  # identities are nobody else's business
            "sha256": dataset.digest,
            "limit": limit,
            "train_pictures": len(train),
            "val_pictures": len(val),
            "skipped": [*dataset.skipped, *train.skipped, *val.skipped],
        },
        "versions": versions(),
    }
