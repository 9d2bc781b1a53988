"""The whole way of one model: sweep, publish, draw, verify."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exports.pictures import draw_findings
from exports.publish import Published, check_choice, publish
from exports.verify import verify
from tuner import sweep
from tuner.data import SYNTHETIC
from zoo._errors import BadArtifact


def run_model(
    model: str, *, store: Path, precision: Mapping[str, Any] | None = None, **sweep_options: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Sweep, publish and verify one model; return its table row and its record.

    `precision` holds the arguments of `publish` that choose it. Raises ZooError where a step fails.
    """
    check_choice(**(precision or {}))
    result = sweep(model, **sweep_options)
    print(f"{model}: publishing {result.folder}", file=sys.stderr)
    done = publish(result.folder, store, **(precision or {}))
    data, format = sweep_options["data"] or SYNTHETIC, sweep_options.get("format")
    picture = draw_findings(done.folder, data, result.folder / "findings.png", format)
    print(f"{model}: verifying {done.folder}", file=sys.stderr)
    checked = verify(done.folder)
    if not checked.passed:
        raise BadArtifact(f"{done.folder} does not compute in TF.js what Keras computed. Do not ship it.")
    difference = checked.largest_tfjs_difference
    row = {**published_row(done, untrained=result.untrained), "TF.js difference": f"{difference:.1e}"}
    record = {
        **done.record(),
        "run": str(result.folder),
        "verification": checked.record(),
        "picture": str(picture) if picture else None,
    }
    return row, record


def published_row(done: Published, untrained: float | None = None) -> dict[str, Any]:
    """Return the row of a report: what was published, and the metric before training, in float32, and as published."""
    return {
        "model": done.manifest["name"],
        "task": done.manifest["task"],
        "bytes": done.manifest["model"]["bytes"],
        "gzip": done.manifest["model"]["gzip_bytes"],
        "metric": done.after.name,
        **({} if untrained is None else {"untrained": f"{untrained:.4f}"}),
        "float32": f"{done.before.value:.4f}",
        "quantized": f"{done.after.value:.4f}",
        "data": f"{done.after.data} {done.after.split} ({done.after.pictures})",
    }
