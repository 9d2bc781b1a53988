"""What is wrong with a data set, one finding per bad item: its kind, the file to look at, a sentence for people.

Loaders find what annotations say, `tuner.data.check` what the pictures are; training leaves out what a fault names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zoo._errors import BadData

FAULTS = {
    "missing-file": "file that does not exist",
    "unreadable": "picture that cannot be decoded",
    "too-large": "picture of more than 100 megapixels",
    "other-size": "picture of another size than its annotation was made for",
    "outside-folder": "file name that points outside the folder",
    "malformed": "annotation that cannot be read",
    "duplicate-id": "id that occurs twice",
    "unknown-picture": "annotation of a picture that is not listed",
    "unknown-class": "class that is not declared",
    "not-finite": "box with a value that is not a finite number",
    "no-area": "box without area",
    "outside-picture": "box outside its picture",
}
"""Left out of training and counted; errors where everything has to be right."""

REMARKS = {
    "clipped": "box that reaches beyond its picture, cut off at the edge",
    "repeated-id": "id of two annotations, which both count",
    "exif-rotation": "picture turned by its EXIF orientation",
    "cmyk": "CMYK picture, brought to RGB",
    "16-bit": "picture of 16 bits per channel, brought to 8",
    "alpha": "picture with transparency, put on white",
    "near-duplicate": "picture that is almost the same in two splits",
}
"""Used all the same, but worth a look."""


@dataclass(frozen=True)
class Finding:
    """One thing found: `kind` is a key of FAULTS or REMARKS, `file` a path or a picture's name."""

    kind: str
    file: str
    sentence: str

    def __post_init__(self) -> None:
        assert self.kind in FAULTS or self.kind in REMARKS, self.kind

    @property
    def is_fault(self) -> bool:
        return self.kind in FAULTS


def refuse_faults(sentences: Sequence[str], what: str) -> None:
    """Raise BadData for the first of these sentences about faults, if any: what `strict` means."""
    if sentences:
        raise BadData(
            f"{what}: strict allows nothing to be left out, but {len(sentences)} would be. The first: {sentences[0]}"
        )
