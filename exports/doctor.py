"""What is wrong in a store, and what can be cleaned: `zoo doctor`. Published files are never deleted.

Cleaned is what an interrupted publisher left: scratch folders whose process has ended and, behind a URL, files without
a manifest that are older than any upload takes. The catalogue is written anew.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from exports.manifest import MANIFEST_FILE, parse_manifest
from exports.store import ALIASES_FILE, PART_PREFIX, is_abandoned, rebuild_catalog
from tuner.progress import Progress
from zoo._errors import BadArtifact, ZooError
from zoo._places import Folder, Location, Place, open_place
from zoo.catalog import CATALOG_FILE, open_catalog

UPLOAD_S = 3_600.0
"""No upload takes longer; younger files without a manifest may be one under way."""


@dataclass
class Diagnosis:
    """What was found. `artifacts` counts those that are whole; `damaged` has a sentence for each that is not."""

    store: str
    artifacts: int = 0
    damaged: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    catalogue: list[str] = field(default_factory=list)
    cleaned: bool = False

    @property
    def is_healthy(self) -> bool:
        """Whether every published artifact is whole."""
        return not self.damaged

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "healthy": self.is_healthy}


def examine(store: Location, *, clean: bool = True, upload_s: float = UPLOAD_S) -> Diagnosis:
    """Check every file of every artifact against its hash; with `clean`, remove leftovers and mend the catalogue.

    `upload_s` is how long another process may take to upload an artifact, in seconds.
    Raises ZooError when there is no such store or it cannot be read or written.
    """
    place = open_place(store)
    if isinstance(place, Folder) and not place.root.is_dir():
        raise ZooError(f"There is no store {store}. Name the folder or URL that models were published to.")
    found = Diagnosis(str(store))
    files = place.files()
    if not files and not isinstance(place, Folder):
        raise ZooError(f"There is nothing at {store}. Name the folder or URL that models were published to.")
    versions = sorted({"/".join(name.split("/")[:2]) for name in files if name.count("/") >= 2})
    incomplete = []
    with Progress("checking artifacts", total=len(versions), unit="artifact") as progress:
        for path in versions:
            mine = {name: size for name, size in files.items() if name.startswith(f"{path}/")}
            if f"{path}/{MANIFEST_FILE}" not in mine:
                incomplete += [path] if min(map(place.age_s, mine)) >= upload_s else []
            elif sentences := _faults(place, path, mine):
                found.damaged += sentences
            else:
                found.artifacts += 1
            progress.advance(1)
    parts = _parts(place)
    found.leftovers = [f"{place.at(path)} was never finished" for path in [*map(str, parts), *incomplete]]
    found.catalogue = _catalogue_faults(store, place, files)
    if clean:
        for part in parts:
            shutil.rmtree(Path(place.at(part)))
        for path in incomplete:
            for name in files:
                if name.startswith(f"{path}/"):
                    place.delete(name)
            if isinstance(place, Folder):
                shutil.rmtree(place.root / path)
        rebuild_catalog(store)
        found.cleaned = True
    return found


def _parts(place: Place) -> list[str]:
    """Return the scratch folders of publishers that have ended."""
    if not isinstance(place, Folder):
        return []
    return sorted(part.name for part in place.root.glob(f"{PART_PREFIX}*") if is_abandoned(part))


def _faults(place: Place, path: str, files: dict[str, int]) -> list[str]:
    """Return what is wrong with one artifact, a sentence each."""
    where = place.at(path)
    try:
        manifest = parse_manifest(place.read(f"{path}/{MANIFEST_FILE}"), place.at(f"{path}/{MANIFEST_FILE}"))
    except BadArtifact as error:
        return [str(error)]
    sentences = []
    if path != f"{manifest['name']}/{manifest['version']}":
        sentences.append(f"{where} holds {manifest['name']}/{manifest['version']}.")
    for name, expected in manifest["files"].items():
        size = files.get(f"{path}/{name}")
        if size is None:
            sentences.append(f"{where} lacks '{name}'.")
        elif size != expected.get("bytes") or hashlib.sha256(place.read(f"{path}/{name}")).hexdigest() != expected.get(
            "sha256"
        ):
            sentences.append(f"'{name}' in {where} is not what was published.")
    known = {f"{path}/{name}" for name in (*manifest["files"], MANIFEST_FILE)}
    sentences += [f"{place.at(name)} belongs to no artifact." for name in sorted(set(files) - known)]
    return sentences


def _catalogue_faults(store: Location, place: Place, files: dict[str, int]) -> list[str]:
    """Return what the catalogue and the aliases get wrong."""
    try:
        catalog = open_catalog(store)
    except ZooError as error:
        return [str(error)]
    told = {entry.path: entry for entry in catalog.entries}
    there = {name.rpartition("/")[0] for name in files if name.count("/") == 2 and name.endswith(f"/{MANIFEST_FILE}")}
    sentences = [f"{CATALOG_FILE} does not tell of {path}." for path in sorted(there - set(told))]
    sentences += [f"{CATALOG_FILE} tells of {path}, which is not there." for path in sorted(set(told) - there)]
    for path in sorted(there & set(told)):
        if hashlib.sha256(place.read(f"{path}/{MANIFEST_FILE}")).hexdigest() != told[path].manifest_sha256:
            sentences.append(f"{CATALOG_FILE} knows {path} by another manifest.")
    for name in (name for name in files if name.count("/") == 1 and name.endswith(f"/{ALIASES_FILE}")):
        model = name.partition("/")[0]
        try:
            aliases = json.loads(place.read(name))
            sentences += [
                f"{model}@{alias} means {version}, which is not there."
                for alias, version in aliases.items()
                if f"{model}/{version}" not in there
            ]
        except (ValueError, AttributeError, RecursionError):
            sentences.append(f"{place.at(name)} is no list of aliases.")
    return sentences
