"""The `zoo` command: its root, and the commands that only look things up.

Other packages add theirs through the entry point group `zoo.commands`: a function that takes argparse's subparsers.
Each command is a thin shell over one function and imports what is heavy inside it. Results go to stdout, progress
to stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from zoo._errors import UnknownName, ZooError, suggestion
from zoo._options import add_model_options, model_options
from zoo._quiet import import_keras

if TYPE_CHECKING:
    from zoo._places import Location
    from zoo._specs import ModelSpec

COMMAND_GROUP = "zoo.commands"
EXIT_MISTAKE = 2
EXIT_INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """Reports a wrong command line as one sentence."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse, and refuse what is left over here, where the command and its options are known."""
        found, left = super().parse_known_args(args, namespace)
        if left:
            meant = suggestion(left[0].partition("=")[0], self._option_string_actions)
            self.error(f"unrecognized arguments: {' '.join(left)}.{meant}")
        return found, left

    def error(self, message: str) -> NoReturn:
        choice = re.match(r"argument .*: invalid choice: '(.*)' \(choose from (.*)\)", message)
        if choice:
            given, known = choice[1], [word.strip(" '") for word in choice[2].split(",")]
            message = f"'{given}' is not one of {', '.join(known)}.{suggestion(given, known)}"
        self.exit(
            EXIT_MISTAKE,
            f"{self.prog}: {message}{'' if message[-1] in '.?' else '.'} '{self.prog} --help' shows how.\n",
        )


def add_command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], None],
    summary: str,
    examples: Sequence[str],
    *,
    uses_keras: bool = False,
) -> argparse.ArgumentParser:
    """Add a command whose help ends with runnable examples; `--json` is common to all."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary,
        epilog="examples:\n" + "\n".join(f"  {example}" for example in examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run, uses_keras=uses_keras)
    return parser


def positive(text: str) -> int:
    """Read a whole number above 0, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 0, in digits, such as 20")
    return int(text)


def counted(text: str) -> int:
    """Read a whole number from 0, for argparse."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 0, in digits, such as 20")
    return int(text)


def seed(text: str) -> int:
    """Read a seed, for argparse: what every library that draws by it can take."""
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 0 to {2**32 - 1}")
    return int(text)


def add_store_option(parser: argparse.ArgumentParser, *, for_reading: bool = False, name: str = "store") -> None:
    """Add `--store`, with the same default everywhere; models that are shipped can only be read.

    `name` is that of the parsed value.
    """
    from zoo.catalog import SHIPPED_NAME, STORE_VARIABLE, default_source, default_store, named_store

    parser.add_argument(
        "--store",
        dest=name,
        type=named_store if for_reading else _own_store,
        default=default_source() if for_reading else default_store(),
        metavar="STORE",
        help=f"folder or URL of published models (default: {STORE_VARIABLE} or ./store"
        + (f", else the models that come with the package, '{SHIPPED_NAME}')" if for_reading else ")"),
    )


def _own_store(text: str) -> Location:
    """Read the store to write into that a user wrote, for argparse."""
    from zoo._places import as_location
    from zoo.catalog import SHIPPED_NAME

    if text == SHIPPED_NAME:
        raise argparse.ArgumentTypeError(
            f"'{SHIPPED_NAME}' means the models that come with the package, which stay as they are. Name a folder"
        )
    return as_location(text)


def emit(arguments: argparse.Namespace, record: Any, text: str) -> None:
    """Print a result: `record` with --json, else `text`, where bytes of file names that are no text are escaped."""
    printable = text.encode("utf-8", "backslashreplace").decode()
    print(json.dumps(record, indent=1) if arguments.json else printable)


def table(rows: Iterable[Mapping[str, Any]], format: str = "simple") -> str:
    """Lay records out as a table, in one of tabulate's formats; numbers with thousands separators."""
    from tabulate import tabulate

    return tabulate(list(rows), headers="keys", tablefmt=format, intfmt=",", disable_numparse=False, missingval="-")


def _list(arguments: argparse.Namespace) -> None:
    from zoo import list_models
    from zoo._facts import recorded

    specs = list_models(task=arguments.task, max_bytes=arguments.max_bytes)
    records = [
        {
            "name": spec.name,
            "task": spec.task,
            "input": [spec.inputs.height, spec.inputs.width],
            "max_bytes": spec.max_bytes,
            "options": dict(spec.options),
            "paper": spec.paper,
            "summary": spec.summary,
            **recorded(spec),
        }
        for spec in specs
    ]
    rows = [
        {
            "model": record["name"],
            "task": record["task"],
            "input": "x".join(map(str, record["input"])),
            "parameters": record.get("parameters"),
            "M mult-adds": round(record["multiply_adds"] / 1e6, 1) if "multiply_adds" in record else None,
            "bytes (uint8)": record["predicted_bytes"]["uint8"] if "predicted_bytes" in record else None,
            "what": record["summary"],
        }
        for record in records
    ]
    emit(arguments, records, table(rows) if rows else "No registered model fits. 'zoo list' shows all.")


def _show(arguments: argparse.Namespace) -> None:
    from zoo._picture import check_picture, draw_stages
    from zoo._show import describe, facts_text, stages_text

    spec = _architecture(arguments.name)
    options = model_options(arguments.name, arguments.option)
    if arguments.plot is not None:
        check_picture(arguments.plot)
    record, stages = describe(spec, options)
    text = f"{facts_text(record)}\n\n{stages_text(stages)}"
    if arguments.plot is not None:
        draw_stages(record, stages, arguments.plot)
        record["picture"] = str(arguments.plot)
        text += f"\n\npicture: {arguments.plot}"
    emit(arguments, record, text)


def _architecture(name: str) -> ModelSpec:
    """Return a registered architecture. Raises: UnknownName for none, which tells where it names a trained model."""
    from zoo import get
    from zoo.catalog import open_catalog, source_of

    try:
        return get(name)
    except UnknownName as error:
        try:
            trained = open_catalog(source_of(name)).resolve(name)
        except ZooError:
            raise error from None
        raise UnknownName(
            f"'{name}' is a trained model and no architecture. Its card names that: {trained.folder}/card.md."
        ) from None


def _find(arguments: argparse.Namespace) -> None:
    from zoo.catalog import find

    entries = find(
        task=arguments.task,
        max_bytes=arguments.max_bytes,
        min_metric=arguments.min_metric,
        name=arguments.name,
        order_by=arguments.order_by,
        store=arguments.store,
    )
    rows = [
        {
            "model": entry.name,
            "version": entry.version,
            "task": entry.task,
            "bytes": entry.bytes,
            "metric": f"{entry.metric} {entry.score:.4f} on {entry.metric_data}",
            "path": str(entry.folder),
        }
        for entry in entries
    ]
    emit(
        arguments,
        [{**entry.record(), "folder": str(entry.folder)} for entry in entries],
        table(rows) if rows else _nothing_fits(arguments),
    )


def _nothing_fits(arguments: argparse.Namespace) -> str:
    """Return why nothing was found: what the filters leave out is told, so that one knows which to relax."""
    from zoo.catalog import SHIPPED, SHIPPED_NAME, default_source, find

    source = arguments.store or default_source()
    more = "" if source == SHIPPED else f" '--store {SHIPPED_NAME}' has those that come with the package."
    alike = find(task=arguments.task, name=arguments.name, store=source)
    if not alike:
        published = find(store=source)
        there = ", ".join(sorted({entry.name for entry in published})) or "nothing"
        return f"No published model fits; in {source} there is: {there}.{more}"
    smallest = min(alike, key=lambda entry: entry.bytes)
    text = f"No published model fits. Of the {len(alike)} in {source} the smallest has {smallest.bytes:,} bytes"
    if len({entry.metric for entry in alike}) > 1:  # scores of different tasks do not compare
        return f"{text} ({smallest.name}).{more}"
    best = max(alike, key=lambda entry: entry.score or 0)
    return f"{text} ({smallest.name}); the best has {best.metric} {best.score:.4f} ({best.name}).{more}"


def _parser() -> argparse.ArgumentParser:
    from zoo import __version__

    parser = _Parser(
        prog="zoo",
        description="Tiny Keras models for the browser: search, quantize, publish, find.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"pocket-zoo {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    listing = add_command(
        commands,
        "list",
        _list,
        "list the registered architectures",
        ["zoo list", "zoo list --task face-detection --json"],
    )
    listing.add_argument("--task", help="keep one task")
    listing.add_argument(
        "--max-bytes", type=positive, metavar="N", help="keep models whose artifact is predicted to fit"
    )

    showing = add_command(
        commands,
        "show",
        _show,
        "describe one architecture, stage by stage",
        ["zoo show yunet_n_160", "zoo show yunet_n_160 --option width=0.5 --plot yunet.png"],
    )
    showing.add_argument("name", metavar="NAME", help="a model of 'zoo list'")
    add_model_options(showing)
    showing.add_argument("--plot", type=Path, metavar="FILE", help="draw the stages as well; .png or .svg")

    finding = add_command(
        commands,
        "find",
        _find,
        "find published models, best score first",
        [
            "zoo find --task face-detection --max-bytes 200000",
            "zoo find --order-by bytes --json --store s3://BUCKET/models",
        ],
    )
    finding.add_argument("--task", help="keep one task")
    finding.add_argument("--name", help="keep one model")
    finding.add_argument("--max-bytes", type=positive, metavar="N", help="largest artifact, topology plus weights")
    finding.add_argument("--min-metric", type=float, metavar="X", help="lowest score, 0 to 1")
    finding.add_argument(
        "--order-by",
        default="metric",
        metavar="WHAT",
        help="metric (default, best first), bytes, gzip_bytes, created or name",
    )
    add_store_option(finding, for_reading=True)

    for entry_point in entry_points(group=COMMAND_GROUP):
        entry_point.load()(commands)
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code: 0, 2 for a mistake, 130 when interrupted."""
    arguments = _parser().parse_args(words)
    try:
        if arguments.uses_keras:
            import_keras()
        arguments.run(arguments)
        sys.stdout.flush()
    except ZooError as error:
        print(f"zoo: {error}", file=sys.stderr)
        return EXIT_MISTAKE
    except KeyboardInterrupt:
        print("\nzoo: interrupted; finished files are whole.", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader, such as 'head', has seen enough
    except OSError as error:
        if error.filename is None:
            raise
        print(f"zoo: {error.filename}: {error.strerror}. Check the path and its permissions.", file=sys.stderr)
        return EXIT_MISTAKE
    return 0
