"""The registry: every architecture said once, found by name.

Importing `zoo` registers nothing; the first look-up imports the architecture files of this package and those that
other distributions announce under the entry point group `zoo.architectures` (each names a module that registers).
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from typing import Any, TypeVar

from zoo._errors import DuplicateName, ZooError, unknown
from zoo._specs import BUDGET_BYTES, Head, ImageSpec, ModelSpec, check_task

ENTRY_POINT_GROUP = "zoo.architectures"

Builder = TypeVar("Builder", bound=Callable[..., Any])
_models: dict[str, ModelSpec] = {}


def register_model(
    *, task: str, inputs: ImageSpec, outputs: Head, paper: str, max_bytes: int = BUDGET_BYTES
) -> Callable[[Builder], Builder]:
    """Register the decorated builder under its own name.

    The builder takes its `ModelSpec` and keyword options, each with a default, and returns an uncompiled Keras model
    whose outputs are the dictionary that `outputs` declares.
    Raises: DuplicateName when the name is taken; ZooError when the declaration contradicts itself.
    """

    def register(builder: Builder) -> Builder:
        name = builder.__name__
        if name in _models:
            raise DuplicateName(
                f"Model '{name}' is registered twice, by {_models[name].module} and by {builder.__module__}. "
                f"Rename one of the two functions."
            )
        parameters = list(inspect.signature(builder).parameters.values())[1:]
        missing = [parameter.name for parameter in parameters if parameter.default is parameter.empty]
        if missing:
            raise ZooError(f"Options of model '{name}' need a default: {', '.join(missing)}.")
        _models[name] = ModelSpec(
            name=name,
            task=task,
            inputs=inputs,
            head=outputs,
            paper=paper,
            builder=builder,
            max_bytes=max_bytes,
            options={parameter.name: parameter.default for parameter in parameters},
        )
        return builder

    return register


@cache
def _load_architectures() -> None:
    import zoo.families

    for module in pkgutil.iter_modules(zoo.families.__path__):
        importlib.import_module(f"zoo.families.{module.name}")
    for entry_point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            entry_point.load()
        except ZooError:
            raise
        except Exception as error:  # whatever a stranger's module does at import, the sentence names the module
            raise ZooError(
                f"The architecture module '{entry_point.value}', announced as '{entry_point.name}', cannot be imported "
                f"({type(error).__name__}: {error}). Mend it, or uninstall its distribution."
            ) from error


def get(name: str) -> ModelSpec:
    """Return the spec of a registered model. Raises UnknownName with the nearest name."""
    _load_architectures()
    if name not in _models:
        raise unknown("model", name, _models, "'zoo list' shows all models.")
    return _models[name]


def list_models(task: str | None = None, max_bytes: int | None = None) -> list[ModelSpec]:
    """Return specs by task, then name.

    `max_bytes` keeps those whose artifact is predicted to fit with uint8 weights; where no prediction is recorded
    (models of other distributions), those whose declared budget fits.
    """
    from zoo._facts import recorded

    def size(spec: ModelSpec) -> int:
        return recorded(spec).get("predicted_bytes", {}).get("uint8", spec.max_bytes)

    _load_architectures()
    if task is not None:
        check_task(task)
    found = [
        spec
        for spec in _models.values()
        if (task is None or spec.task == task) and (max_bytes is None or size(spec) <= max_bytes)
    ]
    return sorted(found, key=lambda spec: (spec.task, spec.name))


def build(name: str, **options: Any) -> Any:
    """Build the Keras model `name` with random weights.

    Options are those of the builder (`zoo show NAME` lists them). Raises UnknownName for a model or option that does
    not exist, BudgetExceeded when the predicted artifact is larger than the spec allows.
    """
    from zoo._budget import check_predicted

    spec = get(name)
    for option in options:
        if option not in spec.options:
            allowed = ", ".join(spec.options) or "none"
            raise unknown("option", option, spec.options, f"Options of '{name}' are: {allowed}.")
    model = spec.builder(spec, **{**spec.options, **options})
    promised = set(spec.outputs)
    given = set(model.output) if isinstance(model.output, dict) else {"one without a name"}
    if given != promised:
        raise ZooError(
            f"The builder of '{name}' returns the outputs {', '.join(sorted(given))}; its declared "
            f"{type(spec.head).__name__} promises {', '.join(sorted(promised))}. The functions of zoo.heads make them."
        )
    check_predicted(spec, model)
    return model
