"""Looking published models up: reads `catalog.json` of a store and nothing else. No framework is imported.

A store is a folder or a URL. Its catalogue is derived from the manifests beside it (`exports.store` writes it), so it
can always be rebuilt.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from numbers import Real
from pathlib import Path
from typing import Any

from zoo._errors import BadArtifact, UnknownName, ZooError, suggestion, unknown
from zoo._places import Location, as_location, is_url, open_place
from zoo._specs import check_task

CATALOG_FILE = "catalog.json"
CATALOG_SCHEMA = "pocket-zoo/catalog/1"
NEWER_SCHEMA = re.compile(r"pocket-zoo/catalog/(?!1$)[1-9][0-9]*")
STORE_VARIABLE = "POCKET_ZOO_STORE"
DEFAULT_STORE = "store"
SHIPPED = Path(__file__).parent.parent / "exports" / "published"
"""The trained models that come with the package."""
SHIPPED_NAME = "shipped"
"""What users write for their store, where no folder is called so."""
LATEST = "latest"
"""The alias of each model's newest version."""

ORDERS = ("metric", "bytes", "gzip_bytes", "created", "name")
"""What found models can be ordered by: best metric, fewest bytes as stored or as sent, newest, or name."""


class NoCatalog(ZooError):
    """A place without a catalogue."""


class NewerCatalog(BadArtifact):
    """A catalogue that a later version wrote; this one must not write over it."""


@dataclass(frozen=True)
class Entry:
    """One published version. `bytes` is topology plus weights; `metric` is measured on the published weights;
    its `score` is None where it is undefined."""

    name: str
    version: str
    task: str
    path: str
    bytes: int
    gzip_bytes: int
    precision: str
    input_size: tuple[int, int]
    labels: tuple[str, ...]
    metric: str
    score: float | None
    metric_data: str
    created: str
    manifest_sha256: str
    store: Location = Path()

    @property
    def folder(self) -> Location:
        """Where the artifact lies: a path, or a URL where the store is one."""
        return f"{self.store}/{self.path}" if is_url(self.store) else Path(self.store) / self.path

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON, as a catalogue holds them: without the store's own place."""
        record = {**asdict(self), "input_size": list(self.input_size), "labels": list(self.labels)}
        del record["store"]
        return record


Aliases = Mapping[str, Mapping[str, str]]
"""Versions by alias, by model."""


@dataclass(frozen=True)
class Catalog:
    """What a store holds, newest first for each model."""

    entries: Sequence[Entry]
    aliases: Aliases
    store: Location

    def resolve(self, reference: str) -> Entry:
        """Return the entry that `name`, `name@latest`, `name@alias` or `name@version` means.

        Raises: UnknownName when nothing is published under it, ZooError for `name@` with nothing behind.
        """
        name, at, wanted = reference.partition("@")
        if at and not wanted:
            raise ZooError(f"'{reference}' names no version. Write {name}, {name}@VERSION or {name}@ALIAS.")
        versions = [entry for entry in self.entries if entry.name == name]
        if not versions:
            raise _unpublished(name, [entry.name for entry in self.entries], self.store)
        wanted = wanted or LATEST
        aliases = self.aliases.get(name, {})
        version = aliases.get(wanted, wanted)
        if version == LATEST:
            return max(versions, key=lambda entry: entry.created)
        for entry in versions:
            if entry.version == version:
                return entry
        known = (LATEST, *aliases, *(entry.version for entry in versions))
        raise unknown("version or alias", wanted, known, f"'{name}' in {self.store} has: {', '.join(known)}.")

    def alias(self, reference: str) -> str | None:
        """Return the alias that a reference names its version by, if it does."""
        name, _, wanted = reference.partition("@")
        return wanted if wanted in self.aliases.get(name, {}) else None


def default_store() -> Location:
    """Return the store used when none is named: the environment variable POCKET_ZOO_STORE, else ./store."""
    return as_location(os.environ.get(STORE_VARIABLE) or DEFAULT_STORE)


def default_source() -> Location:
    """Return where models are looked up when no store is named: the default store, else the one that is shipped."""
    store = default_store()
    if not os.environ.get(STORE_VARIABLE) and not (Path(store) / CATALOG_FILE).is_file() and SHIPPED.is_dir():
        return SHIPPED
    return store


def source_of(reference: str) -> Location:
    """Return where a model is looked up when no store is named: where `default_source` says, and for what is not
    there among those that are shipped."""
    store = default_source()
    if store != SHIPPED and not _holds(store, reference) and _holds(SHIPPED, reference):
        return SHIPPED
    return store


def _holds(store: Location, reference: str) -> bool:
    try:
        open_catalog(store).resolve(reference)
    except (NoCatalog, UnknownName):
        return False
    return True


def named_store(store: Location) -> Location:
    """Read the store to look models up in that a user wrote; "shipped" means those that come with the package."""
    if not isinstance(store, str):
        return store
    return SHIPPED if store == SHIPPED_NAME and not Path(store).exists() else as_location(store)


def read_catalog(store: Location) -> list[Entry]:
    """Return every published version of a store, newest first for each model. Raises as `open_catalog` does."""
    return list(open_catalog(store).entries)


def open_catalog(store: Location) -> Catalog:
    """Read the catalogue of a store, a folder or a URL.

    Raises ZooError when there is no catalogue, BadArtifact when it is torn or of another schema.
    """
    document = _read(store)
    with _understood(store):
        entries = [_entry(row, store) for row in document["models"]]
        aliases = {name: {**found} for name, found in document.get("aliases", {}).items()}
    return Catalog(entries, aliases, store)


def readable_entries(store: Location) -> dict[str, Entry]:
    """Return what can be read of a catalogue, entries by path; nothing where it is missing or torn.

    Raises NewerCatalog for one that a later version wrote, ZooError when the store does not answer.
    """
    try:
        rows = _read(store).get("models")
    except NewerCatalog:
        raise
    except (BadArtifact, NoCatalog):
        return {}
    found = {}
    for row in rows if isinstance(rows, list) else ():
        try:
            entry = _entry(row, store)
        except (AttributeError, KeyError, TypeError, BadArtifact):
            continue  # it is derived again from its manifest
        if all(isinstance(text, str) for text in (entry.name, entry.version, entry.created, entry.manifest_sha256)):
            found[entry.path] = entry
    return found


def _read(store: Location) -> dict[str, Any]:
    """Return the catalogue as it is written."""
    place = open_place(store)
    path = place.at(CATALOG_FILE)
    try:
        document = json.loads(place.read(CATALOG_FILE))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NoCatalog(
            f"There is no {CATALOG_FILE} in {store}. Publish a model there first ('zoo run NAME --store {store}'), or "
            f"name another store with --store or {STORE_VARIABLE}; what comes with the package is the store "
            f"'{SHIPPED_NAME}'."
        ) from error
    except ZooError:  # the store does not answer, which says nothing about its catalogue
        raise
    except (ValueError, RecursionError) as error:
        raise BadArtifact(
            f"{path} is not readable JSON ({error}). The next publish into this store rebuilds it, and so does "
            f"'zoo doctor {store}'."
        ) from error
    if not isinstance(document, dict) or document.get("schema") != CATALOG_SCHEMA:
        found = document.get("schema") if isinstance(document, dict) else type(document).__name__
        kind = NewerCatalog if isinstance(found, str) and NEWER_SCHEMA.fullmatch(found) else BadArtifact
        raise kind(f"{path} has schema {found!r}; this version reads '{CATALOG_SCHEMA}'. Update pocket-zoo.")
    return document


@contextlib.contextmanager
def _understood(store: Location) -> Iterator[None]:
    try:
        yield
    except (AttributeError, KeyError, TypeError) as error:
        raise BadArtifact(
            f"{open_place(store).at(CATALOG_FILE)} has an entry that is not understood ({error}). The next publish "
            f"rebuilds it."
        ) from error


def _entry(row: Mapping[str, Any], store: Location) -> Entry:
    path = row["path"]
    if path.startswith("/") or "\\" in path or ".." in path.split("/"):
        raise BadArtifact(
            f"{open_place(store).at(CATALOG_FILE)} names '{path}', which lies outside the store. Do not use it."
        )
    return Entry(**{**row, "input_size": tuple(row["input_size"]), "labels": tuple(row["labels"]), "store": store})


def find(
    task: str | None = None,
    max_bytes: int | None = None,
    min_metric: float | None = None,
    name: str | None = None,
    order_by: str = ORDERS[0],
    store: Location | None = None,
) -> list[Entry]:
    """Return, of each published model, the newest version that fits, ordered by one of `ORDERS`.

    `max_bytes` limits what travels to the page, `min_metric` is in 0..1. `store` "shipped" means the models that come
    with the package. Of equal ones, the best metric comes first, then the fewest bytes. An empty list means that none
    fits. Raises UnknownName for an unknown task, name or order, ZooError when the store has no catalogue.
    """
    if task is not None:
        check_task(task)
    if order_by not in ORDERS:
        raise unknown("order", order_by, ORDERS, f"Models are ordered by: {', '.join(ORDERS)}.")
    if max_bytes is not None and not (_is_number(max_bytes) and max_bytes > 0):
        raise ZooError(f"max_bytes is a number of bytes above 0, got {max_bytes!r}. Write 200_000 for 200 kB.")
    if min_metric is not None and not (_is_number(min_metric) and 0 <= min_metric <= 1):
        raise ZooError(f"min_metric is a share from 0 to 1, got {min_metric!r}. Write 0.9 for 90 %.")
    place = named_store(store) if store is not None else default_source()
    document = _read(place)
    newest: dict[str, Mapping[str, Any]] = {}
    with _understood(place):
        for row in document["models"]:  # rows as they are written: of thousands, few become entries
            fits = (
                (task is None or row["task"] == task)
                and (max_bytes is None or row["bytes"] <= max_bytes)
                and (min_metric is None or _score(row["score"]) >= min_metric)
                and (name is None or row["name"] == name)
            )
            if fits and (row["name"] not in newest or row["created"] > newest[row["name"]]["created"]):
                newest[row["name"]] = row
        if name is not None and not newest and all(row["name"] != name for row in document["models"]):
            raise _unpublished(name, [row["name"] for row in document["models"]], place)
        entries = [_entry(row, place) for row in newest.values()]
    found = sorted(entries, key=lambda entry: (-_score(entry.score), entry.bytes, entry.name))
    if order_by == "created":
        return sorted(found, key=lambda entry: entry.created, reverse=True)
    return found if order_by == "metric" else sorted(found, key=lambda entry: getattr(entry, order_by))


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _score(score: float | None) -> float:
    return -1.0 if score is None else score  # undefined, such as without any labelled object


def _unpublished(name: str, names: Iterable[str], store: Location) -> UnknownName:
    published = ", ".join(known := sorted(set(names))) or "nothing"
    meant = suggestion(name.partition("@")[0], [*known, *(entry.name for entry in readable_entries(SHIPPED).values())])
    more = "" if store == SHIPPED else f" Those that come with the package: 'zoo find --store {SHIPPED_NAME}'."
    return UnknownName(f"No model '{name}' is published in {store}; published: {published}.{meant}{more}")
