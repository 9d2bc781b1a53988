"""The run folder: what a sweep leaves behind for people and for later steps.

run.json       what was asked: model, options, space, seed, data with its hash, versions
trials.jsonl   one record per finished trial, appended as they finish
winner.keras   the best network, float32
winner.json    its hyperparameters and score; written last, so its presence means the sweep is complete
report.html    pictures of the search
tensorboard/   one log folder per trial
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from zoo._errors import ZooError
from zoo._files import write_atomically

PACKAGES = ("keras", "tensorflow", "keras-tuner", "numpy")


@dataclass(frozen=True)
class RunFolder:
    """One sweep's folder."""

    path: Path

    @classmethod
    def create(cls, root: Path, model: str) -> RunFolder:
        """Make a new folder `root/model/TIME`; two sweeps started in one second get different ones."""
        stamp = time.strftime("%Y%m%d-%H%M%S")
        for suffix in ("", *(f"-{number}" for number in range(2, 1000))):
            path = root / model / (stamp + suffix)
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                continue
            return cls(path)
        raise ZooError(f"A thousand runs of '{model}' started this second in {root}. Choose another folder.")

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open a finished run. Raises ZooError when the folder is missing or its sweep did not finish."""
        if not path.is_dir():
            raise ZooError(f"There is no run folder {path}. 'zoo sweep NAME' makes one and prints its path.")
        missing = [name for name in ("run.json", "winner.json", "winner.keras") if not (path / name).is_file()]
        if missing:
            raise ZooError(
                f"The folder {path} is not a finished run: {', '.join(missing)} is missing. Give the folder that "
                f"'zoo sweep' printed, or sweep again."
            )
        return cls(path)

    def record(self) -> dict[str, Any]:
        """Return run.json. Raises ZooError when it lacks what later steps need."""
        return self.read_json("run.json", ("model", "options", "data", "seed", "trials", "versions"))

    def winner(self) -> dict[str, Any]:
        """Return winner.json. Raises ZooError when it lacks what later steps need."""
        return self.read_json("winner.json", ("batch_size", "learning_rate", "best_epoch", "score"))

    def read_json(self, name: str, required: Sequence[str] = ()) -> dict[str, Any]:
        path = self.path / name
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ZooError(f"{path} is not readable JSON ({error}). Sweep again.") from error
        if not isinstance(record, dict):
            raise ZooError(f"{path} holds no JSON object. Sweep again.")
        missing = [key for key in required if key not in record]
        if missing:
            raise ZooError(f"{path} lacks {', '.join(missing)}. Sweep again.")
        return record

    def write_json(self, name: str, record: dict[str, Any]) -> None:
        write_atomically(self.path / name, json.dumps(record, indent=1).encode())

    def append_json_line(self, name: str, record: dict[str, Any]) -> None:
        with (self.path / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def save_model(self, name: str, model: Any) -> None:
        part = self.path / f".part-{name}"
        model.save(part)
        os.replace(part, self.path / name)


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    return {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}}
