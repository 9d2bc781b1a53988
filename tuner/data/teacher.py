"""Vectors that a larger network, the teacher, gave for pictures: what a small one learns to answer."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from zoo._errors import BadData

FILES, VECTORS = "files", "emb"


def read_teacher(path: Path) -> dict[str, np.ndarray]:
    """Read vectors from an `.npz` with the arrays `files` (n,), text, and `emb` (n, size), numbers.

    Raises: BadData when there is no such file or it holds something else.
    """
    wanted = f"An .npz of a teacher holds '{FILES}', the pictures' names, and '{VECTORS}', one vector for each."
    if not path.is_file():
        raise BadData(
            f"There is no file {path} with a teacher's vectors, nor is there one in the folder of the data. {wanted} "
            f"docs/trained-models.md tells how to make one."
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            names, vectors = file[FILES], file[VECTORS]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise BadData(f"{path} cannot be read as a teacher's vectors ({error}). {wanted}") from error
    if names.ndim != 1 or names.dtype.kind != "U" or vectors.ndim != 2 or len(names) != len(vectors):
        raise BadData(f"{path} holds names of shape {names.shape} and vectors of shape {vectors.shape}. {wanted}")
    return dict(zip(names.tolist(), vectors, strict=True))


class TeacherVectors:
    """What a teacher says of pictures, by `Sample.key` or the end of it. `centre` is the mean, float32 (size,)."""

    def __init__(self, vectors: Mapping[str, np.ndarray]) -> None:
        shapes = sorted({np.shape(vector) for vector in vectors.values()})
        if len(shapes) != 1 or len(shapes[0]) != 1:
            raise BadData(f"A teacher's vectors are one-dimensional and of one size, got the shapes {shapes}.")
        table = np.stack([np.asarray(vector) for vector in vectors.values()])
        if not np.isfinite(table).all():
            raise BadData("A vector of the teacher holds a value that is not a finite number. Compute it again.")
        self.size: int = shapes[0][0]
        self.centre = table.mean(axis=0, dtype=np.float64).astype(np.float32)
        self._table, self._rows = table, {key: row for row, key in enumerate(vectors)}

    def of(self, keys: Sequence[str]) -> np.ndarray:
        """Return float32 (len(keys), size). Raises: BadData for a key that the teacher has not seen."""
        rows = [self._row(key) for key in keys]
        missing = [key for key, row in zip(keys, rows, strict=True) if row is None]
        if missing:
            raise BadData(
                f"The teacher has no vector for {len(missing)} of {len(keys)} pictures, the first '{missing[0]}'. "
                f"Let it see all training pictures, and name its vectors by Sample.key."
            )
        return self._table[rows].astype(np.float32)

    def _row(self, key: str) -> int | None:
        """Return the row of a picture; a teacher may name it from a folder further down, without `train/`."""
        while key not in self._rows:
            _, slash, key = key.partition("/")
            if not slash:
                return None
        return self._rows[key]
