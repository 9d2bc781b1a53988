"""Where trials run. The driver (`tuner.search`) hands trials out and waits for their records; it knows nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from tuner.trials import Bench, Trial
from zoo._errors import ZooError

Record = Mapping[str, Any]
OnImages = Callable[[int], None]


class Executor(Protocol):
    """Runs trials of one job, several at once where it can. `capacity` is how many may be under way just now."""

    @property
    def capacity(self) -> int: ...

    def connect(self) -> None:
        """Reach where trials run, before anything is read. Raises ZooError when none can run there."""

    def start(self, bench: Bench, folder: Path, on_images: OnImages) -> None:
        """Get ready: `bench` is that of the driver's process, `folder` holds a folder per trial.

        `on_images(n)` may be called from `wait` as pictures are trained on.
        """

    def submit(self, trial: Trial) -> None:
        """Take a trial to run."""

    def wait(self) -> Sequence[Record]:
        """Return the records of trials that have finished since; perhaps none, after a second or so."""

    def close(self) -> None:
        """Let go of what `connect` and `start` took, whatever state it is in."""


def check_executor(executor: object) -> None:
    """Raise ZooError for what cannot run trials, such as the name of a cluster."""
    if not {"capacity", "connect", "start", "submit", "wait", "close"} <= set(dir(executor)):
        raise ZooError(
            f"An executor runs trials, such as tuner.cluster.OnRay('local'); got {executor!r}. Leave it out to run "
            f"them in this process."
        )


class InProcess:
    """One trial at a time, in this process."""

    capacity = 1

    def connect(self) -> None:
        pass

    def start(self, bench: Bench, folder: Path, on_images: OnImages) -> None:
        self._bench, self._folder, self._on_images = bench, folder, on_images
        self._trials: list[Trial] = []

    def submit(self, trial: Trial) -> None:
        self._trials.append(trial)

    def wait(self) -> Sequence[Record]:
        return [self._bench.run(self._trials.pop(0), self._folder, on_images=self._on_images)]

    def close(self) -> None:
        pass
