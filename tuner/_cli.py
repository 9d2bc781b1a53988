"""Commands of the `zoo` command line that look at data and search. Heavy imports happen inside each command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from zoo._cli import add_command, emit, positive, seed, table
from zoo._errors import ZooError
from zoo._options import add_model_options, model_options

DEFAULT_DATA = "synthetic"
SHOWN_SIDE_PX = 320
PICTURE_SUFFIXES = (".png", ".jpg", ".webp")


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose data."""
    parser.add_argument(
        "--data",
        default=DEFAULT_DATA,
        metavar="DATA",
        help="a folder, a URL, tfds:NAME, or 'synthetic' (default), generated pictures",
    )
    add_format_option(parser)
    add_strict_option(parser)
    parser.add_argument("--limit", type=positive, metavar="N", help="train on at most N pictures")
    parser.add_argument("--seed", type=seed, help="decides data choice, weights and trials (default 0)")


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
    """Add the options of a sweep, shared by `sweep` and `run`. Defaults are those of `tuner.sweep`."""
    from tuner.defaults import BATCH_SIZES, DEFAULT_AUGMENTATION, EPOCHS, LEARNING_RATES, ORACLE, SUGGESTED, TRIALS

    add_data_options(parser)
    parser.add_argument(
        "--trials",
        type=positive,
        metavar="N",
        help=f"networks to train (default {TRIALS}; all that there are for the oracles grid and hyperband)",
    )
    parser.add_argument("--epochs", type=positive, metavar="N", help=f"passes over the data (default {EPOCHS})")
    parser.add_argument(
        "--batch-size",
        metavar="N,N",
        help=f"batch sizes to choose from (default {','.join(map(str, BATCH_SIZES))})",
    )
    parser.add_argument(
        "--learning-rate",
        metavar="LOW:HIGH",
        help="range searched on a log scale, or one fixed rate (default "
        f"{':'.join(f'{rate:g}' for rate in LEARNING_RATES)})",
    )
    parser.add_argument(
        "--space",
        action="append",
        metavar="NAME=a,b,c",
        help="search one more dimension: an option of the model, a weight of its loss, or a field of the recipe, as "
        f"NAME=a,b,c or NAME=low:high[:log], or NAME alone for {', '.join(SUGGESTED)}; repeatable",
    )
    parser.add_argument(
        "--oracle", metavar="NAME", help=f"random, grid, bayesian or hyperband decides what is tried (default {ORACLE})"
    )
    parser.add_argument("--objective", metavar="METRIC", help="the metric to raise; that of the task, if left out")
    parser.add_argument(
        "--no-overfit", action="store_true", help="do not begin by learning twenty pictures by heart ('zoo overfit')"
    )
    parser.add_argument(
        "--augment",
        metavar="NAME",
        help="how training pictures are changed: none, light, scenes (many objects) or portraits (one); "
        f"default {DEFAULT_AUGMENTATION}",
    )
    parser.add_argument(
        "--finish-epochs",
        type=positive,
        metavar="N",
        help="after the search, train with the winner's hyperparameters for N epochs",
    )
    parser.add_argument(
        "--weights", type=Path, metavar="RUN", help="start from the weights of a run or a .keras file, not from random"
    )
    parser.add_argument(
        "--embedding-loss", metavar="NAME", help="cosface (default), arcface, or distill, which needs --teacher"
    )
    parser.add_argument(
        "--teacher", metavar="FILE.npz", help="vectors to distill from: the arrays 'files' and 'emb', in DATA or here"
    )
    parser.add_argument(
        "--recipe", metavar="RECIPE", help="take arguments that are not given from a .toml file, or a shipped one"
    )
    parser.add_argument("--out", type=Path, default=Path("runs"), metavar="DIR", help="folder of runs (default runs)")
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="run trials on a Ray cluster: 'local' starts one here, 'auto' finds one, or ray://HOST:PORT",
    )
    parser.add_argument(
        "--cpus-per-trial", type=positive, metavar="N", help="with --ray: processors of a trial (default 1)"
    )
    parser.add_argument(
        "--gpus-per-trial", type=share, metavar="X", help="with --ray: accelerators of a trial (default 0)"
    )
    add_model_options(parser)


def share(text: str) -> float:
    """Read a number from 0, such as 0.5, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1_000:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 0, such as 0.5")
    return value


def sweep_arguments(arguments: argparse.Namespace, model: str | None) -> dict[str, Any]:
    """Turn parsed options into the keyword arguments of `tuner.sweep` for a model; those not given are None.

    Raises ZooError for values that cannot be read.
    """
    return {
        "data": arguments.data,
        "format": arguments.format,
        "strict": arguments.strict or None,
        "trials": arguments.trials,
        "epochs": arguments.epochs,
        "limit": arguments.limit,
        "seed": arguments.seed,
        "augmentation": arguments.augment,
        "oracle": arguments.oracle,
        "objective": arguments.objective,
        "space": _space(arguments, model),
        "finish_epochs": arguments.finish_epochs,
        "weights": arguments.weights,
        "embedding_loss": arguments.embedding_loss,
        "teacher": arguments.teacher,
        "recipe": arguments.recipe,
        "overfit": not arguments.no_overfit,
        "out": arguments.out,
        "executor": _executor(arguments),
    }


def _space(arguments: argparse.Namespace, model: str | None) -> Any:
    from tuner.defaults import BATCH_SIZES, LEARNING_RATES, Space

    if arguments.batch_size is None and arguments.learning_rate is None and not arguments.space:
        return None
    batch_sizes: tuple[int, ...] = BATCH_SIZES
    learning_rates, more = LEARNING_RATES, {}
    if arguments.batch_size is not None:
        try:
            batch_sizes = tuple(int(word) for word in arguments.batch_size.split(","))
        except ValueError:
            raise ZooError(
                f"Cannot read --batch-size {arguments.batch_size}. Write whole numbers like 8,16,32."
            ) from None
    if arguments.learning_rate is not None:
        low, _, high = arguments.learning_rate.partition(":")
        try:
            learning_rates = (float(low), float(high or low))
        except ValueError:
            raise ZooError(
                f"Cannot read --learning-rate {arguments.learning_rate}. Write a range like 1e-4:1e-2, or one rate."
            ) from None
    if arguments.space:
        from tuner.space import read_dimensions

        if model is None:
            raise ZooError("--space needs the name of the model. Leave both out to resume with the space of the run.")
        from zoo import get

        loss = arguments.embedding_loss
        more = read_dimensions(arguments.space, get(model), **({"embedding_loss": loss} if loss else {}))
    return Space(batch_sizes, learning_rates, more)


def _executor(arguments: argparse.Namespace) -> Any:
    if arguments.ray is None:
        if arguments.cpus_per_trial is not None or arguments.gpus_per_trial is not None:
            raise ZooError(
                "--cpus-per-trial and --gpus-per-trial are for a cluster. Add --ray local, or leave them out."
            )
        return None
    from tuner.cluster import OnRay

    return OnRay(
        arguments.ray, cpus_per_trial=arguments.cpus_per_trial or 1, gpus_per_trial=arguments.gpus_per_trial or 0
    )


def _sweep(arguments: argparse.Namespace) -> None:
    from tuner import sweep
    from tuner.report import trial_rows

    name = arguments.name
    if arguments.option and name is None:
        raise ZooError("--option needs the name of the model. Leave both out to resume with the options of the run.")
    options = model_options(name, arguments.option) if arguments.option else None
    result = sweep(name, options=options, resume=arguments.resume, **sweep_arguments(arguments, name))
    chosen = ", ".join(
        f"{name.replace('_', ' ')} {f'{value:.3g}' if isinstance(value, float) else value}"
        for name, value in result.hyperparameters.items()
    )
    text = (
        f"{table(trial_rows(result.trials, result.metric))}\n\nwinner: {result.metric} {result.score:.4f} "
        f"(untrained {result.untrained:.4f}) with {chosen}\nrun:    {result.folder}\n"
        f"report: {result.folder / 'report.html'}\nnext:   zoo publish {result.folder}"
    )
    record = {
        "run": str(result.folder),
        "metric": result.metric,
        "score": result.score,
        "untrained": result.untrained,
        "batch_size": result.batch_size,
        "learning_rate": result.learning_rate,
        "hyperparameters": dict(result.hyperparameters),
        "trials": list(result.trials),
    }
    emit(arguments, record, text)


def _overfit(arguments: argparse.Namespace) -> None:
    from tuner.overfit import overfit
    from tuner.requests import Request
    from tuner.trials import Bench

    picture = arguments.output or Path(f"overfit-{arguments.name}.png")
    if picture.suffix.lower() != ".png" or picture.is_dir():
        raise ZooError(f"Cannot draw into {picture}. Name a file that ends in .png.")
    request = Request.of(
        None,
        model=arguments.name,
        data=arguments.data,
        limit=arguments.limit,
        seed=arguments.seed,
        options=model_options(arguments.name, arguments.option),
    )
    done = overfit(Bench(request.job(None)))
    picture.parent.mkdir(parents=True, exist_ok=True)
    done.draw(picture)
    verdict = "learned" if done.passed else "NOT LEARNED"
    losses = f"{done.history[0]['loss']:.3g} to {done.history[-1]['loss']:.3g}" if done.history else "nowhere"
    text = (
        f"{verdict}: {done.pictures} pictures by heart, {done.metric} {done.score:.4f} after {len(done.history)} "
        f"epochs, loss from {losses}\ncurve:   {picture}"
    )
    emit(arguments, {**done.record(), "picture": str(picture)}, text)
    if not done.passed:
        raise ZooError(f"'{arguments.name}' does not learn {done.pictures} pictures by heart. {done.reason}")


def _data_show(arguments: argparse.Namespace) -> None:
    from tuner.augment import as_augmentation
    from tuner.augmented_view import augmented_view
    from tuner.data import open_dataset
    from tuner.data.show import contact_sheet
    from zoo import ImageSpec, get
    from zoo._errors import BadData

    task, inputs = arguments.task, ImageSpec(SHOWN_SIDE_PX, SHOWN_SIDE_PX)
    if arguments.model is not None:
        spec = get(arguments.model)
        task, inputs = spec.task, spec.inputs
    if arguments.output.suffix.lower() not in PICTURE_SUFFIXES or arguments.output.is_dir():
        raise ZooError(f"Cannot draw into {arguments.output}. Name a file that ends in {', '.join(PICTURE_SUFFIXES)}.")
    dataset = open_dataset(
        arguments.data, task=task, limit=arguments.limit, seed=arguments.seed, format=arguments.format
    )
    if arguments.split not in dataset.splits:
        raise BadData(f"{arguments.data} has no split '{arguments.split}'; it has {', '.join(dataset.splits)}.")
    if arguments.augment is not None:
        dataset = augmented_view(
            dataset, arguments.split, inputs, as_augmentation(arguments.augment), arguments.count, arguments.seed
        )
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


def _data_pack(arguments: argparse.Namespace) -> None:
    import json

    from tuner.data import open_dataset
    from tuner.data.pack import INDEX_FILE, pack_files, write_pack
    from tuner.progress import Progress
    from zoo import get

    spec = get(arguments.model) if arguments.model is not None else None
    dataset = open_dataset(
        arguments.data,
        task=spec.task if spec else arguments.task,
        limit=arguments.limit,
        val_limit=arguments.val_limit,
        seed=arguments.seed,
        format=arguments.format,
    )
    with Progress("packing pictures", unit="img") as progress:
        files = pack_files(
            dataset,
            spec.task if spec else arguments.task,
            inputs=spec.inputs if spec else None,
            side_px=arguments.side,
            jpeg_quality=arguments.jpeg,
            progress=progress.update_to,
        )
    write_pack(files, arguments.output)
    index = json.loads(files[INDEX_FILE])
    counts = {split: sum(one["split"] == split for one in index["pictures"]) for split in dataset.splits}
    size = sum(map(len, files.values()))
    record = {"pack": str(arguments.output), "task": index["task"], "labels": index["labels"], "pictures": counts}
    told = ", ".join(f"{count:,} {split}" for split, count in counts.items())
    text = (
        f"{dataset.name}: {told} for {index['task']}, {len(files)} files, {size:,} bytes\npack: {arguments.output}\n"
        f"next: zoo serve --packs {arguments.output.parent}   # then open its page 'Training'"
    )
    emit(arguments, {**record, "files": len(files), "bytes": size}, text)


def quality(text: str) -> int:
    """Read a JPEG quality, for argparse."""
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"'{text}' is not a JPEG quality from 1 to 100, such as 90")
    return int(text)


def add_commands(commands: Any) -> None:
    """Register `sweep`, `overfit` and `data`; named in the entry point group `zoo.commands`."""
    sweeping = add_command(
        commands,
        "sweep",
        _sweep,
        "search batch size, learning rate and more for one model",
        [
            "zoo sweep yunet_n_160",
            "zoo sweep dense4_det_160 --data DIR --trials 8 --epochs 20 --option width=0.5",
            "zoo sweep yunet_n_160 --data DIR --oracle bayesian --trials 20 --space width=0.5,1 --space box_weight",
            "zoo sweep yunet_n_160 --data DIR --recipe crowds",
            "zoo sweep --resume runs/yunet_n_160/TIME",
            "zoo sweep yunet_n_160 --data s3://BUCKET/faces --trials 64 --ray auto --cpus-per-trial 2",
        ],
        uses_keras=True,
    )
    sweeping.add_argument("name", metavar="NAME", nargs="?", help="a model of 'zoo list'; not needed with --resume")
    sweeping.add_argument(
        "--resume", type=Path, metavar="RUN", help="go on with the sweep in this run folder, as it was asked for"
    )
    add_sweep_options(sweeping)

    overfitting = add_command(
        commands,
        "overfit",
        _overfit,
        "learn twenty pictures by heart, to see that labels, pre-processing and loss are right",
        ["zoo overfit yunet_n_160", "zoo overfit dense4_det_160 --data DIR -o curve.png"],
        uses_keras=True,
    )
    overfitting.add_argument("name", metavar="NAME", help="a model of 'zoo list'")
    add_data_options(overfitting)
    overfitting.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="PNG to draw the curve into (default overfit-NAME.png)"
    )
    add_model_options(overfitting)

    data = commands.add_parser("data", help="look at data", description="Look at data before training on it.")
    actions = data.add_subparsers(title="actions", metavar="ACTION", required=True)
    showing = add_command(
        actions,
        "show",
        _data_show,
        "draw labelled pictures as the loader reads them",
        [
            "zoo data show synthetic --task face-detection -o faces.png",
            "zoo data show DIR --model yunet_n_160 --augment scenes -o x.png",
        ],
    )
    showing.add_argument(
        "data", metavar="DATA", nargs="?", default=DEFAULT_DATA, help="a folder, tfds:NAME, or 'synthetic' (default)"
    )
    showing.add_argument("--task", default="object-detection", help="what the labels are for (default %(default)s)")
    showing.add_argument("--model", metavar="NAME", help="show what this model is given: its task and input size")
    showing.add_argument(
        "--augment", metavar="NAME", help="change the pictures as a training does: light, scenes or portraits"
    )
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

    packing = add_command(
        actions,
        "pack",
        _data_pack,
        "write a data pack, which pages train on",
        [
            "zoo data pack synthetic --model pebble_cls_48 -o packs/animals",
            "zoo data pack DIR --task object-detection --limit 500 --side 320 --jpeg 90 -o packs/mine",
        ],
    )
    packing.add_argument("data", metavar="DATA", help="a folder, tfds:NAME, or 'synthetic'")
    packing.add_argument("--task", default="object-detection", help="what the labels are for (default %(default)s)")
    packing.add_argument(
        "--model", metavar="NAME", help="pack for this model: its task, and pictures of its input size"
    )
    add_format_option(packing)
    packing.add_argument("--limit", type=positive, metavar="N", help="pack at most N training pictures")
    packing.add_argument("--val-limit", type=positive, metavar="N", help="pack at most N pictures to measure on")
    packing.add_argument(
        "--side", type=positive, default=320, metavar="PX", help="longest side without --model (default %(default)s)"
    )
    packing.add_argument("--jpeg", type=quality, default=0, metavar="Q", help="JPEG of that quality instead of PNG")
    packing.add_argument("--seed", type=seed, default=0)
    packing.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="a new folder")
