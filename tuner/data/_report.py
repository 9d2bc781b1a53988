"""What `tuner.data.check` found, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from tabulate import tabulate

from tuner.data._annotations import listing
from tuner.data._findings import FAULTS, REMARKS, Finding
from tuner.data._types import Sample

SIZE_EDGES = (0.03, 0.06, 0.1, 0.2, 0.4)
"""Of box heights, as shares of the picture's longer side: what `zoo evaluate --min-face` counts in."""

SIZE_NAMES = ("< 3 %", "3-6 %", "6-10 %", "10-20 %", "20-40 %", ">= 40 %")
MOST_EXAMPLES = 3
MOST_CLASSES = 20


@dataclass(frozen=True)
class SplitCounts:
    """What a split holds. `of_class` counts boxes, or pictures where whole pictures are labelled, by class index;
    `box_sizes` the boxes per range of `SIZE_EDGES`. Ignored boxes are counted apart and nowhere else."""

    pictures: int
    boxes: int
    ignored: int
    without_boxes: int
    of_class: Mapping[int, int]
    box_sizes: tuple[int, ...]


def count_split(samples: Sequence[Sample]) -> SplitCounts:
    """Count pictures, boxes and classes of a split."""
    of_class: Counter[int] = Counter(sample.label for sample in samples if sample.label >= 0)
    sizes = np.zeros(len(SIZE_NAMES), np.int64)
    for sample in samples:
        counted = ~sample.ignore
        of_class.update(sample.classes[counted].tolist())
        if sample.size_px is not None and counted.any():
            boxes = sample.boxes_px[counted]
            shares = (boxes[:, 3] - boxes[:, 1]) / max(sample.size_px)
            sizes += np.bincount(np.searchsorted(SIZE_EDGES, shares, side="right"), minlength=len(sizes))
    return SplitCounts(
        pictures=len(samples),
        boxes=sum(int((~sample.ignore).sum()) for sample in samples),
        ignored=sum(int(sample.ignore.sum()) for sample in samples),
        without_boxes=sum(not len(sample.classes) for sample in samples),
        of_class=of_class,
        box_sizes=tuple(sizes.tolist()),
    )


@dataclass(frozen=True)
class Report:
    """A data set as checked. `obstacle` is the sentence with which training refuses it, None where it can begin;
    `notes` what is decided on the user's behalf."""

    name: str
    format: str
    task: str
    labels: tuple[str, ...]
    splits: Mapping[str, SplitCounts]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    obstacle: str | None = None

    @property
    def faults(self) -> tuple[str, ...]:
        """The sentences about what is left out of training."""
        return tuple(finding.sentence for finding in self.findings if finding.is_fault)

    @property
    def has_boxes(self) -> bool:
        return any(counts.boxes or counts.ignored for counts in self.splits.values())

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "name": self.name,
            "format": self.format,
            "task": self.task,
            "labels": list(self.labels),
            "splits": {split: self._split_record(counts) for split, counts in self.splits.items()},
            "counts": dict(Counter(finding.kind for finding in self.findings)),
            "faults": len(self.faults),
            "obstacle": self.obstacle,
            "notes": list(self.notes),
            "findings": [{**asdict(finding), "is_fault": finding.is_fault} for finding in self.findings],
        }

    def _split_record(self, counts: SplitCounts) -> dict[str, Any]:
        record: dict[str, Any] = {"pictures": counts.pictures}
        if self.has_boxes:
            record |= {"boxes": counts.boxes, "ignored": counts.ignored, "without_boxes": counts.without_boxes}
            record["box_heights"] = dict(zip(SIZE_NAMES, counts.box_sizes, strict=True))
        record["of_class"] = {label: counts.of_class.get(index, 0) for index, label in enumerate(self.labels)}
        return record

    def text(self) -> str:
        """Return the report as plain text."""
        head = f"{self.name}: {self.format}, checked for {self.task}; {self._labels_text()}"
        parts = ["\n".join([head, *self.notes]), self._splits_table(), self._class_table()]
        if self.has_boxes:
            parts.append(
                _table("box height / longer side", SIZE_NAMES, {s: c.box_sizes for s, c in self.splits.items()})
            )
        parts += [self._kind_text(kind, what) for kind, what in (FAULTS | REMARKS).items()]
        return "\n\n".join(part for part in [*parts, self._verdict()] if part)

    def _labels_text(self) -> str:
        return f"labels {listing(self.labels)}" if len(self.labels) <= MOST_CLASSES else f"{len(self.labels):,} labels"

    def _splits_table(self) -> str:
        rows = [
            {"split": split, "pictures": counts.pictures}
            | (
                {"boxes": counts.boxes, "ignored": counts.ignored, "without boxes": counts.without_boxes}
                if self.has_boxes
                else {}
            )
            for split, counts in self.splits.items()
        ]
        return tabulate(rows, headers="keys", tablefmt="simple", intfmt=",")

    def _class_table(self) -> str:
        """Boxes or pictures per class; of many classes only how many there are and how full."""
        if len(self.labels) <= MOST_CLASSES:
            columns = {
                split: [counts.of_class.get(index, 0) for index in range(len(self.labels))]
                for split, counts in self.splits.items()
            }
            return _table("class", self.labels, columns)
        columns = {}
        for split, counts in self.splits.items():
            full = sorted(counts.of_class.values()) or [0]
            columns[split] = [len(counts.of_class), full[0], full[len(full) // 2], full[-1]]
        return _table("per label", ("labels", "fewest", "median", "most"), columns)

    def _kind_text(self, kind: str, what: str) -> str:
        sentences = [finding.sentence for finding in self.findings if finding.kind == kind]
        if not sentences:
            return ""
        more = len(sentences) - MOST_EXAMPLES
        shown = [*sentences[:MOST_EXAMPLES], *([f"... and {more:,} more"] if more > 0 else [])]
        return "\n".join([f"{len(sentences):,} x {kind}: {what}", *(f"  {sentence}" for sentence in shown)])

    def _verdict(self) -> str:
        if self.obstacle is not None:
            return "Training refuses these data."
        faults, remarks = len(self.faults), len(self.findings) - len(self.faults)
        return f"faults, left out of training: {faults:,}; remarks: {remarks:,}"


def _table(title: str, names: Sequence[str], columns: Mapping[str, Sequence[int]]) -> str:
    rows = [{title: name} | {split: values[row] for split, values in columns.items()} for row, name in enumerate(names)]
    return tabulate(rows, headers="keys", tablefmt="simple", intfmt=",")
