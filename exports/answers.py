"""Models that answer for pictures from Python, in the words of the page's runtime: finds, vectors, classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from exports.load import Loaded
from tuner.data import Sample, decode
from tuner.data._pictures import Picture, as_pixels
from tuner.learners import DetectionLearner
from tuner.training import predict
from zoo._errors import ZooError
from zoo._specs import FACE_KEYPOINTS, EmbeddingHead, GridHead
from zoo.tasks.alignment import TEMPLATE_PX, TEMPLATE_SIDE_PX, fit_similarity
from zoo.tasks.letterbox import to_picture

OVERSAMPLING = 2
"""A face is cut out at so many times the size of the model's input, and then made smaller, which spares edges."""


@dataclass(frozen=True)
class Find:
    """One find in a picture, in its pixels; a box may reach beyond its edges.

    `box` is x, y, width and height, `score` is in 0..1, `landmarks` are (x, y) by name, none for models without.
    """

    box: tuple[float, float, float, float]
    score: float
    label: str
    landmarks: Mapping[str, tuple[float, float]]


class Model:
    """A network with what its manifest says of pictures and labels."""

    def __init__(self, loaded: Loaded) -> None:
        self.spec, self.labels = loaded.spec, loaded.labels
        self._network = loaded.network

    def _answer(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        sample = Sample(key="picture", load=lambda: pixels, size_px=pixels.shape[:2])
        return predict(self._network, decode([sample], self.spec.inputs).images, self.spec.inputs)


class Detector(Model):
    """Finds faces or objects."""

    def detect(self, picture: Picture, score_threshold: float | None = None) -> list[Find]:
        """Return what is found, best first; `score_threshold`, 0..1, is that of the manifest unless given.

        Raises: BadImage for a file that is no picture, ZooError for pixels of another kind.
        """
        pixels = as_pixels(picture)
        learner = DetectionLearner(self.spec, len(self.labels))
        (found,) = learner.detections(self._answer(pixels), score_threshold)
        size = pixels.shape[:2]
        boxes, points = (to_picture(places, self.spec.inputs, *size) for places in (found.boxes, found.keypoints))
        assert isinstance(self.spec.head, GridHead)
        names = self.spec.head.keypoints
        return [
            Find(
                box=(float(left), float(top), float(right - left), float(bottom - top)),
                score=float(score),
                label=self.labels[label],
                landmarks={name: (float(x), float(y)) for name, (x, y) in zip(names, marks, strict=True)},
            )
            for (left, top, right, bottom), score, label, marks in zip(
                boxes, found.scores, found.classes, points, strict=True
            )
        ]


class Recognizer(Model):
    """Turns faces into vectors of length 1; the cosine of two is their product."""

    @property
    def similarity_threshold(self) -> float | None:
        """The cosine from which two vectors count as one person's, by the manifest; None where it was not measured."""
        assert isinstance(self.spec.head, EmbeddingHead)
        return self.spec.head.similarity_threshold

    def embed(self, picture: Picture, landmarks: Mapping[str, tuple[float, float]] | None = None) -> np.ndarray:
        """Return the vector (size,) of a face: cut out by a find's landmarks, or of a picture of one aligned face.

        Raises: BadImage for a file that is no picture, ZooError for other pixels and for landmarks that are missing.
        """
        pixels = as_pixels(picture)
        face = pixels if landmarks is None else aligned(pixels, landmarks, self.spec.inputs.height)
        vector: np.ndarray = self._answer(face)["embedding"][0]
        return vector


class Classifier(Model):
    """Tells what a picture shows."""

    def classify(self, picture: Picture) -> list[tuple[str, float]]:
        """Return each class with its share of 1, the likeliest first. Raises: as `Detector.detect` does."""
        logits = self._answer(as_pixels(picture))["class_logits"][0].astype(np.float64)
        shares = np.exp(logits - np.logaddexp.reduce(logits))
        return [(self.labels[index], float(shares[index])) for index in np.argsort(-shares, kind="stable")]


def model_of(loaded: Loaded) -> Detector | Recognizer | Classifier:
    """Return what answers with a loaded network. Raises: ZooError where its labels are not known."""
    if isinstance(loaded.spec.head, EmbeddingHead):
        return Recognizer(loaded)
    if not loaded.labels:
        raise ZooError("A .keras file does not tell its labels. Name the run or the published model that it is from.")
    return Detector(loaded) if isinstance(loaded.spec.head, GridHead) else Classifier(loaded)


def aligned(pixels: np.ndarray, landmarks: Mapping[str, Any], side_px: int) -> np.ndarray:
    """Return a face cut out by its five landmarks and turned upright, uint8 (side, side, 3) of `side_px`.

    Raises: ZooError for landmarks that are missing or lie in one point.
    """
    missing = [name for name in FACE_KEYPOINTS if name not in landmarks]
    if missing:
        raise ZooError(f"A face is aligned by {', '.join(FACE_KEYPOINTS)}; missing: {', '.join(missing)}.")
    points = np.array([landmarks[name] for name in FACE_KEYPOINTS], np.float64)
    large = side_px * OVERSAMPLING
    to_face = np.vstack([fit_similarity(points, TEMPLATE_PX * (large / TEMPLATE_SIDE_PX)), (0, 0, 1)])
    back = tuple(np.linalg.inv(to_face)[:2].ravel())
    face = Image.fromarray(pixels).transform((large, large), Image.Transform.AFFINE, back, Image.Resampling.BICUBIC)
    return np.asarray(face.resize((side_px, side_px), Image.Resampling.BOX))
