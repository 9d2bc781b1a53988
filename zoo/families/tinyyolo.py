"""Tiny YOLO: six separable convolutions with pooling between them and one grid with five anchors per cell.

Paper: YOLO9000, arXiv:1612.08242. Reference implementation: the TinyFaceDetector of face-api.js
(github.com/justadudewhohacks/face-api.js, TinyYolov2 with separable convolutions), among the first face detectors for
pages. What we changed: batch normalisation in training, a standard first convolution, square anchors, landmarks, and
the score predicts the box's overlap without a separate objectness.
"""

from __future__ import annotations

from typing import Any

from zoo._lazy import keras
from zoo._registry import register_model
from zoo._specs import FACE_DETECTION, FACE_KEYPOINTS, GridHead, ImageSpec, ModelSpec
from zoo.blocks import conv_block, scaled, separable_block
from zoo.heads import grid_outputs, pointwise_branch

FILTERS = (32, 64, 128, 256, 512)


@register_model(
    task=FACE_DETECTION,
    inputs=ImageSpec(224, 224),
    # Square roots of the areas of face-api.js' anchors, in cells of 32 pixels, for faces in an input of 224 pixels.
    outputs=GridHead(strides=(32,), anchor_sides=((0.6, 1.2, 2.0, 3.2, 5.2),), keypoints=FACE_KEYPOINTS),
    paper="arXiv:1612.08242",
    max_bytes=1_200_000,
)
def tinyyolo_face_224(spec: ModelSpec, *, width: float = 1.0, activation: str = "leaky_relu") -> Any:
    """Separable Tiny YOLO at 224x224, as in face-api.js: few large cells, best for one or two near faces."""
    image = keras.Input(spec.inputs.shape, name="image")
    x = conv_block(image, scaled(16, width), activation=activation, name="stem")  # (B, 224, 224, 16)
    for index, filters in enumerate(FILTERS, start=1):
        x = keras.layers.MaxPooling2D(name=f"stage{index}_pool")(x)
        x = separable_block(
            x, scaled(filters, width), activation=activation, name=f"stage{index}"
        )  # ... (B, 7, 7, 512)
    return keras.Model(image, grid_outputs([x], spec, num_classes=1, branch=pointwise_branch), name=spec.name)
