"""Blood smears drawn for the card of a detector of cells."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

SCRIPT = Path(__file__).parent.parent / "scripts/draw_cells.py"


def draw(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, words)], capture_output=True, text=True, check=False, timeout=120
    )


def test_the_same_seed_draws_the_same_smears(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("same", 3), ("other", 4)):
        done = draw("--count", 2, "--seed", seed, "-o", tmp_path / name)
        assert done.returncode == 0, done.stderr
    one, same, other = (
        [np.asarray(Image.open(path)) for path in sorted((tmp_path / name).iterdir())]
        for name in ("one", "same", "other")
    )
    assert [picture.shape for picture in one] == [(480, 640, 3)] * 2
    np.testing.assert_array_equal(one, same)
    assert (np.asarray(one) != other).mean() > 0.5
    assert (one[0] != one[1]).mean() > 0.5


def test_a_smear_has_red_cells_a_dark_nucleus_and_plasma(tmp_path: Path) -> None:
    draw("--count", 1, "-o", tmp_path / "out")
    red, green, blue = np.moveaxis(np.asarray(Image.open(tmp_path / "out/smear-000.png"), np.int16), 2, 0)
    for share in ((blue - green > 50).mean(), (red - green > 30).mean(), (green > 200).mean()):
        assert share > 0.02


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "kept.png").write_bytes(b"mine")
    done = draw("-o", tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["kept.png"]
