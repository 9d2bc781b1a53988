"""Where stores lie: a folder, or any URL that fsspec knows, such as s3://BUCKET/models; one small interface for both.

Knows names and bytes, and nothing of models. A file appears whole or not at all.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from zoo._errors import ZooError
from zoo._files import write_atomically

Location = str | Path

BUCKETS = frozenset({"s3", "s3a", "gs", "gcs"})
"""Kinds of URL without folders; to ask for one there would make a bucket."""


class Place(Protocol):
    """A tree of files. Names have '/' between their parts and never start with one."""

    def read(self, name: str) -> bytes:
        """Return the content of a file. Raises FileNotFoundError."""

    def write(self, name: str, content: bytes) -> None:
        """Write or replace a file."""

    def files(self, below: str = "") -> dict[str, int]:
        """Return the size of each file below a name; files and folders that start with a dot are left out."""

    def folders(self, below: str = "") -> list[str]:
        """Return the last parts of the names of the folders just below a name, those with a dot left out."""

    def delete(self, name: str) -> None:
        """Remove a file."""

    def age_s(self, name: str) -> float:
        """Return for how many seconds a file has been as it is; 0 where that is not known."""

    def at(self, name: str) -> str:
        """Return how a user would write down the place of a file."""


def is_url(location: Location) -> bool:
    """Tell a URL from a path."""
    return "://" in str(location)


def as_location(text: str) -> Location:
    """Read what a user wrote: a URL stays as it is, all else is a path."""
    return text if is_url(text) else Path(text)


def open_place(location: Location) -> Place:
    """Open a folder or a URL. Raises: ZooError for a kind of URL that is not known or whose package is missing."""
    return Remote(str(location)) if is_url(location) else Folder(Path(location))


class Folder:
    """A folder of this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)

    def files(self, below: str = "") -> dict[str, int]:
        found = {}
        for folder, folders, names in os.walk(self.root / below):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                path = Path(folder) / name
                if not name.startswith(".") and path.is_file():
                    found[path.relative_to(self.root).as_posix()] = path.stat().st_size
        return found

    def folders(self, below: str = "") -> list[str]:
        try:
            with os.scandir(self.root / below) as entries:
                return sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def delete(self, name: str) -> None:
        (self.root / name).unlink()

    def age_s(self, name: str) -> float:
        return time.time() - (self.root / name).stat().st_mtime

    def at(self, name: str) -> str:
        return str(self.root / name)


class Remote:
    """What lies behind a URL. Each object appears whole; there is no lock and no rename of many at once."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        try:
            import fsspec

            self._files, root = fsspec.core.url_to_fs(self.url)
        except (ImportError, ValueError) as error:
            raise ZooError(
                f"Cannot open {url}: {error}. For s3:// install 'pocket-zoo[s3]'; for others the package that fsspec "
                f"names for them."
            ) from error
        self._root: str = root.rstrip("/")
        self._has_buckets = self.url.partition("://")[0] in BUCKETS

    def read(self, name: str) -> bytes:
        self._files.invalidate_cache()
        return self._do("cat_file", f"{self._root}/{name}")

    def write(self, name: str, content: bytes) -> None:
        path = f"{self._root}/{name}"
        try:
            if not self._has_buckets:
                self._do("makedirs", path.rpartition("/")[0], exist_ok=True)
            self._do("pipe_file", path, content)
        except FileNotFoundError as error:
            raise ZooError(f"{self.url} cannot be written: {error}. Make its bucket first, or name another.") from error

    def files(self, below: str = "") -> dict[str, int]:
        self._files.invalidate_cache()
        try:
            found = self._do("find", f"{self._root}/{below}".rstrip("/"), detail=True)
        except FileNotFoundError:  # no such bucket
            return {}
        names = {path.removeprefix("/").removeprefix(self._root.removeprefix("/") + "/"): found[path] for path in found}
        return {
            name: about["size"] for name, about in names.items() if not any(p.startswith(".") for p in name.split("/"))
        }

    def folders(self, below: str = "") -> list[str]:
        self._files.invalidate_cache()
        try:
            listed = self._do("ls", f"{self._root}/{below}".rstrip("/"), detail=True)
        except FileNotFoundError:
            return []
        names = (about["name"].rstrip("/").rpartition("/")[2] for about in listed if about["type"] == "directory")
        return sorted(name for name in names if not name.startswith("."))

    def delete(self, name: str) -> None:
        self._do("rm_file", f"{self._root}/{name}")

    def age_s(self, name: str) -> float:
        try:
            modified = self._files.modified(f"{self._root}/{name}")
        except (FileNotFoundError, NotImplementedError):
            return 0.0
        now = datetime.now(UTC)
        return (now - (modified if modified.tzinfo else modified.replace(tzinfo=UTC))).total_seconds()

    def at(self, name: str) -> str:
        return f"{self.url}/{name}"

    def _do(self, operation: str, *arguments: Any, **rest: Any) -> Any:
        try:
            return getattr(self._files, operation)(*arguments, **rest)
        except (FileNotFoundError, MemoryError):
            raise
        except Exception as error:  # each kind of store has errors of its own
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ZooError(
                f"{self.url} does not answer: {reason}. Check the URL, your access and the network."
            ) from error
