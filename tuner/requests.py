"""What a sweep is asked for, in plain values: written to run.json, and read back to resume it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import zoo
from tuner.augment import as_augmentation
from tuner.data import SYNTHETIC
from tuner.defaults import DEFAULT_AUGMENTATION, EPOCHS, ORACLE, Space
from tuner.learners import DEFAULT_EMBEDDING_LOSS, DISTILL, CustomLoss, check_embedding_loss
from tuner.oracles import ORACLES
from tuner.recipe import Recipe
from tuner.space import check_space, searchable
from tuner.trials import Job
from zoo._errors import ZooError, unknown
from zoo._places import is_url
from zoo._specs import FACE_RECOGNITION
from zoo.catalog import open_catalog, source_of


@dataclass(frozen=True)
class Request:
    """One sweep, as asked. `trials` None leaves the number to the oracle; `objective` None is the task's metric.
    `augmentation` is a name of `tuner.augment.AUGMENTATIONS` or has the settings of one. After the search, the winner's
    hyperparameters are trained with for `finish_epochs`, where these are not 0.

    `extra_data` are further data sets, whose training pictures are added, their labels under the names that `rename`
    gives them. `weights`, a run, a `.keras` file or a published model, is what to start from instead of random weights.
    `embedding_loss` and `teacher`, an `.npz` that may lie in the folder of the data or of extra data, are for face
    recognition. `loss` is the name of a loss of one's own, which a file cannot hold.
    """

    model: str
    data: str = SYNTHETIC
    trials: int | None = None
    epochs: int = EPOCHS
    limit: int | None = None
    seed: int = 0
    oracle: str = ORACLE
    objective: str | None = None
    space: Space = field(default_factory=Space)
    options: Mapping[str, Any] = field(default_factory=dict)
    loss: str | None = None
    format: str | None = None
    strict: bool = False
    augmentation: str | Mapping[str, Any] = DEFAULT_AUGMENTATION
    finish_epochs: int = 0
    weights: str | None = None
    embedding_loss: str = DEFAULT_EMBEDDING_LOSS
    teacher: str | None = None
    extra_data: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, loss: CustomLoss | None, **given: Any) -> Request:
        """Return the request for the arguments given; None means the default."""
        named = {name: value for name, value in given.items() if value is not None}
        if "data" in named:
            named["data"] = _place(named["data"])
        if "extra_data" in named:
            named["extra_data"] = tuple(_place(location) for location in named["extra_data"])
        if "weights" in named:
            named["weights"] = _weights_place(named["weights"])
        if loss is not None:
            named["loss"] = getattr(loss, "__qualname__", type(loss).__name__)
        return cls(**named)

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON; `from_record` reads them."""
        record = {one.name: getattr(self, one.name) for one in fields(self)}
        return {**record, "space": self.space.record(), "options": dict(self.options), "rename": dict(self.rename)}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Request:
        """Return the request that `record` was made from."""
        read = {**record, "space": Space.from_record(record["space"])}
        return cls(**{**read, "extra_data": tuple(record.get("extra_data", ()))})

    def check_same(self, given: Request, names: Mapping[str, Any], folder: Path) -> None:
        """Raise ZooError where an argument in `names` that is not None asks in `given` for other than this request."""
        for name, value in names.items():
            mine, other = getattr(self, name), getattr(given, name)
            if value is not None and mine != other:
                raise ZooError(
                    f"{folder} was begun with {name} {mine}, not {other}. Leave {name} out to resume it, or start a "
                    f"new sweep without --resume."
                )

    def check(self, loss: CustomLoss | None) -> None:
        """Raise ZooError for what cannot be, before any picture is read."""
        if (self.trials is not None and self.trials < 1) or self.epochs < 1:
            raise ZooError(f"A sweep needs at least 1 trial and 1 epoch, got {self.trials} and {self.epochs}.")
        if self.oracle not in ORACLES:
            raise unknown("oracle", self.oracle, ORACLES, f"Oracles are: {', '.join(ORACLES)}.")
        if self.finish_epochs < 0:
            raise ZooError(f"finish_epochs is 0 or more, got {self.finish_epochs}.")
        as_augmentation(self.augmentation)
        spec = zoo.get(self.model)
        check_embedding_loss(self.embedding_loss)
        if (self.embedding_loss == DISTILL) != (self.teacher is not None):
            raise ZooError(
                f"A teacher belongs to the embedding loss {DISTILL}, got {self.embedding_loss} and "
                f"{self.teacher or 'no teacher'}. Give both or neither."
            )
        if self.embedding_loss != DEFAULT_EMBEDDING_LOSS and (spec.task != FACE_RECOGNITION or loss is not None):
            raise ZooError(
                f"The embedding loss is for face recognition with the task's own loss; '{self.model}' is for "
                f"{spec.task}. Leave it out."
            )
        if self.extra_data and spec.task == FACE_RECOGNITION and self.embedding_loss != DISTILL:
            raise ZooError(
                f"Extra data may hold the same people under other names, so face recognition takes them only from a "
                f"teacher, who needs no names. Put all people into one folder, or use the embedding loss {DISTILL}."
            )
        if self.rename and not self.extra_data:
            raise ZooError("rename is for the labels of extra data, of which there are none. Give both, or neither.")
        if not self.extra_data and self.space.dimensions.get("close_extra", (0.0,)) != (0.0,):
            raise ZooError(
                "close_extra ends a training without the extra data, of which there are none. Give both, or neither."
            )
        check_space(self.space, spec, self.options, loss, self.embedding_loss)

    def job(self, loss: CustomLoss | None, digest: str | None = None) -> Job:
        """Return what the trials share. `digest` is that of the data when they were first seen."""
        augmentation = as_augmentation(self.augmentation)
        recipe = Recipe(batch_size=1, epochs=self.epochs, seed=self.seed, augmentation=augmentation)
        return Job(
            self.model,
            self.data,
            self.options,
            recipe,
            self.limit,
            loss,
            digest,
            self.format,
            strict=self.strict,
            weights=self.weights,
            embedding_loss=self.embedding_loss,
            teacher=self.teacher,
            extra_data=self.extra_data,
            rename=self.rename,
        )

    def defaults(self, loss: CustomLoss | None) -> dict[str, Any]:
        """Return the values that the searched dimensions have unless searched."""
        return {**searchable(zoo.get(self.model), loss, self.embedding_loss), **self.options}


_WHOLE, _TEXT, _PLACE = ((int,), "a whole number"), ((str,), "a text"), ((str, Path), "a path")
KINDS: Mapping[str, tuple[tuple[type, ...], str]] = {
    **dict.fromkeys(("trials", "epochs", "limit", "seed", "finish_epochs"), _WHOLE),
    **dict.fromkeys(("model", "oracle", "objective", "format", "embedding_loss", "teacher"), _TEXT),
    **dict.fromkeys(("data", "weights", "recipe", "out", "resume"), _PLACE),
    "extra_data": ((list, tuple), "a list of paths"),
    "space": ((Space,), "a tuner.defaults.Space"),
    "options": ((Mapping,), "a dictionary of the model's options"),
    "rename": ((Mapping,), "a dictionary of labels"),
    "augmentation": ((str, Mapping), "a name or a dictionary of settings"),
    "strict": ((bool,), "True or False"),
}


def check_kinds(given: Mapping[str, Any]) -> None:
    """Raise ZooError for an argument of another type than it can be; None is left to its default."""
    for name, value in given.items():
        kinds, words = KINDS[name]
        if value is not None and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
            raise ZooError(f"{name} is {words}, got {value!r}, which is of type {type(value).__name__}.")


def check_objective(objective: str | None, metric: str) -> None:
    """Raise ZooError unless `objective` is METRIC or METRIC:max with the task's metric."""
    if objective is None:
        return
    name, _, direction = objective.partition(":")
    if name != metric:
        raise unknown("objective", name, [metric], f"This task is scored by '{metric}'; leave the objective out.")
    if direction not in ("", "max"):
        raise ZooError(
            f"The objective {metric} is better when higher, got '{objective}'. Write {metric} or {metric}:max."
        )


def _place(location: str | Path) -> str:
    """Return where the data are, whatever the folder that a resumed sweep is started in."""
    is_name = str(location) == SYNTHETIC or is_url(location)
    return str(location) if is_name else str(Path(location).resolve())


def _weights_place(place: str | Path) -> str:
    """Return where weights to start from are, whatever is published later and the folder that a sweep goes on in.

    A file or folder comes back with its whole path, the name of a published model with its version.
    Raises: ZooError when there is neither.
    """
    path = Path(place)
    if path.exists():
        return str(path.resolve())
    try:
        entry = open_catalog(source_of(str(place))).resolve(str(place))
    except ZooError as error:
        raise ZooError(
            f"There are no weights to start from in {place}: it is no finished run and no .keras file, and no "
            f"published model ({str(error).rstrip('.')}). 'zoo import' makes a run from what a page saved; "
            f"docs/trained-models.md tells how each shipped model was made."
        ) from error
    return f"{entry.name}@{entry.version}"
