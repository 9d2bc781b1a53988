"""Artifacts from one store to another: `zoo pull` and `zoo push`. Nothing arrives that is not what was published."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exports.documents import path_inside
from exports.manifest import MANIFEST_FILE, check_unchanged, parse_manifest
from exports.store import STORE_OPTION, commit, set_alias, staging
from tuner.data import cache_folder
from tuner.progress import Progress
from zoo._errors import BadArtifact
from zoo._places import Location, Place, open_place
from zoo.catalog import Entry, open_catalog

MAX_ARTIFACT_BYTES = 256_000_000
"""No honest artifact is larger in all; what claims to be is refused before its files are fetched."""

CACHED = "models"


def transfer(reference: str, source: Location, target: Location, option: str = STORE_OPTION) -> tuple[Entry, Location]:
    """Copy the artifact that `reference` means in one store into another; return its entry and its new place.

    Sizes are checked before anything is fetched, hashes before anything is visible. A version that is there already is
    left as it is. Raises: UnknownName when nothing is published under the reference, BadArtifact for files that are not
    what the catalogue and the manifest say, ZooError when a store cannot be read or written; `option` names another
    target.
    """
    entry = open_catalog(source).resolve(reference)
    place = open_place(source)
    with staging(target, option) as folder:
        manifest = _fetch(entry, place, folder)
        return entry, commit(folder, target, manifest)


def carry_alias(entry: Entry, alias: str, target: Location, option: str = STORE_OPTION) -> str:
    """Let an alias mean an artifact in the store it was copied into, as `zoo alias` would; return a sentence."""
    before = set_alias(target, entry.name, alias, entry.version, option)
    moved = f"; it meant {before}" if before not in (None, entry.version) else ""
    return f"{entry.name}@{alias} means {entry.version} in {target}{moved}"


def cached(reference: str, source: Location) -> tuple[Path, Entry]:
    """Return a store in the cache's folder that holds what `reference` means behind a URL, and its entry."""
    entry = open_catalog(source).resolve(reference)
    folder = (cache_folder() or Path(tempfile.gettempdir()) / "pocket-zoo") / CACHED
    if not (folder / entry.path / MANIFEST_FILE).is_file():
        transfer(f"{entry.name}@{entry.version}", source, folder)
    return folder, entry


def _fetch(entry: Entry, place: Place, folder: Path) -> dict[str, Any]:
    where = place.at(entry.path)
    content = _read(place, f"{entry.path}/{MANIFEST_FILE}", where)
    check_unchanged(content, entry.manifest_sha256, where)
    manifest = parse_manifest(content, place.at(f"{entry.path}/{MANIFEST_FILE}"))
    if (manifest["name"], manifest["version"]) != (entry.name, entry.version):
        raise BadArtifact(f"The manifest of {where} is of another model than the catalogue says. Do not use it.")
    files: Mapping[str, Mapping[str, Any]] = manifest["files"]
    for name in files:
        path_inside(folder, name, f"The manifest of {where}")
    total = sum(expected["bytes"] for expected in files.values())
    if total > MAX_ARTIFACT_BYTES:
        raise BadArtifact(f"{where} claims {total:,} bytes; at most {MAX_ARTIFACT_BYTES:,} are fetched. Do not use it.")
    there = place.files(entry.path)
    with Progress(f"fetching {entry.name}@{entry.version}", total=len(files), unit="file") as progress:
        for name, expected in files.items():
            found = there.get(f"{entry.path}/{name}")
            if found is not None and found != expected["bytes"]:
                raise BadArtifact(
                    f"'{name}' of {where} has {found:,} bytes where the manifest says {expected['bytes']:,}. Publish "
                    f"it again."
                )
            data = _read(place, f"{entry.path}/{name}", where)
            if hashlib.sha256(data).hexdigest() != expected.get("sha256"):
                raise BadArtifact(
                    f"'{name}' of {where} was changed after publishing: its SHA-256 differs. Publish it again."
                )
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
            progress.advance(1)
    (folder / MANIFEST_FILE).write_bytes(content)
    return manifest


def _read(place: Place, name: str, where: str) -> bytes:
    try:
        return place.read(name)
    except FileNotFoundError as error:
        raise BadArtifact(f"'{name}' is missing from {where}. Publish it again, or run 'zoo doctor'.") from error
