"""Ways to spoil an artifact, with and without mending its hashes afterwards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exports.manifest import MANIFEST_FILE, MODEL_FILES
from exports.weights import TOPOLOGY_FILE

Spoil = Callable[[Path], None]
Change = Callable[[dict[str, Any]], Any]


def edit(folder: Path, change: Change, name: str = MANIFEST_FILE) -> None:
    """Change a JSON file of a folder; other hashes stay as they are."""
    document = json.loads((folder / name).read_text())
    change(document)
    (folder / name).write_text(json.dumps(document))


def rehash(folder: Path) -> None:
    """Make the manifest list the files as they are now: what somebody does who spoils an artifact on purpose."""

    def mend(manifest: dict[str, Any]) -> None:
        for name, record in manifest["files"].items():
            content = (folder / name).read_bytes()
            record.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        manifest["model"]["bytes"] = sum(manifest["files"][name]["bytes"] for name in MODEL_FILES)

    edit(folder, mend)


def in_manifest(change: Change) -> Spoil:
    return lambda folder: edit(folder, change)


def in_topology(change: Change, name: str = TOPOLOGY_FILE) -> Spoil:
    def spoil(folder: Path) -> None:
        edit(folder, change, name)
        rehash(folder)

    return spoil


def in_text(old: str, new: str, name: str = MANIFEST_FILE) -> Spoil:
    """Replace the first `old` in a file, for what no JSON writer would write."""

    def spoil(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return spoil


def with_content(content: bytes | str, name: str = MANIFEST_FILE) -> Spoil:
    data = content if isinstance(content, bytes) else content.encode()
    return lambda folder: void((folder / name).write_bytes(data))


def with_file(name: str, **record: Any) -> Spoil:
    """List one more file."""
    return in_manifest(lambda manifest: manifest["files"].update({name: record}))


def void(_: Any) -> None:
    """For lambdas whose last call returns something."""
