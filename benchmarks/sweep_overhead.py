"""What a sweep costs beyond its training, against bare training loops and against plain keras-tuner.

    python benchmarks/sweep_overhead.py            # about 25 minutes on two quiet cores
    python benchmarks/sweep_overhead.py --quick    # two minutes, to see that it works

Three contenders train the same network with the same hyperparameters, pictures, augmentation and epochs, and score each
epoch on the same validation pictures. Each runs in a process of its own, in turn, and is timed from the opening of the
data to its result, imports aside:

bare    a loop over trials around Keras' `fit`: one network, compiled once, started afresh for each trial
sweep   `tuner.sweep`, with checkpoints, records, report and, in `sweep` but not in `sweep_alone`, the pre-flight
tuner   plain keras-tuner, a HyperModel with `build` and `fit` as its guide shows

Memory is that of the process, resident, at the end of each of many short trials; growth is the slope of a line through
it, the first third left out, where each batch size is met first. The raw rows, a summary and a plot go to
benchmarks/results/.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
MODEL, SEED = "dense4_cls_64", 11
BATCH_SIZES = (8, 16, 32)
MOST_OVERHEAD, LEAST_SPEEDUP, MOST_MB_PER_TRIAL = 1.15, 2.0, 1.0
CONTENDERS = ("bare", "sweep", "sweep_alone", "tuner")


@dataclass(frozen=True)
class Size:
    """How much is trained: trials of so many epochs on so many pictures."""

    trials: int
    epochs: int
    pictures: int


TIMED, REMEMBERED, REPEATS = Size(8, 8, 512), Size(60, 1, 64), 3
QUICK_TIMED, QUICK_REMEMBERED, QUICK_REPEATS = Size(3, 2, 96), Size(12, 1, 32), 1


def resident_mb() -> float:
    """Return the memory of this process that is in RAM."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def asked(trials: int) -> list[dict[str, Any]]:
    """Return the hyperparameters of all trials, the same for every contender."""
    from tuner.defaults import Space
    from tuner.oracles import Search

    search = Search("random", Space(BATCH_SIZES), trials=trials, epochs=1, seed=SEED)
    return [dict(trial.values) for trial in iter(search.propose, None)]


class Plain:
    """Data and network as plain Keras wants them, for `bare` and `tuner`."""

    def __init__(self, size: Size) -> None:
        import zoo
        from tuner.data import decode, open_dataset
        from tuner.training import as_input

        self.spec, self.size = zoo.get(MODEL), size
        val_pictures = max(size.pictures // 4, 64)
        dataset = open_dataset("synthetic", task=self.spec.task, limit=size.pictures, val_limit=val_pictures, seed=SEED)
        self.num_classes = len(dataset.labels)
        self.train, val = (decode(dataset.splits[split], self.spec.inputs) for split in ("train", "val"))
        self.val = (as_input(val.images, self.spec.inputs), val.labels)

    def network(self, learning_rate: float) -> Any:
        """Build and compile."""
        import keras

        import zoo

        model = zoo.build(MODEL, num_classes=self.num_classes)
        logits = keras.Model(model.input, model.output["class_logits"])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        logits.compile(keras.optimizers.Adam(learning_rate), loss, metrics=["accuracy"], jit_compile=False)
        return logits

    def batches(self, batch_size: int) -> Any:
        """Return shuffled, augmented batches of the training pictures, as the sweep makes them."""
        import keras

        from tuner.batches import Batches
        from tuner.learners import ClassLearner
        from tuner.recipe import Recipe

        made = Batches(self.spec, ClassLearner(), self.train, Recipe(batch_size=batch_size, seed=SEED))

        class Labelled(keras.utils.PyDataset):
            def __len__(self) -> int:
                return len(made)

            def __getitem__(self, index: int) -> Any:
                images, targets = made[index]
                return images, targets["label"]

        return Labelled()

    def callbacks(self) -> list[Any]:
        """Return the recipe's lower rate on a plateau and early stop, as Keras has them."""
        import keras

        return [
            keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=2, min_delta=1e-3),
            keras.callbacks.EarlyStopping("val_accuracy", mode="max", patience=6, restore_best_weights=True),
        ]


def bare(size: Size, folder: Path, remember: Callable[[], None]) -> None:
    """Train in a loop, with nothing around it."""
    plain = Plain(size)
    network = plain.network(1e-3)
    network.optimizer.build(network.trainable_variables)
    variables = [*network.variables, *network.optimizer.variables]
    initial = [variable.numpy() for variable in variables]
    for values in asked(size.trials):
        for variable, value in zip(variables, initial, strict=True):
            variable.assign(value)
        network.optimizer.learning_rate = values["learning_rate"]
        network.fit(
            plain.batches(values["batch_size"]),
            epochs=size.epochs,
            shuffle=False,
            verbose=0,
            validation_data=plain.val,
            validation_batch_size=64,
            callbacks=plain.callbacks(),
        )
        remember()


def sweep(size: Size, folder: Path, remember: Callable[[], None], *, overfit: bool = True) -> None:
    """Run this project's sweep."""
    from tuner.defaults import Space
    from tuner.executors import InProcess
    from tuner.search import sweep as run_sweep

    class Remembering(InProcess):
        def wait(self) -> Any:
            records = super().wait()
            remember()
            return records

    result = run_sweep(
        MODEL,
        trials=size.trials,
        epochs=size.epochs,
        limit=size.pictures,
        seed=SEED,
        space=Space(BATCH_SIZES),
        overfit=overfit,
        out=folder,
        executor=Remembering(),
    )
    assert [dict(trial["hyperparameters"]) for trial in result.trials] == asked(size.trials)


def sweep_alone(size: Size, folder: Path, remember: Callable[[], None]) -> None:
    """Run this project's sweep without the pre-flight."""
    sweep(size, folder, remember, overfit=False)


def tuner(size: Size, folder: Path, remember: Callable[[], None]) -> None:
    """Run plain keras-tuner over the same hyperparameters, one choice per trial."""
    import keras_tuner

    plain, values = Plain(size), asked(size.trials)

    class Network(keras_tuner.HyperModel):
        def build(self, hp: Any) -> Any:
            return plain.network(values[hp.Choice("trial", list(range(size.trials)))]["learning_rate"])

        def fit(self, hp: Any, model: Any, *arguments: Any, **rest: Any) -> Any:
            history = model.fit(plain.batches(values[hp.get("trial")]["batch_size"]), *arguments, shuffle=False, **rest)
            remember()
            return history

    search = keras_tuner.GridSearch(Network(), objective="val_accuracy", directory=folder, project_name="plain")
    search.search(
        epochs=size.epochs,
        verbose=0,
        validation_data=plain.val,
        validation_batch_size=64,
        callbacks=plain.callbacks(),
    )
    search.get_best_models()[0].save(folder / "winner.keras")


def run_here(name: str, size: Size) -> dict[str, Any]:
    """Run one contender in this process; return seconds and the memory after each trial."""
    from zoo._quiet import import_keras

    import_keras()
    import keras_tuner  # noqa: F401 - so that no contender pays for an import

    import tuner.search  # noqa: F401

    resident: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        globals()[name](size, Path(folder), lambda: resident.append(round(resident_mb(), 2)))
        seconds = time.perf_counter() - started
    return {"contender": name, **vars(size), "seconds": round(seconds, 2), "resident_mb": resident}


def run_apart(name: str, size: Size) -> dict[str, Any]:
    """Run one contender in a process of its own."""
    root = Path(__file__).parent.parent
    command = [sys.executable, __file__, "--only", name, "--size", json.dumps(vars(size))]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{root}:{os.environ.get('PYTHONPATH', '')}",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr[-3000:]}")
    row = json.loads(done.stdout.splitlines()[-1])
    print(f"{name:12} {size.trials} trials: {row['seconds']:.1f} s, {row['resident_mb'][-1]:.0f} MB", file=sys.stderr)
    return row


def growth_mb(resident: list[float]) -> float:
    """Return the slope of resident memory in MB per trial, the first third left out."""
    kept = resident[len(resident) // 3 :]
    return statistics.linear_regression(range(len(kept)), kept).slope


def summary(timed: list[dict[str, Any]], remembered: list[dict[str, Any]]) -> dict[str, Any]:
    """Return medians of the seconds, their ratios, and the growth of memory."""
    seconds = {
        name: statistics.median(row["seconds"] for row in timed if row["contender"] == name) for name in CONTENDERS
    }
    return {
        "seconds": seconds,
        "sweep_over_bare": round(seconds["sweep"] / seconds["bare"], 3),
        "sweep_alone_over_bare": round(seconds["sweep_alone"] / seconds["bare"], 3),
        "tuner_over_sweep": round(seconds["tuner"] / seconds["sweep"], 3),
        "growth_mb_per_trial": {row["contender"]: round(growth_mb(row["resident_mb"]), 3) for row in remembered},
    }


def draw(found: dict[str, Any], timed: list[dict[str, Any]], remembered: list[dict[str, Any]], path: Path) -> None:
    """Plot seconds per contender and memory per trial."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    bars, lines = figure.subplots(1, 2)
    for index, name in enumerate(CONTENDERS):
        bars.bar(index, found["seconds"][name], alpha=0.6)
        own = [row["seconds"] for row in timed if row["contender"] == name]
        bars.plot([index] * len(own), own, "k.")
    bars.set_xticks(range(len(CONTENDERS)), [name.replace("_", "\n") for name in CONTENDERS])
    size = timed[0]
    bars.set(title=f"{size['trials']} trials, {size['epochs']} epochs, {size['pictures']} pictures", ylabel="seconds")
    for row in remembered:
        growth = found["growth_mb_per_trial"][row["contender"]]
        lines.plot(row["resident_mb"], label=f"{row['contender']}: {growth:+.2f} MB per trial")
    lines.set(title="Memory of the process", xlabel="trial", ylabel="MB")
    lines.legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="little training, once: shows that it works, not how fast")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="folder of results")
    parser.add_argument("--only", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--size", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(run_here(arguments.only, Size(**arguments.size))))
        return
    from tuner.runs import versions

    quick = arguments.quick
    repeats = QUICK_REPEATS if quick else REPEATS
    timed = [run_apart(name, QUICK_TIMED if quick else TIMED) for _ in range(repeats) for name in CONTENDERS]
    remembered = [run_apart(name, QUICK_REMEMBERED if quick else REMEMBERED) for name in ("sweep", "tuner")]
    found = summary(timed, remembered)
    record = {
        "model": MODEL,
        "summary": found,
        "conditions": {
            "command": " ".join(["python", "benchmarks/sweep_overhead.py", *sys.argv[1:]]),
            "date": datetime.now(UTC).date().isoformat(),
            "cores": os.cpu_count(),
            "machine": platform.machine(),
            "load_before": os.getloadavg()[0],
            "versions": versions(),
        },
        "timed": timed,
        "remembered": remembered,
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    stem = f"sweep-overhead{'-quick' if quick else ''}-tensorflow-{os.cpu_count()}cores-{datetime.now(UTC):%Y-%m}"
    (arguments.out / f"{stem}.json").write_text(json.dumps(record, indent=1) + "\n")
    draw(found, timed, remembered, arguments.out / f"{stem}.png")
    growth = found["growth_mb_per_trial"]
    print(
        f"sweep / bare   {found['sweep_over_bare']:.3f} (at most {MOST_OVERHEAD}; without pre-flight "
        f"{found['sweep_alone_over_bare']:.3f})\n"
        f"tuner / sweep  {found['tuner_over_sweep']:.2f} (at least {LEAST_SPEEDUP})\n"
        f"memory         sweep {growth['sweep']:+.2f} MB per trial (at most {MOST_MB_PER_TRIAL}), "
        f"tuner {growth['tuner']:+.2f}\n"
        f"written to     {arguments.out / stem}.json and .png"
    )


if __name__ == "__main__":
    main()
