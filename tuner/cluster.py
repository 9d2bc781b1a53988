"""Trials on a Ray cluster: the oracle stays in the driver, each trial is a Ray task, retried when its worker dies.

A worker process opens the job's data once and keeps built networks (`tuner.trials.Bench`), as the driver does. What it
needs of the cluster: this package on all machines, data under one path or URL, and one run folder that all machines
see, where an interrupted trial's checkpoint waits for the retry. Ray: arXiv:1712.05889.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tuner.checkpoints import CHECKPOINT_FILE, epochs_done
from tuner.trials import Bench, Job, Trial, failed
from zoo._errors import ZooError

MAX_RETRIES = 3
"""A trial whose worker dies so often took it down itself."""

POLL_S = 1.0
MARK_FILE = ".seen"
FORWARDED = ("KERAS_BACKEND", "POCKET_ZOO_CACHE", "PYTHONPATH")
"""Variables of the driver that workers need as well."""

QUIET = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_enable_metrics_collection": "0"}
"""Keep Ray from writing tips, and from complaining that its dashboard is not there."""


class OnRay:
    """Runs trials as Ray tasks. `address` is 'local', 'auto' or ray://HOST:PORT; resources are those of one trial.

    Each trial computes on as many threads as it has processors. Raises ZooError when Ray is not installed.
    """

    def __init__(self, address: str = "local", *, cpus_per_trial: int = 1, gpus_per_trial: float = 0) -> None:
        try:
            import ray
        except ImportError as error:
            raise ZooError("A cluster needs Ray. Install it with: pip install 'pocket-zoo[cluster]'.") from error
        if address not in ("local", "auto") and not address.startswith("ray://"):
            raise ZooError(f"Cannot reach a Ray cluster at '{address}'. Write local, auto, or ray://HOST:PORT.")
        self._ray, self._address = ray, address
        self._cpus, self._gpus = cpus_per_trial, gpus_per_trial
        self._connected = False
        self._running: dict[Any, Trial] = {}

    def connect(self) -> None:
        ray, threads = self._ray, str(self._cpus)
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        variables = {name: os.environ[name] for name in FORWARDED if name in os.environ}
        variables |= {"TF_NUM_INTRAOP_THREADS": threads, "TF_NUM_INTEROP_THREADS": threads, "TF_CPP_MIN_LOG_LEVEL": "3"}
        if not ray.is_initialized():
            try:
                ray.init(
                    address=self._address,
                    runtime_env={"env_vars": variables},
                    log_to_driver=False,
                    logging_level="ERROR",
                    **({"include_dashboard": False} if self._address == "local" else {}),
                )
            except (ConnectionError, ValueError, RuntimeError) as error:
                reason = str(error).strip().split("\n", 1)[0]
                raise ZooError(
                    f"There is no Ray cluster at '{self._address}' ({reason}). Start one with 'ray start --head'; "
                    f"docs/cluster.md shows how."
                ) from error
            self._connected = True
        if self.capacity < 1:
            raise ZooError(
                f"No machine of the cluster has {self._cpus} processors and {self._gpus:g} accelerators for a trial. "
                f"Lower --cpus-per-trial or --gpus-per-trial."
            )

    def start(self, bench: Bench, folder: Path, on_images: Callable[[int], None]) -> None:
        self._folder, self._on_images, self._pictures = folder.resolve(), on_images, len(bench.train)
        self._mark()
        self._job = self._ray.put(
            Job(**{**vars(bench.job), "options": dict(bench.job.options), "digest": bench.dataset.digest})
        )
        self._task = self._ray.remote(num_cpus=self._cpus, num_gpus=self._gpus, max_retries=MAX_RETRIES)(_run)
        self._epochs: dict[int, int] = {}

    def _mark(self) -> None:
        """Leave a word in the run folder by which a machine tells that it sees the same folder."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._word = uuid.uuid4().hex
        (self._folder / MARK_FILE).write_text(self._word, encoding="utf-8")

    @property
    def capacity(self) -> int:
        """As many trials as the cluster, which may grow and shrink, has room for now."""
        rooms = 0
        for node in self._ray.nodes():
            if node["Alive"]:
                resources = node["Resources"]
                by_gpus = resources.get("GPU", 0) / self._gpus if self._gpus else float("inf")
                rooms += int(min(resources.get("CPU", 0) / self._cpus, by_gpus))
        return rooms

    def submit(self, trial: Trial) -> None:
        self._epochs[trial.number] = epochs_done(self._folder / f"{trial.number}" / CHECKPOINT_FILE)
        self._running[self._task.remote(self._job, trial, self._folder, self._word)] = trial

    def wait(self) -> Sequence[Mapping[str, Any]]:
        ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=POLL_S)
        records = [self._record(reference, self._running.pop(reference)) for reference in ready]
        for trial in self._running.values():
            done = epochs_done(self._folder / f"{trial.number}" / CHECKPOINT_FILE)
            self._on_images(max(done - self._epochs[trial.number], 0) * self._pictures)
            self._epochs[trial.number] = done
        return records

    def _record(self, reference: Any, trial: Trial) -> Mapping[str, Any]:
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except errors.OutOfMemoryError:
            return failed(trial, f"memory ran out {MAX_RETRIES + 1} times at batch size {trial.values['batch_size']}")
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.LocalRayletDiedError):
            return failed(trial, f"its worker died {MAX_RETRIES + 1} times")
        except errors.RayTaskError as error:
            if isinstance(error.cause, ZooError):
                raise error.cause from error
            raise

    def close(self) -> None:
        for reference in self._running:
            self._ray.cancel(reference, force=True)
        if self._connected:
            self._ray.shutdown()
            self._connected = False


_bench: tuple[str, Bench] | None = None
"""The worker process' own, kept between the trials of one sweep, which its word names."""


def _run(job: Job, trial: Trial, folder: Path, word: str) -> Mapping[str, Any]:
    """Run one trial in a worker process."""
    global _bench
    from zoo._quiet import import_keras

    import_keras()
    mark = folder / MARK_FILE
    if not mark.exists() or mark.read_text(encoding="utf-8") != word:
        raise ZooError(
            f"The machine {os.uname().nodename} does not see the run folder {folder.parent}. Choose one with --out "
            f"that all machines of the cluster share."
        )
    if _bench is None or _bench[0] != word:
        _bench = (word, Bench(job))
    return _bench[1].run(trial, folder)
