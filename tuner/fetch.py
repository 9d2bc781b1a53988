"""Data behind a URL, such as s3://bucket/faces: copied to this machine once, and again when they change there."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import Any

from tuner.data import cache_folder
from tuner.progress import Progress
from zoo._errors import BadData, ZooError
from zoo._places import is_url

COPIES = "copies"


def local_copy(location: str | Path) -> str:
    """Return a local folder with the data: `location` itself, unless it is a URL.

    Every kind of URL that fsspec knows will do; s3:// needs the package s3fs, gs:// gcsfs. The copy is named by the
    URL and by what lies there (names, sizes, dates), so that a changed data set is copied again. Raises: BadData where
    nothing lies; ZooError when a package is missing.
    """
    if not is_url(location):
        return str(location)
    try:
        import fsspec

        files, root = fsspec.core.url_to_fs(str(location))
    except (ImportError, ValueError) as error:
        raise ZooError(
            f"Cannot open {location}: {error}. Install 'pocket-zoo[cluster]' and the package for that kind of URL, "
            f"such as s3fs for s3://."
        ) from error
    try:
        listed: dict[str, Any] = files.find(root, detail=True)
    except OSError as error:
        raise BadData(f"Cannot list {location} ({error}). Check the URL and your permissions.") from error
    if not listed:
        raise BadData(f"There are no files at {location}. Name the folder that holds the data.")
    place = (cache_folder() or Path(tempfile.gettempdir()) / "pocket-zoo") / COPIES / _key(str(location), listed)
    if not place.is_dir():
        part = place.with_name(f".{place.name}.{uuid.uuid4().hex}.part")
        try:
            with Progress(f"copying {location}", total=len(listed), unit="file") as progress:
                for name in sorted(listed):
                    target = part / os.path.relpath(name, root)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    files.get_file(name, str(target))
                    progress.advance(1)
            try:
                os.rename(part, place)
            except OSError:
                if not place.is_dir():  # another process was first
                    raise
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return str(place)


def _key(url: str, listed: dict[str, Any]) -> str:
    """Return a folder name: the URL's last part for people, then a hash of the URL and of what lies there."""
    hasher = hashlib.sha256(url.encode())
    for name in sorted(listed):
        about = listed[name]
        changed = next((about[key] for key in ("ETag", "etag", "LastModified", "mtime", "created") if key in about), "")
        hasher.update(f"\n{name} {about.get('size')} {changed}".encode())
    return f"{url.rstrip('/').rsplit('/', 1)[-1]}-{hasher.hexdigest()[:16]}"
