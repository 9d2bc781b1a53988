"""The sweep's pictures: `report.html`, one file without any request to elsewhere, and the same figures as PNG."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from tabulate import tabulate

from tuner.plots import overfit_curve, save_png, save_svg, sweep_figures
from tuner.runs import RunFolder
from zoo._files import write_atomically

FIGURES_FOLDER = "report"
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 66rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { padding: .2rem .7rem; text-align: right; }
tr:nth-child(even) { background: #8882; } svg { max-width: 100%; height: auto; }
"""


def write_report(
    run: RunFolder,
    record: Mapping[str, Any],
    trials: Sequence[Mapping[str, Any]],
    winner: Mapping[str, Any] | None,
    metric: str,
) -> None:
    """Write report.html and report/*.png: winner, trials, failures with reasons, search, curves, speed, best so far.

    `winner` is None where all trials failed.
    """
    figures = sweep_figures(trials, metric, record["untrained"])
    if record.get("overfit"):
        figures["overfit"] = overfit_curve(record["overfit"])
    (run.path / FIGURES_FOLDER).mkdir(exist_ok=True)
    for name, figure in figures.items():
        write_atomically(run.path / FIGURES_FOLDER / f"{name}.png", save_png(figure), sync=False)
    drawings = "\n".join(f"<figure>{save_svg(figure)}</figure>" for figure in figures.values())
    data, failures = record["data"], [trial for trial in trials if trial["status"] == "failed"]
    told = "".join(
        f"<li>Trial {trial['trial']}, {html.escape(_values(trial))}: {html.escape(trial['failure'])}</li>"
        for trial in failures
    )
    best = "All trials failed."
    if winner is not None:
        best = (
            f"Best {metric} <strong>{winner['score']:.4f}</strong> (before training {record['untrained']:.4f}) with "
            f"{html.escape(_values(winner))}."
        )
    page = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Sweep of {html.escape(record["model"])}</title><style>{STYLE}</style>
<h1>Sweep of {html.escape(record["model"])}</h1>
<p>{best} {data["val_pictures"]} validation pictures and {data["train_pictures"]} to train on, of
{html.escape(data["name"])}; seed {record["seed"]}, oracle {html.escape(record["request"]["oracle"])}.</p>
{tabulate(trial_rows(trials, metric, None if winner is None else winner["trial"]), headers="keys", tablefmt="html")}
{f"<h2>Failed trials</h2><ul>{told}</ul>" if failures else ""}
{drawings}
</html>
"""
    write_atomically(run.path / "report.html", page.encode())


def trial_rows(trials: Sequence[Mapping[str, Any]], metric: str, winner: int | None = None) -> list[dict[str, Any]]:
    """Return trials as rows for people; a star marks the winner. What no trial changed is left out."""
    told = {"batch_size", "learning_rate"} | {
        name
        for trial in trials
        for name, value in trial["hyperparameters"].items()
        if value != trials[0]["hyperparameters"].get(name)
    }
    return [
        {
            "trial": f"{trial['trial']}{' ★' if trial['trial'] == winner else ''}",
            **{
                name.replace("_", " "): _short(value)
                for name, value in trial["hyperparameters"].items()
                if name in told
            },
            metric: f"{trial['score']:.4f}" if "score" in trial else f"failed: {trial['failure']}",
            "best epoch": trial.get("best_epoch", "-"),
            "images/s": trial.get("images_per_second", "-"),
            "seconds": trial.get("seconds", "-"),
        }
        for trial in trials
    ]


def _short(value: Any) -> Any:
    return f"{value:.3g}" if isinstance(value, float) else value


def _values(trial: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {_short(value)}" for name, value in trial["hyperparameters"].items())
