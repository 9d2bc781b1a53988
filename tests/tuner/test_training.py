"""The recipe: fresh starts, best weights, lower rates, early stops, and failures that are told."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import zoo
from tuner.augment import AUGMENTATIONS, Augmentation
from tuner.batches import Batches, as_input, repeat_factors
from tuner.data import Decoded, decode, open_dataset
from tuner.learners import ClassLearner, learner_for
from tuner.recipe import Recipe, TrialFailed
from tuner.steps import made_ahead
from tuner.training import Trainer

SPEC = zoo.get("dense4_cls_64")


@pytest.fixture(scope="module")
def data() -> tuple[Decoded, Decoded]:
    dataset = open_dataset("synthetic", task=SPEC.task, limit=48, val_limit=24)
    train, val = (decode(dataset.splits[split], SPEC.inputs) for split in ("train", "val"))
    return train, val


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    dataset = open_dataset("synthetic", task=SPEC.task, limit=4)
    num_classes = len(dataset.labels)
    return Trainer(SPEC, learner_for(SPEC, num_classes), {"num_classes": num_classes}, seed=0)


RECIPE = Recipe(batch_size=8, learning_rate=2e-3, epochs=3)


def test_a_fit_does_not_see_what_another_left(trainer: Trainer, data: tuple[Decoded, Decoded]) -> None:
    first = trainer.fit(RECIPE, *data)
    trainer.fit(replace(RECIPE, batch_size=16, learning_rate=1e-2), *data)
    again = trainer.fit(RECIPE, *data)
    assert [row["loss"] for row in again.history] == pytest.approx([row["loss"] for row in first.history], rel=1e-5)
    for before, after in zip(first.weights, again.weights, strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-5)


class Counting(ClassLearner):
    """Counts how often the loss is traced: its Python code runs once per trace, never per step."""

    traces = 0

    def loss(self, targets: Mapping[str, Any], outputs: Mapping[str, Any]) -> Any:
        self.traces += 1
        return super().loss(targets, outputs)


def test_one_trace_serves_all_batch_sizes(data: tuple[Decoded, Decoded]) -> None:
    learner = Counting()
    trainer = Trainer(SPEC, learner, {"num_classes": int(data[0].labels.max()) + 1}, seed=0)
    for batch_size in (8, 1, 5, 48, 16):
        trainer.fit(replace(RECIPE, batch_size=batch_size, epochs=1), *data)
    assert learner.traces == 1


@pytest.mark.slow
def test_thousands_of_short_epochs_end() -> None:
    """Threads that make batches and those that train must never wait for each other for ever."""
    spec = zoo.get("pebble_cls_48")
    dataset = open_dataset("synthetic", task=spec.task, limit=8, val_limit=8)
    pictures = decode(dataset.splits["train"], spec.inputs)
    trainer = Trainer(spec, learner_for(spec, len(dataset.labels)), {"num_classes": len(dataset.labels)}, seed=0)
    epochs = 4000
    endless = replace(RECIPE, batch_size=2, epochs=epochs, stop_patience=epochs)
    assert len(trainer.fit(endless, pictures, pictures).history) == epochs


def test_the_loss_falls_and_the_best_weights_are_kept(trainer: Trainer, data: tuple[Decoded, Decoded]) -> None:
    fit = trainer.fit(replace(RECIPE, epochs=8, augmentation=Augmentation()), data[0], data[0])
    losses = [row["loss"] for row in fit.history]
    assert losses[-1] < 0.8 * losses[0]
    assert fit.best_score == max(row["top1"] for row in fit.history)
    assert fit.history[fit.best_epoch - 1]["top1"] == fit.best_score
    score = ClassLearner().score(trainer.outputs(data[0].images), data[0])
    assert score == fit.best_score


def test_an_interrupt_at_any_moment_is_an_interrupt(trainer: Trainer, data: tuple[Decoded, Decoded]) -> None:
    """Inside a call from C, it would be another error: a TypeError of TensorFlow's, most often."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores interrupts
    try:
        for moment in np.linspace(0.02, 0.4, 20):
            timer = threading.Timer(moment, os.kill, (os.getpid(), signal.SIGINT))
            with pytest.raises(KeyboardInterrupt):
                timer.start()
                trainer.fit(replace(RECIPE, epochs=10_000, stop_patience=10_000), *data)
        assert trainer.fit(RECIPE, *data).history
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_rate_falls_on_a_plateau_and_training_stops_early(trainer: Trainer, data: tuple[Decoded, Decoded]) -> None:
    hopeless = replace(
        RECIPE, learning_rate=1e-9, epochs=12, stop_patience=4, plateau_patience=2, augmentation=Augmentation()
    )
    fit = trainer.fit(hopeless, *data)
    assert len(fit.history) < 12
    assert fit.history[-1]["learning_rate"] < 1e-9


class Exploding(ClassLearner):
    def loss(self, targets: Mapping[str, Any], outputs: Mapping[str, Any]) -> Any:
        return super().loss(targets, outputs) * float("inf")


def test_a_loss_that_is_not_finite_fails_the_trial(data: tuple[Decoded, Decoded]) -> None:
    trainer = Trainer(SPEC, Exploding(), {"num_classes": int(data[0].labels.max()) + 1}, seed=0)
    with pytest.raises(TrialFailed, match=r"the loss was (inf|nan) after epoch 1"):
        trainer.fit(replace(RECIPE, epochs=1), *data)


def test_a_loss_that_explodes_in_the_first_epoch_fails_the_trial(
    trainer: Trainer, data: tuple[Decoded, Decoded]
) -> None:
    with pytest.raises(TrialFailed, match=r"the loss exploded from [1-9]\.\d* to .*e\+.* by epoch 1"):
        trainer.fit(replace(RECIPE, learning_rate=1e3, epochs=1), *data)


def test_a_network_over_its_budget_is_refused_before_training() -> None:
    with pytest.raises(zoo.BudgetExceeded, match=r"would weigh about"):
        Trainer(SPEC, ClassLearner(), {"width": 3.0}, seed=0)


@pytest.mark.parametrize("threads", [1, 3, 50])
def test_batches_made_ahead_are_those_that_one_after_the_other_gives(
    data: tuple[Decoded, Decoded], threads: int
) -> None:
    recipe = Recipe(batch_size=7, augmentation=AUGMENTATIONS["portraits"])
    batches = Batches(SPEC, ClassLearner(), data[0], recipe)
    ahead = list(made_ahead(batches, threads))
    assert len(ahead) == len(batches) > 3
    for index, (images, targets) in enumerate(ahead):
        alone, wanted = batches[index]
        np.testing.assert_array_equal(images, alone)
        np.testing.assert_array_equal(targets["label"], wanted["label"])


def test_batches_cover_every_picture_once_in_a_new_order_each_epoch(data: tuple[Decoded, Decoded]) -> None:
    train = replace(data[0], labels=np.arange(len(data[0])))
    batches = Batches(SPEC, ClassLearner(), train, Recipe(batch_size=7))
    epochs = []
    for epoch in range(2):
        batches.start_epoch(epoch)
        epochs.append(np.concatenate([batches[index][1]["label"] for index in range(len(batches))]))
    for order in epochs:
        assert sorted(order) == list(range(len(train)))
        assert order.tolist() != list(range(len(train)))
    assert epochs[0].tolist() != epochs[1].tolist()


def test_bytes_become_the_value_range() -> None:
    images = np.array([0, 255], np.uint8).reshape(2, 1, 1, 1)
    assert as_input(images, zoo.ImageSpec(8, 8, value_range=(-1.0, 1.0))).ravel().tolist() == [-1.0, 1.0]


def test_take_keeps_rows_together(data: tuple[Decoded, Decoded]) -> None:
    rows = data[0].take(np.array([3, 1]))
    assert rows.keys == (data[0].keys[3], data[0].keys[1])
    np.testing.assert_array_equal(rows.images[1], data[0].images[1])


def boxed(*classes: tuple[int, ...]) -> Decoded:
    """Decoded pictures of four pixels with a box of each class given."""
    return Decoded(
        images=np.zeros((len(classes), 2, 2, 3), np.uint8),
        boxes=[np.zeros((len(some), 4), np.float32) for some in classes],
        classes=[np.array(some, np.int64) for some in classes],
        keypoints=[np.zeros((len(some), 0, 2), np.float32) for some in classes],
        ignore=[np.zeros(len(some), bool) for some in classes],
        labels=np.full(len(classes), -1),
        sizes_px=np.full((len(classes), 2), 2),
        keys=tuple(map(str, range(len(classes)))),
    )


def test_rare_classes_are_repeated_as_in_the_paper() -> None:
    data = boxed(*[(0,)] * 12, (0, 1, 1), (1,), (2,), ())
    factors = repeat_factors(data, 0.5)
    assert factors is not None
    common, rare, rarest = 1.0, (0.5 * 16 / 2) ** 0.5, (0.5 * 16) ** 0.5
    np.testing.assert_allclose(factors, [common] * 12 + [rare, rare, rarest, common])
    assert repeat_factors(data, 0.0) is None
    assert repeat_factors(boxed((0,), (0,)), 1.0) is None
    data.ignore[14][:] = True
    assert repeat_factors(data, 0.5)[14] == common  # type: ignore[index]


def test_the_last_epochs_put_no_pictures_together(data: tuple[Decoded, Decoded]) -> None:
    train, _ = data
    recipe = Recipe(batch_size=4, epochs=10, close_mosaic=0.25, augmentation=Augmentation(mosaic=1.0))
    batches = Batches(SPEC, ClassLearner(), train.take(np.arange(8)), recipe)
    own = {image.tobytes() for image in as_input(train.images[:8], SPEC.inputs)}

    def untouched(epoch: int) -> int:
        batches.start_epoch(epoch)
        return sum(image.tobytes() in own for images, _ in (batches[0], batches[1]) for image in images)

    assert [untouched(epoch) for epoch in (0, 7, 8, 9)] == [0, 0, 8, 8]
    assert Recipe(batch_size=4, epochs=1, close_mosaic=0.25).augmentation_in(0) == Recipe(batch_size=4).augmentation


@pytest.mark.parametrize("threshold", [0.0, 0.5])
def test_the_last_epochs_are_as_long_and_show_no_pictures_of_further_data(
    data: tuple[Decoded, Decoded], threshold: float
) -> None:
    train, _ = data
    both = replace(train.take(np.arange(8)), extra=(1, 5, 6, 7))
    own = {as_input(both.images[row], SPEC.inputs).tobytes() for row in (0, 2, 3, 4)}
    plain = Recipe(batch_size=4, epochs=10, close_extra=0.25, repeat_threshold=threshold, augmentation=Augmentation())
    batches = Batches(SPEC, ClassLearner(), both, plain)

    def of_own(epoch: int) -> tuple[int, int]:
        batches.start_epoch(epoch)
        shown = [image.tobytes() for index in range(len(batches)) for image in batches[index][0]]
        assert len(shown) == 8
        return sum(image in own for image in shown), len(own.intersection(shown))

    assert of_own(0)[0] < 8 and of_own(7)[0] < 8
    assert of_own(8) == of_own(9) == (8, 4)


def test_mosaics_of_the_last_epochs_hold_no_pictures_of_further_data(data: tuple[Decoded, Decoded]) -> None:
    train, _ = data
    images = np.zeros_like(train.images[:8])
    images[4:] = 255
    both = replace(train.take(np.arange(8)), images=images, extra=(4, 5, 6, 7))
    mosaics = Recipe(batch_size=8, epochs=2, close_extra=0.5, augmentation=Augmentation(mosaic=1.0))
    batches = Batches(SPEC, ClassLearner(), both, mosaics)
    shares = []
    for epoch in (0, 1):
        batches.start_epoch(epoch)
        shares.append(float((batches[0][0] == batches[0][0].max()).mean()) if batches[0][0].max() > 0 else 0.0)
    assert shares[0] > 0.1 and shares[1] == 0


def test_an_epoch_with_repeats_is_as_long_and_shows_each_as_often_as_its_factor(data: tuple[Decoded, Decoded]) -> None:
    train, _ = data
    rare = train.take(np.flatnonzero(train.labels == train.labels[0])[:2])
    common = train.take(np.flatnonzero(train.labels == train.labels[-1]).repeat(20)[:50])
    both = Decoded(
        **{
            name: np.concatenate([getattr(rare, name), getattr(common, name)])
            for name in ("images", "labels", "sizes_px")
        },
        **{
            name: [*getattr(rare, name), *getattr(common, name)] for name in ("boxes", "classes", "keypoints", "ignore")
        },
        keys=(*rare.keys, *common.keys),
    )
    batches = Batches(SPEC, ClassLearner(), both, Recipe(batch_size=8, repeat_threshold=1.0))
    shown = 0
    for epoch in range(40):
        batches.start_epoch(epoch)
        labels = np.concatenate([targets["label"] for _, targets in (batches[index] for index in range(len(batches)))])
        assert len(labels) == 52
        shown += int((labels == rare.labels[0]).sum())
    factors = repeat_factors(both, 1.0)
    assert factors is not None
    assert shown / 40 == pytest.approx(52 * factors[:2].sum() / factors.sum(), abs=0.5)
