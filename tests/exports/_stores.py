"""Helpers for tests of stores: an artifact published under another name or version, without training again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from exports.manifest import read_manifest
from exports.store import commit, staging
from zoo._places import Location


def put(artifact: Path, store: Location, version: str, name: str = "yunet_n_160", **changes: Any) -> Location:
    """Commit a copy of an artifact under another name or version."""
    with staging(store) as folder:
        shutil.copytree(artifact, folder, dirs_exist_ok=True)
        manifest = {**read_manifest(artifact, check_files=False), "version": version, "name": name, **changes}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return commit(folder, store, manifest)


def put_several(artifact: Path, store: Location, publisher: int, versions: int) -> None:
    """Commit so many versions, as one of several publishers at once."""
    for number in range(versions):
        put(artifact, store, f"20260101-{publisher:04d}{number:04d}")
