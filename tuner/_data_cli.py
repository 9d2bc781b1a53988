"""Commands of the `zoo` command line that look at data and pack it. Heavy imports happen inside each command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tuner._options import DEFAULT_DATA, add_format_option
from zoo._cli import add_command, emit, positive, seed
from zoo._errors import ZooError

SHOWN_SIDE_PX = 320
PICTURE_SUFFIXES = (".png", ".jpg", ".webp")


def _data_show(arguments: argparse.Namespace) -> None:
    from tuner.augment import as_augmentation
    from tuner.augmented_view import augmented_view
    from tuner.data import open_dataset
    from tuner.data._formats import check_format, fitting_task
    from tuner.data.show import contact_sheet
    from zoo import ImageSpec, get
    from zoo._errors import BadData

    inputs = ImageSpec(SHOWN_SIDE_PX, SHOWN_SIDE_PX)
    if arguments.model is not None:
        spec = get(arguments.model)
        task, inputs = spec.task, spec.inputs
    else:
        check_format(arguments.format)
        task = arguments.task or fitting_task(arguments.data, arguments.format)
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
    """Register `data show`, `data check` and `data pack`; named in the entry point group `zoo.commands`."""
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
    showing.add_argument("--task", help="what the labels are for; default: what the folder's format suits")
    showing.add_argument("--model", metavar="NAME", help="show what this model is given: its task and input size")
    showing.add_argument(
        "--augment", metavar="NAME", help="change the pictures as a training does: light, scenes, crowds or portraits"
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
