"""The sweep's pictures: `report.html`, one file without any request to elsewhere."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping, Sequence
from typing import Any

from tabulate import tabulate

from tuner.runs import RunFolder
from zoo._files import write_atomically

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { padding: .2rem .7rem; text-align: right; }
tr:nth-child(even) { background: #8882; } svg { max-width: 100%; height: auto; }
"""


def write_report(
    run: RunFolder,
    record: Mapping[str, Any],
    trials: Sequence[Mapping[str, Any]],
    winner: Mapping[str, Any],
    metric: str,
) -> None:
    """Write report.html: the winner, loss, score and learning rate per epoch, the search, speed per batch size."""
    data = record["data"]
    rows = [
        {
            "trial": f"{trial['trial']}{' ★' if trial['trial'] == winner['trial'] else ''}",
            "batch size": trial["batch_size"],
            "learning rate": f"{trial['learning_rate']:.2e}",
            metric: f"{trial['score']:.4f}" if "score" in trial else "failed: " + trial["failure"],
            "best epoch": trial.get("best_epoch", ""),
            "images/s": trial.get("images_per_second", ""),
        }
        for trial in trials
    ]
    page = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Sweep of {html.escape(record["model"])}</title><style>{STYLE}</style>
<h1>Sweep of {html.escape(record["model"])}</h1>
<p>Best {metric} <strong>{winner["score"]:.4f}</strong> on {data["val_pictures"]} validation pictures of
{html.escape(data["name"])}, with batch size {winner["batch_size"]} and learning rate {winner["learning_rate"]:.2e},
trained on {data["train_pictures"]} pictures, seed {record["seed"]}.</p>
{tabulate(rows, headers="keys", tablefmt="html")}
{_plots(trials, metric)}
</html>
"""
    write_atomically(run.path / "report.html", page.encode())


def _plots(trials: Sequence[Mapping[str, Any]], metric: str) -> str:
    from matplotlib.figure import Figure

    finished = [trial for trial in trials if "history" in trial]
    figure = Figure(figsize=(10, 7), layout="constrained")
    (loss, score), (rate, search) = figure.subplots(2, 2)
    for trial in finished:
        epochs = [row["epoch"] for row in trial["history"]]
        label = f"{trial['trial']}: batch {trial['batch_size']}, {trial['learning_rate']:.1e}"
        loss.plot(epochs, [row["loss"] for row in trial["history"]], marker=".", label=label)
        score.plot(epochs, [row[metric] for row in trial["history"]], marker=".")
        rate.step(epochs, [row["learning_rate"] for row in trial["history"]], where="post")
    loss.set(title="Loss", xlabel="epoch", yscale="log")
    loss.legend(fontsize=7)
    score.set(title=f"{metric} on validation pictures", xlabel="epoch")
    rate.set(title="Learning rate", xlabel="epoch", yscale="log")
    points = search.scatter(
        [trial["learning_rate"] for trial in finished],
        [trial["batch_size"] for trial in finished],
        c=[trial["score"] for trial in finished],
        s=90,
    )
    for trial in finished:
        search.annotate(
            f" {trial['images_per_second']:.0f} img/s", (trial["learning_rate"], trial["batch_size"]), fontsize=7
        )
    search.set(title=f"Search: colour is {metric}", xlabel="learning rate", ylabel="batch size", xscale="log")
    search.set_yscale("log", base=2)
    figure.colorbar(points, ax=search)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    drawing = buffer.getvalue()
    return drawing[drawing.index("<svg") :]
