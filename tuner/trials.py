"""One trial, as a function of what it is given: model, options, hyperparameters, data, seed and epochs.

A `Job` is what all trials of a sweep share, in plain values that travel to another machine. A `Bench` opens its data
once per process and keeps networks that are built and traced; only a value that changes the network builds another.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import zoo
from tuner.augment import Augmentation, as_augmentation, augment
from tuner.checkpoints import CHECKPOINT_FILE, read_checkpoint, write_checkpoint
from tuner.data import Dataset, Decoded, cache_folder, decode, open_dataset, with_extra
from tuner.data._annotations import listing
from tuner.data._findings import refuse_faults
from tuner.data.teacher import read_teacher
from tuner.fetch import local_copy
from tuner.learners import DEFAULT_EMBEDDING_LOSS, CustomLoss, CustomLossLearner, Learner, learner_for
from tuner.progress import Progress
from tuner.recipe import Checkpoint, Fit, Recipe, TrialFailed
from tuner.space import RECIPE_FIELDS
from tuner.starting import read_start
from tuner.training import Trainer
from zoo._errors import BadData
from zoo._specs import FACE_GATE, FACE_RECOGNITION, OBJECT_DETECTION, OBJECT_RECOGNITION, ImageSpec

VAL_SHARE, MIN_VAL = 4, 64
"""With a limit, one validation picture per four training pictures chooses among trials, but no fewer than 64."""

CHECKED_PICTURES = 4
"""A loss of one's own is tried on so many pictures before it is trained with."""

MAX_TRAINERS = 8
"""Networks kept built and traced; the one used longest ago makes room."""


@dataclass(frozen=True)
class Job:
    """What all trials of a sweep share. `recipe` holds what is not searched; `digest` is that of the data, if known."""

    model: str
    data: str
    options: Mapping[str, Any]
    recipe: Recipe
    limit: int | None = None
    loss: CustomLoss | None = None
    digest: str | None = None
    format: str | None = None
    strict: bool = False
    weights: str | None = None
    embedding_loss: str = DEFAULT_EMBEDDING_LOSS
    teacher: str | None = None
    extra_data: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """One set of hyperparameters to train with, counted from 1.

    `continues` numbers an earlier trial of the same hyperparameters and fewer epochs, whose training this one takes
    over where its checkpoint is still there. `finishes` numbers the best of all trials, whose hyperparameters this one
    trains with afresh, for as long as was asked for the winner.
    """

    number: int
    values: Mapping[str, Any]
    epochs: int
    continues: int | None = None
    finishes: int | None = None


class Bench:
    """Where the trials of one job are run in this process. Raises ZooError when the job asks for what cannot be."""

    def __init__(self, job: Job) -> None:
        self.job, self.spec = job, zoo.get(job.model)
        self.dataset = self._open()
        options = dict(job.options)
        if self.spec.task in (OBJECT_DETECTION, OBJECT_RECOGNITION, FACE_GATE):
            labels = self.dataset.labels
            if options.setdefault("num_classes", len(labels)) != len(labels):
                raise BadData(
                    f"Option num_classes={options['num_classes']} does not fit the {len(labels)} labels of "
                    f"{job.data}: {', '.join(labels)}. Leave it out, and it follows the data."
                )
        self.options: Mapping[str, Any] = options
        self.learner: Learner = learner_for(
            self.spec,
            len(self.dataset.labels),
            job.embedding_loss,
            None if job.teacher is None else read_teacher(_teacher_file(job)),
        )
        self._start = None if job.weights is None else read_start(job.weights)
        if job.loss is not None:
            self.learner = CustomLossLearner(self.learner, job.loss)
        self._trainers: OrderedDict[tuple[Any, ...], Trainer] = OrderedDict()
        self.trainer({})  # refuses a network over the budget before any picture is read
        samples = self.dataset.splits["train"]
        self.train = self._decode("train", job.recipe.augmentation.kept_at(self.spec.inputs, samples))
        self.val = self._decode("val", self.spec.inputs)
        if job.teacher is not None:
            self.learner.targets(self.train, np.arange(len(self.train)))  # it must have seen all pictures
        if job.strict:
            refuse_faults([*self.train.skipped, *self.val.skipped], job.data)
        if isinstance(self.learner, CustomLossLearner):
            first = np.arange(min(CHECKED_PICTURES, len(self.train)))
            batch = self.plain(first)
            self.learner.check(self.learner.targets(batch, first), self.trainer({}).outputs(batch.images))

    def _open(self) -> Dataset:
        job = self.job
        dataset = self._open_one(job.data, job.format)
        unused = set(job.rename)
        for location in job.extra_data:
            extra = self._open_one(location)
            unused -= set(extra.labels)
            dataset = with_extra(dataset, extra, people=self.spec.task == FACE_RECOGNITION, renamed=job.rename)
        if unused:
            raise BadData(
                f"No extra data have the label {listing(sorted(unused))}, so it cannot be renamed. Write it as they do."
            )
        if job.digest is not None and job.digest != dataset.digest:
            raise BadData(
                f"The pictures or labels of {job.data} are not those that this sweep began with. Bring them back, or "
                f"start a new sweep."
            )
        return dataset

    def _open_one(self, location: str, format: str | None = None) -> Dataset:
        job = self.job
        return open_dataset(
            local_copy(location),
            task=self.spec.task,
            limit=job.limit,
            val_limit=None if job.limit is None else max(job.limit // VAL_SHARE, MIN_VAL),
            seed=job.recipe.seed,
            format=format,
            strict=job.strict,
        )

    def _decode(self, split: str, inputs: ImageSpec) -> Decoded:
        with Progress(f"{self.spec.name}: reading {split} pictures", unit="img") as progress:
            samples = self.dataset.splits[split]
            return decode(samples, inputs, progress=progress.update_to, cache=cache_folder())

    def plain(self, rows: np.ndarray) -> Decoded:
        """Return training pictures unchanged, at the size of the model's input."""
        return augment(self.train, rows, self.spec.inputs, Augmentation(), (), np.random.default_rng())

    def trainer(self, values: Mapping[str, Any]) -> Trainer:
        """Return the built network for these hyperparameters; only model options among them matter."""
        options = self.options_with(values)
        key = tuple(sorted(options.items()))
        if key not in self._trainers:
            if len(self._trainers) >= MAX_TRAINERS:
                self._trainers.popitem(last=False)
            self._trainers[key] = Trainer(self.spec, self.learner, options, self.job.recipe.seed, self._start)
        self._trainers.move_to_end(key)
        return self._trainers[key]

    def options_with(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the model's options when the searched ones among `values` are put in."""
        return {**self.options, **{name: value for name, value in values.items() if name in self.spec.options}}

    def run(
        self,
        trial: Trial,
        folder: Path,
        *,
        on_images: Callable[[int], None] | None = None,
        on_epoch: Callable[[int], None] | None = None,
    ) -> dict[str, Any]:
        """Train one trial and return its record; a trial that failed is recorded with the reason.

        `folder` holds one folder per trial with its checkpoint, from which an interrupted trial goes on.
        `on_epoch(done)` is called when a checkpoint is written.
        """
        values = trial.values
        recipe = replace(
            self.job.recipe,
            epochs=trial.epochs,
            **{name: value for name, value in values.items() if name in RECIPE_FIELDS},
        )
        if "augmentation" in values:
            recipe = replace(recipe, augmentation=as_augmentation(values["augmentation"]))
        weights = {name: value for name, value in values.items() if name in self.learner.loss_weights}
        path = folder / f"{trial.number}" / CHECKPOINT_FILE
        start = read_checkpoint(path)
        if start is None and trial.continues is not None:
            start = read_checkpoint(folder / f"{trial.continues}" / CHECKPOINT_FILE)

        def keep(checkpoint: Checkpoint) -> None:
            write_checkpoint(path, checkpoint)
            if on_epoch is not None:
                on_epoch(len(checkpoint.fit.history))

        try:
            trainer = self.trainer(values)
            fit = trainer.fit(
                recipe,
                self.train,
                self.val,
                loss_weights=weights,
                start=start,
                on_images=on_images,
                on_epoch=keep,
            )
        except (TrialFailed, zoo.BudgetExceeded) as failure:
            return failed(trial, str(failure))
        if start is not None and not path.exists():  # it took over a trial that had already ended
            write_checkpoint(path, start)
        return self._completed(trial, fit)

    def _completed(self, trial: Trial, fit: Fit) -> dict[str, Any]:
        # The first epoch may include tracing.
        seconds = median(fit.epoch_seconds[1:] or fit.epoch_seconds)
        return {
            **_head(trial),
            "status": "completed",
            "score": fit.best_score,
            "best_epoch": fit.best_epoch,
            "epochs": len(fit.history),
            "seconds": round(sum(fit.epoch_seconds), 2),
            "images_per_second": round(len(self.train) / max(seconds, 1e-9), 1),
            "history": fit.history,
        }


def failed(trial: Trial, reason: str) -> dict[str, Any]:
    """Return the record of a trial that could not be completed."""
    return {**_head(trial), "status": "failed", "failure": reason}


def _head(trial: Trial) -> dict[str, Any]:
    head: dict[str, Any] = {"trial": trial.number, "hyperparameters": dict(trial.values), "max_epochs": trial.epochs}
    for name in ("continues", "finishes"):
        if getattr(trial, name) is not None:
            head[name] = getattr(trial, name)
    return {**head, **{name: trial.values[name] for name in ("batch_size", "learning_rate") if name in trial.values}}


def _teacher_file(job: Job) -> Path:
    """Return where the teacher's vectors lie: in the folder of the data or of extra data, else where the name says."""
    assert job.teacher is not None
    beside = [Path(local_copy(location)) / job.teacher for location in (job.data, *job.extra_data)]
    return next((file for file in beside if file.is_file()), Path(job.teacher))
