"""Writing files and folders so that a reader sees the old content or the new, never half of one."""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from zoo._errors import ZooError


def write_atomically(path: Path, content: bytes | memoryview, *, sync: bool = True) -> None:
    """Write beside, fsync, rename. An interrupted write leaves `path` as it was.

    Without `sync` that holds for the end of a process, but a power cut may leave `path` torn.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if sync:
        sync_folder(path.parent)


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a folder to fill, which becomes `path` at the end of the block; where that raises, nothing is left.

    Raises: ZooError when `path` exists.
    """
    if path.exists():
        raise ZooError(f"{path} exists already. Name another folder, or remove it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as scratch:
        folder = Path(scratch) / path.name
        folder.mkdir()
        yield folder
        folder.rename(path)


def check_writable(folder: Path) -> None:
    """Raise ZooError unless files can be made in a folder, which may not be there yet; nothing is left behind."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    try:
        os.rmdir(tempfile.mkdtemp(prefix=".", dir=there))
    except OSError as error:
        raise ZooError(f"Cannot write into {there} ({error.strerror}). Name another folder, or change it.") from error


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
