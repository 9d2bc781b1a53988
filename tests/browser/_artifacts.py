"""Small published artifacts for every task, and what Python answers to a picture with each."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from exports.load import Loaded, load_artifact
from exports.publish import publish
from tuner import sweep
from tuner.data import open_dataset
from tuner.data._decode import resize
from tuner.defaults import Space
from tuner.learners import DetectionLearner
from tuner.training import predict
from zoo._specs import FACE_DETECTION, FACE_GATE, FACE_RECOGNITION, OBJECT_DETECTION, OBJECT_RECOGNITION
from zoo.tasks.letterbox import to_picture

# The smallest of each task; the face detector comes from the session's `artifact`.
MODELS = {
    FACE_DETECTION: "yunet_n_160",
    OBJECT_DETECTION: "dense4_det_160",
    FACE_RECOGNITION: "mobilefacenet_025_112",
    OBJECT_RECOGNITION: "pebble_cls_48",
    FACE_GATE: "gate_64",
}
PICTURES = 16


def publish_one(model: str, store: Path, runs: Path) -> Path:
    """Train for a moment and publish: what matters here is that the page computes what Python does, not how well."""
    result = sweep(
        model,
        data="synthetic",
        limit=PICTURES,
        trials=1,
        epochs=1,
        seed=5,
        space=Space(batch_sizes=(8,), learning_rates=(1e-3, 2e-3)),
        overfit=False,
        out=runs,
    )
    return publish(result.folder, store, precision="uint8", runtime="none").folder


def generated(task: str, size: tuple[int, int] | None = None, number: int = 0, seed: int = 11) -> Image.Image:
    """A generated picture of a task, enlarged to `size`, width before height."""
    dataset = open_dataset("synthetic", task=task, limit=PICTURES, seed=seed)
    image = Image.fromarray(dataset.splits["train"][number].load())
    return image if size is None else image.resize(size, Image.Resampling.BICUBIC)


def as_address(image: Image.Image) -> str:
    """A data: address that an image element can show."""
    png = io.BytesIO()
    image.save(png, "png")
    return f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}"


@dataclass(frozen=True)
class Published:
    """An artifact and what Keras, with its quantized weights, answers."""

    folder: Path

    @cached_property
    def loaded(self) -> Loaded:
        return load_artifact(self.folder)

    def outputs(self, picture: np.ndarray) -> Mapping[str, np.ndarray]:
        inputs = self.loaded.spec.inputs
        return {
            name: values[0]
            for name, values in predict(self.loaded.network, resize(picture, inputs)[None], inputs).items()
        }

    def detect(self, picture: np.ndarray, score_threshold: float) -> list[dict[str, Any]]:
        """Detections in pixels of the picture, in the shape that the page gives them."""
        spec, size = self.loaded.spec, picture.shape[:2]
        learner = DetectionLearner(spec, len(self.loaded.labels))
        outputs = {name: values[None] for name, values in self.outputs(picture).items()}
        [found] = learner.detections(outputs, score_threshold)
        boxes = to_picture(found.boxes, spec.inputs, *size)
        points = to_picture(found.keypoints, spec.inputs, *size)
        names = getattr(spec.head, "keypoints", ())
        return [
            {
                "box": {"x": x, "y": y, "width": right - x, "height": bottom - y},
                "score": score,
                "label": self.loaded.labels[label],
                "landmarks": {name: {"x": px, "y": py} for name, (px, py) in zip(names, places, strict=True)},
            }
            for (x, y, right, bottom), score, label, places in zip(
                boxes.tolist(), found.scores.tolist(), found.classes.tolist(), points.tolist(), strict=True
            )
        ]

    def classify(self, picture: np.ndarray) -> dict[str, float]:
        logits = self.outputs(picture)["class_logits"].astype(np.float64)
        powers = np.exp(logits - logits.max())
        return dict(zip(self.loaded.labels, (powers / powers.sum()).tolist(), strict=True))

    def embed(self, picture: np.ndarray) -> np.ndarray:
        return self.outputs(picture)["embedding"]
