"""How the best model is found: data sets, losses, the training recipe and the sweep.

from tuner import sweep
result = sweep("yunet_n_160", data="synthetic", trials=4)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuner.search import SweepResult


def sweep(model: str | None = None, **arguments: Any) -> SweepResult:
    """Search hyperparameters; arguments are those of `tuner.search.sweep`, which this imports quietly."""
    from zoo._quiet import import_keras

    import_keras()
    from tuner.search import sweep as run_sweep

    return run_sweep(model, **arguments)
