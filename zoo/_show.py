"""What `zoo show` tells of one model: its declaration, its size and cost, and its stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoo._budget import PRECISION_BYTES, footprint
from zoo._quiet import import_keras
from zoo._specs import ModelSpec
from zoo._stages import Stage, find_stages

BAR_CHARACTERS = 20  # for all weights; plain ASCII, which every terminal prints


def describe(spec: ModelSpec, options: Mapping[str, Any]) -> tuple[dict[str, Any], list[Stage]]:
    """Build the model with `options`; return a record for JSON, and the stages.

    Raises BudgetExceeded when these options outgrow the model's budget.
    """
    from zoo._registry import build

    import_keras()
    model = build(spec.name, **options)
    stages, size = find_stages(model), footprint(model)
    record = {
        "name": spec.name,
        "task": spec.task,
        "input": {
            "height": spec.inputs.height,
            "width": spec.inputs.width,
            "channels": spec.inputs.channels,
            "value_range": list(spec.inputs.value_range),
            "resize": spec.inputs.resize,
        },
        "head": {"kind": type(spec.head).__name__, **vars(spec.head)},
        "options": {**spec.options, **options},
        "paper": spec.paper,
        "max_bytes": spec.max_bytes,
        "module": spec.module,
        "origin": spec.origin,
        "summary": spec.summary,
        "parameters": size.parameters,
        "multiply_adds": size.multiply_adds,
        "predicted_bytes": {precision: size.predicted_bytes(precision) for precision in PRECISION_BYTES},
        "stages": [stage.record() for stage in stages],
    }
    return record, stages


def facts_text(record: Mapping[str, Any]) -> str:
    """Lay out all but the stages, one fact per line."""
    inputs, head = record["input"], {key: value for key, value in record["head"].items() if key != "kind"}
    sizes = ", ".join(f"{precision} {size:,}" for precision, size in record["predicted_bytes"].items())
    lines = {
        "task": record["task"],
        "input": f"{inputs['height']}x{inputs['width']}x{inputs['channels']}, {inputs['resize']}",
        "head": ", ".join(f"{key}={value}" for key, value in head.items()) or "classes",
        "options": ", ".join(f"{key}={value}" for key, value in record["options"].items()),
        "parameters": f"{record['parameters']:,}",
        "multiply-adds": f"{record['multiply_adds']:,}",
        "bytes, predicted": f"{sizes} (budget {record['max_bytes']:,})",
        "paper": record["paper"],
        "defined in": record["module"],
    }
    facts = [f"{record['name']}: {record['summary']}", *(f"  {key:<17} {value}" for key, value in lines.items())]
    return "\n".join([*facts, "", record["origin"]] if record["origin"] else facts)


def stages_text(stages: Sequence[Stage]) -> str:
    """Lay the stages out as a table with the totals below; `reads` is left empty where it is the line above."""
    from tabulate import tabulate

    weight_bytes = sum(stage.weight_bytes for stage in stages)
    rows = [
        {
            "stage": stage.name,
            "layers": stage.kinds,
            "reads": "" if stage.sources == (before,) else ", ".join(stage.sources),
            "output": stage.size_text,
            "filters": f"{stage.filters:,}",
            "parameters": f"{stage.parameters:,}",
            "multiply-adds": f"{stage.multiply_adds:,}",
            "weights": percent(stage.weight_bytes / weight_bytes),
            "share of weights": "#" * round(BAR_CHARACTERS * stage.weight_bytes / weight_bytes),
        }
        for before, stage in zip(["", *(stage.name for stage in stages)], stages, strict=False)
    ]
    total = {
        **dict.fromkeys(rows[0], ""),
        "stage": "total",
        "parameters": f"{sum(stage.parameters for stage in stages):,}",
        "multiply-adds": f"{sum(stage.multiply_adds for stage in stages):,}",
        "weights": percent(1.0),
    }
    align = ["left"] * 3 + ["right"] * 5 + ["left"]
    return tabulate([*rows, total], headers="keys", tablefmt="simple", disable_numparse=True, colalign=align)


def percent(share: float) -> str:
    """Write a share, 0 to 1, so that a little is not nothing."""
    return "<1%" if 0 < share < 0.005 else f"{share:.0%}"
