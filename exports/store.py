"""A store: a folder of published artifacts, `<model>/<version>/`, and the catalogue derived from their manifests.

An artifact becomes visible by one rename of a complete folder. The catalogue is rebuilt from what is there under a
lock, so two publishers cannot lose each other's entry, and a torn catalogue is mended by the next publish.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exports.manifest import MANIFEST_FILE, read_manifest
from zoo._errors import BadArtifact, ZooError
from zoo._files import sync_folder, write_atomically
from zoo.catalog import CATALOG_FILE, CATALOG_SCHEMA, Entry, read_catalog

_PART_PREFIX = ".part-"


@contextlib.contextmanager
def staging(store: Path) -> Iterator[Path]:
    """Give a scratch folder inside `store`, removed afterwards whatever happens.

    Raises ZooError when the store cannot be written.
    """
    try:
        store.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=_PART_PREFIX, dir=store))
        folder.chmod(0o755)  # mkdtemp's 0700 would hide the artifact from a web server
    except OSError as error:
        raise ZooError(f"The store {store} cannot be written ({error.strerror}). Name another with --store.") from error
    try:
        yield folder
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ZooError(
                f"No space is left for {store}; nothing was published. Free some, then publish again."
            ) from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def commit(staged: Path, store: Path, manifest: dict[str, Any]) -> Path:
    """Move a complete staged artifact to its place and enter it into the catalogue; return the place.

    The same version published again is left as it is: versions never change.
    """
    for path in sorted(staged.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    target = store / manifest["name"] / manifest["version"]
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.rename(staged, target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    sync_folder(target.parent)
    rebuild_catalog(store)
    return target


def rebuild_catalog(store: Path) -> list[str]:
    """Write catalog.json from the manifests in the store; return one sentence per folder that was left out."""
    with (store / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        entries, left_out = [], []
        for path in _manifests(store):
            try:
                entries.append(_entry(store, path))
            except (BadArtifact, KeyError, IndexError, TypeError) as error:
                left_out.append(f"{path.parent} is not in the catalogue: {error}")
        entries.sort(key=lambda entry: entry.created, reverse=True)
        entries.sort(key=lambda entry: entry.name)
        document = {"schema": CATALOG_SCHEMA, "models": [entry.record() for entry in entries]}
        write_atomically(store / CATALOG_FILE, json.dumps(document, indent=1).encode())
    return left_out


def _manifests(store: Path) -> list[Path]:
    """List the manifests of the published artifacts.

    `Path.glob` would do, but it enters the scratch folders of other publishers too, which vanish under it.
    """
    return [
        version / MANIFEST_FILE
        for model in _folders(store)
        for version in _folders(model)
        if (version / MANIFEST_FILE).is_file()
    ]


def _folders(parent: Path) -> list[Path]:
    return sorted(path for path in parent.iterdir() if not path.name.startswith(".") and path.is_dir())


def _entry(store: Path, path: Path) -> Entry:
    manifest = read_manifest(path.parent, check_files=False)
    metric = manifest["metrics"][0]
    return Entry(
        name=manifest["name"],
        version=manifest["version"],
        task=manifest["task"],
        path=path.parent.relative_to(store).as_posix(),
        bytes=manifest["model"]["bytes"],
        gzip_bytes=manifest["model"]["gzip_bytes"],
        precision=manifest["model"]["precision"],
        input_size=(manifest["input"]["height"], manifest["input"]["width"]),
        labels=tuple(manifest["labels"]),
        metric=metric["name"],
        score=metric["value"],
        metric_data=f"{metric['data']} {metric['split']}",
        created=manifest["created"],
        manifest_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def check_against_catalog(folder: Path) -> None:
    """Raise BadArtifact when a store's catalogue knows this artifact by another manifest; without one, do nothing."""
    store = folder.resolve().parent.parent
    if not (store / CATALOG_FILE).is_file():
        return
    digest = hashlib.sha256((folder / MANIFEST_FILE).read_bytes()).hexdigest()
    for entry in read_catalog(store):
        if (store / entry.path).resolve() == folder.resolve() and entry.manifest_sha256 != digest:
            raise BadArtifact(
                f"The manifest of {folder} was changed after publishing: its SHA-256 differs from the catalogue's. "
                f"Do not use it; publish again."
            )
