"""Vectors that a larger network, the teacher, gave for pictures: what a small one learns to answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from zoo._errors import BadData


class TeacherVectors:
    """What a teacher says of pictures, by key. `centre` is the mean over all of them, float32 (size,)."""

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
        missing = [key for key in keys if key not in self._rows]
        if missing:
            raise BadData(
                f"The teacher has no vector for {len(missing)} of {len(keys)} pictures, the first '{missing[0]}'. "
                f"Let it see all training pictures, and name its vectors by Sample.key."
            )
        return self._table[[self._rows[key] for key in keys]].astype(np.float32)
