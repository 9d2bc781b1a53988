"""Where trials run. The driver (`tuner.search`) hands trials out and waits for their records; it knows nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from tuner.trials import Bench, Trial

Record = Mapping[str, Any]
OnImages = Callable[[int], None]


class Executor(Protocol):
    """Runs trials of one job, several at once where it can. `capacity` is how many may be under way just now."""

    @property
    def capacity(self) -> int: ...

    def start(self, bench: Bench, folder: Path, on_images: OnImages) -> None:
        """Get ready: `bench` is that of the driver's process, `folder` holds a folder per trial.

        `on_images(n)` may be called from `wait` as pictures are trained on. Raises ZooError when trials cannot be run.
        """

    def submit(self, trial: Trial) -> None:
        """Take a trial to run."""

    def wait(self) -> Sequence[Record]:
        """Return the records of trials that have finished since; perhaps none, after a second or so."""

    def close(self) -> None:
        """Let go of what `start` took, whatever state it is in."""


class InProcess:
    """One trial at a time, in this process."""

    capacity = 1

    def start(self, bench: Bench, folder: Path, on_images: OnImages) -> None:
        self._bench, self._folder, self._on_images = bench, folder, on_images
        self._trials: list[Trial] = []

    def submit(self, trial: Trial) -> None:
        self._trials.append(trial)

    def wait(self) -> Sequence[Record]:
        return [self._bench.run(self._trials.pop(0), self._folder, on_images=self._on_images)]

    def close(self) -> None:
        pass
