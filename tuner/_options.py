"""Options of commands that open data, the same wherever they stand."""

from __future__ import annotations

import argparse

from zoo._cli import positive, seed

DEFAULT_DATA = "synthetic"


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
    parser.add_argument(
        "--limit",
        type=positive,
        metavar="N",
        help="train on at most N pictures, and choose by a quarter as many, at least 64",
    )
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
