"""The golden values of the page's unit tests are those of the Python twins as they are now."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from golden_values import PATH, golden_values

TOLERANCE = 1e-5  # exponentials may differ in their last bit between machines


def leaves(value: Any) -> Iterator[Any]:
    """Every number, text and null of a document, in order."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one)
    else:
        yield value


def is_number(leaf: Any) -> bool:
    """Tell numbers and truth values from texts, and from null, which stands for an unknown landmark."""
    return isinstance(leaf, int | float)


def test_the_golden_values_are_up_to_date() -> None:
    """Run 'python tests/browser/golden_values.py' after changing one of the twins."""
    committed = list(leaves(json.loads(PATH.read_text(encoding="utf-8"))))
    now = list(leaves(json.loads(json.dumps(golden_values()))))
    assert [one for one in committed if not is_number(one)] == [one for one in now if not is_number(one)]
    numbers = [[one for one in some if is_number(one)] for some in (committed, now)]
    np.testing.assert_allclose(*numbers, rtol=TOLERANCE, atol=TOLERANCE)
