"""Commands of the `zoo` command line that look at data and search. Heavy imports happen inside each command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from zoo._cli import add_command, emit, positive, seed, table
from zoo._errors import ZooError
from zoo._options import add_model_options, model_options

DEFAULT_DATA = "synthetic"
PICTURE_SUFFIXES = (".png", ".jpg", ".webp")


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose data."""
    parser.add_argument(
        "--data",
        default=DEFAULT_DATA,
        metavar="DATA",
        help="a folder, tfds:NAME, or 'synthetic' (default), generated pictures",
    )
    add_format_option(parser)
    add_strict_option(parser)
    parser.add_argument("--limit", type=positive, metavar="N", help="train on at most N pictures")
    parser.add_argument("--seed", type=seed, default=0, help="decides data choice, weights and trials (default 0)")


def add_format_option(parser: argparse.ArgumentParser) -> None:
    """Add `--format`, for folders that hold more than one; its values are `tuner.data.FORMATS`."""
    parser.add_argument(
        "--format",
        metavar="F",
        help="how DATA is written: coco, voc, yolo, wider, identities or classes; told by itself",
    )


def add_strict_option(parser: argparse.ArgumentParser) -> None:
    """Add `--strict`, which refuses what would be left out."""
    parser.add_argument(
        "--strict", action="store_true", help="refuse data with anything wrong instead of leaving it out"
    )


def add_sweep_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a sweep, shared by `sweep` and `run`."""
    from tuner.defaults import BATCH_SIZES, EPOCHS, LEARNING_RATES, TRIALS

    add_data_options(parser)
    parser.add_argument(
        "--trials", type=positive, default=TRIALS, metavar="N", help=f"networks to train (default {TRIALS})"
    )
    parser.add_argument(
        "--epochs", type=positive, default=EPOCHS, metavar="N", help=f"passes over the data (default {EPOCHS})"
    )
    parser.add_argument(
        "--batch-size",
        default=",".join(map(str, BATCH_SIZES)),
        metavar="N,N",
        help="batch sizes to choose from (default %(default)s)",
    )
    parser.add_argument(
        "--learning-rate",
        default=":".join(f"{rate:g}" for rate in LEARNING_RATES),
        metavar="LOW:HIGH",
        help="range searched on a log scale, or one fixed rate (default %(default)s)",
    )
    parser.add_argument("--out", type=Path, default=Path("runs"), metavar="DIR", help="folder of runs (default runs)")
    add_model_options(parser)


def sweep_arguments(arguments: argparse.Namespace) -> dict[str, Any]:
    """Turn parsed options into the keyword arguments of `tuner.sweep`. Raises ZooError for values it cannot read."""
    from tuner.defaults import Space

    try:
        batch_sizes = tuple(int(word) for word in arguments.batch_size.split(","))
    except ValueError:
        raise ZooError(f"Cannot read --batch-size {arguments.batch_size}. Write whole numbers like 8,16,32.") from None
    low, _, high = arguments.learning_rate.partition(":")
    try:
        learning_rates = (float(low), float(high or low))
    except ValueError:
        raise ZooError(
            f"Cannot read --learning-rate {arguments.learning_rate}. Write a range like 1e-4:1e-2, or one rate."
        ) from None
    return {
        "data": arguments.data,
        "format": arguments.format,
        "strict": arguments.strict,
        "trials": arguments.trials,
        "epochs": arguments.epochs,
        "limit": arguments.limit,
        "seed": arguments.seed,
        "space": Space(batch_sizes, learning_rates),
        "out": arguments.out,
    }


def _sweep(arguments: argparse.Namespace) -> None:
    from tuner import sweep

    result = sweep(
        arguments.name, options=model_options(arguments.name, arguments.option), **sweep_arguments(arguments)
    )
    rows = [
        {
            "trial": trial["trial"],
            "batch size": trial["batch_size"],
            "learning rate": f"{trial['learning_rate']:.2e}",
            result.metric: f"{trial['score']:.4f}" if "score" in trial else f"failed: {trial['failure']}",
            "images/s": trial.get("images_per_second", "-"),
            "seconds": trial["seconds"],
        }
        for trial in result.trials
    ]
    text = (
        f"{table(rows)}\n\nwinner: {result.metric} {result.score:.4f} (untrained {result.untrained:.4f}) "
        f"with batch size {result.batch_size}, "
        f"learning rate {result.learning_rate:.2e}\nrun:    {result.folder}\nreport: {result.folder / 'report.html'}\n"
        f"next:   zoo publish {result.folder}"
    )
    record = {
        "run": str(result.folder),
        "metric": result.metric,
        "score": result.score,
        "untrained": result.untrained,
        "batch_size": result.batch_size,
        "learning_rate": result.learning_rate,
        "trials": list(result.trials),
    }
    emit(arguments, record, text)


def _data_show(arguments: argparse.Namespace) -> None:
    from tuner.data import open_dataset
    from tuner.data.show import contact_sheet
    from zoo._errors import BadData

    if arguments.output.suffix.lower() not in PICTURE_SUFFIXES or arguments.output.is_dir():
        raise ZooError(f"Cannot draw into {arguments.output}. Name a file that ends in {', '.join(PICTURE_SUFFIXES)}.")
    dataset = open_dataset(
        arguments.data, task=arguments.task, limit=arguments.limit, seed=arguments.seed, format=arguments.format
    )
    if arguments.split not in dataset.splits:
        raise BadData(f"{arguments.data} has no split '{arguments.split}'; it has {', '.join(dataset.splits)}.")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet(dataset, arguments.split, count=arguments.count, seed=arguments.seed).save(arguments.output)
    counts = {split: len(samples) for split, samples in dataset.splits.items()}
    record = {
        "picture": str(arguments.output),
        "format": dataset.format,
        "labels": list(dataset.labels),
        "pictures": counts,
        "skipped": list(dataset.skipped),
    }
    lines = [
        f"{dataset.name}: {dataset.format}, " + ", ".join(f"{count:,} {split}" for split, count in counts.items()),
        f"labels: {', '.join(dataset.labels[:12])}{' ...' if len(dataset.labels) > 12 else ''}",
        *(f"skipped: {sentence}" for sentence in dataset.skipped[:10]),
        f"picture: {arguments.output}",
    ]
    emit(arguments, record, "\n".join(lines))


def _data_check(arguments: argparse.Namespace) -> None:
    from tuner.data._findings import refuse_faults
    from tuner.data.check import check_data
    from tuner.progress import Progress
    from zoo._errors import BadData

    with Progress("checking pictures", unit="img") as progress:
        report = check_data(arguments.data, task=arguments.task, format=arguments.format, progress=progress.update_to)
    emit(arguments, report.record(), report.text())
    if report.obstacle is not None:
        raise BadData(report.obstacle)
    if arguments.strict:
        refuse_faults(report.faults, arguments.data)


def add_commands(commands: Any) -> None:
    """Register `sweep` and `data`; named in the entry point group `zoo.commands`."""
    sweeping = add_command(
        commands,
        "sweep",
        _sweep,
        "search batch size and learning rate for one model",
        ["zoo sweep yunet_n_160", "zoo sweep dense4_det_160 --data DIR --trials 8 --epochs 20 --option width=0.5"],
        uses_keras=True,
    )
    sweeping.add_argument("name", metavar="NAME", help="a model of 'zoo list'")
    add_sweep_options(sweeping)

    data = commands.add_parser("data", help="look at data", description="Look at data before training on it.")
    actions = data.add_subparsers(title="actions", metavar="ACTION", required=True)
    showing = add_command(
        actions,
        "show",
        _data_show,
        "draw labelled pictures as the loader reads them",
        [
            "zoo data show synthetic --task face-detection -o faces.png",
            "zoo data show DIR --task object-detection -o x.png",
        ],
    )
    showing.add_argument(
        "data", metavar="DATA", nargs="?", default=DEFAULT_DATA, help="a folder, tfds:NAME, or 'synthetic' (default)"
    )
    showing.add_argument("--task", default="object-detection", help="what the labels are for (default %(default)s)")
    add_format_option(showing)
    showing.add_argument("--split", default="train", help="train (default) or val")
    showing.add_argument("--count", type=positive, default=24, metavar="N", help="pictures to draw (default 24)")
    showing.add_argument("--limit", type=positive, metavar="N", help="open at most N training pictures")
    showing.add_argument("--seed", type=seed, default=0)
    showing.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="PNG to write")

    checking = add_command(
        actions,
        "check",
        _data_check,
        "report what a data set holds and everything wrong with it",
        ["zoo data check DIR", "zoo data check DIR --task face-detection --strict --json"],
    )
    checking.add_argument("data", metavar="DATA", help="a folder, tfds:NAME, or 'synthetic'")
    checking.add_argument("--task", help="what the labels are for; default: what the folder's format suits")
    add_format_option(checking)
    checking.add_argument("--strict", action="store_true", help="exit with 2 when anything would be left out")
