"""What the driver of a sweep costs per trial: 1,000 trials of no work over 100 simulated workers.

    python benchmarks/sweep_scale.py

Counts everything between the first proposal and the report: oracle, records with fsync, TensorBoard logs, progress.
Prints milliseconds per trial and writes them to benchmarks/results/.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "tuner")]

TRIALS, WORKERS, GOAL_MS = 1_000, 100, 10.0


def main() -> None:
    from zoo._quiet import import_keras

    import_keras()
    from simulated import Simulated

    import tuner.search as search
    from tuner.runs import versions

    moments: dict[str, float] = {}
    drive, finish = search._drive, search._finish

    def timed_drive(*arguments, **rest):  # type: ignore[no-untyped-def]
        moments["started"] = time.perf_counter()
        return drive(*arguments, **rest)

    def timed_finish(*arguments, **rest):  # type: ignore[no-untyped-def]
        moments["ended"] = time.perf_counter()
        return finish(*arguments, **rest)

    search._drive, search._finish = timed_drive, timed_finish
    executor = Simulated(WORKERS)
    with tempfile.TemporaryDirectory() as folder:
        result = search.sweep(
            "pebble_cls_48", limit=8, epochs=1, trials=TRIALS, overfit=False, out=folder, executor=executor
        )
        report_s = time.perf_counter() - moments["ended"]
    assert len(result.trials) == TRIALS
    milliseconds = 1e3 * (moments["ended"] - moments["started"] - executor.inside_s) / TRIALS
    record = {
        "trials": TRIALS,
        "workers": WORKERS,
        "driver_ms_per_trial": round(milliseconds, 2),
        "winner_and_report_s": round(report_s, 1),
        "conditions": {
            "command": "python benchmarks/sweep_scale.py",
            "date": datetime.now(UTC).date().isoformat(),
            "cores": os.cpu_count(),
            "machine": platform.machine(),
            "load": os.getloadavg()[0],
            "versions": versions(),
        },
    }
    stem = f"sweep-scale-{os.cpu_count()}cores-{datetime.now(UTC):%Y-%m}.json"
    (Path(__file__).parent / "results").mkdir(exist_ok=True)
    (Path(__file__).parent / "results" / stem).write_text(json.dumps(record, indent=1) + "\n")
    print(f"{milliseconds:.2f} ms per trial (goal {GOAL_MS:g}), then {report_s:.1f} s for winner and report")


if __name__ == "__main__":
    main()
