"""What is wrong in a store, and what can be cleaned: `zoo doctor`. Published files are never deleted.

Cleaned is what an interrupted publisher left: scratch folders whose process has ended, and version folders without a
manifest that are older than any upload takes. Aliases that mean nothing are dropped. The catalogue is written anew
where it does not tell what is there; but a manifest that is not the one it knows is damage, since versions never
change, and its entry stays as proof.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from exports.manifest import MANIFEST_FILE, check_unchanged, parse_manifest
from exports.store import (
    ALIASES_FILE,
    LOOK,
    PART_PREFIX,
    derived_entry,
    is_abandoned,
    known_aliases,
    parse_aliases,
    rebuild_catalog,
    write_aliases,
    writing,
)
from tuner.progress import Progress
from zoo._errors import BadArtifact, ZooError
from zoo._places import Folder, Location, Place, open_place
from zoo.catalog import CATALOG_FILE, Aliases, Entry, NoCatalog, open_catalog, readable_entries

UPLOAD_S = 3_600.0
"""No upload takes longer; younger files without a manifest may be one under way."""
VERSION = re.compile(r"[0-9]{8}-[0-9a-f]{8}")
"""What publishers call versions; folders of other names are never removed."""


@dataclass
class Diagnosis:
    """What was found. `artifacts` counts those that are whole; `damaged` has a sentence for each that is not.

    `leftovers` and `catalogue` say what was found and what became of it; `cleaned` tells whether anything changed.
    """

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
    Raises ZooError when there is no such store or it cannot be read or written, NewerCatalog when a later version keeps
    it.
    """
    place = open_place(store)
    _check_store(store, place)
    told, files = readable_entries(store), place.files()
    found = Diagnosis(str(store))
    whole, damaged, incomplete = set[str](), set[str](), list[str]()
    versions = _versions(place, files)
    with Progress("checking artifacts", total=len(versions), unit="artifact") as progress:
        for path in versions:
            is_version = VERSION.fullmatch(path.rpartition("/")[2])
            mine = {name: size for name, size in files.items() if name.startswith(f"{path}/")}
            if f"{path}/{MANIFEST_FILE}" in mine:
                sentences = _faults(place, path, mine, told.get(path))
                (damaged if sentences else whole).add(path)
                found.damaged += sentences
            elif path in told:
                found.damaged.append(f"{place.at(path)} lacks '{MANIFEST_FILE}', which {CATALOG_FILE} knows.")
                damaged.add(path)
            elif is_version and min(map(place.age_s, mine or [path])) >= upload_s:
                incomplete.append(path)
            elif not is_version or isinstance(place, Folder):  # behind a URL a version may be under way
                found.damaged.append(f"{place.at(path)} holds no '{MANIFEST_FILE}': it is no artifact.")
            progress.advance(1)
    found.artifacts = len(whole)
    parts, strays = _hidden(place)
    deed = "" if clean else "to be "
    found.leftovers = [f"{place.at(path)} was never finished; {deed}removed" for path in [*parts, *incomplete]]
    found.leftovers += [f"{place.at(path)} is no part of a store; remove it by hand" for path in strays]
    lists = _alias_faults(place, store, files, whole | damaged)
    found.catalogue = [f"{sentence}; {deed}{done}" for sentence, done, _, _ in lists]
    mends = _catalogue_faults(store, place, whole, damaged, are_lists_good=not lists)
    found.catalogue += [f"{sentence}; {deed}{done}" for sentence, done in mends]
    if clean and (parts or incomplete or lists or mends):
        with writing(store, LOOK):
            _remove(place, parts, incomplete, files)
        for _, _, model, aliases in lists:
            write_aliases(store, model, aliases)
        if lists or mends:
            rebuild_catalog(store, damaged)
        found.cleaned = True
    return found


def _check_store(store: Location, place: Place) -> None:
    """Raise ZooError for a place that nothing was published to: nothing of it may be touched."""
    if isinstance(place, Folder):
        if not place.root.is_dir():
            raise ZooError(f"There is no store {store}. Name the folder or URL that models were published to.")
        has_catalog = (place.root / CATALOG_FILE).is_file()
        manifests = (path.relative_to(place.root) for path in place.root.glob(f"[!.]*/[!.]*/{MANIFEST_FILE}"))
        paths = (path.parent.as_posix() for path in manifests)
    else:
        files = place.files()
        if not files:
            raise ZooError(f"There is nothing at {store}. Name the folder or URL that models were published to.")
        has_catalog = CATALOG_FILE in files
        paths = (
            name.rpartition("/")[0] for name in files if name.count("/") == 2 and name.endswith(f"/{MANIFEST_FILE}")
        )
    if not has_catalog and not any(_is_published(place, path) for path in paths):
        raise ZooError(
            f"{store} is no store: it holds neither {CATALOG_FILE} nor any published NAME/VERSION/{MANIFEST_FILE}. "
            f"Name the folder or URL that models were published to."
        )


def _is_published(place: Place, path: str) -> bool:
    """Tell whether a folder lies where its manifest says, as other programs' manifests do not."""
    try:
        content = place.read(f"{path}/{MANIFEST_FILE}")
    except OSError:
        return False
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(manifest, dict) and f"{manifest.get('name')}/{manifest.get('version')}" == path


def _versions(place: Place, files: Mapping[str, int]) -> list[str]:
    """Return the paths of all version folders, those of a folder's store also where they are empty."""
    found = {"/".join(name.split("/")[:2]) for name in files if name.count("/") >= 2}
    if isinstance(place, Folder):
        found |= {f"{model}/{version}" for model in place.folders() for version in place.folders(model)}
    return sorted(found)


def _hidden(place: Place) -> tuple[list[str], list[str]]:
    """Return the scratch folders of publishers that have ended, and hidden folders that no publisher made."""
    if not isinstance(place, Folder):
        return [], []
    hidden = sorted(path for path in place.root.iterdir() if path.name.startswith(".") and path.is_dir())
    parts = [path for path in hidden if path.name.startswith(PART_PREFIX)]
    return [part.name for part in parts if is_abandoned(part)], [path.name for path in hidden if path not in parts]


def _remove(place: Place, parts: list[str], incomplete: list[str], files: Mapping[str, int]) -> None:
    for part in parts:
        shutil.rmtree(Path(place.at(part)))
    for path in incomplete:
        if isinstance(place, Folder):
            shutil.rmtree(place.root / path)
            continue
        for name in files:
            if name.startswith(f"{path}/"):
                place.delete(name)


def _faults(place: Place, path: str, files: Mapping[str, int], entry: Entry | None) -> list[str]:
    """Return what is wrong with one artifact, a sentence each; `entry` is how the catalogue knows it."""
    where = place.at(path)
    content = place.read(f"{path}/{MANIFEST_FILE}")
    try:
        if entry is not None:
            check_unchanged(content, entry.manifest_sha256, where)
        manifest = parse_manifest(content, place.at(f"{path}/{MANIFEST_FILE}"))
    except BadArtifact as error:
        return [str(error)]
    sentences = []
    if path != f"{manifest['name']}/{manifest['version']}":
        sentences.append(f"{where} holds {manifest['name']}/{manifest['version']}.")
    for name, expected in manifest["files"].items():
        size = files.get(f"{path}/{name}")
        if size is None:
            sentences.append(f"{where} lacks '{name}'.")
        elif size != expected["bytes"]:
            sentences.append(f"'{name}' in {where} has {size:,} bytes where the manifest says {expected['bytes']:,}.")
        elif hashlib.sha256(place.read(f"{path}/{name}")).hexdigest() != expected["sha256"]:
            sentences.append(f"'{name}' in {where} was changed after publishing: its SHA-256 differs.")
    known = {f"{path}/{name}" for name in (*manifest["files"], MANIFEST_FILE)}
    sentences += [f"{place.at(name)} belongs to no artifact." for name in sorted(set(files) - known)]
    return sentences


def _catalogue_faults(
    store: Location, place: Place, whole: set[str], damaged: set[str], *, are_lists_good: bool
) -> list[tuple[str, str]]:
    """Return what the catalogue gets wrong, and what is done about it."""
    anew = f"written anew from {len(whole)} artifact{'' if len(whole) == 1 else 's'}"
    try:
        catalog = open_catalog(store)
    except NoCatalog:
        return [(f"{CATALOG_FILE} was missing", anew)] if whole else []
    except BadArtifact:  # what is wrong with it no longer matters
        return [(f"{CATALOG_FILE} could not be understood", anew)]
    told = {entry.path: entry for entry in catalog.entries}
    there = set(told)
    faults = [(f"{CATALOG_FILE} did not tell of {path}", "entered") for path in sorted(whole - there)]
    faults += [
        (f"{CATALOG_FILE} told of {path}, which is not there", "dropped") for path in sorted(there - whole - damaged)
    ]
    faults += [
        (f"{CATALOG_FILE} told of {path} what its manifest does not say", "written anew")
        for path in sorted(whole & there)
        if told[path] != derived_entry(store, place, path)
    ]
    if not faults and are_lists_good and catalog.aliases != known_aliases(place, catalog.entries):
        faults.append((f"{CATALOG_FILE} told other aliases than there are", "written anew"))
    return faults


def _alias_faults(
    place: Place, store: Location, files: Mapping[str, int], there: set[str]
) -> list[tuple[str, str, str, dict[str, str]]]:
    """Return what is wrong with each list of aliases, what is done about it, its model, and what stays in the list.

    What cannot be read at all is taken from the catalogue, which has a copy.
    """
    try:
        copies: Aliases = open_catalog(store).aliases
    except ZooError:
        copies = {}  # the catalogue's own faults are told of elsewhere
    found = []
    for name in sorted(name for name in files if name.count("/") == 1 and name.endswith(f"/{ALIASES_FILE}")):
        model, content = name.partition("/")[0], place.read(name)
        listed = parse_aliases(content)
        aliases = dict(copies.get(model, {})) if listed is None else listed
        stays = {alias: version for alias, version in aliases.items() if f"{model}/{version}" in there}
        kept = f"written anew with {', '.join(stays)}" if stays else "removed"
        if listed is None:
            found.append((f"{place.at(name)} was no list of aliases", kept, model, stays))
        elif len(listed) < len(json.loads(content)):
            found.append((f"{place.at(name)} held what is no alias", kept, model, stays))
        else:
            gone = [f"{model}@{alias} meant {listed[alias]}" for alias in listed if alias not in stays]
            if gone:
                found.append((f"{', '.join(gone)}, which is not there", "dropped", model, stays))
    return found
