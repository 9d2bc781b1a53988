"""The run folder: what a sweep leaves behind for people and for later steps.

run.json         what was asked and resolved: model, options, space, seed, data with its hash, versions
proposals.jsonl  one line per trial as the oracle proposed it, and how many results it knew by then
trials.jsonl     one record per finished trial, appended as they finish
trials/          one folder per trial with its checkpoint, while it may still be needed
overfit.json     how the pre-flight went, and overfit.png
winner.keras     the best network, float32
winner.json      its hyperparameters and score; written last, so its presence means the sweep is complete
report.html      pictures of the search, and the same as report/*.png
tensorboard/     one log folder per trial

The folder appears with its run.json, and each file is whole whenever the process ends, so it can always be resumed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import shutil
import socket
import time
import uuid
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from zoo._errors import ZooError
from zoo._files import write_atomically

PACKAGES = ("keras", "keras-tuner", "numpy")
LOCK_FILE = ".lock"


@dataclass(frozen=True)
class RunFolder:
    """One sweep's folder."""

    path: Path

    @classmethod
    def create(cls, root: Path, model: str, record: Mapping[str, Any]) -> RunFolder:
        """Make a folder `root/model/TIME` with its run.json; two sweeps started in one second get different ones."""
        stamp = time.strftime("%Y%m%d-%H%M%S")
        part = root / model / f".{uuid.uuid4().hex}.part"
        part.mkdir(parents=True)
        try:
            cls(part).write_json("run.json", record)
            for suffix in ("", *(f"-{number}" for number in range(2, 1000))):
                path = root / model / (stamp + suffix)
                if not path.exists():
                    with contextlib.suppress(OSError):  # made by another sweep just now, and not empty
                        part.rename(path)
                        return cls(path)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        raise ZooError(f"A thousand runs of '{model}' started this second in {root}. Choose another folder.")

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open a finished run. Raises ZooError when the folder is missing or its sweep did not finish."""
        cls.begun(path)
        missing = [name for name in ("run.json", "winner.json", "winner.keras") if not (path / name).is_file()]
        if missing or not is_whole(path / "winner.keras"):
            what = f"{', '.join(missing)} is missing" if missing else "winner.keras is torn"
            raise ZooError(
                f"The folder {path} is not a finished run: {what}. Give the folder that 'zoo sweep' printed, or finish "
                f"it with 'zoo sweep --resume {path}'."
            )
        return cls(path)

    @classmethod
    def begun(cls, path: Path) -> RunFolder:
        """Open a run, finished or not. Raises ZooError when there is none."""
        if not path.is_dir():
            raise ZooError(f"There is no run folder {path}. 'zoo sweep NAME' makes one and prints its path.")
        if not (path / "run.json").is_file():
            raise ZooError(
                f"The folder {path} holds no run.json, so it is no run. Give the folder that 'zoo sweep' printed."
            )
        return cls(path)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other sweeps out of this folder; the lock ends with the process. Raises ZooError when one is inside."""
        with (self.path / LOCK_FILE).open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise ZooError(
                    f"Another sweep ({file.read().strip() or 'of unknown origin'}) is working in {self.path}. Wait for "
                    f"its end, or start a new one without --resume."
                ) from None
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
            file.flush()
            yield

    @property
    def is_complete(self) -> bool:
        """Whether the winner is written down and its network whole."""
        return (self.path / "winner.json").is_file() and is_whole(self.path / "winner.keras")

    @property
    def trials(self) -> Path:
        """Where the trials keep their checkpoints."""
        return self.path / "trials"

    def record(self) -> dict[str, Any]:
        """Return run.json. Raises ZooError when it lacks what later steps need."""
        return self.read_json("run.json", ("model", "options", "data", "seed", "trials", "versions"))

    def winner(self) -> dict[str, Any]:
        """Return winner.json. Raises ZooError when it lacks what later steps need."""
        return self.read_json("winner.json", ("batch_size", "learning_rate", "best_epoch", "score", "options"))

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

    def write_json(self, name: str, record: Mapping[str, Any]) -> None:
        write_atomically(self.path / name, json.dumps(record, indent=1).encode())

    def read_json_lines(self, name: str) -> list[dict[str, Any]]:
        """Return the records of `name`; a last line that was torn by the end of the process is dropped, here and there.

        Raises ZooError for any other line that cannot be read.
        """
        path = self.path / name
        if not path.exists():
            return []
        *lines, torn = path.read_bytes().split(b"\n")
        if torn:
            write_atomically(path, b"".join(line + b"\n" for line in lines))
        records = []
        for number, line in enumerate(lines, start=1):
            try:
                records.append(json.loads(line))
            except ValueError as error:
                raise ZooError(f"{path}, line {number} is not JSON ({error}). Start a new sweep.") from error
        return records

    def append_json_line(self, name: str, record: Mapping[str, Any], *, sync: bool = True) -> None:
        """Append a record, with `sync` so that it survives a power cut."""
        with (self.path / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
            file.flush()
            if sync:
                os.fsync(file.fileno())

    def save_model(self, name: str, model: Any) -> None:
        part = self.path / f".part-{name}"
        model.save(part)
        os.replace(part, self.path / name)


def is_whole(path: Path) -> bool:
    """Tell whether a `.keras` file, which is a zip, is there with all its bytes as they were written."""
    try:
        with zipfile.ZipFile(path) as file:
            return file.testzip() is None
    except (FileNotFoundError, zipfile.BadZipFile, EOFError, zlib.error):
        return False


def versions() -> dict[str, str]:
    """Return the versions that a result depends on: of Python, of packages, and of the backend that Keras runs on."""
    import keras

    packages = (*PACKAGES, keras.backend.backend())
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}
