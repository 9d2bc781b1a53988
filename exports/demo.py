"""The demonstration: one small model per task, from nothing to a verified artifact, on generated pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exports.run import run_model
from tuner.defaults import Space

SEED = 1


@dataclass(frozen=True)
class _Show:
    model: str
    pictures: int
    epochs: int


# Sized so that all four together take about five minutes on two cores.
SHOWS = (
    _Show("yunet_n_160", pictures=512, epochs=10),
    _Show("dense4_det_160", pictures=512, epochs=10),
    _Show("mobilefacenet_025_112", pictures=512, epochs=8),
    _Show("dense4_cls_64", pictures=512, epochs=10),
)
TRIALS = 2
SPACE = Space(batch_sizes=(8, 16, 32), learning_rates=(1e-3, 5e-3))


def run_demo(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Sweep, publish and verify every show into `folder`; return table rows and records."""
    done = [
        run_model(
            show.model,
            store=folder / "store",
            data="synthetic",
            trials=TRIALS,
            epochs=show.epochs,
            limit=show.pictures,
            seed=SEED,
            space=SPACE,
            out=folder / "runs",
        )
        for show in SHOWS
    ]
    return [row for row, _ in done], [record for _, record in done]
