"""Pocket Zoo: tiny Keras models for the browser, looked up by name. Importing this package imports no framework.

>>> import zoo
>>> zoo.get("yunet_n_160").task
'face-detection'
"""

from zoo._errors import BadArtifact, BadData, BadImage, BudgetExceeded, DuplicateName, UnknownName, ZooError
from zoo._lazy import keras
from zoo._loading import load, open_model
from zoo._registry import build, get, list_models, register_model
from zoo._specs import (
    BUDGET_BYTES,
    FACE_DETECTION,
    FACE_GATE,
    FACE_KEYPOINTS,
    FACE_RECOGNITION,
    GATE_LABELS,
    OBJECT_DETECTION,
    OBJECT_RECOGNITION,
    TASKS,
    ClassHead,
    EmbeddingHead,
    GridHead,
    ImageSpec,
    ModelSpec,
)
from zoo.catalog import Entry, find

__version__ = "0.1.0"

__all__ = [
    "BUDGET_BYTES",
    "FACE_DETECTION",
    "FACE_GATE",
    "FACE_KEYPOINTS",
    "FACE_RECOGNITION",
    "GATE_LABELS",
    "OBJECT_DETECTION",
    "OBJECT_RECOGNITION",
    "TASKS",
    "BadArtifact",
    "BadData",
    "BadImage",
    "BudgetExceeded",
    "ClassHead",
    "DuplicateName",
    "EmbeddingHead",
    "Entry",
    "GridHead",
    "ImageSpec",
    "ModelSpec",
    "UnknownName",
    "ZooError",
    "build",
    "find",
    "get",
    "keras",
    "list_models",
    "load",
    "open_model",
    "register_model",
]
