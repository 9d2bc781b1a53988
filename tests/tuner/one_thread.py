"""Run by test_trials in a process of its own, since TensorFlow fixes its threads when it starts.

Trains a network with dropout in the ways that are named, and prints hashes of what each left.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

import zoo
from tuner.checkpoints import CHECKPOINT_FILE, read_checkpoint
from tuner.recipe import Recipe
from tuner.trials import Bench, Job, Trial


@zoo.register_model(
    task=zoo.OBJECT_RECOGNITION, inputs=zoo.ImageSpec(32, 32), outputs=zoo.ClassHead(), paper="none", max_bytes=60_000
)
def dropping_cls_32(spec: zoo.ModelSpec, *, width: float = 1.0, num_classes: int = 4) -> keras.Model:
    """Has random layers, which no family of ours has."""
    from zoo.blocks import conv_block
    from zoo.heads import class_outputs

    image = keras.Input(spec.inputs.shape, name="image")
    x = conv_block(image, int(8 * width), strides=2, name="stem")
    x = keras.layers.Dropout(0.3, name="drop")(x)
    x = conv_block(x, 16, strides=2, name="block")
    return keras.Model(image, class_outputs(x, num_classes), name=spec.name)


ASKED = Trial(1, {"batch_size": 5, "learning_rate": 3e-3}, epochs=2)
OTHERS = [
    Trial(2, {"batch_size": 16, "learning_rate": 1e-2}, epochs=3),
    Trial(3, {"batch_size": 5, "learning_rate": 1e-3, "width": 2.0}, epochs=1),
    Trial(4, {"batch_size": 48, "learning_rate": 1e30}, epochs=2),
]


def left(folder: Path, number: int, record: dict[str, Any]) -> dict[str, str]:
    """Return hashes of the weights, of the optimizer, and the scores."""
    checkpoint = read_checkpoint(folder / f"{number}" / CHECKPOINT_FILE)
    assert checkpoint is not None

    def digest(arrays: list[np.ndarray]) -> str:
        return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()

    return {
        "network": digest(checkpoint.network),
        "optimizer": digest(checkpoint.optimizer),
        "best": digest(checkpoint.fit.weights),
        "history": json.dumps(record["history"]),
    }


class Interrupted(Exception):
    pass


def main(order: str, bench: Bench, folder: Path) -> dict[str, str]:
    """Train alone, after others, in two parts, or promoted from fewer epochs; return what is left."""
    if order == "after others":
        for trial in OTHERS:
            bench.run(trial, folder)
    if order == "in two parts":

        def stop(done: int) -> None:
            raise Interrupted

        for trial in (OTHERS[0], ASKED):
            with contextlib.suppress(Interrupted):
                bench.run(trial, folder, on_epoch=stop)
    if order == "promoted":
        bench.run(Trial(9, ASKED.values, epochs=1), folder)
        bench.run(OTHERS[0], folder)
        return left(folder, 10, bench.run(Trial(10, ASKED.values, epochs=2, continues=9), folder))
    return left(folder, 1, bench.run(ASKED, folder))


if __name__ == "__main__":
    root, *orders = sys.argv[1:]
    bench = Bench(Job("dropping_cls_32", "synthetic", {}, Recipe(batch_size=1, seed=7), limit=48))
    print(json.dumps({order: main(order, bench, Path(root) / order) for order in orders}))
