"""What is told while work goes on, on stderr, so that stdout carries results alone: a bar with the time left."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from tqdm import tqdm

from tuner.data import Dataset

MOST_SENTENCES = 5


def tell_skipped(sentences: Sequence[str]) -> None:
    """Say on stderr how many labels or pictures were left out, and why the first few were."""
    if sentences:
        more = len(sentences) - MOST_SENTENCES
        shown = [*sentences[:MOST_SENTENCES], *([f"... and {more} more"] if more > 0 else [])]
        print(f"{len(sentences)} skipped:", *(f"  {sentence}" for sentence in shown), sep="\n", file=sys.stderr)


def tell_data(dataset: Dataset, counts: Mapping[str, int]) -> None:
    """Say on stderr what was opened: format, pictures in use, labels, and what was decided on the user's behalf."""
    used = ", ".join(f"{count:,} {split}" for split, count in counts.items())
    labels = ", ".join(dataset.labels[:MOST_SENTENCES]) + (", ..." if len(dataset.labels) > MOST_SENTENCES else "")
    print(f"{dataset.name}: {dataset.format}, {used}; labels {labels}", *dataset.notes, sep="\n", file=sys.stderr)


class Progress:
    """One bar. `total` may come later, with the first `update_to(done, total)`."""

    def __init__(self, title: str, total: int | None = None, unit: str = "") -> None:
        self._bar = tqdm(
            total=total,
            desc=title,
            unit=unit,
            file=sys.stderr,
            dynamic_ncols=True,
            mininterval=0.5 if sys.stderr.isatty() else 10.0,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    @property
    def position(self) -> int:
        return int(self._bar.n)

    def advance(self, count: int) -> None:
        self._bar.update(count)

    def update_to(self, done: int, total: int | None = None) -> None:
        if total is not None:
            self._bar.total = total
        self._bar.update(done - self._bar.n)

    def note(self, **values: float) -> None:
        """Show values behind the bar, such as the best score so far."""
        self._bar.set_postfix(values)

    def tell(self, line: str) -> None:
        """Write a line above the bar."""
        self._bar.write(line, file=sys.stderr)


class SweepProgress(Progress):
    """A sweep's bar over all pictures of all epochs, with one row of a table above it for each trial that ends."""

    def __init__(self, model: str, metric: str, total_epochs: int, pictures: int) -> None:
        super().__init__(model, total=total_epochs * pictures, unit="img")
        self._metric, self._pictures = metric, pictures
        self._epochs: dict[int, int] = {}
        self._settled = 0
        self._best = float("-inf")

    def count(self, record: Mapping[str, Any]) -> None:
        """Move the bar to behind this trial; one that stopped early or failed leaves a gap."""
        self._epochs[record["trial"]] = record["max_epochs"]
        epochs = record["max_epochs"] - self._epochs.get(record.get("continues", 0), 0)
        self._settled += epochs * self._pictures
        self.update_to(max(self.position, self._settled))
        self._best = max(self._best, record.get("score", self._best))
        if self._best > float("-inf"):
            self.note(best=self._best)

    def begin(self) -> None:
        """Start the clock: what was counted until now was not done just now."""
        self._bar.initial = self._bar.last_print_n = self._bar.n  # else the rate, a moving average, begins far too high

    def take_up(self, epochs: int) -> None:
        """Count the epochs that a trial had behind it when it is gone on with; they were not done just now either."""
        pictures = epochs * self._pictures
        self._bar.n += pictures
        self._bar.initial += pictures
        self._bar.last_print_n += pictures

    def show(self, record: Mapping[str, Any]) -> None:
        """Count a trial that has just ended, and write its row."""
        names = list(record["hyperparameters"])
        if not self._epochs:
            words = [name.replace("_", " ") for name in names]
            self.tell(_row(["trial", *words, self._metric, "best epoch", "images/s"]))
        values = [record["hyperparameters"][name] for name in names]
        if record["status"] == "completed":
            outcome = [f"{record['score']:.4f}", record["best_epoch"], record["images_per_second"]]
        else:
            outcome = [f"failed: {record['failure']}"]
        self.tell(_row([record["trial"], *values, *outcome]))
        self.count(record)


def _row(cells: Sequence[Any]) -> str:
    return "  ".join(f"{f'{cell:.3g}' if isinstance(cell, float) else cell!s:>13}" for cell in cells)
