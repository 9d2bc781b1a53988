"""Labelled pictures: opened from a folder or generated, then decoded to the size that a model takes.

    dataset = open_dataset("synthetic", task="face-detection")     or a folder, or tfds:NAME
    train = decode(dataset.splits["train"], spec.inputs)           arrays; coordinates in fractions of the input

Formats (COCO, VOC, YOLO, WIDER FACE, a folder per class or person) are told apart by what a folder holds.
`tuner.data.check` reports what is wrong with it, `tuner.data.show` draws samples, `tuner.data.pairs` makes and reads
verification pairs. NumPy and Pillow only: no framework is imported here.
"""

from tuner.data._cache import CACHE_VARIABLE, cache_folder
from tuner.data._decode import decode
from tuner.data._extra import with_extra
from tuner.data._formats import FORMATS
from tuner.data._open import SYNTHETIC, check_location, open_dataset
from tuner.data._types import Dataset, Decoded, Sample

__all__ = [
    "CACHE_VARIABLE",
    "FORMATS",
    "SYNTHETIC",
    "Dataset",
    "Decoded",
    "Sample",
    "cache_folder",
    "check_location",
    "decode",
    "open_dataset",
    "with_extra",
]
