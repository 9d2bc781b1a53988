"""Which picture belongs to training and which to validation, and which few stand for many. Stable across machines."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from pathlib import Path

from tuner.data._types import Sample

VAL_SHARE = 0.1


LIMITED_PICTURES = 8
"""Pictures of one person in a limited data set."""


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes: copies of one picture under two names go to the same split."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def name_hash(name: str) -> str:
    """SHA-256 of a name, for what is divided by name."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def choose_val(hashes: Sequence[str], at_least: int = 1) -> set[str]:
    """Choose the hashes of about a tenth of the items: those that are low, or the lowest when too few are.

    An item's place does not depend on the other items, except in sets so small that `at_least` decides. At least as
    many stay for training; a single item does.
    """
    distinct = sorted(set(hashes))
    low = sum(int(digest[:16], 16) < VAL_SHARE * 2**64 for digest in distinct)
    return set(distinct[: min(max(low, at_least), len(distinct) // 2)])


def limit_pictures(samples: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    """Keep `count` pictures in their order, each kind with its share.

    The kind of a picture is its label, or the rarest class among its boxes, or none. Pictures are lined up by kind, by
    chance within one, and taken at even distances.
    """
    if count >= len(samples):
        return list(samples)
    frequency: Counter[int] = Counter(int(index) for sample in samples for index in set(sample.classes.tolist()))

    def kind(sample: Sample) -> int:
        return min(sample.classes.tolist(), key=lambda index: (frequency[index], index), default=sample.label)

    line = sorted(range(len(samples)), key=lambda row: (kind(samples[row]), _chance(samples[row].key, seed), row))
    taken = sorted(line[(2 * place + 1) * len(samples) // (2 * count)] for place in range(count))
    return [samples[row] for row in taken]


def limit_identities(samples: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    """Keep up to `count` pictures: identity after identity in an order of chance, `LIMITED_PICTURES` of each.

    Many people teach more than many pictures of a few. Where there are too few people for that, each keeps more. None
    is kept with a single picture, and there are two at least.
    """
    if count >= len(samples):
        return list(samples)
    rows_of: dict[Hashable, list[int]] = defaultdict(list)
    for row, sample in enumerate(samples):
        rows_of[sample.label].append(row)
    most = min(LIMITED_PICTURES, max(2, count // 2))
    while sum(min(len(rows), most) for rows in rows_of.values()) < count:
        most += 1
    taken: list[int] = []
    for label in sorted(rows_of, key=lambda label: _chance(samples[rows_of[label][0]].key, seed)):
        rows = sorted(rows_of[label], key=lambda row: _chance(samples[row].key, seed))
        rows = rows[: min(most, count - len(taken))]
        if len(rows) >= 2:
            taken += rows
    return [samples[row] for row in sorted(taken)]


def _chance(key: str, seed: int) -> str:
    return name_hash(f"{seed}/{key}")
