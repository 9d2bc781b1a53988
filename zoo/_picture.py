"""The stages of a network as a picture: boxes from top to bottom, arrows for what reads what, bars for what it costs.

All measures are inches. Boxes grow darker as the resolution falls, so the levels of backbone, neck and heads match.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo._errors import ZooError
from zoo._files import write_atomically
from zoo._show import percent
from zoo._stages import Stage

SUFFIXES = (".png", ".svg")
DOTS_PER_INCH = 150

ROW, BOX_HEIGHT, HEADER, MARGIN = 0.52, 0.40, 1.0, 0.2
LANE, BOX_WIDTH, COLUMN, BAR_WIDTH = 0.17, 3.9, 0.85, 1.6
CORNER = 0.07
INK, QUIET_INK, LINE = "#1c2733", "#5b6875", "#73808c"
FINE, COARSE = (0.925, 0.955, 0.985), (0.56, 0.74, 0.91)
BYTES_COLOUR, COST_COLOUR, EMPTY_COLOUR = "#2f6fb3", "#d9822b", "#eef1f4"


def check_picture(path: Path) -> None:
    """Raise ZooError for a kind of file that cannot be drawn."""
    if path.suffix.lower() not in SUFFIXES:
        raise ZooError(f"Cannot draw into '{path}'. A picture's name ends in {' or '.join(SUFFIXES)}.")


def draw_stages(record: Mapping[str, Any], stages: Sequence[Stage], path: Path) -> None:
    """Write the picture as PNG or SVG; `record` is that of `describe`, for the title. Missing folders are made."""
    from matplotlib.figure import Figure

    check_picture(path)
    rows = {stage.name: row for row, stage in enumerate(stages)}
    detours = _lanes([(rows[source], rows[stage.name]) for stage in stages for source in stage.sources])
    left = MARGIN + LANE * (1 + max(detours.values(), default=0))
    width = left + BOX_WIDTH + 2 * COLUMN + 2 * (BAR_WIDTH + MARGIN) + MARGIN
    height = HEADER + ROW * len(stages) + MARGIN
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()

    _write_header(axes, record, left)
    weight_bytes = sum(stage.weight_bytes for stage in stages)
    multiply_adds = sum(stage.multiply_adds for stage in stages)
    finest = max(math.prod(stage.size) for stage in stages)
    coarsest = min(math.prod(stage.size) for stage in stages if stage.size)
    for stage in stages:
        depth = math.log(finest / max(coarsest, math.prod(stage.size))) / max(math.log(finest / coarsest), 1e-9)
        colour = tuple(fine + depth * (coarse - fine) for fine, coarse in zip(FINE, COARSE, strict=True))
        y = _centre(rows[stage.name])
        _draw_box(axes, stage, left, y, colour)
        x = left + BOX_WIDTH + COLUMN
        axes.text(x, y, stage.size_text.replace("x", " × "), ha="right", va="center", fontsize=9, color=INK)
        axes.text(x + 0.7, y, f"{stage.filters:,}", ha="right", va="center", fontsize=9, color=INK)
        x += COLUMN + MARGIN
        _draw_bar(axes, x, y, stage.weight_bytes / weight_bytes, BYTES_COLOUR)
        _draw_bar(axes, x + BAR_WIDTH + MARGIN, y, stage.multiply_adds / multiply_adds, COST_COLOUR)
        for source in stage.sources:
            edge = rows[source], rows[stage.name]
            _draw_arrow(axes, edge, left, detours.get(edge))

    picture = io.BytesIO()
    kind = path.suffix.lower().removeprefix(".")
    figure.savefig(picture, format=kind, dpi=DOTS_PER_INCH, metadata={"Date": None} if kind == "svg" else None)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, picture.getvalue())


def _lanes(edges: Sequence[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Give each edge that skips rows a lane beside the boxes, short ones inside; edges into one box may share."""
    taken: list[list[tuple[int, int]]] = []
    lanes: dict[tuple[int, int], int] = {}
    for edge in sorted((edge for edge in edges if edge[1] - edge[0] != 1), key=lambda edge: (edge[1] - edge[0], edge)):
        first, last = edge
        free = (
            lane
            for lane, others in enumerate(taken)
            if all(other[1] == last or other[1] < first or last < other[0] for other in others)
        )
        lanes[edge] = next(free, len(taken))
        if lanes[edge] == len(taken):
            taken.append([])
        taken[lanes[edge]].append(edge)
    return {edge: lane + 1 for edge, lane in lanes.items()}


def _centre(row: int) -> float:
    return HEADER + ROW * (row + 0.5)


def _write_header(axes: Any, record: Mapping[str, Any], left: float) -> None:
    options = ", ".join(f"{name} {value}" for name, value in record["options"].items())
    facts = (
        f"{record['parameters']:,} parameters · {record['multiply_adds'] / 1e6:,.1f} M multiply-adds · "
        f"{record['predicted_bytes']['uint8'] / 1e3:,.0f} kB with uint8 weights · {options}"
    )
    axes.text(left, 0.30, record["name"], ha="left", va="center", fontsize=14, fontweight="bold", color=INK)
    axes.text(left, 0.56, facts, ha="left", va="center", fontsize=8.5, color=QUIET_INK)
    x = left + BOX_WIDTH + COLUMN
    heads = [(x, "output", "right"), (x + 0.7, "filters", "right")]
    x += COLUMN + MARGIN
    heads += [(x, "share of weight bytes", "left"), (x + BAR_WIDTH + MARGIN, "share of multiply-adds", "left")]
    for position, text, align in heads:
        axes.text(position, 0.88, text, ha=align, va="center", fontsize=8.5, color=QUIET_INK)


def _draw_box(axes: Any, stage: Stage, left: float, y: float, colour: tuple[float, ...]) -> None:
    from matplotlib.patches import FancyBboxPatch

    rounded = FancyBboxPatch(
        (left + CORNER, y - BOX_HEIGHT / 2 + CORNER),
        BOX_WIDTH - 2 * CORNER,
        BOX_HEIGHT - 2 * CORNER,
        boxstyle=f"round,pad={CORNER}",
        facecolor=colour,
        edgecolor=LINE,
        linewidth=0.8,
    )
    axes.add_patch(rounded)
    axes.text(left + 0.12, y, stage.name, ha="left", va="center", fontsize=9, fontweight="bold", color=INK)
    space = BOX_WIDTH - 1.15
    size = min(8.5, 8.5 * space / (0.062 * max(len(stage.kinds), 1)))
    axes.text(left + 1.05, y, stage.kinds, ha="left", va="center", fontsize=size, color=INK)


def _draw_bar(axes: Any, x: float, y: float, share: float, colour: str) -> None:
    from matplotlib.patches import Rectangle

    length = BAR_WIDTH - 0.45
    axes.add_patch(Rectangle((x, y - 0.07), length, 0.14, facecolor=EMPTY_COLOUR, linewidth=0))
    axes.add_patch(Rectangle((x, y - 0.07), length * share, 0.14, facecolor=colour, linewidth=0))
    axes.text(x + length + 0.06, y, percent(share), ha="left", va="center", fontsize=8, color=INK)


def _draw_arrow(axes: Any, edge: tuple[int, int], left: float, lane: int | None) -> None:
    """Draw straight down to the next row, else out to the lane and back in."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Outline

    top, bottom = _centre(edge[0]), _centre(edge[1])
    if lane is None:
        x = left + 0.5
        outline = Outline([(x, top + BOX_HEIGHT / 2), (x, bottom - BOX_HEIGHT / 2)])
    else:
        x, top, bottom = left - LANE * lane, top + 0.07, bottom - 0.07
        points = [(left, top), (x + CORNER, top), (x, top), (x, top + CORNER)]
        points += [(x, bottom - CORNER), (x, bottom), (x + CORNER, bottom), (left, bottom)]
        move, line, curve = Outline.MOVETO, Outline.LINETO, Outline.CURVE3
        outline = Outline(points, [move, line, curve, curve, line, curve, curve, line])
    axes.add_patch(FancyArrowPatch(path=outline, arrowstyle="-|>", mutation_scale=8, color=LINE, linewidth=1.1))
