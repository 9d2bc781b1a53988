"""TensorFlow.js itself, unmodified under Node: the scripts of `web/` run over files and report as JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo._errors import BadArtifact, ZooError

SCRIPTS = Path(__file__).parent / "web"
TIMEOUT_SECONDS = 300


def run_script(
    name: str, words: Sequence[str | Path] = (), *, document: Any = None, about: Path | str
) -> dict[str, Any]:
    """Run `web/NAME` under Node with `document` as JSON on its stdin; return the JSON that it printed.

    `about` is what the sentences name. Raises ZooError when Node or its packages are missing or do not answer,
    BadArtifact when TF.js cannot run what it was given.
    """
    node = shutil.which("node")
    if node is None:
        raise ZooError(
            "Verifying needs Node 20 or newer, and there is no 'node' on the PATH. Install it, then verify again."
        )
    if not (SCRIPTS / "node_modules").is_dir():
        raise ZooError(
            f"Verifying needs TF.js, which is not installed. Run 'npm ci --prefix {SCRIPTS}', then verify again."
        )
    try:
        done = subprocess.run(
            [node, str(SCRIPTS / name), *map(str, words)],
            input=json.dumps(document),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ZooError(
            f"TF.js did not answer within {TIMEOUT_SECONDS} s for {about}. Try again on an idle machine."
        ) from error
    if done.returncode != 0:
        reason = done.stderr.strip().split("\n")[-1] or f"exit code {done.returncode}"
        raise BadArtifact(f"TF.js could not run {about}: {reason}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def layers_job(
    folder: Path,
    scratch: Path,
    values: np.ndarray,
    expected: Sequence[np.ndarray],
    *,
    backend: str = "wasm",
    step: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write one job for `layers.mjs`: a layers model in `folder`, its float32 input and what it should answer.

    `expected` is in the order of the model's outputs. The tensors are written into `scratch`, which must stay until the
    script has run. `step` is described in the script.
    """

    def write(name: str, tensor: np.ndarray) -> dict[str, Any]:
        (scratch / name).write_bytes(tensor.astype("<f4").tobytes())
        return {"folder": str(scratch), "path": name, "shape": list(tensor.shape)}

    scratch.mkdir(parents=True, exist_ok=True)
    return {
        "folder": str(folder),
        "backend": backend,
        "input": write("input.bin", values),
        "expected": [write(f"output{index}.bin", tensor) for index, tensor in enumerate(expected)],
        "step": dict(step) if step else None,
    }


def relative(output: Mapping[str, Any]) -> float | None:
    """Return an output's largest difference relative to the largest expected value above 1; None if not a number."""
    difference, expected = output["max_abs_difference"], output["max_abs_expected"]
    return None if difference is None or expected is None else difference / max(1.0, expected)
