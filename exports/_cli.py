"""Commands of the `zoo` command line that ship models. Heavy imports happen inside each command."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tuner._cli import add_sweep_options, sweep_arguments
from zoo._cli import add_command, add_store_option, emit, positive, table
from zoo._errors import ZooError
from zoo._options import add_model_options, model_options
from zoo._places import Location, open_place
from zoo._quiet import import_keras
from zoo._registry import get
from zoo.catalog import SHIPPED_NAME, named_store

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 8_170
MAX_PORT = 65_535
PRECISIONS = ("auto", "uint8", "uint16", "float16", "float32")
TOLERANCE_POINTS = 0.3


def _publish(arguments: argparse.Namespace) -> None:
    check_store(arguments.store)
    from exports.card import CARD_FILE
    from exports.publish import publish
    from exports.run import published_row

    done = publish(
        arguments.run_folder,
        arguments.store,
        name=arguments.published_as,
        data=arguments.data,
        note=read_note(arguments.note),
        licence=arguments.license,
        show=arguments.show,
        runtime=arguments.verify,
        **rounding_choice(arguments),
    )
    groups = [{**row, "damage": f"{100 * row['damage']:.3f} %"} for row in done.quantization]
    text = (
        f"{table(groups)}\n\n{table([published_row(done)])}\n\n"
        f"verified: {done.verification.summary()}\n"
        f"artifact: {done.place}\ncard:     {done.place}/{CARD_FILE}\nnext:     zoo serve {arguments.store}"
    )
    emit(arguments, done.record(), text)


def read_note(path: Path | None) -> str:
    """Return the text of a note for the card. Raises: ZooError for a file that cannot be read as text."""
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ZooError(f"The note {path} cannot be read as text ({error}). Name a Markdown file.") from error


def _import(arguments: argparse.Namespace) -> None:
    from exports.importing import import_layers_model

    if arguments.option and arguments.model is None:
        raise ZooError("--option is an option of the model that --model names. Name it too.")
    options = model_options(arguments.model, arguments.option) if arguments.model else {}
    done = import_layers_model(arguments.folder, out=arguments.out, model=arguments.model, options=options)
    row = {"model": done.model, "labels": ", ".join(done.labels) or "-", "parameters": done.parameters}
    text = f"{table([row])}\n\nrun:  {done.folder}\nnext: zoo evaluate {done.folder} --data DIR"
    emit(arguments, done.record(), text)


def check_store(store: Location) -> None:
    """Raise ZooError before any training when a store cannot be one."""
    open_place(store)
    if isinstance(store, Path) and store.exists() and not store.is_dir():
        raise ZooError(f"The store {store} is a file. Name a folder with --store.")


def _run(arguments: argparse.Namespace) -> None:
    check_store(arguments.store)
    if arguments.published_as is not None and len(arguments.names) > 1:
        raise ZooError(
            f"--as {arguments.published_as} names one model, and there are {len(arguments.names)}. Run them one by one."
        )
    for model in arguments.names:
        get(model)  # mistakes in words are told before Keras is imported, which takes seconds
    note = read_note(arguments.note)
    asked = {model: sweep_arguments(arguments, model) for model in arguments.names}
    import_keras()
    from exports.run import run_model

    options = {model: model_options(model, arguments.option) for model in arguments.names}
    if arguments.show is not None:
        from exports.pictures import read_shown

        for model in arguments.names:
            read_shown(arguments.show, get(model))
    rows, records = [], []
    for model in arguments.names:
        row, record = run_model(
            model,
            store=arguments.store,
            name=arguments.published_as,
            precision=rounding_choice(arguments),
            note=note,
            licence=arguments.license,
            show=arguments.show,
            runtime=arguments.verify,
            options=options[model],
            **asked[model],
        )
        rows.append(row)
        records.append(record)
    emit(arguments, records, _summary(rows, records))


def _summary(rows: Sequence[Mapping[str, Any]], records: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join([table(rows), "", *(f"{record['model']}: {record['artifact']}" for record in records)])


def _demo(arguments: argparse.Namespace) -> None:
    from exports.demo import run_demo

    rows, records = run_demo(arguments.folder)
    store = arguments.folder / "store"
    text = f"{_summary(rows, records)}\n\nnext: .venv/bin/zoo serve {store}   # then open the address that it prints"
    emit(arguments, records, text)


def _serve(arguments: argparse.Namespace) -> None:
    from exports.serve import open_server
    from zoo.catalog import SHIPPED, default_source, read_catalog

    store = arguments.store or default_source()
    if not isinstance(store, Path):
        raise ZooError(f"The gallery shows a folder, not {store}. Fetch models with 'zoo pull NAME --source {store}'.")
    read_catalog(store)
    with open_server(store, host=arguments.host, port=arguments.port, packs=arguments.packs) as (server, address):
        about = f"the models that come with the package, {store}" if store == SHIPPED else store
        emit(arguments, {"address": address, "store": str(store)}, f"{address} shows {about}; Ctrl-C ends it.")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):  # the usual end
            server.serve_forever()


def points(text: str) -> float:
    """Read what a metric may lose, of 100, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 100:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of points from 0 to below 100")
    return value


def port(text: str) -> int:
    """Read the number of a port, for argparse."""
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"'{text}' is not a port from 0 to {MAX_PORT}")
    return int(text)


def add_commands(commands: Any) -> None:
    """Register the commands that ship models; named in the entry point group `zoo.commands`."""
    publishing = add_command(
        commands,
        "publish",
        _publish,
        "quantize the winner of a run and publish it",
        ["zoo publish runs/yunet_n_160/20260101-120000", "zoo publish RUN --store DIR --as helmets"],
        uses_keras=True,
    )
    publishing.add_argument("run_folder", type=Path, metavar="RUN", help="the folder that 'zoo sweep' printed")
    publishing.add_argument("--data", metavar="DATA", help="where the run's data is now, if it has moved")
    _add_rounding_options(publishing)
    _add_publish_options(publishing)
    add_store_option(publishing)

    importing = add_command(
        commands,
        "import",
        _import,
        "bring a layers model that a page trained back into Keras, as a run folder",
        ["zoo import DOWNLOADS", "zoo import DIR --model dense4_cls_64 --option num_classes=2"],
        uses_keras=True,
    )
    importing.add_argument("folder", type=Path, metavar="DIR", help="holds model.json and weights that a page saved")
    importing.add_argument("--model", metavar="NAME", help="its architecture, where the file does not tell it")
    importing.add_argument(
        "--out", type=Path, default=Path("runs"), metavar="DIR", help="folder of runs (default runs)"
    )
    add_model_options(importing)

    running = add_command(
        commands,
        "run",
        _run,
        "sweep, publish and verify one or more models",
        ["zoo run dense4_cls_64", "zoo run yunet_n_160 --data DIR --limit 800 --trials 3 --epochs 3 --store DIR"],
    )
    running.add_argument("names", nargs="+", metavar="NAME", help="models of 'zoo list'")
    add_sweep_options(running)
    _add_rounding_options(running)
    _add_publish_options(running)
    add_store_option(running)

    showing = add_command(
        commands, "demo", _demo, "make one small model per task on generated pictures", ["zoo demo"], uses_keras=True
    )
    showing.add_argument("--folder", type=Path, default=Path("build/demo"), metavar="DIR", help="default %(default)s")

    serving = add_command(
        commands,
        "serve",
        _serve,
        "show a store in the browser: gallery, camera, recognition, training",
        ["zoo serve", "zoo serve build/demo/store --port 8080 --packs packs"],
    )
    serving.add_argument(
        "store",
        nargs="?",
        type=named_store,
        metavar="STORE",
        help=f"default: POCKET_ZOO_STORE or ./store, else the models that come with the package, '{SHIPPED_NAME}'",
    )
    serving.add_argument(
        "--port", type=port, default=DEFAULT_PORT, metavar="N", help="default %(default)s; 0 takes any"
    )
    serving.add_argument(
        "--packs", type=Path, metavar="DIR", help="a folder of data packs ('zoo data pack'), to train with in the page"
    )
    serving.add_argument(
        "--host",
        default=LOOPBACK,
        metavar="ADDRESS",
        help="default %(default)s, this machine alone; browsers open the camera and check hashes there or over https",
    )


def _add_publish_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--note",
        type=Path,
        metavar="FILE.md",
        help="for the card: where pictures and labels are from",
    )
    parser.add_argument(
        "--license",
        default="",
        metavar="TEXT",
        help="for card and manifest: a line on what the weights may be used for",
    )
    parser.add_argument(
        "--show",
        type=Path,
        metavar="DIR",
        help="for the card: pictures to draw its answers on, the first six by name, in place of generated ones",
    )
    parser.add_argument(
        "--as",
        dest="published_as",
        metavar="NAME",
        help="publish under this name, which tells what it finds, not under the architecture's",
    )
    parser.add_argument(
        "--verify",
        metavar="WHERE",
        help="replay in TF.js first: node (default where there is one), browser or none",
    )


def _add_rounding_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--precision", choices=PRECISIONS, default="auto", help="of kernels; auto (default) measures what each needs"
    )
    parser.add_argument(
        "--smallest",
        action="store_true",
        help="fewest levels that keep the metric: the fewest bytes with gzip, perhaps a few more without",
    )
    parser.add_argument(
        "--tolerance",
        type=points,
        default=TOLERANCE_POINTS,
        metavar="POINTS",
        help="what auto and --smallest may take from the metric, of 100 (default %(default)s)",
    )
    parser.add_argument(
        "--max-bytes",
        type=positive,
        metavar="BYTES",
        help="what model.json and weights.bin may weigh together (default: the architecture's budget)",
    )


def rounding_choice(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what `publish` takes of precision and bytes, as it was asked for on the command line."""
    return {
        "precision": arguments.precision,
        "smallest": arguments.smallest,
        "tolerance": arguments.tolerance / 100,
        "max_bytes": arguments.max_bytes,
    }
