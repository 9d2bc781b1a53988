"""Run by test_cluster in a process of its own: a Ray cluster of a head and two workers on this machine.

Prints what three sweeps of the same request left: undisturbed, with a worker killed in mid-trial, and with the driver
killed and resumed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from ray.cluster_utils import Cluster

from tuner.checkpoints import CHECKPOINT_FILE, epochs_done

ASKED = ("pebble_cls_48", "--limit", "64", "--trials", "4", "--epochs", "12", "--seed", "2", "--batch-size", "4,8")
LIMIT_S = 400


def started(out: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start a driver."""
    command = [sys.executable, "-m", "zoo", "sweep", *words, "--ray", "auto", "--no-overfit"]
    with out.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def until(what: Callable[[], Any], process: subprocess.Popen[bytes]) -> Any:
    """Wait for something to become true while a driver runs."""
    deadline = time.monotonic() + LIMIT_S
    while not (found := what()):
        assert process.poll() is None, "the sweep ended before it could be disturbed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def under_way(out: Path) -> Path | None:
    """Return the run folder once a trial has finished two epochs, and has some to go."""
    for checkpoint in out.glob(f"*/*/trials/*/{CHECKPOINT_FILE}"):
        if 2 <= epochs_done(checkpoint) <= 8:
            return checkpoint.parents[2]
    return None


def trial_processes() -> list[int]:
    """Return the processes that run a trial just now; Ray names them after the task."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                title = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if title.startswith(b"ray::_run"):
                found.append(int(entry.name))
    return found


def left(out: Path) -> dict[str, Any]:
    """Return the records and the winner of the one run below `out`."""
    [run] = out.glob("*/*/winner.json")
    records = [json.loads(line) for line in (run.parent / "trials.jsonl").read_text().splitlines()]
    names = ("trial", "hyperparameters", "status", "score", "best_epoch", "history", "failure")
    records = [{name: record.get(name) for name in names} for record in records]
    return {
        "trials": sorted(records, key=lambda record: record["trial"]),
        "winner": json.loads(run.read_text())["trial"],
    }


def main(root: Path) -> None:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        os.environ["RAY_ADDRESS"] = cluster.address
        whole, bereft, headless = (root / name for name in ("whole", "bereft", "headless"))
        assert started(whole, *ASKED, "--out", str(whole)).wait(LIMIT_S) == 0

        driver = started(bereft, *ASKED, "--out", str(bereft))
        until(lambda: under_way(bereft), driver)
        victims = trial_processes()
        os.kill(victims[0], signal.SIGKILL)
        assert driver.wait(LIMIT_S) == 0

        driver = started(headless, *ASKED, "--out", str(headless))
        run = until(lambda: under_way(headless), driver)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        before = (run / "trials.jsonl").read_text() if (run / "trials.jsonl").exists() else ""
        assert started(headless, "--resume", str(run)).wait(LIMIT_S) == 0
        assert (run / "trials.jsonl").read_text().startswith(before)
        print(json.dumps({"victims": len(victims), **{one.name: left(one) for one in (whole, bereft, headless)}}))
    finally:
        ray.shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
