"""Importing Keras: its backend's fast kernels, without the notes that TensorFlow's C++ writes to the terminal.

Nothing in Python can silence these notes, so they are held back.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator

from zoo._interrupts import postponed


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Set file descriptor 2 aside; what was written to it is shown after all when the block raises.

    An interrupt waits for the end of the block.
    """
    with postponed(), _aside():
        yield


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
