"""How well faces are told apart, and how fast, beside face-api.js in the same Chromium.

    make pages chromium peers
    python benchmarks/browser/verification.py --pairs LFW            # the shipped recognizers
    python benchmarks/browser/verification.py --pairs LFW ARTIFACT   # or others

LFW is a folder with `pairs.txt` and faces aligned to 112x112. The peer is FaceRecognitionNet of @vladmandic/face-api:
dlib's ResNet in eight bits, which takes 150x150 pixels and sees more of the chin than an aligned face shows; it is
given the same faces at the size and place that it takes. Its vectors are compared by Euclidean distance, as its
documentation does, ours by the cosine. Every vector is the answer of the contender's own page, on the wasm back end of
the same TensorFlow.js version. Milliseconds a face: contenders take turns in blocks, and the median stands in
results/verification.json, with what is measured on the pairs: 10-fold accuracy, and the share of pairs of one person
that are accepted where 1 % and 0.1 % of the others are.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import shutil
import statistics
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from serving import BLOCK, HERE, PEER, PEER_PAGE, WASM, Server, peer_version, visit
from tqdm import tqdm

from exports.browser import in_background, launch
from exports.store import rebuild_catalog
from tuner.data.pairs import FilePairs, read_pairs
from zoo._cli import table
from zoo._errors import ZooError
from zoo.tasks.metrics import true_accept_rate, verification_accuracy

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

sys.path.insert(0, str(HERE.parent.parent / "scripts"))
from faces_by_dlib import CHIP_SIDE_PX, cut, to_chip

RESULTS = HERE.parent / "results" / "verification.json"
PEER_NAME = "face-api.js FaceRecognitionNet"
EMBED_PICTURES = """async (pictures) => {
  const vectors = [];
  for (const data of pictures) {
    const picture = new Image();
    picture.src = 'data:image/png;base64,' + data;
    await picture.decode();
    vectors.push(await window.answer(picture));
  }
  return vectors;
}"""
PICTURES_AT_ONCE = 32


@dataclass
class Contender:
    """A page to visit, what the model weighs, and what was seen there."""

    name: str
    address: str
    bytes: int
    is_peer: bool = False
    measured: dict[str, float] = field(default_factory=dict)
    ms: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifacts", nargs="*", type=Path, metavar="ARTIFACT", help="published recognizers")
    parser.add_argument("--pairs", type=Path, required=True, metavar="DIR", help="aligned faces, with pairs.txt")
    parser.add_argument("--rounds", type=int, default=7, help="blocks of faces for the time (default 7)")
    parser.add_argument("--faces", type=int, default=20, help="faces in a block (default 20)")
    arguments = parser.parse_args()
    from conditions import conditions  # found beside, once serving was imported

    from zoo._quiet import import_keras

    import_keras()  # the conditions name its version
    peer, pairs = peer_version(), read_pairs(arguments.pairs)
    with tempfile.TemporaryDirectory(prefix="pocket-zoo-") as scratch:
        store = Path(scratch)
        contenders = [taken(artifact, store) for artifact in arguments.artifacts or shipped()]
        size = sum(path.stat().st_size for path in (PEER / "model").glob("face_recognition_model*"))
        contenders.append(Contender(PEER_NAME, PEER_PAGE, size, is_peer=True))
        rebuild_catalog(store)
        with Server(store) as server, in_background(server), launch() as browser:
            version = browser.version
            for contender in contenders:
                with visit(browser, server, server.address + contender.address) as page:
                    contender.measured = scores(contender, pairs, page)
            time_by_turns(browser, server, contenders, arguments.rounds, arguments.faces)
    reference = statistics.median(contenders[-1].ms)
    rows = [
        {
            "recognizer": one.name,
            "bytes": one.bytes,
            **one.measured,
            "ms": round(statistics.median(one.ms), 2),
            "ms_ratio": round(statistics.median(one.ms) / reference, 3),
        }
        for one in contenders
    ]
    record = {
        "rows": rows,
        "conditions": {
            **conditions("python benchmarks/browser/verification.py --pairs LFW"),
            "pairs": len(pairs.same),
            "pictures": len({*pairs.paths_a, *pairs.paths_b}),
            "pairs_sha256": hashlib.sha256((arguments.pairs / "pairs.txt").read_bytes()).hexdigest(),
            "peer": peer,
            "browser": f"Chromium {version}",
            "tensorflow.js": WASM.name.removeprefix("tfjs-"),
            "backend": "wasm",
            "rounds": arguments.rounds,
            "faces per block": arguments.faces,
        },
    }
    RESULTS.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(table(rows))


def shipped() -> list[Path]:
    """Return the recognizers that come with the package."""
    import zoo

    return [Path(entry.folder) for entry in zoo.find(task="face-recognition")]


def taken(artifact: Path, store: Path) -> Contender:
    """Put an artifact into a store of this benchmark's own."""
    manifest = json.loads((artifact / "manifest.json").read_text(encoding="utf-8"))
    shutil.copytree(artifact, store / manifest["name"] / manifest["version"])
    size = sum(path.stat().st_size for path in (artifact / "model.json", *artifact.glob("weights*.bin")))
    return Contender(manifest["name"], f"pocket-zoo.html?model={manifest['name']}@{manifest['version']}", size)


def scores(contender: Contender, pairs: FilePairs, page: Page) -> dict[str, float]:
    """Let a page embed every picture, and return what is measured on the pairs."""
    paths = sorted({*pairs.paths_a, *pairs.paths_b})
    vectors: list[list[float]] = []
    with tqdm(total=len(paths), desc=contender.name, unit="face") as progress:
        for start in range(0, len(paths), PICTURES_AT_ONCE):
            some = [as_png(path, contender.is_peer) for path in paths[start : start + PICTURES_AT_ONCE]]
            vectors += page.evaluate(EMBED_PICTURES, some)
            progress.update(len(some))
    found = dict(zip(paths, np.array(vectors), strict=True))
    first, second = (np.stack([found[path] for path in side]) for side in (pairs.paths_a, pairs.paths_b))
    alike = -np.linalg.norm(first - second, axis=1) if contender.is_peer else (first * second).sum(axis=1)
    return {
        "accuracy": round(verification_accuracy(alike, pairs.same, pairs.folds), 4),
        "tar_at_far_0.01": round(true_accept_rate(alike, pairs.same, 0.01), 4),
        "tar_at_far_0.001": round(true_accept_rate(alike, pairs.same, 0.001), 4),
    }


def as_png(path: Path, for_peer: bool) -> str:
    """Return an aligned face as base64 text, without loss; as the chip that dlib's network takes for the peer."""
    with Image.open(path) as opened:
        face = opened.convert("RGB")
    file = io.BytesIO()
    (cut(face, to_chip(), CHIP_SIDE_PX) if for_peer else face).save(file, "PNG", compress_level=1)
    return base64.b64encode(file.getvalue()).decode()


def time_by_turns(browser: Browser, server: Server, contenders: list[Contender], rounds: int, faces: int) -> None:
    """Fill in the milliseconds of every embedding, block by block."""
    with ExitStack() as stack:
        pages = [stack.enter_context(visit(browser, server, server.address + one.address)) for one in contenders]
        for page in pages:
            page.evaluate(BLOCK, faces)  # the first ones compile
        for _ in range(rounds):
            for contender, page in zip(contenders, pages, strict=True):
                contender.ms += page.evaluate(BLOCK, faces)


if __name__ == "__main__":
    try:
        main()
    except ZooError as error:
        sys.exit(str(error))
