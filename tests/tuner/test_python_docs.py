"""The example for programs and notebooks runs as it is written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def test_the_example_runs_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for block in blocks:
        exec(block, names)
    frame = pandas.DataFrame(names["result"].table())
    assert frame["trial"].tolist() == [1, 2, 3]
    assert frame["score"].max() == names["result"].score
    assert set(frame["width"]) <= {0.5, 1.0}
