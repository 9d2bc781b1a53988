"""Pairs of face pictures, same person or not: what a recognizer is measured on.

`read_pairs` reads the view-2 protocol of Labeled Faces in the Wild (http://vis-www.cs.umass.edu/lfw/);
`verification_pairs` draws pairs from any identity data.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from tuner.data._annotations import listing
from tuner.data._pictures import PICTURE_SUFFIXES, find_picture, is_inside
from zoo._errors import BadData

_ROUNDS = 20


class FilePairs(NamedTuple):
    """Pairs of picture files. `same` bool (n,), `folds` int64 (n,): the fold of the protocol that a pair belongs to."""

    paths_a: list[Path]
    paths_b: list[Path]
    same: np.ndarray
    folds: np.ndarray


class IndexPairs(NamedTuple):
    """Pairs of rows of the labels. Shapes: first, second int64 (n,), same bool (n,)."""

    first: np.ndarray
    second: np.ndarray
    same: np.ndarray


def read_pairs(folder: Path | str) -> FilePairs:
    """Read `pairs.txt` of a folder whose pictures lie in `images/NAME/NAME_0001.jpg` or `NAME/NAME_0001.jpg`.

    The first line holds the number of folds and of pairs of each kind per fold; three columns are two pictures of one
    person, four are two persons. Raises: BadData when the file or a picture is missing or a line cannot be read.
    """
    folder = Path(folder)
    path = folder / "pairs.txt"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise BadData(f"{path} does not exist. Put the pair list of LFW's view 2 there.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"{path} cannot be read ({error}). Download it again.") from None
    rows = [(number, line.split()) for number, line in enumerate(lines, start=1) if line.strip()]
    num_folds, per_kind = _read_head(path, rows[0][1] if rows else [])
    if len(rows) - 1 != 2 * num_folds * per_kind:
        raise BadData(
            f"{path} announces {num_folds} folds of {per_kind} pairs of each kind, {2 * num_folds * per_kind} lines, "
            f"but holds {len(rows) - 1}. Download it again."
        )
    root = folder / "images" if (folder / "images").is_dir() else folder
    paths_a, paths_b, same, missing = [], [], [], []
    for number, columns in rows[1:]:
        sides = _sides(path, number, columns)
        found = [_find(root, name, index) for name, index in sides]
        missing += [f"{name}_{index:04d}" for (name, index), file in zip(sides, found, strict=True) if file is None]
        if found[0] is not None and found[1] is not None:
            paths_a.append(found[0])
            paths_b.append(found[1])
            same.append(len(columns) == 3)
    if missing:
        raise BadData(f"{len(missing)} pictures of {path} are not in {root}: {listing(missing, most=3)}. Add them.")
    return FilePairs(paths_a, paths_b, np.array(same, bool), np.arange(len(same)) // max(2 * per_kind, 1))


def verification_pairs(labels: np.ndarray, count: int, seed: int = 0) -> IndexPairs:
    """Draw up to `count` different pairs of pictures, half of them of one identity: labels (n,) name it per picture.

    Fewer when there are fewer; always as many of one kind as of the other. Deterministic by `seed`.
    Raises: BadData when no identity has two pictures, or there is only one identity.
    """
    rows_of = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    if len(rows_of) < 2 or max(len(rows) for rows in rows_of) < 2:
        raise BadData(
            f"Pairs need two identities and one with two pictures, got {len(rows_of)} identities in {len(labels)} "
            f"pictures. Use more pictures."
        )
    generator = np.random.default_rng([seed, len(labels)])
    inner = [np.stack(np.triu_indices(len(rows), k=1), axis=1) for rows in rows_of]
    alike = np.concatenate([rows[pairs] for rows, pairs in zip(rows_of, inner, strict=True)])
    alike = alike[generator.permutation(len(alike))][: max(count // 2, 1)]
    unlike = _unlike(labels, len(alike), generator)
    alike = alike[: len(unlike)]
    pairs = np.concatenate([alike, unlike])
    return IndexPairs(pairs[:, 0], pairs[:, 1], np.arange(len(pairs)) < len(alike))


def _unlike(labels: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Draw (n, 2) rows of different labels, n at most `count`, without repeats."""
    chosen: dict[tuple[int, int], None] = {}
    for _ in range(_ROUNDS):
        for pair in np.sort(generator.integers(len(labels), size=(2 * count + 8, 2)), axis=1):
            if labels[pair[0]] != labels[pair[1]] and len(chosen) < count:
                chosen[int(pair[0]), int(pair[1])] = None
        if len(chosen) == count:
            break
    return np.array(list(chosen), np.int64).reshape(-1, 2)


def _read_head(path: Path, columns: list[str]) -> tuple[int, int]:
    """Return (folds, pairs of each kind per fold); a single number is one fold."""
    if len(columns) not in (1, 2) or not all(_is_number(column) for column in columns):
        raise BadData(
            f"{path} begins with '{' '.join(columns)[:40]}'; expected the number of folds and of pairs: '10 300'."
        )
    return (int(columns[0]), int(columns[1])) if len(columns) == 2 else (1, int(columns[0]))


def _sides(path: Path, number: int, columns: list[str]) -> list[tuple[str, int]]:
    names = [columns[0], columns[0] if len(columns) == 3 else columns[2]] if len(columns) in (3, 4) else []
    indices = [columns[1], columns[-1]] if names else []
    if not names or not all(_is_number(index) for index in indices) or not all(is_inside(name) for name in names):
        raise BadData(
            f"{path}, line {number}: '{' '.join(columns)[:80]}' is no pair; expected 'NAME 1 4' or 'NAME 1 OTHER 2'."
        )
    return [(name, int(index)) for name, index in zip(names, indices, strict=True)]


def _is_number(column: str) -> bool:
    return column.isdecimal() and len(column) < 10


def _find(root: Path, name: str, index: int) -> Path | None:
    stem = f"{name}_{index:04d}"
    found = (find_picture(stem + suffix, [root / name]) for suffix in PICTURE_SUFFIXES)
    return next((path for path in found if path is not None), None)
