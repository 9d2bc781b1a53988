"""Errors that a user can mend, and the sentence shape they share.

Every message says what is wrong, what was received, what is allowed, and what to do next. The command line prints
the message of a `ZooError` as one line and exits with code 2; any other exception is a defect and keeps its traceback.

    ZooError (ValueError)
    ├── UnknownName        a model, option, label or command that does not exist
    ├── DuplicateName      two registrations under one name
    ├── BudgetExceeded     a model or an artifact larger than its byte budget
    ├── BadData            a data set that cannot be used as asked
    │   └── BadImage       one picture that cannot be decoded (skipped and counted among good ones)
    └── BadArtifact        a published folder that is torn, altered or not understood
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ZooError(ValueError):
    """A mistake in what the user asked for or handed over; its text is the whole explanation."""


class UnknownName(ZooError):
    """A name that nothing is registered under."""


class DuplicateName(ZooError):
    """Two registrations under one name."""


class BudgetExceeded(ZooError):
    """A model or artifact that weighs more than its byte budget."""


class BadData(ZooError):
    """A data set that is missing, empty, ambiguous or contradicts itself."""


class BadImage(BadData):
    """One picture that cannot be read; loaders skip and count it when others are good. `kind` says why in a word."""

    def __init__(self, sentence: str, kind: str = "unreadable") -> None:
        super().__init__(sentence)
        self.kind = kind


class BadArtifact(ZooError):
    """A published artifact that is incomplete, altered or of an unknown kind."""


def unknown(kind: str, name: str, known: Iterable[str], hint: str) -> UnknownName:
    """Build the error for an unknown `name`: suggests the closest known one, whatever its case, then gives the hint."""
    return UnknownName(f"Unknown {kind} '{name}'.{suggestion(name, known)} {hint}")


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return a question for the known name closest to `name`, whatever its case, after a space; "" where none is."""
    by_folded = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(str(name).casefold(), by_folded, n=1)
    return f" Did you mean '{by_folded[close[0]]}'?" if close else ""
