"""Squares with and without a face: what they show, how many of each, and that nothing but the key decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _builders import edit_json, write_coco, write_voc
from hypothesis import given
from hypothesis import strategies as st

from tuner.data import Sample, decode, open_dataset
from tuner.data._gate import FACE_SHARE, MAX_FACE_SEEN, PER_PICTURE, cut, cut_evenly
from zoo import BadData, ImageSpec
from zoo._specs import FACE_DETECTION, FACE_GATE, GATE_LABELS


def picture(boxes: Any, size_px: tuple[int, int] = (120, 160), key: str = "p", ignore: Any = False) -> Sample:
    """A picture whose faces are white on black."""
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    pixels = np.zeros((*size_px, 3), np.uint8)
    for left, top, right, bottom in boxes.astype(int):
        pixels[top:bottom, left:right] = 255
    return Sample(
        key,
        lambda: pixels,
        boxes,
        np.zeros(len(boxes), np.int64),
        ignore=np.broadcast_to(ignore, len(boxes)).copy(),
        size_px=size_px,
    )


def square_of(crop: Sample) -> tuple[int, int, int]:
    return crop.load.args[1:]  # type: ignore[attr-defined]


def shared(square: tuple[int, int, int], box: np.ndarray) -> float:
    left, top, side = square
    width = min(left + side, box[2]) - max(left, box[0])
    height = min(top + side, box[3]) - max(top, box[1])
    return max(width, 0) * max(height, 0)


@given(st.integers(0, 2**32 - 1))
def test_squares_show_a_whole_face_or_next_to_nothing(seed: int) -> None:
    generator = np.random.default_rng(seed)
    size_px = (int(generator.integers(60, 300)), int(generator.integers(60, 300)))
    low = generator.uniform(0, 0.7, (generator.integers(0, 4), 2))
    high = np.minimum(low + generator.uniform(0.02, 0.6, low.shape), 1)
    boxes = np.concatenate([low, high], axis=1) * np.tile(size_px[::-1], 2)
    ignore = generator.random(len(boxes)) < 0.3
    sample = picture(boxes, size_px, f"p{seed}", ignore)
    found = cut(sample)
    assert len(found.faces) <= PER_PICTURE
    assert len(found.empty) <= PER_PICTURE
    for crop in found.faces:
        row = int(crop.key.rsplit("#face")[1])
        box, (left, top, side) = sample.boxes_px[row], square_of(crop)
        face = max(box[2] - box[0], box[3] - box[1])
        assert not ignore[row]
        assert left <= box[0] < box[2] <= left + side
        assert top <= box[1] < box[3] <= top + side
        assert FACE_SHARE[0] - 2 / side <= face / side <= FACE_SHARE[1]
        if face <= FACE_SHARE[1] * (min(size_px) - 1):
            assert min(left, top) >= 0
            assert left + side <= size_px[1]
            assert top + side <= size_px[0]
    for crop in found.empty:
        left, top, side = square = square_of(crop)
        assert min(left, top) >= 0
        assert left + side <= size_px[1]
        assert top + side <= size_px[0]
        for box in sample.boxes_px:
            smaller = min(side**2, (box[2] - box[0]) * (box[3] - box[1]))
            assert shared(square, box) <= MAX_FACE_SEEN * smaller + 1e-3


def test_squares_follow_from_the_key_alone() -> None:
    first, same, other = (picture([40, 30, 70, 60], key=key) for key in ("a", "a", "b"))
    squares = [[square_of(crop) for kind in cut(one)[:2] for crop in kind] for one in (first, same, other)]
    assert squares[0] == squares[1] != squares[2]


def test_pixels_are_those_of_the_square() -> None:
    found = cut(picture([40, 30, 70, 60]))
    assert found.faces[0].load().any()
    assert not any(crop.load().any() for crop in found.empty)
    for crop in (*found.faces, *found.empty):
        assert crop.load().shape == (*crop.size_px, 3)  # type: ignore[misc]


def test_a_face_that_fills_its_picture_is_continued_as_in_a_mirror() -> None:
    found = cut(picture([0, 0, 100, 100], (100, 100)))
    crop = found.faces[0].load()
    assert crop.shape[0] > 110
    assert (crop == 255).all()
    assert found.empty == []


def test_ignored_and_tiny_faces() -> None:
    assert cut(picture([40, 30, 70, 60], ignore=True)).faces == []
    assert all(
        shared(square_of(crop), np.array([40, 30, 70, 60])) <= 45 for crop in cut(picture([40, 30, 70, 60])).empty
    )
    tiny = cut(picture([40, 30, 48, 38]))
    assert (tiny.faces, tiny.too_small) == ([], 1)
    assert cut_evenly([picture([40, 30, 48, 38])])[1] == ["1 faces of less than 12 pixels are left out as pictures."]


def test_as_many_of_each_kind_from_pictures_of_both() -> None:
    samples = [picture([40, 30, 70, 60], key=f"face{i}") for i in range(9)]
    samples += [picture([], key=f"none{i}") for i in range(20)]
    crops, _ = cut_evenly(samples)
    labels = np.array([crop.label for crop in crops])
    assert np.bincount(labels).tolist() == [9, 9]
    sources = {crop.key[:4] for crop in crops if crop.label == 0}
    assert sources == {"face", "none"}


@pytest.mark.parametrize("write", [write_coco, write_voc])
def test_folders_open_as_squares(write: Any, tmp_path: Path) -> None:
    folder = write(tmp_path)
    dataset = open_dataset(folder, task=FACE_GATE)
    assert dataset.labels == GATE_LABELS
    assert dataset.keypoints == ()
    detection = open_dataset(folder, task=FACE_DETECTION)
    for split in ("train", "val"):
        crops = dataset.splits[split]
        assert {crop.key.split("#")[0] for crop in crops} <= {sample.key for sample in detection.splits[split]}
        assert np.ptp(np.bincount([crop.label for crop in crops])) == 0
    few = open_dataset(folder, task=FACE_GATE, limit=6)
    assert np.bincount([crop.label for crop in few.splits["train"]]).tolist() == [3, 3]
    assert few.splits["val"] and len(few.splits["val"]) == len(dataset.splits["val"])
    decoded = decode(few.splits["train"], ImageSpec(32, 32))
    assert decoded.images.shape == (6, 32, 32, 3)
    assert sorted(decoded.labels.tolist()) == [0, 0, 0, 1, 1, 1]


def test_a_split_without_room_beside_the_faces_is_a_sentence(tmp_path: Path) -> None:
    write_coco(tmp_path)

    def fill(document: dict[str, Any]) -> None:
        for annotation in document["annotations"]:
            annotation["bbox"] = [0, 0, 64, 48]

    edit_json(tmp_path / "val.json", fill)
    with pytest.raises(BadData, match=r"split 'val' give no squares .* Add pictures with room"):
        open_dataset(tmp_path, task=FACE_GATE)


@pytest.mark.parametrize("count", [1, 7, 64])
def test_generated_squares_alternate(count: int) -> None:
    samples = open_dataset("synthetic", task=FACE_GATE, limit=count).splits["train"]
    assert [sample.label for sample in samples] == [1 - index % 2 for index in range(count)]
