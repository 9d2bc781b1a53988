"""What the input pipeline costs in training: epochs with it beside epochs on one batch that lies ready in memory.

    python benchmarks/input_pipeline.py --data DIR          writes benchmarks/results/input_pipeline.json

Both train the same network on the same number of pictures in the same batches, by turns, in one process; a round is one
epoch of each. With the pipeline, every picture is read from the cache, augmented, and given its targets. The share is
what the pipeline adds to a step, (with - without) / with, in each round; the median counts.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from zoo._quiet import import_keras

import_keras()


import zoo  # noqa: E402
from tuner.augment import AUGMENTATIONS  # noqa: E402
from tuner.batches import Batches  # noqa: E402
from tuner.data import cache_folder, decode, open_dataset  # noqa: E402
from tuner.learners import learner_for  # noqa: E402
from tuner.progress import Progress  # noqa: E402
from tuner.recipe import Fit, Recipe  # noqa: E402
from tuner.runs import versions  # noqa: E402
from tuner.schedule import WeightAverage  # noqa: E402
from tuner.training import Trainer  # noqa: E402

RESULTS = Path(__file__).parent / "results"


class Ready:
    """One batch, again and again."""

    def __init__(self, batch: Any, count: int) -> None:
        self._batch, self._count = batch, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Any:
        return self._batch


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what augmentation, targets and reading cost in training.")
    parser.add_argument("--data", default="synthetic")
    parser.add_argument("--models", nargs="+", default=["yunet_n_160", "yunet_n_320"])
    parser.add_argument("--augment", default="scenes", choices=AUGMENTATIONS)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--batches", type=int, default=15, help="steps of an epoch")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    rows = [measure(model, arguments) for model in arguments.models]
    record = {
        "command": "python benchmarks/input_pipeline.py --data DIR",
        "rounds": arguments.rounds,
        "data": Path(arguments.data).name,
        "augmentation": arguments.augment,
        "batch_size": arguments.batch_size,
        "steps_per_epoch": arguments.batches,
        "machine": f"{platform.machine()}, {len_cores()} cores",
        "versions": versions(),
        "models": rows,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "input_pipeline.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    for row in rows:
        print(
            f"{row['model']}: step {row['median_step_ms_with']:.1f} ms with the pipeline, "
            f"{row['median_step_ms_without']:.1f} ms without, share {row['median_share']:.1%}"
        )


def len_cores() -> int:
    """Return how many cores this process may use."""
    import os

    return len(os.sched_getaffinity(0))


def measure(model: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train both ways by turns and return the row of the result."""
    spec = zoo.get(model)
    recipe = Recipe(batch_size=arguments.batch_size, augmentation=AUGMENTATIONS[arguments.augment])
    count = arguments.batch_size * arguments.batches
    dataset = open_dataset(arguments.data, task=spec.task, limit=count)
    samples = dataset.splits["train"]
    data = decode(samples, recipe.augmentation.kept_at(spec.inputs, samples), cache=cache_folder())
    learner = learner_for(spec, len(dataset.labels))
    trainer = Trainer(spec, learner, {}, seed=0)
    rest: Any = (0, WeightAverage(0.0), Fit(learner.metric), None)  # epoch, average, fit, on_images
    batches = Batches(spec, learner, data, recipe)
    ready = Ready(batches[0], len(batches))
    trainer._step.prepare(batches)
    trainer._train_epoch(recipe, ready, *rest)
    seconds: dict[str, list[float]] = {"with": [], "without": []}
    with Progress(model, total=2 * arguments.rounds, unit="epoch") as progress:
        for _ in range(arguments.rounds):
            for kind, source in (("with", batches), ("without", ready)):
                started = time.perf_counter()
                trainer._train_epoch(recipe, source, *rest)
                seconds[kind].append(time.perf_counter() - started)
                progress.advance(1)
    shares = [(slow - fast) / slow for slow, fast in zip(seconds["with"], seconds["without"], strict=True)]
    return {
        "model": model,
        "pictures": len(data),
        "kept_at": list(data.images.shape[1:3]),
        "median_share": statistics.median(shares),
        "shares": shares,
        "median_step_ms_with": 1e3 * float(np.median(seconds["with"])) / len(batches),
        "median_step_ms_without": 1e3 * float(np.median(seconds["without"])) / len(batches),
        "seconds_with": seconds["with"],
        "seconds_without": seconds["without"],
    }


if __name__ == "__main__":
    main()
