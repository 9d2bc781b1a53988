"""Losses per task, in `keras.ops` alone, so that they run under the TensorFlow and the JAX backend.

Each takes the targets that its task makes and the network's named outputs, and returns one number: the mean over what
was labelled. Lower is better, 0 is perfect.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from zoo._lazy import keras
from zoo.tasks.grid import Anchors, decode_boxes

Tensor = Any

BOX_WEIGHT = 2.0
CLASS_WEIGHT = 0.0
KEYPOINT_WEIGHT = 0.5
COSINE_MARGIN = 0.1
CENTRING = 1.0
EPSILON = 1e-7


def quality_focal(logits: Tensor, quality: Tensor) -> Tensor:
    """|quality - score|² · cross-entropy, elementwise; quality in 0..1 is the overlap the score should predict.

    Source: generalized focal loss, arXiv:2006.04388, equation 4, beta = 2.
    """
    ops = keras.ops
    scores = ops.sigmoid(logits)
    cross_entropy = ops.maximum(logits, 0) - logits * quality + ops.log1p(ops.exp(-ops.abs(logits)))
    return ops.square(quality - scores) * cross_entropy


def box_overlap(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return (IoU, generalised IoU) of box pairs, both (..., 4) xyxy -> (...). Source: GIoU, arXiv:1902.09630."""
    ops = keras.ops

    def area(low: Tensor, high: Tensor) -> Tensor:
        return ops.prod(ops.maximum(high - low, 0.0), axis=-1)

    overlap = area(ops.maximum(a[..., :2], b[..., :2]), ops.minimum(a[..., 2:], b[..., 2:]))
    union = area(a[..., :2], a[..., 2:]) + area(b[..., :2], b[..., 2:]) - overlap
    hull = area(ops.minimum(a[..., :2], b[..., :2]), ops.maximum(a[..., 2:], b[..., 2:]))
    overlap_share = overlap / (union + EPSILON)
    return overlap_share, overlap_share - (hull - union) / (hull + EPSILON)


def detection_loss(
    targets: Mapping[str, Tensor],
    outputs: Mapping[str, Tensor],
    grid: Anchors,
    *,
    box_weight: Tensor = BOX_WEIGHT,
    keypoint_weight: Tensor = KEYPOINT_WEIGHT,
    class_weight: Tensor = CLASS_WEIGHT,
) -> Tensor:
    """Quality focal loss over all anchors plus (1 - GIoU) and landmark distance over anchors that own an object.

    With several classes, these anchors also learn by softmax cross-entropy which it is, times `class_weight`: the
    quality focal loss teaches that there is something long before it teaches to tell classes apart.

    Shapes: class_targets (B, num_anchors, num_classes), boxes (B, num_anchors, 4), weights (B, num_anchors) and, with
    landmarks, keypoint_offsets and keypoint_known, both (B, num_anchors, 2k). Landmark distances are in box sides.
    """
    ops = keras.ops
    owned = ops.max(targets["class_targets"], axis=-1)  # (B, num_anchors)
    num_owned = ops.maximum(ops.sum(owned), 1.0)
    overlap, generalised = box_overlap(decode_boxes(outputs["box_offsets"], grid, ops), targets["boxes"])
    quality = targets["class_targets"] * ops.stop_gradient(overlap)[..., None]
    per_cell = ops.sum(quality_focal(outputs["class_logits"], quality), axis=-1) * targets["weights"]
    loss = (ops.sum(per_cell) + box_weight * ops.sum((1.0 - generalised) * owned)) / num_owned
    if outputs["class_logits"].shape[-1] > 1:
        shares = ops.log_softmax(outputs["class_logits"], axis=-1)
        loss = loss - class_weight * ops.sum(targets["class_targets"] * shares) / num_owned
    if "keypoint_offsets" in outputs:
        sides = (targets["boxes"][..., 2:] - targets["boxes"][..., :2]) / grid.units  # in strides
        scale = ops.sqrt(ops.maximum(ops.prod(sides, axis=-1, keepdims=True), EPSILON))
        known = targets["keypoint_known"] * owned[..., None]
        distance = ops.abs(outputs["keypoint_offsets"] - targets["keypoint_offsets"]) / ops.maximum(scale, 1.0)
        loss = loss + keypoint_weight * ops.sum(distance * known) / num_owned
    return loss


def classification_loss(targets: Mapping[str, Tensor], outputs: Mapping[str, Tensor]) -> Tensor:
    """Softmax cross-entropy: label (B,), class_logits (B, num_classes)."""
    return keras.ops.mean(
        keras.losses.sparse_categorical_crossentropy(targets["label"], outputs["class_logits"], from_logits=True)
    )


def cosine_margin_loss(
    targets: Mapping[str, Tensor], outputs: Mapping[str, Tensor], *, scale: float = 16.0, margin: Tensor = COSINE_MARGIN
) -> Tensor:
    """Softmax over scaled cosines, the right one lowered by a margin: label (B,), cosines (B, num_identities).

    Source: CosFace, arXiv:1801.09414, equation 4. A margin of 0 is normalised softmax.
    """
    ops = keras.ops
    cosines = outputs["cosines"]
    right = ops.one_hot(targets["label"], cosines.shape[-1])
    logits = scale * (cosines - margin * right)
    return ops.mean(keras.losses.sparse_categorical_crossentropy(targets["label"], logits, from_logits=True))


def arc_margin_loss(
    targets: Mapping[str, Tensor], outputs: Mapping[str, Tensor], *, scale: float = 16.0, margin: float = 0.2
) -> Tensor:
    """Softmax over scaled cosines, the right angle widened by a margin: label (B,), cosines (B, num_identities).

    For the right identity cos(theta) becomes cos(theta + margin) = cos(theta)·cos(margin) - sin(theta)·sin(margin),
    and cos(theta) - margin·sin(margin) where theta + margin would pass pi; no angle is taken, so the slope stays finite
    at cosines of ±1. `margin` is in radians. Source: ArcFace, arXiv:1801.07698, equation 3, which uses scale 64 and
    margin 0.5; smaller here, for small networks. The fall-back is that of the authors' implementation.
    """
    ops = keras.ops
    cosines = outputs["cosines"]
    right = ops.one_hot(targets["label"], cosines.shape[-1])
    cosine = ops.sum(cosines * right, axis=-1)  # (B,)
    sine = ops.sqrt(ops.maximum(1.0 - ops.square(cosine), EPSILON))
    widened = ops.where(
        cosine > math.cos(math.pi - margin),
        cosine * math.cos(margin) - sine * math.sin(margin),
        cosine - margin * math.sin(margin),
    )
    logits = scale * (cosines + right * (widened - cosine)[:, None])
    return ops.mean(keras.losses.sparse_categorical_crossentropy(targets["label"], logits, from_logits=True))


def distillation_loss(
    targets: Mapping[str, Tensor], outputs: Mapping[str, Tensor], *, centre: Tensor, centring: Tensor = CENTRING
) -> Tensor:
    """Mean of 1 - cos(projection, teacher - centring · centre), both (B, teacher_size), centre (teacher_size,).

    A teacher's vectors crowd around their mean, `centre`; without it, they point where people differ. `centring` is
    the share of it that is taken away: less keeps more of what the teacher means by near and far. 0 is perfect, 1 is at
    right angles, 2 the opposite. Source: regression of a teacher's hidden output, FitNets, arXiv:1412.6550,
    equation 3, with the cosine in place of the square.
    """
    teacher, student = _unit(targets["teacher"] - centring * centre), _unit(outputs["projection"])
    return keras.ops.mean(1.0 - keras.ops.sum(teacher * student, axis=-1))


def _unit(vectors: Tensor) -> Tensor:
    """Scale vectors (B, n) to length 1; one of no length stays as it is."""
    ops = keras.ops
    return vectors * ops.rsqrt(ops.maximum(ops.sum(ops.square(vectors), axis=-1, keepdims=True), EPSILON**2))
