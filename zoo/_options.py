"""Options of a model on the command line: `--option NAME=VALUE`, read with the types of the builder's defaults."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from zoo._errors import ZooError, unknown


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add `--option`, repeatable."""
    parser.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="an option of the model; repeatable"
    )


def model_options(model: str, words: Sequence[str]) -> dict[str, Any]:
    """Read NAME=VALUE words as options of a model, each of the type of its default.

    Raises: UnknownName for a model or option that does not exist; ZooError for a value that cannot be read.
    """
    from zoo._registry import get

    known, options = get(model).options, dict[str, Any]()
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise ZooError(f"Cannot read --option {word}. Write it like width=0.5.")
        if name not in known:
            raise unknown("option", name, known, f"Options of '{model}' are: {', '.join(known) or 'none'}.")
        options[name] = _read(model, name, text, type(known[name]))
    return options


def _read(model: str, name: str, text: str, kind: type) -> Any:
    try:
        return {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        wanted = "true or false" if kind is bool else f"a {kind.__name__}"
        raise ZooError(f"Option {name} of '{model}' takes {wanted}, got '{text}'.") from None
