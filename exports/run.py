"""The whole way of one model: sweep, publish, verify."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exports.publish import Published, check_choice, check_licence, check_published_name, publish
from tuner import sweep
from zoo._places import Location


def run_model(
    model: str,
    *,
    store: Location,
    name: str | None = None,
    precision: Mapping[str, Any] | None = None,
    note: str = "",
    licence: str = "",
    show: Path | None = None,
    runtime: str | None = None,
    **sweep_options: Any,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Sweep and publish one model, which verifies it; return its table row and its record.

    `precision` holds the arguments of `publish` that choose it; `name`, `note`, `licence`, `show` and `runtime`
    are its others. Raises ZooError where a step fails.
    """
    check_choice(**(precision or {}))
    check_published_name(name or model, model)
    check_licence(licence)
    try:
        result = sweep(model, **sweep_options)
    except KeyboardInterrupt:
        print("and then 'zoo publish RUN', with what was asked for here, such as --as and --max-bytes", file=sys.stderr)
        raise
    print(f"{model}: publishing {result.folder}", file=sys.stderr)
    done = publish(
        result.folder, store, name=name, note=note, licence=licence, show=show, runtime=runtime, **(precision or {})
    )
    measured_alike = result.val_pictures == done.after.pictures  # a limited sweep chose by fewer pictures
    row = published_row(done, untrained=result.untrained if measured_alike else None)
    record = {**done.record(), "run": str(result.folder)}
    if done.verification.largest_tfjs_difference is not None:
        row["TF.js difference"] = f"{done.verification.largest_tfjs_difference:.1e}"
    return row, record


def published_row(done: Published, untrained: float | None = None) -> dict[str, Any]:
    """Return the row of a report: what was published, and the metric before training, in float32, and as published."""
    return {
        "model": done.manifest["name"],
        "task": done.manifest["task"],
        "bytes": done.manifest["model"]["bytes"],
        "gzip": done.manifest["model"]["gzip_bytes"],
        "metric": done.after.name,
        **({} if untrained is None else {"before training": f"{untrained:.4f}"}),
        "float32": f"{done.before.value:.4f}",
        "quantized": f"{done.after.value:.4f}",
        "data": f"{done.after.data} {done.after.split} ({done.after.pictures})",
    }
