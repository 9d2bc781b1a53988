"""An interrupt waits for a moment at which it can be told, and is never lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from zoo._interrupts import postponed
from zoo._quiet import quiet_stderr


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Hear interrupts as in a terminal; a job in the background ignores them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_waits_for_the_end_of_the_block() -> None:
    finished = False
    with pytest.raises(KeyboardInterrupt), postponed():
        interrupt()
        finished = True
    assert finished


def test_is_told_where_the_block_lets_it_in() -> None:
    steps = 0
    with pytest.raises(KeyboardInterrupt), postponed() as let_in:
        for _ in range(5):
            steps += 1
            if steps == 2:
                interrupt()
            let_in()
    assert steps == 2


def test_a_second_one_waits_no_longer() -> None:
    finished = False
    with pytest.raises(KeyboardInterrupt), postponed():
        interrupt()
        interrupt()
        finished = True
    assert not finished


def test_a_block_within_a_block_tells_at_its_end() -> None:
    finished = []
    with pytest.raises(KeyboardInterrupt), postponed():
        with postponed():
            interrupt()
            finished.append("inner")
        finished.append("outer")
    assert finished == ["inner"]


def test_a_failure_of_the_block_is_told_first() -> None:
    with pytest.raises(ValueError, match="torn"), postponed():
        interrupt()
        raise ValueError("torn")


def test_waits_while_the_framework_is_imported() -> None:
    finished = False
    with pytest.raises(KeyboardInterrupt), quiet_stderr():
        interrupt()
        finished = True
    assert finished


def test_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with postponed():
            interrupt()
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
