"""Looking published models up: reads `catalog.json` of a store and nothing else. No framework is imported.

A catalogue is derived from the manifests beside it (`exports.store` writes it), so it can always be rebuilt.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zoo._errors import BadArtifact, UnknownName, ZooError
from zoo._specs import check_task

CATALOG_FILE = "catalog.json"
CATALOG_SCHEMA = "pocket-zoo/catalog/1"
STORE_VARIABLE = "POCKET_ZOO_STORE"
DEFAULT_STORE = "store"


@dataclass(frozen=True)
class Entry:
    """One published version. `bytes` is topology plus weights; `metric` is measured on the published weights."""

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
    score: float
    metric_data: str
    created: str
    manifest_sha256: str
    store: Path = Path()

    @property
    def folder(self) -> Path:
        """Where the artifact lies: `path` is relative to the store."""
        return self.store / self.path

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON, as a catalogue holds them: without the store's own place."""
        record = {**asdict(self), "input_size": list(self.input_size), "labels": list(self.labels)}
        del record["store"]
        return record


def default_store() -> Path:
    """Return the store used when none is named: the environment variable POCKET_ZOO_STORE, else ./store."""
    return Path(os.environ.get(STORE_VARIABLE, DEFAULT_STORE))


def read_catalog(store: Path) -> list[Entry]:
    """Return every published version of a store, newest first for each model.

    Raises ZooError when there is no catalogue, BadArtifact when it is torn or of another schema.
    """
    path = store / CATALOG_FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ZooError(
            f"There is no {CATALOG_FILE} in {store}. Publish a model there first ('zoo run NAME --store {store}'), or "
            f"name another store with --store or {STORE_VARIABLE}."
        ) from error
    except ValueError as error:
        raise BadArtifact(
            f"{path} is not readable JSON ({error}). The next publish into this store rebuilds it."
        ) from error
    if not isinstance(document, dict) or document.get("schema") != CATALOG_SCHEMA:
        found = document.get("schema") if isinstance(document, dict) else type(document).__name__
        raise BadArtifact(f"{path} has schema {found!r}; this version reads '{CATALOG_SCHEMA}'. Update pocket-zoo.")
    try:
        return [
            Entry(**{**row, "input_size": tuple(row["input_size"]), "labels": tuple(row["labels"]), "store": store})
            for row in document["models"]
        ]
    except (KeyError, TypeError) as error:
        raise BadArtifact(
            f"{path} has an entry that is not understood ({error}). The next publish rebuilds it."
        ) from error


def find(
    task: str | None = None,
    max_bytes: int | None = None,
    min_metric: float | None = None,
    name: str | None = None,
    store: Path | str | None = None,
) -> list[Entry]:
    """Return, of each published model, the newest version that fits; best score first, then fewest bytes.

    `max_bytes` limits what travels to the page, `min_metric` is in 0..1. An empty list means that none fits.
    Raises UnknownName for an unknown task or name, ZooError when the store has no catalogue.
    """
    if task is not None:
        check_task(task)
    if min_metric is not None and not 0 <= min_metric <= 1:
        raise ZooError(f"min_metric is a share from 0 to 1, got {min_metric:g}. Write 0.9 for 90 %.")
    entries = read_catalog(Path(store) if store is not None else default_store())
    if name is not None and all(entry.name != name for entry in entries):
        published = ", ".join(sorted({entry.name for entry in entries})) or "nothing"
        raise UnknownName(f"No model '{name}' is published here; published: {published}.")
    fitting = [
        entry
        for entry in entries
        if (task is None or entry.task == task)
        and (max_bytes is None or entry.bytes <= max_bytes)
        and (min_metric is None or entry.score >= min_metric)
        and (name is None or entry.name == name)
    ]
    newest: dict[str, Entry] = {}
    for entry in fitting:
        if entry.name not in newest or entry.created > newest[entry.name].created:
            newest[entry.name] = entry
    return sorted(newest.values(), key=lambda entry: (-entry.score, entry.bytes, entry.name))
