"""Figures of a sweep, from its records alone: what was searched, how each trial learned, how fast, the best so far."""

from __future__ import annotations

import io
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from tuner.schedule import COSINE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Record = Mapping[str, Any]

MOST_CURVES, MOST_NUMBERS = 20, 60
"""Beyond the best so many trials, curves hide one another; beyond so many, numbers do."""


def sweep_figures(records: Sequence[Record], metric: str, untrained: float) -> dict[str, Figure]:
    """Return the figures by name; `untrained` is the score before any training.

    Failed trials appear where they can: on the search map, as crosses.
    """
    finished = [record for record in records if record["status"] == "completed"]
    return {
        "search": search_map(records, metric),
        "loss": loss_curves(finished, metric),
        "speed": speed(finished),
        "best": best_so_far(records, metric, untrained),
    }


def search_map(records: Sequence[Record], metric: str) -> Figure:
    """Batch size against learning rate, coloured by the metric; crosses are trials that failed."""
    figure, axes = _figure()
    finished = sorted((one for one in records if one["status"] == "completed"), key=lambda record: record["score"])
    points = axes.scatter(
        [record["learning_rate"] for record in finished],
        [record["batch_size"] for record in finished],
        c=[record["score"] for record in finished],
        s=90,
    )
    at_place: dict[tuple[float, int], list[str]] = defaultdict(list)
    for record in records:
        place = (record["learning_rate"], record["batch_size"])
        at_place[place].append(f"{record['trial']}")
        if record["status"] == "failed":
            axes.scatter(*place, marker="x", color="tab:red", s=60)
    if len(records) <= MOST_NUMBERS:
        for place, trials in at_place.items():
            axes.annotate(", ".join(trials), place, (7, 4), textcoords="offset points", fontsize=7)
    axes.set(title=f"Search: colour is {metric}", xlabel="learning rate", ylabel="batch size", xscale="log")
    axes.set_yscale("log", base=2)
    sizes = sorted({record["batch_size"] for record in records})
    axes.set_yticks(sizes, [str(size) for size in sizes])
    rates = [record["learning_rate"] for record in records]
    if rates and max(rates) < 10 * min(rates):  # no power of ten may lie between, and others would hide one another
        ticks = sorted({min(rates), math.sqrt(min(rates) * max(rates)), max(rates)})
        axes.set_xticks(ticks, [f"{rate:.3g}" for rate in ticks])
        axes.minorticks_off()
    figure.colorbar(points, ax=axes, label=metric)
    return figure


def loss_curves(finished: Sequence[Record], metric: str) -> Figure:
    """Loss and metric per epoch of the best trials; a triangle is where the learning rate was lowered."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    loss, score = figure.subplots(1, 2)
    shown = sorted(finished, key=lambda record: -record["score"])[:MOST_CURVES]
    for record in sorted(shown, key=lambda record: record["trial"]):
        history = record["history"]
        epochs = [row["epoch"] for row in history]
        losses = [row["loss"] for row in history]
        label = f"{record['trial']}: batch {record['batch_size']}, {record['learning_rate']:.1e}"
        (line,) = loss.plot(epochs, losses, marker=".", label=label)
        score.plot(epochs, [row[metric] for row in history], marker=".")
        drops = [
            index
            for index in range(1, len(history))
            if history[index]["learning_rate"] < history[index - 1]["learning_rate"]
            and record["hyperparameters"].get("schedule") != COSINE  # which lowers it all the time
        ]
        loss.plot(
            [epochs[index] for index in drops], [losses[index] for index in drops], "v", color=line.get_color(), ms=8
        )
    loss.set(title="Loss; ▼ the learning rate was lowered", xlabel="epoch")
    if all(row["loss"] > 0 for record in shown for row in record["history"]):
        loss.set_yscale("log")
    if shown:
        loss.legend(fontsize=6)
    score.set(title=f"{metric} on validation pictures", xlabel="epoch")
    for axes in (loss, score):
        axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def speed(finished: Sequence[Record]) -> Figure:
    """Pictures trained on per second, per batch size: each trial a point, their mean a bar."""
    figure, axes = _figure()
    of_size: dict[int, list[float]] = defaultdict(list)
    for record in finished:
        of_size[record["batch_size"]].append(record["images_per_second"])
    sizes = sorted(of_size)
    axes.bar(range(len(sizes)), [sum(of_size[size]) / len(of_size[size]) for size in sizes], alpha=0.5)
    for index, size in enumerate(sizes):
        axes.plot([index] * len(of_size[size]), of_size[size], "k.", ms=4)
    axes.set_xticks(range(len(sizes)), [str(size) for size in sizes])
    axes.set(title="Speed of training", xlabel="batch size", ylabel="images per second")
    return figure


def best_so_far(records: Sequence[Record], metric: str, untrained: float) -> Figure:
    """The best score as trials ended, over minutes of training, and the score before any training."""
    figure, axes = _figure()
    minutes = list(accumulate(record.get("seconds", 0.0) / 60 for record in records))
    scores = [record.get("score", float("-inf")) for record in records]
    finished = [(at, best) for at, best in zip(minutes, accumulate(scores, max), strict=True) if best > float("-inf")]
    axes.step([at for at, _ in finished], [best for _, best in finished], where="post", marker=".")
    axes.axhline(untrained, color="tab:gray", linestyle=":", label="before training")
    axes.legend(fontsize=7)
    axes.set(title="Best so far", xlabel="minutes of training, all trials together", ylabel=metric)
    return figure


def overfit_curve(overfit: Record) -> Figure:
    """Loss and score of the pre-flight per epoch."""
    figure, axes = _figure()
    history, metric = overfit["history"], overfit["metric"]
    epochs = [row["epoch"] for row in history]
    axes.plot(epochs, [row["loss"] for row in history], color="tab:blue", marker=".")
    axes.set(title=f"{overfit['pictures']} pictures by heart", xlabel="epoch")
    axes.set_ylabel("loss", color="tab:blue")
    scores = axes.twinx()
    scores.plot(epochs, [row[metric] for row in history], color="tab:orange", marker=".")
    scores.set_ylabel(metric, color="tab:orange")
    scores.set_ylim(-0.02, 1.02)
    return figure


def save_png(figure: Figure) -> bytes:
    """Return the figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def save_svg(figure: Figure) -> str:
    """Return the figure as an <svg> element for an HTML page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    drawing = buffer.getvalue()
    return drawing[drawing.index("<svg") :]


def _figure() -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    return figure, figure.subplots()
