"""The curve behind a number: precision against recall, accepted pairs against false ones, or who is taken for whom."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from exports.evaluate import Findings
from exports.measures import IOU, compare
from tuner.learners import DetectionLearner, EmbeddingLearner
from zoo._files import write_atomically
from zoo._picture import DOTS_PER_INCH, check_picture
from zoo.tasks.metrics import precision_at_recall

RECALLS = np.linspace(0, 1, 101)
FALSE_ACCEPT_FLOOR = 1e-4
MOST_NAMES = 30
"""A confusion matrix of more classes is drawn without their names."""


def draw_curve(
    findings: Findings, path: Path, iou: float = IOU, min_face: float = 0.0, dots_per_inch: int = DOTS_PER_INCH
) -> None:
    """Draw the task's curve on the pictures that were measured, as PNG or SVG.

    Detection: precision against recall, one line per class. Recognition by distance: true against false accept rate.
    Classes: the confusion matrix, in shares of each row. Raises: ZooError for another kind of file.
    """
    from matplotlib.figure import Figure

    check_picture(path)
    learner = findings.learner
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.add_subplot()
    if isinstance(learner, DetectionLearner):
        _precision_recall(axes, findings, iou, min_face)
    elif isinstance(learner, EmbeddingLearner):
        _accepted(axes, *learner.pairs(findings.outputs, findings.labelled.pictures))
    else:
        _confusion(axes, figure, findings)
    data, inputs = findings.labelled, findings.loaded.spec.inputs
    axes.set_title(
        f"{findings.loaded.spec.name} ({findings.loaded.precision}, {inputs.height}x{inputs.width})\n"
        f"on {data.dataset.name} {data.split}, {len(data.pictures):,} pictures",
        fontsize="medium",
    )
    content = io.BytesIO()
    figure.savefig(content, format=path.suffix.lower()[1:], dpi=dots_per_inch)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content.getvalue())


def _precision_recall(axes: Any, findings: Findings, iou: float, min_face: float) -> None:
    if iou == IOU and not min_face:
        curves = findings.precision_at_recall
    else:
        sides = compare(findings, min_face)
        curves = precision_at_recall(sides.truths, sides.found, sides.num_classes, iou, sides.min_heights)
    for label, curve in zip(findings.labelled.dataset.labels, curves.T, strict=True):
        if np.isfinite(curve).all():
            axes.plot(RECALLS, curve, label=f"{label}: {curve.mean():.3f}")
    faces = f", boxes from {min_face:g} of the longer side" if min_face else ""
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    if axes.lines:
        axes.legend(title=f"AP at IoU {iou:g}{faces}", loc="lower left")
    axes.grid(alpha=0.3)


def _accepted(axes: Any, cosines: np.ndarray, same: np.ndarray) -> None:
    thresholds = np.sort(np.unique(cosines))[::-1]
    false_accepts = 1 - np.searchsorted(np.sort(cosines[~same]), thresholds, side="left") / (~same).sum()
    true_accepts = 1 - np.searchsorted(np.sort(cosines[same]), thresholds, side="left") / same.sum()
    axes.plot(np.maximum(false_accepts, FALSE_ACCEPT_FLOOR), true_accepts)
    axes.set(
        xlabel="share of different people taken for one",
        ylabel="share of pairs of one person that are recognised",
        xscale="log",
        xlim=(FALSE_ACCEPT_FLOOR, 1),
        ylim=(0, 1.02),
    )
    axes.grid(alpha=0.3, which="both")


def _confusion(axes: Any, figure: Any, findings: Findings) -> None:
    names, labels = findings.labelled.dataset.labels, findings.labelled.pictures.labels
    counts = np.zeros((len(names), len(names)))
    np.add.at(counts, (labels, findings.outputs["class_logits"].argmax(axis=1)), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure.colorbar(axes.imshow(shares, vmin=0, vmax=1, cmap="Blues"), label="share of the row")
    if len(names) <= MOST_NAMES:
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
        axes.set_yticks(range(len(names)), names)
    if len(names) <= MOST_NAMES // 3:
        for row, column in np.ndindex(counts.shape):
            ink = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, f"{counts[row, column]:.0f}", ha="center", va="center", color=ink)
    axes.set(xlabel="recognised as", ylabel="labelled")
