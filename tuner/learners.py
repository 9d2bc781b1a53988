"""What training a task needs beside the network: targets, loss, extra layers, and the score that a sweep maximises.

One class per task, one instance per data set. A learner knows labels and metrics; it knows neither optimizers nor
epochs (`tuner.training`) nor search (`tuner.sweep`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from tuner.data import Decoded
from tuner.data.pairs import verification_pairs
from tuner.data.teacher import TeacherVectors
from tuner.gradients import slopes
from tuner.losses import (
    BOX_WEIGHT,
    CENTRING,
    CLASS_WEIGHT,
    COSINE_MARGIN,
    KEYPOINT_WEIGHT,
    arc_margin_loss,
    classification_loss,
    cosine_margin_loss,
    detection_loss,
    distillation_loss,
)
from zoo._errors import ZooError, unknown
from zoo._lazy import keras
from zoo._specs import (
    FACE_GATE,
    FACE_RECOGNITION,
    OBJECT_DETECTION,
    OBJECT_RECOGNITION,
    EmbeddingHead,
    GridHead,
    ModelSpec,
)
from zoo.tasks.assignment import assign
from zoo.tasks.boxes import Detections, decode_detections
from zoo.tasks.grid import anchors, encode_keypoints
from zoo.tasks.metrics import (
    SCORE_FLOOR,
    Truth,
    accuracy,
    average_precision,
    balanced_accuracy,
    verification_accuracy,
)

Arrays = Mapping[str, np.ndarray]
CustomLoss = Callable[[Mapping[str, Any], Mapping[str, Any]], Any]

CLASS_METRICS = MappingProxyType({OBJECT_RECOGNITION: "top1", FACE_GATE: "balanced_accuracy"})
AP50, VERIFICATION = "ap50", "verification_accuracy"
NO_WEIGHTS: Mapping[str, float] = MappingProxyType({})
DISTILL = "distill"
EMBEDDING_LOSSES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {"cosface": {"margin": COSINE_MARGIN}, "arcface": NO_WEIGHTS, DISTILL: {"centring": CENTRING}}
)
"""How face recognizers can be trained, each with what a sweep may change in it and the value unless changed."""
DEFAULT_EMBEDDING_LOSS = "cosface"
NUM_PAIRS = 10_000
"""Fewer tell epochs apart by chance: of 2,000, the accuracy has a standard error of a point."""
NUM_FOLDS = 10


def check_embedding_loss(name: str) -> None:
    """Raise UnknownName, with the nearest, where there is no such loss for embeddings."""
    if name not in EMBEDDING_LOSSES:
        raise unknown("embedding loss", name, EMBEDDING_LOSSES, f"Losses are: {', '.join(EMBEDDING_LOSSES)}.")


def metric_of(spec: ModelSpec) -> str:
    """Return the name of the score of a spec's task."""
    return CLASS_METRICS.get(spec.task) or (VERIFICATION if spec.task == FACE_RECOGNITION else AP50)


class Learner(Protocol):
    """The part of training that depends on the task. `metric` names the score, in 0..1, higher is better.

    `loss_weights` are the factors and margins inside the loss that a sweep may search, with their defaults.
    """

    metric: str
    loss_weights: Mapping[str, float]

    def attach(self, model: Any) -> Any:
        """Return the network to train: `model` with layers that only training needs."""

    def targets(self, data: Decoded, rows: np.ndarray) -> Arrays:
        """Return what the network should answer for these rows; first axis: row."""

    def loss(self, targets: Mapping[str, Any], outputs: Mapping[str, Any], **loss_weights: Any) -> Any:
        """Return the mean loss of a batch, a scalar tensor. `loss_weights` may be numbers or scalar tensors."""

    def score(self, outputs: Arrays, data: Decoded) -> float:
        """Return the metric from the network's outputs for all rows of `data`, in order."""


class DetectionLearner:
    """Boxes with classes, and landmarks where the head has them."""

    def __init__(self, spec: ModelSpec, num_classes: int) -> None:
        assert isinstance(spec.head, GridHead)
        self.metric = metric_of(spec)
        keypoint_weight = {"keypoint_weight": KEYPOINT_WEIGHT} if spec.head.num_keypoints else {}
        class_weight = {"class_weight": CLASS_WEIGHT} if spec.task == OBJECT_DETECTION else {}
        self.loss_weights: Mapping[str, float] = {"box_weight": BOX_WEIGHT, **keypoint_weight, **class_weight}
        self._input_px, self._head = (spec.inputs.width, spec.inputs.height), spec.head
        self._grid = anchors(spec.head, spec.inputs)
        self._num_classes = num_classes

    def attach(self, model: Any) -> Any:
        return model

    def targets(self, data: Decoded, rows: np.ndarray) -> Arrays:
        assigned = [
            assign(
                self._head,
                self._input_px,
                self._grid,
                self._num_classes,
                data.boxes[row],
                data.classes[row],
                data.keypoints[row],
                data.ignore[row],
            )
            for row in rows
        ]
        targets = {
            "class_targets": np.stack([one.class_targets for one in assigned]),
            "boxes": np.stack([one.boxes for one in assigned]),
            "weights": np.stack([one.weights for one in assigned]),
        }
        if self._head.num_keypoints:
            offsets = encode_keypoints(np.stack([one.keypoints for one in assigned]), self._grid)
            targets["keypoint_known"] = np.isfinite(offsets).astype(np.float32)
            targets["keypoint_offsets"] = np.nan_to_num(offsets).astype(np.float32)
        return targets

    def loss(self, targets: Mapping[str, Any], outputs: Mapping[str, Any], **loss_weights: Any) -> Any:
        return detection_loss(targets, outputs, self._grid, **loss_weights)

    def detections(self, outputs: Arrays, score_threshold: float | None = None) -> list[Detections]:
        """Decode each row of raw outputs; coordinates in fractions of the model input."""
        keypoint_offsets = outputs.get("keypoint_offsets")
        return [
            decode_detections(
                outputs["class_logits"][row],
                outputs["box_offsets"][row],
                None if keypoint_offsets is None else keypoint_offsets[row],
                self._head,
                self._grid,
                score_threshold,
            )
            for row in range(len(outputs["class_logits"]))
        ]

    def score(self, outputs: Arrays, data: Decoded) -> float:
        truths = [Truth(*row) for row in zip(data.boxes, data.classes, data.ignore, strict=True)]
        return average_precision(truths, self.detections(outputs, SCORE_FLOOR), self._num_classes)


class ClassLearner:
    """One class per picture. `metric` is "top1" or "balanced_accuracy"."""

    loss_weights = NO_WEIGHTS

    def __init__(self, metric: str = "top1") -> None:
        self.metric = metric
        self._measure = {"top1": accuracy, "balanced_accuracy": balanced_accuracy}[metric]

    def attach(self, model: Any) -> Any:
        return model

    def targets(self, data: Decoded, rows: np.ndarray) -> Arrays:
        return {"label": data.labels[rows]}

    def loss(self, targets: Mapping[str, Any], outputs: Mapping[str, Any], **loss_weights: Any) -> Any:
        return classification_loss(targets, outputs)

    def score(self, outputs: Arrays, data: Decoded) -> float:
        return self._measure(outputs["class_logits"], data.labels)


class EmbeddingLearner:
    """Identity by distance: training names the identities it has or follows a teacher, scoring compares new ones.

    `loss` is "cosface" or "arcface", which classify identities with a margin, or "distill", which regresses the vectors
    of a `teacher`: a mapping from `Sample.key` to a vector, all of one size, float16 or wider. Raises: BadData for
    vectors that cannot be used and, from `targets`, for a picture without one; to learn of these before a training, ask
    for the targets of all rows.
    """

    def __init__(
        self,
        num_identities: int,
        *,
        loss: str = DEFAULT_EMBEDDING_LOSS,
        teacher: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        check_embedding_loss(loss)
        if (loss == DISTILL) != (teacher is not None):
            raise ZooError(
                f"The loss '{loss}' {'needs' if teacher is None else 'takes no'} vectors of a teacher. "
                f"Give teacher= together with loss='distill'."
            )
        self.metric = VERIFICATION
        self.loss_weights = EMBEDDING_LOSSES[loss]
        self._num_identities, self._loss = num_identities, loss
        self._teacher = None if teacher is None else TeacherVectors(teacher)

    def attach(self, model: Any) -> Any:
        embedding = model.output["embedding"]
        if self._teacher is not None:
            if embedding.shape[-1] == self._teacher.size:  # then distances are those that the teacher sees
                projection = keras.layers.Identity(name="projection")
            else:
                projection = keras.layers.Dense(self._teacher.size, use_bias=False, name="projection")
            added = {"projection": projection(embedding)}
        else:
            # Rows of a Dense kernel with unit-norm columns against a unit embedding are cosines.
            unit_norm = keras.constraints.UnitNorm(axis=0)
            cosines = keras.layers.Dense(
                self._num_identities, use_bias=False, kernel_constraint=unit_norm, name="cosines"
            )
            added = {"cosines": cosines(embedding)}
        return keras.Model(model.input, {**model.output, **added}, name=f"{model.name}_training")

    def targets(self, data: Decoded, rows: np.ndarray) -> Arrays:
        if self._teacher is not None:
            return {"teacher": self._teacher.of([data.keys[row] for row in rows])}
        return {"label": data.labels[rows]}

    def loss(self, targets: Mapping[str, Any], outputs: Mapping[str, Any], **loss_weights: Any) -> Any:
        if self._teacher is not None:
            return distillation_loss(targets, outputs, centre=self._teacher.centre, **loss_weights)
        if self._loss == "arcface":
            return arc_margin_loss(targets, outputs)
        return cosine_margin_loss(targets, outputs, **loss_weights)

    def score(self, outputs: Arrays, data: Decoded) -> float:
        cosines, same = self.pairs(outputs, data)
        return verification_accuracy(cosines, same, np.arange(len(same)) % NUM_FOLDS)

    def pairs(self, outputs: Arrays, data: Decoded) -> tuple[np.ndarray, np.ndarray]:
        """Return the cosines of generated pairs, and whether each is of one identity; both (n,)."""
        left, right, same = verification_pairs(data.labels, NUM_PAIRS, seed=0)
        return (outputs["embedding"][left] * outputs["embedding"][right]).sum(axis=1), same


class CustomLossLearner:
    """The learner of a task with a loss of one's own: `loss(targets, outputs)` -> scalar, written in `keras.ops`."""

    def __init__(self, learner: Learner, loss: CustomLoss) -> None:
        if not callable(loss):
            raise ZooError(f"A loss is called as loss(targets, outputs), got {loss!r:.60}. Give a function.")
        self.metric, self.loss_weights = learner.metric, NO_WEIGHTS
        self.attach, self.targets, self.score = learner.attach, learner.targets, learner.score
        self._custom = loss

    def loss(self, targets: Mapping[str, Any], outputs: Mapping[str, Any], **loss_weights: Any) -> Any:
        return self._custom(targets, outputs)

    def check(self, targets: Arrays, outputs: Arrays) -> None:
        """Try the loss on one batch. Raises: ZooError unless it is one finite number that the outputs decide."""
        tensors = {name: keras.ops.convert_to_tensor(value) for name, value in targets.items()}
        name = getattr(self._custom, "__name__", type(self._custom).__name__)
        given = f"It was given the targets {_shapes(targets)} and the outputs {_shapes(outputs)}."
        try:
            value, found = slopes(lambda moving: self._custom(tensors, moving), outputs)
        except ZooError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise ZooError(f"The loss '{name}' failed on a first batch with {reason}. {given}") from error
        if not np.isfinite(value):
            raise ZooError(f"The loss '{name}' is {value} on a first batch; it must be finite. {given}")
        if all(slope is None or not np.any(slope) for slope in found.values()):
            raise ZooError(
                f"The loss '{name}' does not change with any output, so nothing could be learned. Write it in "
                f"keras.ops (NumPy breaks the chain) and use the outputs. {given}"
            )


def _shapes(arrays: Arrays) -> str:
    return ", ".join(f"{name} {tuple(array.shape)}" for name, array in arrays.items())


def learner_for(
    spec: ModelSpec,
    num_labels: int,
    embedding_loss: str = DEFAULT_EMBEDDING_LOSS,
    teacher: Mapping[str, np.ndarray] | None = None,
) -> Learner:
    """Return the learner of a spec's task; `num_labels` counts the data set's classes or identities.

    `embedding_loss` and `teacher` are for face recognition, as `EmbeddingLearner` takes them.
    """
    if spec.task in CLASS_METRICS:
        return ClassLearner(CLASS_METRICS[spec.task])
    if spec.task == FACE_RECOGNITION:
        assert isinstance(spec.head, EmbeddingHead)
        return EmbeddingLearner(num_labels, loss=embedding_loss, teacher=teacher)
    return DetectionLearner(spec, num_labels)
