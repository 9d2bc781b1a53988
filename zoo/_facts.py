"""Size and cost of every registered model, measured once and kept beside the registry.

`zoo list` must answer without importing a framework, and only a built network knows its size: `python -m zoo._facts`
builds the models of this distribution and writes `_facts.json`; a test fails when that file is out of date.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from zoo._files import write_atomically
from zoo._specs import ModelSpec

FACTS_FILE = Path(__file__).with_name("_facts.json")


@cache
def _recorded() -> dict[str, dict[str, Any]]:
    return json.loads(FACTS_FILE.read_text(encoding="utf-8"))


def recorded(spec: ModelSpec) -> dict[str, Any]:
    """Return the recorded facts of a model; empty for one from another distribution, which `measure` can build."""
    return _recorded().get(spec.name, {}) if spec.module.startswith("zoo.") else {}


def measure(spec: ModelSpec) -> dict[str, Any]:
    """Build the model with default options; return parameters, multiply_adds and predicted_bytes by precision."""
    from zoo._budget import PRECISION_BYTES, footprint
    from zoo._quiet import import_keras
    from zoo._registry import build

    import_keras()
    size = footprint(build(spec.name))
    return {
        "parameters": size.parameters,
        "multiply_adds": size.multiply_adds,
        "predicted_bytes": {precision: size.predicted_bytes(precision) for precision in PRECISION_BYTES},
    }


def measure_all() -> dict[str, dict[str, Any]]:
    """Measure every model of this distribution."""
    from zoo._registry import list_models

    return {spec.name: measure(spec) for spec in list_models() if spec.module.startswith("zoo.")}


if __name__ == "__main__":
    write_atomically(FACTS_FILE, (json.dumps(measure_all(), indent=1) + "\n").encode())
