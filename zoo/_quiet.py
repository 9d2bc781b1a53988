"""Importing Keras: its backend's fast kernels, without the notes that TensorFlow's C++ writes to the terminal.

Nothing in Python can silence these notes, so they are held back.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Set file descriptor 2 aside; what was written to it is shown after all when the block raises.

    An interrupt waits for the end of the block: C++ callbacks would swallow it, or fail in their own words.
    """
    interrupts: list[int] = []
    in_main_thread = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number)) if in_main_thread else None
    try:
        with _aside():
            yield
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)
    if interrupts:
        raise KeyboardInterrupt


@contextlib.contextmanager
def _aside() -> Iterator[None]:
    sys.stderr.flush()
    with tempfile.TemporaryFile() as notes:
        terminal = os.dup(2)
        os.dup2(notes.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            if failed:
                notes.seek(0)
                os.write(2, notes.read())


def import_keras() -> None:
    """Import Keras and its backend without the driver notes at start."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow uses oneDNN's kernels of itself only on x86 processors with instructions for neural networks; on others
    # they train detectors faster too (benchmarks/training_kernels.py). Without them in its build this says nothing.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    with quiet_stderr():
        importlib.import_module("keras")
