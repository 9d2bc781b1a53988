"""A store: published artifacts, `<model>/<version>/`, in a folder or behind a URL, and the catalogue of them.

Versions never change, so a page may keep their files for ever; aliases and the catalogue are single files that are
replaced whole. In a folder an artifact becomes visible by one rename, and publishers take turns. Behind a URL there are
neither renames nor locks: there the manifest is written last, and whoever wrote the catalogue looks again whether it
still tells all that is there.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from exports.manifest import MANIFEST_FILE, parse_manifest
from zoo._errors import BadArtifact, ZooError, unknown
from zoo._files import sync_folder
from zoo._places import Folder, Location, Place, is_url, open_place
from zoo.catalog import CATALOG_FILE, CATALOG_SCHEMA, LATEST, Aliases, Entry, open_catalog, readable_entries

STORE_OPTION = "--store"
LOOK = "Make it writable, or only look with --dry-run."
PART_PREFIX = ".part-"
LOCK_FILE = ".lock"
ALIASES_FILE = "aliases.json"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
"""Models, versions and aliases are parts of paths and URLs."""

UNWRITABLE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})

LOOKS = 20
"""So often the catalogue behind a URL is written again because others have published meanwhile."""


@contextlib.contextmanager
def staging(store: Location, option: str = STORE_OPTION) -> Iterator[Path]:
    """Give a scratch folder, inside `store` where that is a folder, removed afterwards whatever happens.

    `option` is what a user names another store with. Raises ZooError when the store cannot be written, NewerCatalog
    when a later version keeps it.
    """
    try:
        readable_entries(store)
        if is_url(store):
            folder = Path(tempfile.mkdtemp(prefix="pocket-zoo-"))
        else:
            Path(store).mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=PART_PREFIX, dir=store))
            folder.chmod(0o755)  # mkdtemp's 0700 would hide the artifact from a web server
        held = _hold(folder)
    except OSError as error:
        raise _unwritable(store, error, f"Name another with {option}.") from error
    try:
        yield folder
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ZooError(
                f"No space is left for {store}; nothing was published. Free some, then publish again."
            ) from error
        raise
    finally:
        os.close(held)
        shutil.rmtree(folder, ignore_errors=True)


def _unwritable(store: Location, error: OSError, advice: str) -> ZooError:
    return ZooError(f"The store {store} cannot be written ({error.strerror}). {advice}")


def is_abandoned(part: Path) -> bool:
    """Tell whether the process that made a scratch folder has ended."""
    try:
        held = _hold(part)
    except BlockingIOError:
        return False
    except FileNotFoundError:  # it has just been published or removed
        return False
    os.close(held)
    return True


def _hold(folder: Path) -> int:
    """Lock a folder until the handle returned is closed or this process ends."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(handle)
        raise
    return handle


def commit(staged: Path, store: Location, manifest: Mapping[str, Any]) -> Location:
    """Bring a complete staged artifact to its place and enter it into the catalogue; return the place.

    The same version published again is left as it is: versions never change.
    """
    check_name(manifest["name"], "a model")
    check_name(manifest["version"], "a version")
    path = f"{manifest['name']}/{manifest['version']}"
    if is_url(store):
        _upload(staged, open_place(store), path)
    else:
        _move(staged, Path(store) / path)
    update_catalog(store)
    return f"{store}/{path}" if is_url(store) else Path(store) / path


def _move(staged: Path, target: Path) -> None:
    for path in sorted(staged.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.rename(staged, target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    sync_folder(target.parent)


def _upload(staged: Path, place: Place, path: str) -> None:
    """Write all files, the manifest last: until then nobody sees the others."""
    if f"{path}/{MANIFEST_FILE}" in place.files(path):
        return
    names = sorted(Folder(staged).files(), key=lambda name: (name == MANIFEST_FILE, name))
    for name in names:
        place.write(f"{path}/{name}", (staged / name).read_bytes())


def check_name(name: str, what: str) -> None:
    """Raise ZooError unless a name can be part of a path and of a URL; `what` has its article."""
    if not NAME.fullmatch(name):
        raise ZooError(
            f"'{name}' cannot be the name of {what}: letters, digits, '-', '_' and '.' are allowed, beginning with a "
            f"letter or digit, at most 80."
        )


def set_alias(store: Location, model: str, alias: str, version: str | None, option: str = STORE_OPTION) -> str | None:
    """Let `model@alias` mean a version from now on, or nothing when that is None; return the version it meant before.

    Raises: UnknownName for a model, version or alias that is not there, ZooError for a name that cannot be an alias or
    a store that cannot be written; `option` names another.
    """
    check_name(alias, "an alias")
    if alias == LATEST:
        raise ZooError(f"The alias '{LATEST}' always means the newest version. Choose another, such as stable.")
    place = open_place(store)
    with _turn(store, f"Name another with {option}."):
        catalog = open_catalog(store)
        entry = catalog.resolve(model if version is None else f"{model}@{version}")
        if any(one.name == model and one.version == alias for one in catalog.entries):
            raise ZooError(f"'{alias}' is a version of '{model}' and cannot be an alias too. Choose another.")
        aliases = dict(_read_aliases(place, model))
        before = aliases.pop(alias, None)
        if version is not None:
            aliases[alias] = entry.version
        elif before is None:
            raise unknown("alias", alias, aliases, f"Aliases of '{model}' are: {', '.join(aliases) or 'none'}.")
        place.write(f"{model}/{ALIASES_FILE}", json.dumps(aliases, indent=1).encode())
    update_catalog(store)
    return before


def update_catalog(store: Location) -> list[str]:
    """Bring catalog.json up to date with what is in the store; return one sentence per folder that was left out.

    Versions never change, so manifests that the catalogue knows are not read again.
    """
    place = open_place(store)
    if not is_url(store):
        with _turn(store):
            return _write_catalog(store, place, readable_entries(store))[1]
    for _ in range(LOOKS):
        written, left_out = _write_catalog(store, place, readable_entries(store))
        # Another publisher may have written since, from a list that was older than our artifact.
        if readable_entries(store) == written and _published(place) <= {*written, *map(_path_of, left_out)}:
            break
    return left_out


def rebuild_catalog(store: Location, damaged: Collection[str] = ()) -> list[str]:
    """Write catalog.json anew from the manifests; return one sentence per folder that was left out.

    Of a version whose manifest is not the one in the catalogue, the entry stays as it is: versions never change. So do
    entries of `damaged` paths; those without an entry get none.
    """
    with _turn(store, LOOK):
        place = open_place(store)
        known = readable_entries(store)
        kept = {path: entry for path, entry in known.items() if path in damaged or _is_changed(place, entry)}
        return _write_catalog(store, place, kept, damaged)[1]


def _is_changed(place: Place, entry: Entry) -> bool:
    """Tell whether the manifest of an entry is there, but is not the one that was published."""
    try:
        content = place.read(f"{entry.path}/{MANIFEST_FILE}")
    except FileNotFoundError:
        return False
    return hashlib.sha256(content).hexdigest() != entry.manifest_sha256


@contextlib.contextmanager
def _turn(store: Location, advice: str = f"Name another with {STORE_OPTION}.") -> Iterator[None]:
    """Wait until no other process of this machine changes the store. Behind a URL there is nothing to wait for.

    Raises: ZooError, ending with `advice`, when the store cannot be written.
    """
    if is_url(store):
        yield
        return
    with writing(store, advice), (Path(store) / LOCK_FILE).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def writing(store: Location, advice: str) -> Iterator[None]:
    """Raise ZooError, ending with `advice`, when the store turns out not to be writable."""
    try:
        yield
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise _unwritable(store, error, advice) from error


def _write_catalog(
    store: Location, place: Place, known: Mapping[str, Entry], damaged: Collection[str] = ()
) -> tuple[dict[str, Entry], list[str]]:
    """Write the catalogue; return its entries by path and one sentence per folder that was left out.

    What is `damaged` keeps the entry that is known, if any.
    """
    entries, left_out = {path: entry for path, entry in known.items() if path in damaged}, []
    for path in sorted(_published(place) - set(damaged)):
        try:
            entries[path] = known[path] if path in known else derived_entry(store, place, path)
        except (BadArtifact, KeyError, IndexError, TypeError, FileNotFoundError) as error:
            left_out.append(f"{place.at(path)} is not in the catalogue: {error}")
    ordered = sorted(entries.values(), key=lambda entry: entry.created, reverse=True)
    ordered.sort(key=lambda entry: entry.name)
    document = {
        "schema": CATALOG_SCHEMA,
        "models": [entry.record() for entry in ordered],
        "aliases": known_aliases(place, ordered),
    }
    place.write(CATALOG_FILE, json.dumps(document, separators=(",", ":")).encode())
    return entries, left_out


def _published(place: Place) -> set[str]:
    """Return the paths of the folders that hold a manifest."""
    if isinstance(place, Folder):  # without listing every file
        return {
            f"{model}/{version}"
            for model in place.folders()
            for version in place.folders(model)
            if (place.root / model / version / MANIFEST_FILE).is_file()
        }
    paths = (name.rpartition("/") for name in place.files())
    return {folder for folder, _, name in paths if name == MANIFEST_FILE and folder.count("/") == 1}


def known_aliases(place: Place, entries: Iterable[Entry]) -> Aliases:
    """Return the aliases that mean a version which is there."""
    there = {(entry.name, entry.version) for entry in entries}
    found = {
        model: {alias: version for alias, version in _read_aliases(place, model).items() if (model, version) in there}
        for model in sorted({name for name, _ in there})
    }
    return {model: aliases for model, aliases in found.items() if aliases}


def write_aliases(store: Location, model: str, aliases: Mapping[str, str]) -> None:
    """Write a model's list of aliases; an empty one is removed."""
    place = open_place(store)
    with _turn(store, LOOK):
        if aliases:
            place.write(f"{model}/{ALIASES_FILE}", json.dumps(aliases, indent=1).encode())
        else:
            place.delete(f"{model}/{ALIASES_FILE}")


def _read_aliases(place: Place, model: str) -> Mapping[str, str]:
    try:
        content = place.read(f"{model}/{ALIASES_FILE}")
    except FileNotFoundError:
        return {}
    return parse_aliases(content) or {}  # torn by hand; 'zoo doctor' tells


def parse_aliases(content: bytes) -> dict[str, str] | None:
    """Return what can be read of a list of aliases, versions by alias; None for what is no list."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    return {
        alias: version
        for alias, version in found.items()
        if isinstance(version, str) and NAME.fullmatch(alias) and alias != LATEST
    }


def _path_of(sentence: str) -> str:
    return "/".join(sentence.partition(" is not in the catalogue")[0].split("/")[-2:])


def derived_entry(store: Location, place: Place, path: str) -> Entry:
    """Return the entry that an artifact's manifest makes. Raises BadArtifact for a manifest that cannot be read."""
    content = place.read(f"{path}/{MANIFEST_FILE}")
    manifest = parse_manifest(content, place.at(path))
    metric = manifest["metrics"][0]
    return Entry(
        name=manifest["name"],
        version=manifest["version"],
        task=manifest["task"],
        path=path,
        bytes=manifest["model"]["bytes"],
        gzip_bytes=manifest["model"]["gzip_bytes"],
        precision=manifest["model"]["precision"],
        input_size=(manifest["input"]["height"], manifest["input"]["width"]),
        labels=tuple(manifest["labels"]),
        metric=metric["name"],
        score=metric["value"],
        metric_data=f"{metric['data']} {metric['split']}",
        created=manifest["created"],
        manifest_sha256=hashlib.sha256(content).hexdigest(),
        store=store,
    )
