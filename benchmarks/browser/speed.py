"""Bytes and time until the first face, and time per detection, beside face-api.js in the same Chromium.

    make pages chromium peers
    python benchmarks/browser/speed.py                       # the shipped face detectors
    python benchmarks/browser/speed.py ARTIFACT ...            # or others

The peer is TinyFaceDetector of @vladmandic/face-api, at inputs of 160, 320 and 416 pixels. Both pages are as their
documentation shows them, on the wasm back end of the same TensorFlow.js version, isolated so that it may use threads,
from one server that sends everything under gzip. Cold: a fresh profile for each visit, contenders taking turns; the
time counts from the start of the navigation to the first detection, the bytes are of all that was fetched but the
picture. Warm: contenders take turns in blocks of detections. Medians stand in results/browser.json.

The picture is of Eileen Collins, by NASA, in the public domain (flickr.com/photos/nasacommons/16504233985).
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving import BLOCK, HERE, PEER_PAGE, WASM, Server, packed, peer_version, visit

from exports.browser import in_background, launch
from exports.store import rebuild_catalog
from zoo._cli import table
from zoo._errors import ZooError

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PEER_INPUTS = (160, 320, 416)
REFERENCE = "TinyFaceDetector 416"
"""Its default input; what ratios are to."""

PICTURE = "portrait.jpg"
RESULTS = HERE.parent / "results" / "browser.json"


@dataclass
class Contender:
    """A page to visit, and what was seen there."""

    name: str
    address: str
    input_px: int
    bytes: dict[str, int] = field(default_factory=dict)
    gzip_bytes: dict[str, int] = field(default_factory=dict)
    cold_ms: list[float] = field(default_factory=list)
    warm_ms: list[float] = field(default_factory=list)
    found: list[dict[str, Any]] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifacts", nargs="*", type=Path, metavar="ARTIFACT", help="published face detectors")
    parser.add_argument("--rounds", type=int, default=7, help="cold visits, and blocks of detections (default 7)")
    parser.add_argument("--detections", type=int, default=20, help="detections in a block (default 20)")
    arguments = parser.parse_args()
    from conditions import conditions  # found beside, once serving was imported

    peer = peer_version()
    artifacts = arguments.artifacts or shipped()
    with tempfile.TemporaryDirectory(prefix="pocket-zoo-") as scratch:
        store = Path(scratch)
        contenders = [taken(artifact, store) for artifact in artifacts]
        contenders += [Contender(f"TinyFaceDetector {px}", f"{PEER_PAGE}?input={px}", px) for px in PEER_INPUTS]
        rebuild_catalog(store)
        with Server(store) as server, in_background(server), launch() as browser:
            seen = measure(browser, server, contenders, arguments.rounds, arguments.detections)
    reference = next(contender for contender in contenders if contender.name == REFERENCE)
    rows = [row(contender, reference) for contender in contenders]
    record = {
        "rows": rows,
        "conditions": {
            **conditions("python benchmarks/browser/speed.py"),
            "peer": peer,
            "tensorflow.js": WASM.name.removeprefix("tfjs-"),
            "backend": "wasm",
            "picture": f"{PICTURE}, 512x512, one face",
            "rounds": arguments.rounds,
            "detections per block": arguments.detections,
            **seen,
        },
    }
    RESULTS.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(table([shown(row) for row in rows]))


def shipped() -> list[Path]:
    """Return the face detectors that come with the package."""
    import zoo

    return [Path(entry.folder) for entry in zoo.find(task="face-detection")]


def taken(artifact: Path, store: Path) -> Contender:
    """Put an artifact into a store of this benchmark's own."""
    manifest = json.loads((artifact / "manifest.json").read_text(encoding="utf-8"))
    shutil.copytree(artifact, store / manifest["name"] / manifest["version"])
    address = f"pocket-zoo.html?model={manifest['name']}@{manifest['version']}"
    return Contender(manifest["name"], address, manifest["input"]["height"])


def measure(
    browser: Browser, server: Server, contenders: list[Contender], rounds: int, detections: int
) -> dict[str, Any]:
    """Fill the contenders with what is seen; return the conditions that the browser tells."""
    for _ in range(rounds):
        for contender in contenders:
            with visit(browser, server, server.address + contender.address) as page:
                contender.cold_ms.append(page.evaluate("window.firstAt"))
                contender.found = page.evaluate("window.first")
                contender.bytes, contender.gzip_bytes = weighed(server.fetched)
    with ExitStack() as stack:
        pages = [stack.enter_context(visit(browser, server, server.address + one.address)) for one in contenders]
        for contender, page in zip(contenders, pages, strict=True):
            page.evaluate(BLOCK, detections)  # the first ones compile
            assert contender.found, f"{contender.name} found no face in {PICTURE}"
        for _ in range(rounds):
            for contender, page in zip(contenders, pages, strict=True):
                contender.warm_ms += page.evaluate(BLOCK, detections)
        isolated = pages[0].evaluate("crossOriginIsolated")
    return {"browser": f"Chromium {browser.version}", "threads allowed": isolated}


def weighed(paths: list[Path]) -> tuple[dict[str, int], dict[str, int]]:
    """Return the bytes of fetched files by what they are, as stored and under gzip; the picture does not count."""
    plain, zipped = {"script": 0, "wasm": 0, "model": 0}, {"script": 0, "wasm": 0, "model": 0}
    for path in paths:
        if path.name == PICTURE:
            continue
        kind = {".wasm": "wasm", ".js": "script", ".html": "script"}.get(path.suffix, "model")
        plain[kind] += path.stat().st_size
        zipped[kind] += len(packed(path))
    return plain, zipped


def row(contender: Contender, reference: Contender) -> dict[str, Any]:
    """Return what is kept of a contender; ratios are to the reference, below 1 being less."""
    first_bytes, cold, warm = totals(contender)
    reference_bytes, reference_cold, reference_warm = totals(reference)
    return {
        "detector": contender.name,
        "input_px": contender.input_px,
        "bytes": contender.bytes,
        "gzip_bytes": contender.gzip_bytes,
        "gzip_bytes_to_first": first_bytes,
        "first_ms": round(cold, 1),
        "detect_ms": round(warm, 2),
        "bytes_ratio": round(first_bytes / reference_bytes, 3),
        "first_ratio": round(cold / reference_cold, 3),
        "detect_ratio": round(warm / reference_warm, 3),
        "found": contender.found,
    }


def totals(contender: Contender) -> tuple[int, float, float]:
    """Return a contender's bytes under gzip, and its median times cold and warm, ms."""
    return (
        sum(contender.gzip_bytes.values()),
        statistics.median(contender.cold_ms),
        statistics.median(contender.warm_ms),
    )


def shown(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "detector": row["detector"],
        "input": row["input_px"],
        "gzip kB": f"{row['gzip_bytes_to_first'] / 1000:.0f}",
        "first ms": f"{row['first_ms']:.0f}",
        "ms": f"{row['detect_ms']:.1f}",
        "bytes, ratio": f"{row['bytes_ratio']:.2f}",
        "first, ratio": f"{row['first_ratio']:.2f}",
        "ms, ratio": f"{row['detect_ratio']:.2f}",
        "faces": len(row["found"]),
    }


if __name__ == "__main__":
    try:
        main()
    except ZooError as error:
        sys.exit(str(error))
