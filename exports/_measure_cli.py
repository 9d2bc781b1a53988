"""Commands of the `zoo` command line that measure what there is: `evaluate` and `verify`.

Heavy imports happen inside each command, after its words were looked at.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from tuner._options import add_format_option, add_strict_option
from zoo._cli import add_command, emit, positive, table
from zoo._errors import BadArtifact, ZooError
from zoo._picture import check_picture
from zoo._places import Location
from zoo._quiet import import_keras
from zoo.catalog import SHIPPED_NAME, named_store, open_catalog, source_of

ARTIFACTS = "a published artifact's folder or NAME@VERSION of 'zoo find'"
TARGETS = f"{ARTIFACTS}, a run folder, or a .keras file"


def find_target(text: str, allowed: str = TARGETS, store: Location | None = None) -> Path:
    """Return the path that a user means: one that is there, or a published model as `zoo find` lists it.

    With a `store`, only a model published there is meant. Raises: ZooError when it is neither, saying what is
    `allowed`, or when the store is not on this machine.
    """
    if store is not None:
        folder = open_catalog(store).resolve(text).folder
        if not isinstance(folder, Path):
            raise ZooError(f"{store} is not on this machine. Fetch '{text}' with 'zoo pull {text} --source {store}'.")
        return folder
    path = Path(url2pathname(urlsplit(text).path)) if text.startswith("file://") else Path(text)
    if path.exists():
        _check_is_no_model(path)
        return path
    if len(path.parts) == 1 and not path.suffix:
        source = source_of(text)
        if isinstance(source, Path):
            return Path(open_catalog(source).resolve(text).folder)
    raise ZooError(f"There is no {text}. Give {allowed}.")


def add_target_store_option(parser: argparse.ArgumentParser) -> None:
    """Add `--store` for `find_target`."""
    parser.add_argument(
        "--store",
        type=named_store,
        metavar="STORE",
        help=f"take the model of this name in STORE, a folder or '{SHIPPED_NAME}', and look nowhere else",
    )


def _check_is_no_model(path: Path) -> None:
    """Raise ZooError for a folder of a store that holds the versions of a model, and is none itself."""
    versions = sorted(manifest.parent.name for manifest in path.glob("*/manifest.json"))
    if versions:
        raise ZooError(f"{path} holds versions of a model, {', '.join(versions)}. Name one: {path / versions[-1]}.")


def _verify(arguments: argparse.Namespace) -> None:
    target = find_target(arguments.artifact, ARTIFACTS, arguments.store)
    import_keras()
    from exports.verify import BOX_TOLERANCE_PX, BROWSER, NODE, TOLERANCE, verify

    done = verify(target, BROWSER if arguments.browser else NODE, arguments.backend)
    rows = [
        {
            "runtime": name,
            "largest difference": "not a number" if difference is None else f"{difference:.1e}",
            **({"finds off by": _pixels(done.distances_px, name)} if done.distances_px else {}),
            "ms": f"{done.milliseconds[name]:.1f}" if name in done.milliseconds else "-",
        }
        for name, difference in done.differences.items()
    ]
    verdict = "verified" if done.passed else "FAILED"
    allowed = f"relative differences, at most {TOLERANCE:g} allowed"
    if done.distances_px:
        allowed += f"; finds, at most {BOX_TOLERANCE_PX:g} px"
    text = f"{table(rows)}\n\n{verdict}: {allowed}"
    emit(arguments, done.record(), text)
    if not done.passed:
        raise BadArtifact(
            f"{arguments.artifact} does not compute in TF.js what Keras computed ({done.sentence()}). Do not ship it; "
            f"publish again."
        )


def _pixels(distances: Mapping[str, float | None], runtime: str) -> str:
    name = f"{runtime}, finds"
    if name not in distances:
        return "-"
    return "missing" if distances[name] is None else f"{distances[name]:.1e} px"


def _evaluate(arguments: argparse.Namespace) -> None:
    saving, plot = arguments.save_detections, arguments.plot
    if plot is not None:
        check_picture(plot)
        if arguments.pairs is not None and arguments.data is None:
            raise ZooError("--plot draws what --data measures, not pairs. Name --data too, or leave out --plot.")
    if arguments.pairs is not None and arguments.data is None and arguments.limit is not None:
        raise ZooError("--pairs measures all pairs of its own folder. Leave out --limit, or name --data too.")
    if saving is not None and not saving.parent.is_dir():
        raise ZooError(f"There is no folder {saving.parent} to save detections in. Make it, or name another.")
    target = find_target(arguments.target, store=arguments.store)
    if arguments.data is not None:
        from tuner.data import check_location

        check_location(arguments.data)
    import_keras()  # what is wrong with the words alone is told before it takes seconds
    from exports.curves import draw_curve
    from exports.evaluate import open_labelled, run_over
    from exports.load import at_input_size, load_target
    from exports.measures import check_measures, measure_all, measure_pairs, save_detections

    loaded = load_target(target)
    name = target.parent.name if (target / "manifest.json").is_file() else loaded.spec.name
    if arguments.input_size is not None:
        loaded = at_input_size(loaded, arguments.input_size)
    check_measures(loaded, arguments.iou, arguments.min_face, saving is not None)
    measured, saved = [], None
    if arguments.pairs is None or arguments.data is not None:
        labelled = open_labelled(
            loaded, arguments.data, arguments.split, arguments.limit, format=arguments.format, strict=arguments.strict
        )
        findings = run_over(loaded, labelled)
        measured += measure_all(findings, arguments.iou, arguments.min_face)
        saved = save_detections(findings, saving) if saving is not None else None
        if plot is not None:
            draw_curve(findings, plot, arguments.iou, arguments.min_face)
    if arguments.pairs is not None:
        measured += measure_pairs(loaded, arguments.pairs)
    rows = [
        {
            "model": name,
            "metric": done.name + (f", faces from {done.min_face:g}" if done.min_face else ""),
            "value": "undefined" if math.isnan(done.value) else f"{done.value:.4f}",
            "data": f"{done.data} {done.split}",
            "pictures": done.pictures,
            "skipped": done.skipped,
            "input": "x".join(map(str, done.input_size)),
            "precision": done.precision,
        }
        for done in measured
    ]
    records = [done.record() for done in measured]
    lines = [f"{saved:,} detections: {saving}"] if saved is not None else []
    lines += [f"picture: {plot}"] if plot is not None else []
    text = "\n".join([table(rows), "", *lines] if lines else [table(rows)])
    record = {
        "model": name,
        "architecture": loaded.spec.name,
        **records[0],
        "metrics": records,
        "picture": plot and str(plot),
    }
    emit(arguments, record, text)


def add_commands(commands: Any) -> None:
    """Register `evaluate` and `verify`; named in the entry point group `zoo.commands`."""
    verifying = add_command(
        commands,
        "verify",
        _verify,
        "replay an artifact's golden input in Keras and in TF.js",
        ["zoo verify store/yunet_n_160/20260101-0123abcd", "zoo verify ARTIFACT --browser --backend webgl --json"],
    )
    verifying.add_argument("artifact", metavar="ARTIFACT", help="a folder that 'zoo find' lists")
    add_target_store_option(verifying)
    verifying.add_argument("--browser", action="store_true", help="in Chromium, with the pages' runtime, not in Node")
    verifying.add_argument(
        "--backend",
        action="append",
        metavar="NAME",
        help="wasm, cpu or, with --browser, webgl; repeatable",
    )

    evaluating = add_command(
        commands,
        "evaluate",
        _evaluate,
        "measure a published model, a run or a .keras file on labelled pictures",
        [
            "zoo evaluate ARTIFACT --data DIR --split val --min-face 0.06 --save-detections found.json",
            "zoo evaluate ARTIFACT --pairs LFW_DIR --json",
        ],
    )
    evaluating.add_argument(
        "target", metavar="TARGET", help="a published model's name or folder, a run or a .keras file"
    )
    add_target_store_option(evaluating)
    evaluating.add_argument(
        "--data", metavar="DATA", help="a folder, tfds:NAME, or 'synthetic'; default: what it was trained on"
    )
    add_format_option(evaluating)
    add_strict_option(evaluating)
    evaluating.add_argument("--split", default="val", help="val (default), train, or test where there is one")
    evaluating.add_argument("--limit", type=positive, metavar="N", help="measure on the first N pictures")
    evaluating.add_argument(
        "--pairs", type=Path, metavar="DIR", help="measure face pairs: a folder with pairs.txt; with --data, both"
    )
    evaluating.add_argument(
        "--input-size", type=positive, metavar="N", help="give it NxN pictures instead of those it was made for"
    )
    evaluating.add_argument(
        "--iou", type=float, default=0.5, metavar="X", help="overlap that makes a detection a hit (default 0.5)"
    )
    evaluating.add_argument(
        "--min-face",
        type=float,
        default=0.0,
        metavar="F",
        help="boxes lower than this share of the picture's longer side are neither hit nor miss (default 0)",
    )
    evaluating.add_argument(
        "--save-detections", type=Path, metavar="FILE", help="write what was found as COCO results, in original pixels"
    )
    evaluating.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw precision against recall, true against false accepts, or the confusion matrix; .png or .svg",
    )
