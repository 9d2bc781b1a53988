"""Writes docs/results.md and its picture from the result files kept here, and from the published models.

    python benchmarks/report.py

Nothing is measured here; a test compares the page with what this makes of the files.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from zoo._files import write_atomically  # noqa: E402

RESULTS = Path(__file__).parent / "results"
PUBLISHED = ROOT / "exports" / "published"
PAGE = ROOT / "docs" / "results.md"
PLOT = ROOT / "docs" / "images" / "accuracy-bytes.png"
PANEL_POINTS, LABEL_HEIGHT = 344, 0.028
"""How high a panel of the plot is, and of it the share that a label takes."""


def main() -> None:
    draw(read("face-accuracy.json"), PLOT)
    write_atomically(PAGE, page().encode())


def page() -> str:
    """Return docs/results.md."""
    seen = [*published(), *faces(), *telling_apart(), *in_the_page()]
    made = [*quantizing(), *agreeing(), *training(), *searching()]
    return "\n".join(
        [
            "# Measured, beside what else there is",
            "",
            "Made by [`benchmarks/report.py`](../benchmarks/report.py) from the files in "
            "[`benchmarks/results/`](../benchmarks/results); each section names the command that measures again.",
            "",
            *seen,
            *made,
        ]
    )


def read(pattern: str) -> Any:
    """Return the newest result file of a pattern."""
    return json.loads(max(RESULTS.glob(pattern)).read_text(encoding="utf-8"))


def told(conditions: Mapping[str, Any]) -> str:
    """Return what was run and when."""
    return f"`{conditions['command']}`, {conditions['date']}"


def markdown(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield tabulate(rows, headers="keys", tablefmt="github", disable_numparse=True)
    yield ""


def published() -> Iterator[str]:
    rows = []
    for path in sorted(PUBLISHED.glob("*/*/manifest.json")):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        after, before = manifest["metrics"][:2]
        size = sum(manifest["files"][name]["bytes"] for name in ("model.json", *weights(manifest)))
        rows.append(
            {
                "model": f"`{manifest['name']}`",
                "input": f"{manifest['input']['width']}x{manifest['input']['height']}",
                "bytes": f"{size:,}",
                "of it weights": f"{sum(manifest['files'][name]['bytes'] for name in weights(manifest)):,}",
                "metric": after["name"],
                "published": f"{after['value']:.4f}",
                "float32": f"{before['value']:.4f}",
                "measured on": f"{after['data']} {after['split']}, {after['pictures']:,} pictures",
            }
        )
    yield "## The models that are shipped"
    yield ""
    yield (
        "Each carries a card with its data, its licence note and the command that trains it again. Finders of faces "
        "and recognizers stand beside those of others below; for masks, blood cells and the gate, none was measured."
    )
    yield ""
    yield from markdown(rows)


def weights(manifest: Mapping[str, Any]) -> list[str]:
    """Return the files of the model to run that hold its weights."""
    return [name for name in manifest["files"] if name.startswith("weights") and name.endswith(".bin")]


def faces() -> Iterator[str]:
    yield "## Finding faces"
    yield ""
    yield "![Average precision against bytes](images/accuracy-bytes.png)"
    yield ""
    yield (
        "Average precision at IoU 0.5 by pycocotools on the same labelled pictures, every labelled box being a face: "
        "of all faces, and of those at least 6 % of the picture's longer side high. "
        "`python benchmarks/face_accuracy.py --data DIR`; a detector of another project keeps its own pre-processing "
        "and its default settings, but for the least score. The boxes of faces-detection were made by the teacher that "
        "the shipped detectors learned from, YuNet-n at 640 pixels, those of masks by people; "
        "the shipped ones learned from the training pictures of both sets. YuNet, by `benchmarks/yunet_faces.py`, "
        "weighs what its ONNX files do, in float32."
    )
    yield ""
    for name, result in read("face-accuracy.json").items():
        conditions = result["conditions"]
        yield f"**{name}**, {conditions['pictures']:,} pictures, {conditions['boxes']:,} boxes, {conditions['date']}"
        yield ""
        rows = sorted(result["rows"], key=lambda row: -row["ap50 from 6 %"])
        yield from markdown(
            [
                {
                    "detector": row["detector"],
                    "bytes": f"{row['bytes']:,}",
                    "all": f"{row['ap50']:.3f}",
                    "from 6 %": f"{row['ap50 from 6 %']:.3f}",
                }
                for row in rows
            ]
        )


def telling_apart() -> Iterator[str]:
    result = read("verification.json")
    conditions = result["conditions"]
    yield "## Telling faces apart"
    yield ""
    yield (
        f"LFW's view 2, {conditions['pairs']:,} pairs of {conditions['pictures']:,} aligned faces, on which none of "
        f"ours was trained: accuracy over 10 folds, and the share of pairs of one person that are accepted where 1 % "
        f"and 0.1 % of the others are. {told(conditions)}, {conditions['machine']}, {conditions['browser']}, peer "
        f"{conditions['peer']}; each contender's own page embedded every face, for both TensorFlow.js "
        f"{conditions['tensorflow.js']} on {conditions['backend']}. Medians of "
        f"{conditions['rounds'] * conditions['faces per block']} embeddings. The peer is the network that the shipped "
        f"recognizers learned from, in the eight bits that face-api.js carries."
    )
    yield ""
    yield from markdown(
        [
            {
                "recognizer": row["recognizer"],
                "bytes": f"{row['bytes']:,}",
                "accuracy": f"{row['accuracy']:.4f}",
                "at 1 %": f"{row['tar_at_far_0.01']:.3f}",
                "at 0.1 %": f"{row['tar_at_far_0.001']:.3f}",
                "ms a face": f"{row['ms']:.1f}",
                "ratio": f"{row['ms_ratio']:.2f}",
            }
            for row in result["rows"]
        ]
    )


def in_the_page() -> Iterator[str]:
    result = read("browser.json")
    conditions = result["conditions"]
    yield "## In the page"
    yield ""
    detections = conditions["rounds"] * conditions["detections per block"]
    yield (
        f"{told(conditions)}, {conditions['machine']}, {conditions['browser']}, peer {conditions['peer']}; for both, "
        f"TensorFlow.js {conditions['tensorflow.js']} on {conditions['backend']}. Bytes are those on the wire under "
        f"gzip until the first detection: script, wasm and model. Medians of {conditions['rounds']} cold visits and of "
        f"{detections} detections; ratios are to TinyFaceDetector at its default of 416 pixels."
    )
    yield ""
    yield from markdown(
        [
            {
                "detector": row["detector"],
                "kB to the first face": f"{row['gzip_bytes_to_first'] / 1000:.0f}",
                "ratio": f"{row['bytes_ratio']:.2f}",
                "ms to the first face": f"{row['first_ms']:.0f}",
                "ratio ": f"{row['first_ratio']:.2f}",
                "ms per detection": f"{row['detect_ms']:.1f}",
                "ratio  ": f"{row['detect_ratio']:.2f}",
            }
            for row in result["rows"]
        ]
    )


def quantizing() -> Iterator[str]:
    if not (RESULTS / "quantization.json").exists():
        return
    result = read("quantization.json")
    yield "## Quantizing"
    yield ""
    yield (
        f"{told(result['conditions'])}: the converter's own uint8 beside ours, on the same trained networks. Output "
        f"error is the root mean square difference from float32 over all pictures, in units of each output's spread. "
        f"'auto' is what 'zoo publish' chooses of itself; shipped ones may weigh less, by --max-bytes."
    )
    yield ""
    yield from markdown(
        [
            {
                "model": f"`{row['model']}`",
                "contender": row["contender"],
                "metric": f"{row['metric']} {row['value']:.4f}",
                "output error": f"{row['output_error']:.4f}",
                "bytes": f"{row['bytes']:,}",
                "under gzip": f"{row['gzip_bytes']:,}",
            }
            for row in result["rows"]
        ]
    )


def agreeing() -> Iterator[str]:
    result = read("agreement.json")
    yield "## Agreeing with Keras"
    yield ""
    yield (
        f"{told(result['conditions'])}: the architectures registered then, with random weights, in TensorFlow.js under "
        f"Node. Largest difference from Keras on the weights that the files hold, relative to the largest value above "
        f"1; the graph model on wasm and cpu, the layers model on wasm. Beside it the bytes of model.json, ours and "
        f"the converter's."
    )
    yield ""
    yield from markdown(
        [
            {
                "model": f"`{row['model']}`",
                "graph, float32": f"{row['graph float32']:.0e}",
                "graph, uint8": f"{row['graph uint8']:.0e}",
                "layers": f"{row['layers model']:.0e}",
                "model.json": f"{row['model.json']:,}",
                "converter's": f"{row['plain model.json']:,}",
                "ratio": f"{row['ratio']:.2f}",
                "under gzip": f"{row['gzip']:,}",
                "converter's ": f"{row['plain gzip']:,}",
            }
            for row in result["rows"]
        ]
    )


def training() -> Iterator[str]:
    result = read("training-kernels.json")
    yield "## Training"
    yield ""
    yield (
        f"{told(result['conditions'])}: a training step of {result['batch_size']} pictures on {result['threads']} "
        f"thread of {result['conditions']['machine']}. Median milliseconds, and how many times as fast as plain Keras "
        f"in the same round."
    )
    yield ""
    yield from markdown(
        [
            {
                "model": f"`{row['model']}`",
                "plain Keras": f"{statistics.median(one['plain'] for one in row['step_ms']):.0f} ms",
                **{
                    contender: f"{statistics.median(one[contender] for one in row['step_ms']):.0f} ms ({ratio:.2f})"
                    for contender, ratio in row["times_as_fast"].items()
                },
            }
            for row in result["models"]
        ]
    )


def searching() -> Iterator[str]:
    result = read("sweep-overhead-*.json")
    found, conditions = result["summary"], result["conditions"]
    seconds, growth = found["seconds"], found["growth_mb_per_trial"]
    first = result["timed"][0]
    yield "## Searching"
    yield ""
    yield (
        f"{told(conditions)}, {conditions['cores']} cores: {first['trials']} trials of `{result['model']}`, "
        f"{first['epochs']} epochs of {first['pictures']} pictures, the same hyperparameters for all, median seconds."
    )
    yield ""
    yield from markdown(
        [
            {"contender": "bare training loops", "seconds": seconds["bare"], "MB kept per trial": ""},
            {
                "contender": "this sweep",
                "seconds": f"{seconds['sweep']} ({found['sweep_over_bare']:.2f} of bare)",
                "MB kept per trial": f"{growth['sweep']:.2f}",
            },
            {
                "contender": "plain keras-tuner",
                "seconds": f"{seconds['tuner']} ({found['tuner_over_sweep']:.2f} of this sweep)",
                "MB kept per trial": f"{growth['tuner']:.2f}",
            },
        ]
    )


def apart(values: Sequence[float], gap: float) -> list[float]:
    """Return heights for labels, each at its value or as little above it as keeps them from each other."""
    heights, last = [0.0] * len(values), -gap
    for index in sorted(range(len(values)), key=lambda index: values[index]):
        last = heights[index] = max(values[index], last + gap)
    return heights


def draw(accuracy: Mapping[str, Any], path: Path) -> None:
    """Draw accuracy against bytes: a panel per data set, one point per detector."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * len(accuracy), 5.5), layout="constrained")
    for axes, (name, result) in zip(figure.subplots(1, len(accuracy), squeeze=False)[0], accuracy.items(), strict=True):
        for is_ours in (True, False):
            rows = [row for row in result["rows"] if ("_" in row["detector"].partition(" ")[0]) == is_ours]
            side, ends = (-7, "right") if is_ours else (7, "left")
            heights = apart([row["ap50 from 6 %"] for row in rows], LABEL_HEIGHT)
            for row, height in zip(rows, heights, strict=True):
                place = (row["bytes"] / 1000, row["ap50 from 6 %"])
                axes.plot(*place, "o" if is_ours else "s", color="C0" if is_ours else "C1")
                at = (side, (height - place[1]) * PANEL_POINTS - 3)
                axes.annotate(row["detector"], place, at, textcoords="offset points", fontsize=7, ha=ends)
        axes.set(xscale="log", xlim=(4, 6000), ylim=(0, 1.04), title=name)
        axes.set(xlabel="model, kB", ylabel="AP50, faces from 6 %")
        axes.set_xticks([30, 60, 100, 200, 400], ["30", "60", "100", "200", "400"])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
