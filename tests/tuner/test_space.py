"""What can be searched, how it is written, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import zoo
from tuner import sweep
from tuner.defaults import SUGGESTED, Range, Space
from tuner.space import check_space, read_dimensions, searchable

FACES, CLASSES = zoo.get("yunet_n_160"), zoo.get("pebble_cls_48")


@pytest.mark.parametrize(
    "wrong",
    [
        ((), (1e-4, 1e-2)),
        ((0,), (1e-4, 1e-2)),
        ((8,), (1e-2, 1e-4)),
        ((8,), (0.0, 1.0)),
        ((8,), (1e-3, 1e-3), {"batch_size": ()}),
        ((8,), (1e-3, 1e-3), {"learning_rate": Range(-1, 1)}),
        ((8,), (1e-3, 1e-3), {"width": ()}),
    ],
)
def test_an_empty_or_backward_space_is_refused(wrong: tuple[Any, ...]) -> None:
    with pytest.raises(zoo.ZooError, match=r"(F|f)or example"):
        Space(*wrong)


def test_a_model_brings_its_own_dimensions() -> None:
    known = searchable(FACES)
    assert {"batch_size", "learning_rate", "width", "activation", "box_weight", "keypoint_weight"} <= set(known)
    assert "margin" in searchable(zoo.get("mobilefacenet_025_112"))
    assert not {"box_weight", "num_classes", "epochs", "seed"} & set(searchable(CLASSES))


def test_words_become_dimensions() -> None:
    words = ["width=0.5,1", "box_weight=1:4", "keypoint_weight=0.1:1:log", "activation", "augmentation=none,scenes"]
    assert read_dimensions([*words, "batch_size=4,8", "learning_rate=1e-4:1e-3", "stop_patience=2:5"], FACES) == {
        "width": (0.5, 1.0),
        "box_weight": Range(1.0, 4.0, log=True),  # as suggested
        "keypoint_weight": Range(0.1, 1.0, log=True),
        "activation": SUGGESTED["activation"],
        "augmentation": ("none", "scenes"),
        "batch_size": (4, 8),
        "learning_rate": Range(1e-4, 1e-3, log=True),
        "stop_patience": Range(2, 5),
    }


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("widht=1", "Did you mean 'width'"),
        ("box_weight=1", "A sweep of 'pebble_cls_48' can search: batch_size"),
        ("width=wide", "width takes numbers, got 'wide'"),
        ("batch_size=0.5", "batch_size takes whole numbers"),
        ("width=", "There is nothing to choose from"),
        ("stop_patience", "no suggested values for stop_patience"),
        ("width=2:1", "A range must rise, got 2:1"),
        ("width=0:1:log", "must be above 0"),
        ("width=1:2:lin", "Cannot read --space width=1:2:lin"),
    ],
)
def test_a_word_that_cannot_be_read_is_a_sentence(word: str, message: str) -> None:
    with pytest.raises(zoo.ZooError, match=message):
        read_dimensions([word], CLASSES)


@pytest.mark.parametrize(
    ("more", "options", "message"),
    [
        ({"widht": (1.0,)}, {}, "Did you mean 'width'"),
        ({"num_classes": (2, 3)}, {}, "follows the data"),
        ({"width": (1.0,)}, {"width": 0.5}, "both fixed as an option and searched"),
        ({"width": ("a",)}, {}, "takes numbers, got 'a'"),
        ({"activation": Range(0, 1)}, {}, "takes words, got 0"),
        ({"activation": ("relu", "gelu")}, {}, "Unknown activation 'gelu'"),
        ({"augmentation": (1,)}, {}, "takes words, got 1"),
        ({"augmentation": ("scene",)}, {}, "Did you mean 'scenes'"),
        ({"batch_size": (True,)}, {}, "takes whole numbers"),
        ({"warmup_epochs": (0.5,)}, {}, "got up to 0.5 with plateau"),
        ({"warmup_epochs": Range(0.0, 2.0), "schedule": ("cosine", "plateau")}, {}, "got up to 2 with plateau"),
    ],
)
def test_a_dimension_that_cannot_be_searched_is_a_sentence(
    more: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(zoo.ZooError, match=message):
        check_space(Space(more=more), CLASSES, options)


def test_a_space_survives_its_record() -> None:
    space = Space((4, 8), (1e-4, 1e-2), {"width": (0.5, 1.0), "box_weight": Range(1, 4, log=True)})
    assert Space.from_record(space.record()) == space


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [("weight_decay", (0.0, 2.0), "from 0 to 1, got 2"), ("weight_average", Range(0.5, 1.5), "below 1, got 1.5")],
)
def test_a_value_that_no_training_takes_is_refused_before_any(
    name: str, values: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(zoo.ZooError, match=message):
        sweep("pebble_cls_48", limit=16, space=Space(more={name: values}), out=tmp_path)
    assert not list(tmp_path.iterdir())
