"""Building the architecture that a file names, on the word of that file alone.

Options decide how large a network becomes, so it is laid out once without memory for its weights: only what keeps its
byte budget is then built.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

import zoo
from exports.documents import shown
from zoo._errors import BadArtifact, UnknownName, ZooError


def spec_as_told(name: str, source: Path) -> zoo.ModelSpec:
    """Return the spec of an architecture that a file names. Raises UnknownName when it is not installed."""
    try:
        return zoo.get(name)
    except UnknownName as error:
        raise UnknownName(
            f"{source} needs the architecture '{name}', which is not installed. Install the package that registers it, "
            f"or update pocket-zoo."
        ) from error


def build_as_told(name: str, options: Mapping[str, Any], source: Path) -> keras.Model:
    """Build the registered architecture `name` with options that `source` tells.

    Raises UnknownName for an architecture or option that does not exist, BudgetExceeded for a network over its budget,
    BadArtifact for values that the architecture cannot be built with.
    """
    defaults = spec_as_told(name, source).options
    for option, value in options.items():
        if option in defaults and not _is_like(value, defaults[option]):
            raise BadArtifact(
                f"{source} builds '{name}' with {option}={shown(value)}; that option is like "
                f"{shown(defaults[option])}. Publish again."
            )
    try:
        with keras.StatelessScope(initialize_variables=False):
            zoo.build(name, **options)
        return zoo.build(name, **options)
    except ZooError:
        raise
    except Exception as error:  # whatever a builder and Keras say to numbers that were not meant for them
        reason = str(error).strip().split("\n", 1)[0]
        raise BadArtifact(
            f"{source} tells to build '{name}' with {shown(dict(options))}, which does not work ({shown(reason)}). "
            f"Publish again."
        ) from error


def _is_like(value: Any, default: Any) -> bool:
    """Whether an option's value is of the kind of its default, as far as JSON tells kinds apart."""
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    if isinstance(default, list | tuple):
        return isinstance(value, list | tuple)
    return default is None or isinstance(value, type(default))
