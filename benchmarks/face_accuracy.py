"""How well faces are found, beside detectors that people would use instead, on the same labelled pictures.

    python benchmarks/face_accuracy.py --data DIR                       # the shipped face detectors and face-api.js
    python benchmarks/mediapipe_faces.py --pictures DIR/images -o found.json   # where MediaPipe is
    python benchmarks/yunet_faces.py --model yunet.onnx --side 320 --pictures DIR/images -o yunet.json   # with OpenCV
    python benchmarks/face_accuracy.py --data DIR --found "MediaPipe short range=found.json=229714" \\
        --found "YuNet-n 320 px=yunet.json=317434"

Every labelled box counts as a face, whatever its class. Metric: average precision at IoU 0.5, 100 detections, as
pycocotools computes it, over all boxes and over those at least 6 % of the picture's longer side high. Shipped
detectors run in Keras with the weights of their artifacts; the peer, TinyFaceDetector of @vladmandic/face-api, runs in
Chromium, at 320 and 416 pixels. `--found` takes any other detector's answers as COCO results, by `file_name`, with
boxes in pixels. Rows go to benchmarks/results/face-accuracy.json, one set per data set.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).parent / "browser")]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from zoo._cli import table  # noqa: E402
from zoo._errors import ZooError  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "face-accuracy.json"
PEER_INPUTS = (320, 416)
PEER_THRESHOLD = 0.05
"""Average precision ranks all answers; at the peer's own threshold of 0.5 its curve would be cut short."""

LEAST_SHARE = 0.06
FIND_IN_PICTURE = """async (data) => {
  const picture = new Image();
  picture.src = 'data:image/png;base64,' + data;
  await picture.decode();
  return window.answer(picture);
}"""


@dataclass(frozen=True)
class Pictures:
    """Labelled pictures of one split: names, pixels (height, width, 3), boxes (n, 4) xyxy pixels, which to ignore."""

    names: list[str]
    pixels: list[np.ndarray]
    boxes: list[np.ndarray]
    ignore: list[np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifacts", nargs="*", type=Path, metavar="ARTIFACT", help="default: the shipped detectors")
    parser.add_argument("--data", required=True, help="a folder of labelled faces")
    parser.add_argument("--split", default="val")
    parser.add_argument("--limit", type=int, help="the first N pictures only")
    parser.add_argument(
        "--found",
        action="append",
        default=[],
        metavar="NAME=FILE=BYTES",
        help="COCO results of another detector, and what it weighs",
    )
    arguments = parser.parse_args()
    from zoo._quiet import import_keras

    import_keras()
    from conditions import conditions

    import zoo
    from tuner.data import open_dataset
    from zoo._specs import OBJECT_DETECTION

    dataset = open_dataset(arguments.data, task=OBJECT_DETECTION)
    pictures = read(dataset.splits[arguments.split][: arguments.limit])
    artifacts = arguments.artifacts or [Path(entry.folder) for entry in zoo.find(task="face-detection")]
    rows = [of_artifact(artifact, pictures) for artifact in artifacts]
    rows += of_peer(pictures)
    for text in arguments.found:
        name, path, size = text.split("=")
        rows.append({"detector": name, "bytes": int(size), **scores(pictures, answers(Path(path), pictures))})
    kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    kept[f"{dataset.name} {arguments.split}"] = {
        "rows": rows,
        "conditions": {
            "pictures": len(pictures.names),
            "boxes": sum(len(boxes) for boxes in pictures.boxes),
            "data_sha256": dataset.digest,
            **conditions("python benchmarks/face_accuracy.py --data DIR"),
        },
    }
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(table(rows))


def read(samples: Sequence[Any]) -> Pictures:
    """Load every picture of a split."""
    return Pictures(
        names=[sample.key for sample in samples],
        pixels=[sample.load() for sample in samples],
        boxes=[sample.boxes_px for sample in samples],
        ignore=[sample.ignore for sample in samples],
    )


def scores(pictures: Pictures, found: Sequence[Any]) -> dict[str, float]:
    """Return the average precisions of detections in pixels, one entry per picture."""
    from zoo.tasks.metrics import Truth, average_precision

    truths = [
        Truth(boxes, np.zeros(len(boxes), np.int64), ignore)
        for boxes, ignore in zip(pictures.boxes, pictures.ignore, strict=True)
    ]
    least_px = [LEAST_SHARE * max(pixels.shape[:2]) for pixels in pictures.pixels]
    return {
        "ap50": round(average_precision(truths, found, 1), 4),
        "ap50 from 6 %": round(average_precision(truths, found, 1, min_heights=least_px), 4),
    }


def of_artifact(folder: Path, pictures: Pictures) -> dict[str, Any]:
    """Measure a published detector, with its quantized weights."""
    from exports.load import load_target
    from tuner.data import Sample, decode
    from tuner.learners import learner_for
    from tuner.training import predict
    from zoo.tasks.letterbox import to_picture
    from zoo.tasks.metrics import SCORE_FLOOR

    loaded = load_target(folder)
    inputs = loaded.spec.inputs
    samples = [
        Sample(key=name, load=lambda pixels=pixels: pixels, size_px=pixels.shape[:2])
        for name, pixels in zip(pictures.names, pictures.pixels, strict=True)
    ]
    decoded = decode(samples, inputs)
    found = learner_for(loaded.spec, 1).detections(predict(loaded.network, decoded.images, inputs), SCORE_FLOOR)
    placed = [
        replace(one, boxes=to_picture(one.boxes, inputs, *size), classes=np.zeros(len(one.scores), np.int64))
        for one, size in zip(found, decoded.sizes_px.tolist(), strict=True)
    ]
    size = sum(path.stat().st_size for path in (folder / "model.json", *folder.glob("weights.bin*")))
    name = f"{loaded.spec.name} {inputs.height} px"
    return {"detector": name, "bytes": size, **scores(pictures, placed)}


def of_peer(pictures: Pictures) -> list[dict[str, Any]]:
    """Measure face-api.js, in Chromium."""
    from serving import PEER, PEER_PAGE, Server, peer_version, visit

    from exports.browser import in_background, launch

    rows = []
    peer_version()
    size = sum(path.stat().st_size for path in (PEER / "model").glob("tiny_face_detector*"))
    no_store = Path(__file__).parent / "none"
    with Server(no_store) as server, in_background(server), launch() as browser:
        for input_px in PEER_INPUTS:
            address = f"{server.address}{PEER_PAGE}?input={input_px}&threshold={PEER_THRESHOLD}"
            with visit(browser, server, address) as page:
                found = [page.evaluate(FIND_IN_PICTURE, as_png(pixels)) for pixels in pictures.pixels]
            detections = [as_detections([(*one["box"], one["score"]) for one in each]) for each in found]
            name = f"face-api.js TinyFaceDetector {input_px} px"
            rows.append({"detector": name, "bytes": size, **scores(pictures, detections)})
    return rows


def as_png(pixels: np.ndarray) -> str:
    """Return a picture as base64 text, without loss."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return base64.b64encode(file.getvalue()).decode()


def answers(path: Path, pictures: Pictures) -> list[Any]:
    """Read COCO results. Raises: ZooError when they name none of the pictures."""
    by_name: dict[str, list[tuple[float, ...]]] = {Path(name).stem: [] for name in pictures.names}
    for result in json.loads(path.read_text(encoding="utf-8")):
        name = Path(result["file_name"]).stem  # VOC knows pictures without their ending
        if name in by_name:
            by_name[name].append((*result["bbox"], result["score"]))
    if not any(by_name.values()):
        raise ZooError(f"{path} finds nothing in any of these pictures. Name results of the same data and split.")
    return [as_detections(rows) for rows in by_name.values()]


def as_detections(rows: Sequence[tuple[float, ...]]) -> Any:
    """Return boxes given as x, y, width, height, score, best first."""
    from zoo.tasks.boxes import Detections

    values = np.array(sorted(rows, key=lambda row: -row[4]), np.float64).reshape(-1, 5)
    boxes = np.concatenate([values[:, :2], values[:, :2] + values[:, 2:4]], axis=1)
    return Detections(boxes, values[:, 4], np.zeros(len(values), np.int64), np.zeros((len(values), 0, 2)))


if __name__ == "__main__":
    try:
        main()
    except ZooError as error:
        sys.exit(str(error))
