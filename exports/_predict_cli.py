"""`zoo predict`: what a model answers for pictures, in words or drawn. Heavy imports happen inside the command."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exports._measure_cli import add_target_store_option, find_target
from zoo._cli import add_command, emit, table
from zoo._errors import ZooError
from zoo._files import check_writable
from zoo._quiet import import_keras

if TYPE_CHECKING:
    import numpy as np

    from exports.answers import Classifier, Detector, Find, Recognizer

    Pictures = Mapping[Path, np.ndarray]
    Answers = tuple[list[dict[str, Any]], list[dict[str, Any]]]
    """Rows of a table, and records for JSON."""


def _predict(arguments: argparse.Namespace) -> None:
    from tuner.data._pictures import as_pixels

    target, out, threshold = find_target(arguments.target, store=arguments.store), arguments.out, arguments.threshold
    if threshold is not None and not 0 <= threshold <= 1:
        raise ZooError(f"--threshold is a score from 0 to 1, got {threshold:g}. Leave it out for the model's own.")
    if out is not None:
        _check_drawings(out, arguments.pictures)
    pictures = {path: as_pixels(path) for path in arguments.pictures}  # all, before anything is answered
    import_keras()
    from exports.answers import Classifier, Detector, model_of
    from exports.load import load_target

    model = model_of(load_target(target))
    if not isinstance(model, Detector) and (out is not None or threshold is not None):
        raise ZooError(f"'{model.spec.name}' finds no boxes. Leave out --out and --threshold.")
    if isinstance(model, Detector):
        rows, records = _found(model, pictures, threshold, out)
    else:
        rows, records = _named(model, pictures) if isinstance(model, Classifier) else _embedded(model, pictures)
    emit(arguments, records, table(rows))


def _check_drawings(out: Path, pictures: Sequence[Path]) -> None:
    """Raise ZooError before any work where drawings could not be written, or one would take another's place."""
    check_writable(out)
    name, count = Counter(path.stem for path in pictures).most_common(1)[0]
    if count > 1:
        raise ZooError(f"{count} pictures are called {name}, and --out writes one {name}.png. Draw them one by one.")


def _found(model: Detector, pictures: Pictures, threshold: float | None, out: Path | None) -> Answers:
    rows: list[dict[str, Any]] = []
    records: list[dict[str, Any]] = []
    for path, pixels in pictures.items():
        found = model.detect(pixels, threshold)
        records.append({"picture": str(path), "found": [vars(one) for one in found]})
        rows += [_row(path, one) for one in found] or [{"picture": path.name, "label": "nothing found"}]
        if out is not None:
            _draw(pixels, found, model.labels, out / f"{path.stem}.png")
    return rows, records


def _named(model: Classifier, pictures: Pictures) -> Answers:
    shares = {path: model.classify(pixels) for path, pixels in pictures.items()}
    rows = [{"picture": path.name, **{label: f"{share:.3f}" for label, share in of}} for path, of in shares.items()]
    return rows, [{"picture": str(path), "classes": dict(of)} for path, of in shares.items()]


def _embedded(model: Recognizer, pictures: Pictures) -> Answers:
    width, height = model.spec.inputs.width, model.spec.inputs.height
    if others := [path.name for path, pixels in pictures.items() if pixels.shape[:2] != (height, width)]:
        print(
            f"taken for aligned faces and scaled to {width}x{height}: {', '.join(others)}. Of other pictures a cosine "
            f"says little: 'zoo predict yunet_xs_320 PICTURE --json' finds faces and landmarks, and "
            f"zoo.open_model('{model.spec.name}').embed(picture, landmarks) cuts one out.",
            file=sys.stderr,
        )
    vectors = {path: model.embed(pixels) for path, pixels in pictures.items()}
    first, reference = next(iter(vectors.items()))
    rows: list[dict[str, Any]] = []
    for path, vector in vectors.items():
        cosine = float(vector @ reference)
        rows.append({"picture": path.name, f"cosine with {first.name}": f"{cosine:.3f}"})
        if model.similarity_threshold is not None:
            rows[-1]["same person"] = "yes" if cosine >= model.similarity_threshold else "no"
    return rows, [{"picture": str(path), "embedding": vector.tolist()} for path, vector in vectors.items()]


def _row(path: Path, found: Find) -> dict[str, Any]:
    sides = dict(zip(("x", "y", "width", "height"), (f"{value:.0f}" for value in found.box), strict=True))
    return {"picture": path.name, "label": found.label, "score": f"{found.score:.3f}", **sides}


def _draw(pixels: np.ndarray, found: Sequence[Find], names: Sequence[str], output: Path) -> None:
    import numpy as np

    from tuner.data.show import draw_detections

    boxes = np.array([one.box for one in found], float).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    marks = np.array([list(one.landmarks.values()) for one in found], float).reshape(len(found), -1, 2)
    labels, scores = [one.label for one in found], [one.score for one in found]
    output.parent.mkdir(parents=True, exist_ok=True)
    draw_detections(pixels, boxes, labels, scores, marks, names=names).save(output)


def add_commands(commands: Any) -> None:
    """Register `predict`; named in the entry point group `zoo.commands`."""
    predicting = add_command(
        commands,
        "predict",
        _predict,
        "say, or draw, what a model answers for pictures",
        ["zoo predict yunet_xs_320 photo.jpg --out drawn", "zoo predict sphereface_112 one.png other.png --json"],
    )
    predicting.add_argument(
        "target",
        metavar="MODEL",
        help="a run, a published model's folder, or its name in POCKET_ZOO_STORE or ./store, or among those shipped",
    )
    predicting.add_argument(
        "pictures", nargs="+", type=Path, metavar="PICTURE", help="a file; for recognizers, of one aligned face"
    )
    add_target_store_option(predicting)
    predicting.add_argument(
        "--threshold", type=float, metavar="SCORE", help="lowest score of a box, 0 to 1 (default: the model's)"
    )
    predicting.add_argument(
        "--out", "-o", type=Path, metavar="DIR", help="draw what a detector finds, one PNG a picture"
    )
