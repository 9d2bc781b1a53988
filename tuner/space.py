"""What a model's sweep can search, and reading it from words such as `width=0.5,1` or `box_weight=0.5:8:log`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

import zoo
from tuner.augment import as_augmentation
from tuner.defaults import DEFAULT_AUGMENTATION, SUGGESTED, Range, Space, Values
from tuner.learners import (
    DEFAULT_EMBEDDING_LOSS,
    EMBEDDING_LOSSES,
    CustomLoss,
    CustomLossLearner,
    Learner,
    check_embedding_loss,
    learner_for,
)
from tuner.recipe import Recipe
from tuner.schedule import COSINE
from zoo._errors import ZooError, unknown
from zoo._specs import FACE_RECOGNITION, ModelSpec

NOT_SEARCHED = ("epochs", "seed", "enough", "loss_falls_to")
"""Fields of a recipe that are the sweep's own."""

RECIPE_FIELDS = tuple(one.name for one in fields(Recipe) if one.name not in NOT_SEARCHED)


def searchable(
    spec: ModelSpec, loss: CustomLoss | None = None, embedding_loss: str = DEFAULT_EMBEDDING_LOSS
) -> dict[str, Any]:
    """Return what a sweep of this model can search, each with its value unless searched.

    These are the fields of the recipe, the model's options, and the weights of its task's loss.
    """
    learner: Learner = learner_for(spec, 2)
    if loss is not None:
        learner = CustomLossLearner(learner, loss)
    weights = learner.loss_weights
    if spec.task == FACE_RECOGNITION and loss is None:
        check_embedding_loss(embedding_loss)
        weights = EMBEDDING_LOSSES[embedding_loss]
    recipe = Recipe(batch_size=1)
    options = {name: value for name, value in spec.options.items() if name != "num_classes"}
    fields_of_recipe = {name: getattr(recipe, name) for name in RECIPE_FIELDS}
    return {**fields_of_recipe, "augmentation": DEFAULT_AUGMENTATION, **options, **weights}


def check_space(
    space: Space,
    spec: ModelSpec,
    options: Mapping[str, Any],
    loss: CustomLoss | None = None,
    embedding_loss: str = DEFAULT_EMBEDDING_LOSS,
) -> None:
    """Raise UnknownName for a dimension that the model has not, ZooError for values that it cannot take.

    `options` are those of the model that stay fixed.
    """
    known = searchable(spec, loss, embedding_loss)
    for name, values in space.dimensions.items():
        if name == "num_classes":
            raise ZooError("num_classes follows the data, so it cannot be searched. Leave it out of the space.")
        _check_known(name, known, spec)
        if name in options:
            raise ZooError(f"{name} is both fixed as an option and searched. Drop one of the two.")
        kind = type(known[name])
        listed = (values.low, values.high) if isinstance(values, Range) else values
        for value in listed:
            if isinstance(value, bool) != (kind is bool) or not isinstance(
                value, int | float if kind is float else kind
            ):
                raise ZooError(f"{name} of '{spec.name}' takes {_wanted(kind)}, got {value!r}.")
        if isinstance(values, Range) and kind not in (int, float):
            raise ZooError(f"{name} of '{spec.name}' takes {_wanted(kind)}, so list its values instead of a range.")
        if name == "augmentation":
            for value in listed:
                as_augmentation(value)
        elif name in RECIPE_FIELDS:
            for value in listed:
                replace(Recipe(batch_size=1, schedule=COSINE), **{name: value})  # it knows which values it takes
        if name in spec.options and kind is str:
            for value in listed:
                zoo.build(spec.name, **{**options, name: value})  # only the builder knows which words it takes
    _check_together(space)


def _check_together(space: Space) -> None:
    """Raise ZooError where a trial could draw a schedule and a warm-up that do not belong together."""
    plain = Recipe(batch_size=1)
    warmups = space.dimensions.get("warmup_epochs", (plain.warmup_epochs,))
    longest = warmups.high if isinstance(warmups, Range) else max(warmups)
    schedules = space.dimensions.get("schedule", (plain.schedule,))
    others = [] if isinstance(schedules, Range) else [name for name in schedules if name != COSINE]
    if longest > 0 and others:
        raise ZooError(
            f"warmup_epochs belongs to the schedule {COSINE}, got up to {longest:g} with {others[0]}. Search with the "
            f"schedule {COSINE} alone, or leave warmup_epochs out."
        )


def read_dimensions(
    words: Iterable[str], spec: ModelSpec, embedding_loss: str = DEFAULT_EMBEDDING_LOSS
) -> dict[str, Values]:
    """Read words NAME=a,b,c, NAME=low:high, NAME=low:high:log or, for the suggested values, NAME.

    Raises: UnknownName for a name that the model has not; ZooError for what cannot be read.
    """
    known, found = searchable(spec, embedding_loss=embedding_loss), dict[str, Values]()
    for word in words:
        name, equals, text = word.partition("=")
        _check_known(name, known, spec)
        if not equals:
            if name not in SUGGESTED:
                raise ZooError(f"There are no suggested values for {name}. Write them like {name}=a,b,c.")
            found[name] = SUGGESTED[name]
            continue
        kind = type(known[name])
        low, colon, rest = text.partition(":")
        if colon:
            high, _, scale = rest.partition(":")
            if scale not in ("", "log"):
                raise ZooError(f"Cannot read --space {word}. Write a range like {name}=1:4 or {name}=0.1:10:log.")
            suggested = SUGGESTED.get(name)
            is_log = bool(scale) or name == "learning_rate" or (isinstance(suggested, Range) and suggested.log)
            found[name] = Range(_read(name, low, kind), _read(name, high, kind), log=is_log)
        else:
            found[name] = tuple(_read(name, part, kind) for part in text.split(",") if part)
            if not found[name]:
                raise ZooError(f"There is nothing to choose from in --space {word}. Write it like {name}=a,b,c.")
    return found


def _check_known(name: str, known: Mapping[str, Any], spec: ModelSpec) -> None:
    if name not in known:
        raise unknown("dimension", name, known, f"A sweep of '{spec.name}' can search: {', '.join(known)}.")


def _read(name: str, text: str, kind: type) -> Any:
    try:
        return {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        raise ZooError(f"{name} takes {_wanted(kind)}, got '{text}'. Write --space {name}=a,b,c.") from None


def _wanted(kind: type) -> str:
    return (
        "true or false" if kind is bool else {"int": "whole numbers", "float": "numbers", "str": "words"}[kind.__name__]
    )
