"""A cluster that trains nothing: a hundred workers whose trials end at once, in any order."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tuner.trials import Bench, Trial


class Simulated:
    """Runs trials without any work, `capacity` at a time; their scores follow from their hyperparameters.

    `inside_s` adds up the time spent here, which is not the driver's.
    """

    def __init__(self, capacity: int = 100, seed: int = 0) -> None:
        self.capacity, self.inside_s, self._chance = capacity, 0.0, random.Random(seed)
        self._running: list[Trial] = []

    def connect(self) -> None:
        pass

    def start(self, bench: Bench, folder: Path, on_images: Callable[[int], None]) -> None:
        self._metric = bench.learner.metric

    def submit(self, trial: Trial) -> None:
        self._running.append(trial)

    def wait(self) -> Sequence[Mapping[str, Any]]:
        started = time.perf_counter()
        count = self._chance.randint(1, min(5, len(self._running)))
        ended = [self._running.pop(self._chance.randrange(len(self._running))) for _ in range(count)]
        records = [self._record(trial) for trial in ended]
        self.inside_s += time.perf_counter() - started
        return records

    def _record(self, trial: Trial) -> Mapping[str, Any]:
        values = trial.values
        head = {"trial": trial.number, "hyperparameters": dict(values), "max_epochs": trial.epochs, **values}
        if values["batch_size"] == 64:
            return {**head, "status": "failed", "failure": "memory ran out at batch size 64"}
        score = 1 - abs(values["learning_rate"] - 2e-3) - values["batch_size"] / 1e3
        row = {"epoch": 1, "loss": 1 - score, self._metric: score, "learning_rate": values["learning_rate"]}
        return {
            **head,
            "status": "completed",
            "score": score,
            "best_epoch": 1,
            "epochs": 1,
            "seconds": 1.0,
            "images_per_second": 1.0,
            "history": [row],
        }

    def close(self) -> None:
        pass
