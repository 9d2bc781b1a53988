"""What faster kernels bring to a training step under TensorFlow: oneDNN's, and batch normalisation in one of them.

    python benchmarks/training_kernels.py          writes benchmarks/results/training-kernels.json

The tool asks TensorFlow for oneDNN's kernels (zoo/_quiet.py) and joins what Keras computes in several operations
(tuner/fused.py). TensorFlow reads the first choice once, at its import, so each contender is a process of its own:
plain Keras, with oneDNN, with both. A round starts them one after the other; they train the same network by the same
loss on the same batch of generated pictures, on one thread. The ratio is that of the times of a step in a round; the
median of the rounds counts.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tuner.progress import Progress  # noqa: E402
from zoo._files import write_atomically  # noqa: E402
from zoo._quiet import import_keras  # noqa: E402

RESULTS = Path(__file__).parent / "results"
MODELS = ("yunet_xs_160", "yunet_xs_320", "picodet_face_320", "sphereface_112")
PLAIN, ONEDNN, BOTH = CONTENDERS = ("plain", "onednn", "onednn and fused")
WARM_UP_STEPS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=4.0, help="of one process's steps")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=2, metavar=("MODEL", "CONTENDER"), help="measure here, print milliseconds")
    arguments = parser.parse_args()
    if arguments.one:
        print(step_ms(*arguments.one, arguments.batch_size, arguments.seconds))
        return
    from conditions import conditions

    rows = []
    with Progress("training kernels", len(arguments.models) * arguments.rounds, unit="round") as progress:
        for name in arguments.models:
            rounds = []
            for _ in range(arguments.rounds):
                rounds.append({contender: _in_process(name, contender, arguments) for contender in CONTENDERS})
                progress.advance(1)
            ratios = {
                contender: round(statistics.median(one[PLAIN] / one[contender] for one in rounds), 2)
                for contender in (ONEDNN, BOTH)
            }
            rows.append({"model": name, "times_as_fast": ratios, "step_ms": rounds})
    record = {
        "conditions": conditions("python benchmarks/training_kernels.py"),
        "batch_size": arguments.batch_size,
        "threads": 1,
        "models": rows,
    }
    write_atomically(RESULTS / "training-kernels.json", (json.dumps(record, indent=1) + "\n").encode())
    for row in rows:
        print(
            f"{row['model']}: a step is {row['times_as_fast'][ONEDNN]:.2f} times as fast with oneDNN, "
            f"{row['times_as_fast'][BOTH]:.2f} times with fused normalisation too"
        )


def step_ms(name: str, contender: str, batch_size: int, seconds: float) -> float:
    """Return the milliseconds of a training step of a registered model."""
    import_keras()
    import tuner.training
    import zoo
    from tuner.batches import Batches
    from tuner.data import decode, open_dataset
    from tuner.learners import learner_for
    from tuner.recipe import Recipe
    from tuner.steps import Step

    if contender != BOTH:
        tuner.training.fuse_batch_normalisation = lambda network: None
    spec = zoo.get(name)
    dataset = open_dataset("synthetic", task=spec.task)
    data = decode(dataset.splits["train"][:batch_size], spec.inputs)
    learner = learner_for(spec, len(dataset.labels))
    trainer = tuner.training.Trainer(spec, learner, {}, seed=0)
    batches = Batches(spec, learner, data, Recipe(batch_size=batch_size))
    step = Step(trainer._network)
    step.prepare(batches)
    batch = batches[0]
    for _ in range(WARM_UP_STEPS):
        step(*batch)
    started, steps = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        step(*batch)
        steps += 1
    return round(1000 * (time.perf_counter() - started) / steps, 2)


def _in_process(name: str, contender: str, arguments: argparse.Namespace) -> float:
    settings = {
        "TF_ENABLE_ONEDNN_OPTS": "0" if contender == PLAIN else "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
    }
    command = [sys.executable, __file__, "--one", name, contender, "--batch-size", str(arguments.batch_size)]
    command += ["--seconds", str(arguments.seconds)]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"training_kernels: {name}, {contender}: {done.stderr.strip().splitlines()[-1]}")
    return float(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
