"""Further training pictures from other data: classes by name, landmarks unknown, nothing measured on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tuner.data import Dataset, Sample, decode, with_extra
from tuner.data.synthetic import generate
from zoo._errors import BadData
from zoo._specs import FACE_DETECTION, FACE_RECOGNITION, OBJECT_DETECTION, ImageSpec


@pytest.fixture(scope="module")
def faces() -> Dataset:
    return generate(FACE_DETECTION, 6, 2, seed=1)


def plain(labels: tuple[str, ...], *classes: int, key: str = "one") -> Dataset:
    """A data set of one training picture with a box of each class given, without landmarks."""
    boxes = np.array([[8, 8, 40, 40]] * len(classes), np.float32)
    sample = Sample(
        key=key,
        load=lambda: np.full((64, 64, 3), 90, np.uint8),
        boxes_px=boxes,
        classes=np.array(classes, np.int64),
        keypoints_px=np.zeros((len(classes), 0, 2), np.float32),
        ignore=np.zeros(len(classes), bool),
        size_px=(64, 64),
        image_id=7,
    )
    return Dataset("more", "voc", labels, {"train": [sample], "val": [sample]})


def test_training_pictures_are_added_and_what_is_measured_on_stays(faces: Dataset) -> None:
    both = with_extra(faces, plain(("face",), 0))
    assert both.splits["val"] == faces.splits["val"]
    assert both.splits["train"][:-1] == faces.splits["train"]
    assert both.splits["train"][-1].key == "more/one"
    assert decode(both.splits["train"], ImageSpec(64, 64)).extra == (len(faces.splits["train"]),)
    assert both.name == faces.name
    assert both.digest != faces.digest
    assert "1 training pictures of more are added." in both.notes


def test_landmarks_that_are_not_annotated_are_unknown(faces: Dataset) -> None:
    pictures = decode(with_extra(faces, plain(("face",), 0)).splits["train"], ImageSpec(64, 64))
    assert pictures.keypoints[-1].shape == (1, len(faces.keypoints), 2)
    assert np.isnan(pictures.keypoints[-1]).all()
    assert np.isfinite(np.concatenate(pictures.keypoints[:-1])).any()


def test_classes_go_by_their_names() -> None:
    both = with_extra(plain(("cat", "dog"), 1), plain(("dog", "cat"), 0, 1, key="two"))
    assert both.labels == ("cat", "dog")
    assert both.splits["train"][-1].classes.tolist() == [1, 0]


def test_labels_of_whole_pictures_go_by_their_names() -> None:
    labelled = replace(plain(("b", "a")), splits={"train": [replace(plain(("b", "a")).splits["train"][0], label=1)]})
    assert with_extra(plain(("a", "b")), labelled).splits["train"][-1].label == 0


def test_other_classes_and_other_landmarks_are_refused(faces: Dataset) -> None:
    with pytest.raises(BadData, match="more labels bird, but more has cat, dog"):
        with_extra(plain(("cat", "dog"), 0), plain(("cat", "bird"), 0))
    with pytest.raises(BadData, match="annotates the landmarks"):
        with_extra(replace(faces, keypoints=("left", "right")), faces)


def test_labels_may_be_called_otherwise(faces: Dataset) -> None:
    both = with_extra(plain(("masked", "bare"), 0), faces, renamed={"face": "bare"})
    assert both.labels == ("masked", "bare")
    added = both.splits["train"][1:]
    assert set().union(*(sample.classes.tolist() for sample in added)) == {1}
    assert all(sample.keypoints_px.shape == (len(sample.boxes_px), 0, 2) for sample in added)
    with pytest.raises(BadData, match="or say with 'rename' what theirs are called"):
        with_extra(plain(("masked", "bare"), 0), faces, renamed={"fase": "bare"})


def test_people_of_two_sets_are_different_people() -> None:
    people = generate(FACE_RECOGNITION, 8, 4, seed=1)
    others = replace(people, name="others")
    both = with_extra(people, others, people=True)
    assert both.labels == (*people.labels, *(f"others/{label}" for label in people.labels))
    train = people.splits["train"]
    added = both.splits["train"][len(train) :]
    assert [sample.label for sample in added] == [sample.label + len(people.labels) for sample in train]
    assert both.splits["val"] is people.splits["val"]


def test_extra_data_are_opened_for_the_task_of_the_data() -> None:
    animals = generate(OBJECT_DETECTION, 4, 2, seed=1)
    assert (
        with_extra(animals, animals).splits["train"][4].classes.tolist() == animals.splits["train"][0].classes.tolist()
    )
