"""JSON that may come from anywhere: read within limits, checked against a published schema, refused in one sentence.

The limits come first, since a schema can only judge what has been read: bytes, levels of nesting, numbers that fit. A
name given twice in one object is refused too, because readers disagree about which of the two counts. The schemas in
`schemas/` are JSON Schema, draft 2020-12, for any other program; only here a whole number has to be written as one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from referencing import Registry, Resource

from zoo._errors import BadArtifact

SCHEMAS = Path(__file__).parent / "schemas"
MANIFEST = "manifest"
CATALOG = "catalog"
MAX_DOCUMENT_BYTES = 4_000_000
"""A manifest has some kilobytes, the largest topology a few hundred; the page refuses more, too."""
MAX_FILE_BYTES = 64_000_000
"""No honest artifact has a larger file; a larger claim is refused before anything is read."""
MAX_NESTING = 32
MAX_DIGITS = 20
SHOWN_CHARACTERS = 60
MOST_ERRORS = 2_000
"""So many faults of one document are looked at."""
AGAIN = "Publish or download it again."

_KINDS: Mapping[str, str] = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a text",
}
_PATH = "a path that stays inside the artifact, of letters, digits, '.', '_', '-' and '/'"
"""How the schemas describe the names of files."""
_LIMITS: Mapping[str, str] = {
    "maxItems": "a list of at most {:,}",
    "maxLength": "a text of at most {:,} characters",
    "maxProperties": "an object of at most {:,} fields",
    "maximum": "at most {:,}",
    "minItems": "a list of at least {:,}",
    "minLength": "a text of at least {:,} characters",
    "minProperties": "an object of at least {:,} fields",
    "minimum": "at least {:,}",
}


def read_bytes(path: Path, limit: int) -> bytes:
    """Return what a file holds. Raises BadArtifact when it is missing, no plain file, unreadable or over `limit`."""
    try:
        if not path.is_file():
            raise BadArtifact(f"There is no file {path}. {AGAIN}")
        if path.stat().st_size > limit:
            raise BadArtifact(
                f"{path} has {path.stat().st_size:,} bytes; at most {limit:,} are allowed. Do not use it."
            )
        return path.read_bytes()
    except OSError as error:
        raise BadArtifact(f"{path} cannot be read ({error.strerror}). {AGAIN}") from error


def path_inside(folder: Path, name: str, teller: str) -> Path:
    """Return where a file of `folder` lies. Raises BadArtifact for a name that leads elsewhere; `teller` gave it."""
    path = folder / name
    if _leads_outside(name) or not path.resolve().is_relative_to(folder.resolve()):
        raise BadArtifact(f"{teller} names {shown(name)}, which points outside the artifact. Do not use it.")
    return path


def _leads_outside(name: Any) -> bool:
    return isinstance(name, str) and (
        name.startswith("/") or bool({"\\", "\0"} & set(name)) or ".." in PurePosixPath(name).parts
    )


def parse_document(content: bytes, source: str) -> Any:
    """Return the values of a JSON document that `source` names in errors.

    Raises BadArtifact when it is too long, too deep, no JSON, or holds what JSON cannot say: NaN, a number beyond
    float64, a name twice, half a character.
    """
    if len(content) > MAX_DOCUMENT_BYTES:
        raise BadArtifact(
            f"{source} has {len(content):,} bytes; at most {MAX_DOCUMENT_BYTES:,} are allowed. Do not use it."
        )
    try:
        document = json.loads(
            content.decode("utf-8"),
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_countable,
            object_pairs_hook=_without_twins,
        )
        if _nesting(document) > MAX_NESTING:
            raise RecursionError
        json.dumps(document, ensure_ascii=False).encode("utf-8")  # half of a surrogate pair cannot be printed
    except RecursionError as error:
        raise BadArtifact(f"{source} is nested deeper than {MAX_NESTING} levels. Do not use it.") from error
    except ValueError as error:
        raise BadArtifact(f"{source} is not readable JSON ({error}). {AGAIN}") from error
    return document


def check_document(document: Any, schema: str, source: str) -> None:
    """Raise BadArtifact for the first place where a document is not what its schema, MANIFEST or CATALOG, demands."""
    errors = list(islice(_validator(schema).iter_errors(document), MOST_ERRORS))
    for error in errors:  # before all others: what leads outside is no mistake
        if error.schema.get("description") == _PATH and _leads_outside(error.instance):
            raise BadArtifact(f"{source} {_complaint(error)}; it points outside the artifact. Do not use it.")
    if errors:
        raise BadArtifact(f"{source} {_complaint(errors[0])}. {AGAIN}")


def shown(value: Any) -> str:
    """Return a value as JSON for use inside a sentence, cut short."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


def _no_constant(text: str) -> float:
    raise ValueError(f"it holds {text}, which is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:SHOWN_CHARACTERS]} is too large")
    return number


def _countable(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number has {len(text):,} digits")
    return int(text)


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise ValueError(f"the name {shown(twice)} stands twice in one object")
    return found


def _nesting(document: Any) -> int:
    """Return the number of levels, counted without recursion; stops where there are too many."""
    level, depth = [document], 0
    while level and depth <= MAX_NESTING:
        level = [child for value in level for child in _children(value)]
        depth += 1
    return depth


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


@cache
def _validator(schema: str) -> Any:
    documents = {name: json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8")) for name in (MANIFEST, CATALOG)}
    registry: Any = Registry().with_resources(
        (document["$id"], Resource.from_contents(document)) for document in documents.values()
    )
    whole = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    return extend(Draft202012Validator, type_checker=whole)(documents[schema], registry=registry)


def _complaint(error: ValidationError) -> str:
    """Say what was found, where, and what it should have been."""
    place, rule, value = _place(error.absolute_path), str(error.validator), error.validator_value
    if rule == "required":
        missing = next(name for name in value if name not in error.instance)
        return f"lacks {f'{place}.' if place else ''}{missing}"
    if rule == "additionalProperties":
        known = ", ".join(error.schema["properties"])
        strange = next(name for name in error.instance if name not in error.schema["properties"])
        return f"has the unknown field {shown(strange)} in {place}, which takes {known}"
    found = f"{shown(error.instance)} as {place or 'its whole'}"
    if "propertyNames" in error.absolute_schema_path:
        found = f"{shown(error.instance)} as a name in {place}"
    return f"has {found}, which has to be {_expected(rule, value, error.schema)}"


def _expected(rule: str, value: Any, schema: Mapping[str, Any]) -> str:
    match rule:
        case "type":
            return " or ".join(_KINDS[kind] for kind in ([value] if isinstance(value, str) else value))
        case "enum":
            return f"one of {', '.join(map(shown, value))}"
        case "const":
            return shown(value)
        case "uniqueItems":
            return "a list without repeats"
        case "pattern":
            return str(schema["description"])
        case _:
            return _LIMITS[rule].format(value)


def _place(path: Any) -> str:
    """Write a path into a document as a program would: `outputs[0].shape`, `files['model.json'].bytes`."""
    place = ""
    for step in path:
        if isinstance(step, int):
            place += f"[{step}]"
        elif step.isidentifier() and step.isascii():
            place += f".{step}" if place else step
        else:
            place += f"[{shown(step)}]"
    return place
