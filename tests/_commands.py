"""Run commands of `zoo` in the test's own process."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo._cli import main

EXIT_MISTAKE = 2


def zoo(capfd: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    """Run a command in this process; return exit code, stdout, stderr."""
    try:
        code = main([str(word) for word in words])
    except SystemExit as done:
        code = int(done.code or 0)
    out, err = capfd.readouterr()
    return code, out, err


def refused(capfd: pytest.CaptureFixture[str], *words: str | Path) -> str:
    """Run a command that is a mistake; return its sentence."""
    code, out, err = zoo(capfd, *words)
    assert code == EXIT_MISTAKE
    assert out == ""
    assert "Traceback" not in err
    sentence = err.strip().splitlines()[-1]
    assert sentence.startswith("zoo")
    return sentence
