"""One training step, traced once for batches of any size, and batches made ready while a step runs.

Keras' `fit` is not used: under TensorFlow it reads batches that Python makes through tf.data, and lets go of tf.data at
each epoch's end while it holds Python's lock. Where a thread of tf.data still waits for that lock, both wait for ever.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np

from tuner.batches import Batch, Batches

BATCHES_NICENESS = 5
"""The priority of the thread that makes batches; a step's own is 0, and 19 is the lowest."""
PROCESSORS_A_THREAD = 4
MOST_THREADS = 4
"""More gain little: about half of the work on a batch holds Python's lock."""

Traced = Callable[[np.ndarray, Mapping[str, np.ndarray]], Any]


class Step:
    """Trains a compiled network on one batch at a time: images (N, ...) and targets by name, each (N, ...)."""

    def __init__(self, network: keras.Model) -> None:
        self._network = network
        self._traced: Traced | None = None

    def prepare(self, batches: Batches) -> None:
        """Trace where that is possible ahead of the first step, so that no step's time includes it."""
        if keras.backend.backend() == "tensorflow" and self._traced is None:
            self._traced = _traced(self._network, *batches[0])

    def __call__(self, images: np.ndarray, targets: Mapping[str, np.ndarray]) -> float:
        """Change the weights once; return the loss of this batch before."""
        if self._traced is not None:
            return float(self._traced(images, targets))
        return float(self._network.train_on_batch(images, targets, return_dict=True)["loss"])


def _traced(network: keras.Model, images: np.ndarray, targets: Mapping[str, np.ndarray]) -> Traced:
    """Return a step of TensorFlow for batches like this one, of any size: Keras' own traces anew for a second size."""
    import tensorflow as tf

    def of_any_size(values: np.ndarray) -> Any:
        return tf.TensorSpec((None, *values.shape[1:]), values.dtype)

    signature = (of_any_size(images), {name: of_any_size(values) for name, values in targets.items()})

    @tf.function(input_signature=signature, autograph=False)
    def step(images: Any, targets: Any) -> Any:
        network.reset_metrics()  # else the loss is the mean since the last reset
        return network.train_step((images, targets))["loss"]

    step.get_concrete_function()
    return step


def _yield_to_steps() -> None:
    """Let this thread run where the threads of a step leave a processor free, for they wait for the slowest of them."""
    if sys.platform == "linux":  # where a priority is a thread's own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BATCHES_NICENESS)


def _threads_for_batches() -> int:
    """Return how many threads make batches: one where a step needs the processors, more beside an accelerator's."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(max(processors // PROCESSORS_A_THREAD, 1), MOST_THREADS)


def made_ahead(batches: Batches, threads: int | None = None) -> Iterator[Batch]:
    """Yield the batches of an epoch in order; threads, by default as many as suit, make the next ones meanwhile."""
    threads = threads or _threads_for_batches()
    with ThreadPoolExecutor(threads, thread_name_prefix="batches", initializer=_yield_to_steps) as executor:
        coming = deque(executor.submit(batches.__getitem__, index) for index in range(min(threads, len(batches))))
        for index in range(len(batches)):
            batch = coming.popleft().result()
            if index + threads < len(batches):
                coming.append(executor.submit(batches.__getitem__, index + threads))
            yield batch
