"""Interrupts that wait until they can be told.

An interrupt is an exception that Python raises wherever it stands. Where that is a call from C, such as TensorFlow's of
an array, C drops it, or fails in words of its own.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def postponed() -> Iterator[Callable[[], None]]:
    """Let an interrupt wait for the end of the block, or for the next call of the function that this yields.

    A second interrupt waits no longer. Nothing changes outside the main thread, which alone is interrupted, nor where
    interrupts are ignored.
    """
    waiting: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        if waiting:
            raise KeyboardInterrupt
        waiting.append(number)

    def let_in() -> None:
        if waiting:
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    is_heard = threading.current_thread() is threading.main_thread() and before not in (signal.SIG_IGN, None)
    if is_heard:
        signal.signal(signal.SIGINT, note)
    try:
        yield let_in
    finally:
        if is_heard:
            signal.signal(signal.SIGINT, before)
    let_in()
