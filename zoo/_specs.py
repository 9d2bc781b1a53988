"""What a model declares about itself: frozen records, checked when created.

A spec is data next to a builder. The registry, tests, sweep, export, tables and the artifact's manifest derive from it.
Coordinates are fractions of the model input everywhere inside, x before y, boxes as (x_min, y_min, x_max, y_max).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from zoo._errors import ZooError, unknown

BUDGET_BYTES = 2_000_000
"""Largest artifact: topology JSON plus weight shards. 2 MB = 2·10⁶ bytes."""

FACE_DETECTION = "face-detection"
OBJECT_DETECTION = "object-detection"
FACE_RECOGNITION = "face-recognition"
OBJECT_RECOGNITION = "object-recognition"
FACE_GATE = "face-gate"
TASKS = (FACE_DETECTION, OBJECT_DETECTION, FACE_RECOGNITION, OBJECT_RECOGNITION, FACE_GATE)
GATE_LABELS = ("no face", "face")

FACE_KEYPOINTS = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")
"""The five landmarks, right and left as the person sees them; a mirrored picture swaps the pairs."""

RESIZE_RULES = ("letterbox", "stretch")


def check_task(task: str) -> str:
    """Return `task` or raise `UnknownName` with the nearest known task."""
    if task not in TASKS:
        raise unknown("task", task, TASKS, f"Tasks are: {', '.join(TASKS)}.")
    return task


@dataclass(frozen=True)
class ImageSpec:
    """The picture a model takes: sides in pixels, RGB, bytes 0..255 mapped linearly onto `value_range`.

    `letterbox` keeps the aspect ratio, places the picture at the top left and fills the rest with `pad_value`
    (a byte); `stretch` ignores the aspect ratio.
    """

    height: int
    width: int
    channels: int = 3
    value_range: tuple[float, float] = (0.0, 1.0)
    resize: str = "letterbox"
    pad_value: int = 114

    def __post_init__(self) -> None:
        if min(self.height, self.width) < 8 or self.channels not in (1, 3):
            raise ZooError(
                f"An image spec needs sides of at least 8 pixels and 1 or 3 channels, got {self.height}x{self.width}"
                f"x{self.channels}."
            )
        if not self.value_range[0] < self.value_range[1]:
            raise ZooError(f"value_range must rise, got {self.value_range}. Write (low, high), for example (0.0, 1.0).")
        if self.resize not in RESIZE_RULES:
            raise unknown("resize rule", self.resize, RESIZE_RULES, f"Rules are: {', '.join(RESIZE_RULES)}.")
        if not 0 <= self.pad_value <= 255:
            raise ZooError(f"pad_value is a byte, got {self.pad_value}. Use 0 to 255.")

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.height, self.width, self.channels)


@dataclass(frozen=True)
class GridHead:
    """Detection on grids of cells, one grid per stride, with one anchor per cell or several.

    `anchor_sides` gives, per stride, the sides of the square anchors of each cell, in strides. Left empty, the head is
    anchor-free: one anchor per cell, one stride wide, which only sets the unit of the predicted box.

    Outputs: class_logits (num_anchors, num_classes), box_offsets (num_anchors, 4) and, with keypoints,
    keypoint_offsets (num_anchors, 2·num_keypoints); `keypoints` names them. Anchors are in the order of strides, then
    rows, columns, sides.
    """

    strides: tuple[int, ...] = (8, 16, 32)
    anchor_sides: tuple[tuple[float, ...], ...] = ()
    keypoints: tuple[str, ...] = ()
    score_threshold: float = 0.35  # a score predicts overlap, which is rarely above 0.9
    iou_threshold: float = 0.45
    max_detections: int = 100

    def __post_init__(self) -> None:
        if not self.strides or list(self.strides) != sorted(set(self.strides)):
            raise ZooError(f"strides must rise without repeats, got {self.strides}. For example (8, 16, 32).")
        if self.anchor_sides and len(self.anchor_sides) != len(self.strides):
            raise ZooError(f"anchor_sides needs one group per stride, got {len(self.anchor_sides)} for {self.strides}.")
        if any(not group or min(group) <= 0 for group in self.anchor_sides):
            raise ZooError(f"anchor_sides are lengths above 0, at least one per stride, got {self.anchor_sides}.")

    @property
    def num_keypoints(self) -> int:
        return len(self.keypoints)

    @property
    def sides(self) -> tuple[tuple[float, ...], ...]:
        """Sides of the anchors per stride, in strides; (1.0,) for each when anchor-free."""
        return self.anchor_sides or ((1.0,),) * len(self.strides)

    def num_anchors(self, inputs: ImageSpec) -> int:
        return sum(
            (inputs.height // stride) * (inputs.width // stride) * len(sides)
            for stride, sides in zip(self.strides, self.sides, strict=True)
        )


@dataclass(frozen=True)
class EmbeddingHead:
    """Recognition by distance: one output `embedding` (size,), L2-normalised.

    `similarity_threshold` is the cosine from which two embeddings count as one person's; None until it is measured.
    """

    size: int = 128
    similarity_threshold: float | None = None


@dataclass(frozen=True)
class ClassHead:
    """Recognition by class: one output `class_logits` (num_classes,)."""


Head = GridHead | EmbeddingHead | ClassHead

_HEADS: Mapping[str, type] = MappingProxyType(
    {
        FACE_DETECTION: GridHead,
        OBJECT_DETECTION: GridHead,
        FACE_RECOGNITION: EmbeddingHead,
        OBJECT_RECOGNITION: ClassHead,
        FACE_GATE: ClassHead,
    }
)


@dataclass(frozen=True)
class ModelSpec:
    """One registered model. `options` are the builder's keyword arguments with their defaults."""

    name: str
    task: str
    inputs: ImageSpec
    head: Head
    paper: str
    builder: Callable[..., Any]
    max_bytes: int = BUDGET_BYTES
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_task(self.task)
        if not isinstance(self.head, _HEADS[self.task]):
            raise ZooError(
                f"Model '{self.name}' declares task {self.task} with a {type(self.head).__name__}; "
                f"that task takes a {_HEADS[self.task].__name__}."
            )
        if not 0 < self.max_bytes <= BUDGET_BYTES:
            raise ZooError(
                f"Model '{self.name}' declares max_bytes={self.max_bytes:,}; allowed are 1 to {BUDGET_BYTES:,}."
            )
        if isinstance(self.head, GridHead):
            coarsest = self.head.strides[-1]
            if self.inputs.height % coarsest or self.inputs.width % coarsest:
                raise ZooError(
                    f"Model '{self.name}' has input {self.inputs.height}x{self.inputs.width} and stride {coarsest}; "
                    f"sides must be multiples of the coarsest stride."
                )

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs that the head promises."""
        match self.head:
            case GridHead() as head:
                return ("class_logits", "box_offsets", *(("keypoint_offsets",) if head.keypoints else ()))
            case EmbeddingHead():
                return ("embedding",)
            case ClassHead():
                return ("class_logits",)

    @property
    def module(self) -> str:
        return self.builder.__module__

    @property
    def origin(self) -> str:
        """Paper, reference implementation and what was changed, as the docstring of the builder's file tells."""
        text = inspect.getdoc(inspect.getmodule(self.builder)) or ""
        return text.partition("\n")[2].strip()

    @property
    def summary(self) -> str:
        """First line of the builder's docstring."""
        return (inspect.getdoc(self.builder) or "").split("\n", 1)[0]
