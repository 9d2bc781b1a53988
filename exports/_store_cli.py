"""Commands of the `zoo` command line that look after stores. Heavy imports happen inside each command."""

from __future__ import annotations

import argparse
from typing import Any

from zoo._cli import add_command, add_store_option, emit, table
from zoo._errors import BadArtifact, ZooError
from zoo._places import as_location
from zoo.catalog import SHIPPED, SHIPPED_NAME, named_store

REFERENCE = "a model, by version or by alias; the alias it is named by is set there too"


def _transfer(arguments: argparse.Namespace) -> None:
    from exports.transfer import carry_alias, transfer
    from zoo.catalog import open_catalog

    catalog = open_catalog(arguments.source)
    entries = [catalog.resolve(reference) for reference in arguments.references]  # all, before anything is copied
    rows, records, sentences = [], [], []
    for reference, entry in zip(arguments.references, entries, strict=True):
        version, alias = f"{entry.name}@{entry.version}", catalog.alias(reference)
        _, place = transfer(version, arguments.source, arguments.target, arguments.target_option)
        if alias is not None:
            sentences.append(carry_alias(entry, alias, arguments.target, arguments.target_option))
        rows.append({"model": entry.name, "version": entry.version, "bytes": entry.bytes, "place": str(place)})
        records.append({**entry.record(), "place": str(place), "alias": alias})
    if arguments.source == SHIPPED:
        sentences.append(f"'zoo find' lists {arguments.target}; 'zoo find --store {SHIPPED_NAME}' all that come along.")
    emit(arguments, records, "\n".join([table(rows), *(["", *sentences] if sentences else [])]))


def _alias(arguments: argparse.Namespace) -> None:
    from exports.store import set_alias
    from zoo.catalog import open_catalog

    model, _, version = arguments.reference.partition("@")
    if bool(version) == arguments.remove:
        raise ZooError("Name a version, as in NAME@VERSION, or only NAME together with --remove.")
    set_alias(arguments.store, model, arguments.alias, version or None)
    aliases = dict(open_catalog(arguments.store).aliases.get(model, {}))
    meaning = f"{model}@{arguments.alias} now means " + (aliases.get(arguments.alias) or "nothing")
    emit(arguments, {"model": model, "aliases": aliases}, meaning)


def _doctor(arguments: argparse.Namespace) -> None:
    from exports.doctor import examine

    found = examine(arguments.store, clean=not arguments.dry_run)
    kinds = {"damaged": found.damaged, "left over": found.leftovers, "catalogue": found.catalogue}
    faults = sum(map(len, kinds.values()))
    whole = f"{found.artifacts} artifact{' is' if found.artifacts == 1 else 's are'} whole"
    lines = [f"{faults} fault{'' if faults == 1 else 's'}; {whole}" if faults else f"{whole}, and so is the catalogue"]
    lines += [f"{kind}: {sentence}" for kind, sentences in kinds.items() for sentence in sentences]
    emit(arguments, found.record(), "\n".join(lines))
    if not found.is_healthy:
        raise BadArtifact(
            f"{found.store} holds what is not as it was published. Remove those folders and publish or pull them again."
        )


def add_commands(commands: Any) -> None:
    """Register the commands of stores; named in the entry point group `zoo.commands`."""
    pulling = add_command(
        commands,
        "pull",
        _transfer,
        "copy published models from another store",
        [
            "zoo pull yunet_xs_320",
            "zoo pull faces --source s3://BUCKET/models",
            "zoo pull NAME@stable OTHER --source URL --store DIR",
        ],
    )
    pulling.set_defaults(target_option="--store")
    pulling.add_argument("references", nargs="+", metavar="NAME[@VERSION]", help=REFERENCE)
    pulling.add_argument(
        "--source",
        type=named_store,
        default=SHIPPED,
        metavar="STORE",
        help="folder or URL to copy from (default: the models that come with the package)",
    )
    add_store_option(pulling, name="target")

    pushing = add_command(
        commands,
        "push",
        _transfer,
        "copy published models into another store",
        ["zoo push yunet_xs_320 --target s3://BUCKET/models"],
    )
    pushing.set_defaults(target_option="--target")
    pushing.add_argument("references", nargs="+", metavar="NAME[@VERSION]", help=REFERENCE)
    pushing.add_argument("--target", type=as_location, required=True, metavar="STORE", help="folder or URL to copy to")
    add_store_option(pushing, name="source", for_reading=True)

    naming = add_command(
        commands,
        "alias",
        _alias,
        "let a name such as stable mean one version of a model",
        ["zoo alias yunet_xs_320@20260101-0123abcd stable", "zoo alias yunet_xs_320 stable --remove"],
    )
    naming.add_argument("reference", metavar="NAME@VERSION", help="the version that is meant")
    naming.add_argument("alias", metavar="ALIAS", help="letters, digits, '-', '_' and '.'")
    naming.add_argument("--remove", action="store_true", help="let the alias mean nothing any longer")
    add_store_option(naming)

    examining = add_command(
        commands,
        "doctor",
        _doctor,
        "check every file of a store, clean what interrupted publishers left, mend the catalogue",
        ["zoo doctor store", "zoo doctor s3://BUCKET/models --dry-run --json"],
    )
    examining.add_argument("store", type=as_location, metavar="STORE", help="folder or URL of published models")
    examining.add_argument("--dry-run", action="store_true", help="change nothing")
