"""Recipe files, warm-up and cosine, averaged weights and a longer training of the winner."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from tuner import recipe_files, search, sweep
from tuner._cli import add_commands, sweep_arguments
from tuner.checkpoints import read_checkpoint, write_checkpoint
from tuner.data import Decoded, decode, open_dataset
from tuner.defaults import Range, Space
from tuner.learners import ClassLearner
from tuner.recipe import Checkpoint, Recipe
from tuner.recipe_files import ARGUMENTS, FOLDER, shipped, with_recipe
from tuner.schedule import LAST_SHARE, WeightAverage, cosine_rate
from tuner.training import Trainer
from tuner.trials import Bench
from zoo._specs import FACE_RECOGNITION

SPEC = zoo.get("pebble_cls_48")
COSINE = Recipe(
    batch_size=8, learning_rate=4e-3, epochs=4, schedule="cosine", warmup_epochs=1, weight_average=0.9, stop_patience=1
)
QUICK: dict[str, Any] = {"limit": 16, "epochs": 1, "trials": 2, "space": Space((8,), (1e-3, 1e-2)), "overfit": False}
NOTHING_GIVEN = dict.fromkeys(ARGUMENTS)


@pytest.fixture(scope="module")
def data() -> tuple[Decoded, Decoded]:
    dataset = open_dataset("synthetic", task=SPEC.task, limit=32, val_limit=16)
    train, val = (decode(dataset.splits[split], SPEC.inputs) for split in ("train", "val"))
    return train, val


@pytest.fixture(scope="module")
def trainer(data: tuple[Decoded, Decoded]) -> Trainer:
    return Trainer(SPEC, ClassLearner(), {"num_classes": int(data[0].labels.max()) + 1}, seed=0)


def test_the_rate_rises_in_a_line_and_falls_along_a_cosine() -> None:
    rates = [cosine_rate(1.0, epoch, 10, 2) for epoch in (0, 1, 2, 6, 10)]
    assert rates == pytest.approx([LAST_SHARE, 0.5, 1.0, (1 + LAST_SHARE) / 2, LAST_SHARE])


def test_the_average_is_that_of_the_formula() -> None:
    average, expected = WeightAverage(0.5), np.zeros(3)
    for step in range(30):
        weights = np.full(3, float(step))
        average.take([weights])
        decay = min(0.5, (1 + step) / (10 + step))
        expected = weights if step == 0 else decay * expected + (1 - decay) * weights
    np.testing.assert_allclose(average.values[0], expected)
    assert 27 < average.values[0][0] < 29  # two steps behind


def test_a_cosine_training_runs_to_its_end_and_keeps_averaged_weights(
    trainer: Trainer, data: tuple[Decoded, Decoded]
) -> None:
    kept: list[Checkpoint] = []
    fit = trainer.fit(COSINE, *data, on_epoch=kept.append)
    rates = [row["learning_rate"] for row in fit.history]
    assert len(rates) == 4
    assert max(rates) <= 4e-3
    assert rates[-1] < rates[0]
    last = kept[fit.best_epoch - 1]
    for best, average in zip(fit.weights, last.average, strict=True):
        np.testing.assert_array_equal(best, average)
    assert any(not np.allclose(mean, now) for mean, now in zip(last.average, last.network, strict=True))
    assert fit.best_score == ClassLearner().score(trainer.outputs(data[1].images), data[1])


def test_an_interrupted_cosine_training_ends_as_if_it_had_not_been(
    trainer: Trainer, data: tuple[Decoded, Decoded], tmp_path: Path
) -> None:
    kept: list[Checkpoint] = []
    whole = trainer.fit(COSINE, *data, on_epoch=lambda one: kept.append(one) if len(kept) < 2 else None)
    write_checkpoint(tmp_path / "checkpoint.npz", kept[1])
    start = read_checkpoint(tmp_path / "checkpoint.npz")
    assert start is not None
    assert start.average_steps == kept[1].average_steps > 0
    again = trainer.fit(COSINE, *data, start=start)
    assert [row["loss"] for row in again.history] == pytest.approx([row["loss"] for row in whole.history], rel=1e-4)
    for before, after in zip(whole.weights, again.weights, strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-4)


def test_weight_decay_takes_its_share_of_kernels_alone(trainer: Trainer, data: tuple[Decoded, Decoded]) -> None:
    zero_rate = Recipe(batch_size=32, learning_rate=0.0, epochs=1)
    before = trainer.fit(zero_rate, *data).weights
    one_step = replace(zero_rate, learning_rate=1e-2)
    without, decayed, again = (
        trainer.fit(replace(one_step, weight_decay=decay), *data).weights for decay in (0.0, 0.1, 0.0)
    )
    ranks = {values.ndim for values in before}
    assert {1, 4} <= ranks
    for first, plain, less, repeated in zip(before, without, decayed, again, strict=True):
        lost = 0.1 * 1e-2 * first if first.ndim > 1 else 0.0 * first
        np.testing.assert_allclose(plain - less, lost, atol=1e-6)
        np.testing.assert_allclose(repeated, plain, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"schedule": "cosin"}, "Did you mean 'cosine'"),
        ({"schedule": "plateau"}, "warmup_epochs belongs to the schedule cosine"),
        ({"weight_average": 1.0}, "from 0 to below 1, got 1"),
        ({"close_mosaic": 1.5}, "share from 0 to 1, got 1.5"),
        ({"close_extra": -0.5}, "close_extra is a share from 0 to 1, got -0.5"),
        ({"weight_decay": -0.1}, "from 0 to 1, got -0.1"),
    ],
)
def test_a_recipe_that_cannot_be_is_a_sentence(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(zoo.ZooError, match=message):
        replace(COSINE, **settings)


def test_the_winner_is_trained_for_longer_at_the_end(tmp_path: Path) -> None:
    result = sweep(SPEC.name, out=tmp_path, finish_epochs=3, **QUICK)
    last = result.trials[-1]
    assert [trial["max_epochs"] for trial in result.trials] == [1, 1, 3]
    best = max(result.trials[:2], key=lambda trial: (trial["score"], -trial["trial"]))
    assert last["finishes"] == best["trial"]
    assert last["hyperparameters"] == best["hyperparameters"]
    assert last["epochs"] == 3
    assert len(sweep(resume=result.folder).trials) == 3


def test_a_finish_that_was_interrupted_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed = sweep(SPEC.name, out=tmp_path / "a", finish_epochs=3, **QUICK)

    class Killed(BaseException):
        pass

    run_trial = Bench.run

    def dying(self: Bench, trial: Any, folder: Path, **rest: Any) -> Any:
        def die(done: int) -> None:
            if trial.finishes and done == 2:
                raise Killed

        return run_trial(self, trial, folder, **{**rest, "on_epoch": die})

    monkeypatch.setattr(Bench, "run", dying)
    with pytest.raises(Killed):
        sweep(SPEC.name, out=tmp_path / "b", finish_epochs=3, **QUICK)
    monkeypatch.undo()
    (folder,) = (tmp_path / "b" / SPEC.name).iterdir()
    epochs: list[int] = []

    def counting(self: Bench, trial: Any, at: Path, **rest: Any) -> Any:
        return run_trial(self, trial, at, **{**rest, "on_epoch": epochs.append})

    monkeypatch.setattr(search.Bench, "run", counting)
    resumed = sweep(resume=folder)
    assert epochs == [3]  # the two epochs before were not trained again
    assert [trial["max_epochs"] for trial in resumed.trials] == [1, 1, 3]
    assert resumed.score == pytest.approx(undisturbed.score, abs=0.1)


@pytest.mark.parametrize("name", shipped())
def test_each_shipped_recipe_can_be_asked_for(name: str) -> None:
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    assert text.startswith("# ")  # says what it is for
    models = {"embedding_loss": "mobilefacenet_025_112", "class_weight": "picodet_s_320"}
    model = next((model for word, model in models.items() if word in text), "yunet_n_160")
    given = with_recipe(NOTHING_GIVEN, name, model)
    assert given["finish_epochs"] > given["epochs"]
    assert isinstance(given["space"].dimensions["learning_rate"], Range)
    assert len(given["space"].dimensions["batch_size"]) > 1


def test_an_argument_comes_before_the_recipe(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('trials = 7\nepochs = 5\n[space]\nbatch_size = [8, 16]\nlearning_rate = "1e-3:1e-2"\n')
    given = with_recipe({**NOTHING_GIVEN, "epochs": 2}, path, SPEC.name)
    assert (given["trials"], given["epochs"]) == (7, 2)
    assert given["space"].dimensions == {"batch_size": (8, 16), "learning_rate": Range(1e-3, 1e-2, log=True)}


def test_a_dimension_that_is_given_leaves_the_others_of_the_recipe(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[options]\nwidth = 0.5\nactivation = "relu6"\n[rename]\na = "b"\n'
        '[space]\nbatch_size = [8, 16]\nlearning_rate = "1e-3:1e-2"\nschedule = "cosine"\nweight_average = 0.99\n'
    )
    asked = {"space": Space(batch_sizes=(4,), more={"weight_average": (0.9,)}), "options": {"width": 0.75}}
    given = with_recipe({**NOTHING_GIVEN, **asked, "rename": {"c": "b"}}, path, SPEC.name)
    assert given["space"].dimensions == {
        "batch_size": (4,),
        "learning_rate": Range(1e-3, 1e-2, log=True),
        "schedule": ("cosine",),
        "weight_average": (0.9,),
    }
    assert given["options"] == {"width": 0.75, "activation": "relu6"}
    assert given["rename"] == {"a": "b", "c": "b"}
    fixed = with_recipe({**NOTHING_GIVEN, "space": Space(learning_rates=(1e-4, 1e-4))}, path, SPEC.name)
    assert fixed["space"].dimensions["learning_rate"] == Range(1e-4, 1e-4, log=True)
    assert fixed["space"].dimensions["batch_size"] == (8, 16)


def test_the_space_of_a_recipe_is_read_for_the_loss_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[space]\ncentring = 0.7\n")
    given = with_recipe({**NOTHING_GIVEN, "embedding_loss": "distill"}, path, "ghostfacenet_050_112")
    assert given["space"].dimensions["centring"] == (0.7,)
    with pytest.raises(zoo.ZooError, match="Unknown dimension 'centring'"):
        with_recipe(NOTHING_GIVEN, path, "ghostfacenet_050_112")
    with pytest.raises(zoo.ZooError, match="Did you mean 'distill'"):
        with_recipe({**NOTHING_GIVEN, "embedding_loss": "distil"}, path, "ghostfacenet_050_112")


def test_a_dimension_beside_a_recipe_is_read_for_the_loss_of_the_recipe(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('embedding_loss = "distill"\n')
    words = ["sweep", "ghostfacenet_050_112", "--recipe", str(path), "--space"]
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    given = sweep_arguments(parser.parse_args([*words, "centring=0.7"]), "ghostfacenet_050_112")
    assert given["space"].dimensions["centring"] == (0.7,)
    with pytest.raises(zoo.ZooError, match="Unknown dimension 'margin'"):
        sweep_arguments(parser.parse_args([*words, "margin=0.2"]), "ghostfacenet_050_112")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trials = ", "is no valid TOML"),
        ("trails = 3", "Did you mean 'trials'"),
        ('trials = "many"', "'trials' in the recipe .* cannot be 'many'"),
        ("trials = true", "'trials' in the recipe .* cannot be True"),
        ("[space]\nbatchsize = 3", "Did you mean 'batch_size'"),
        ('[space]\nbatch_size = "few"', "batch_size takes whole numbers, got 'few'"),
        ("[space]\nlearning_rate = []", "nothing to choose from"),
    ],
)
def test_a_wrong_recipe_is_a_sentence(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(zoo.ZooError, match=message):
        sweep(SPEC.name, recipe=path, out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_recipe_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(zoo.ZooError, match=r"There is no recipe .*none\.toml"):
        sweep(SPEC.name, recipe="none.toml")
    with pytest.raises(zoo.ZooError, match="Did you mean 'crowds'"):
        sweep(SPEC.name, recipe="crowd")
    assert recipe_files.FOLDER.is_dir()


def test_a_recognizer_is_distilled_from_a_teachers_file(tmp_path: Path) -> None:
    people = open_dataset("synthetic", task=FACE_RECOGNITION, limit=16, val_limit=64)
    keys = [sample.key for sample in people.splits["train"]]
    vectors = np.random.default_rng(0).normal(size=(len(keys), 128)).astype(np.float16)
    np.savez(tmp_path / "teacher.npz", files=np.array(keys), emb=vectors)
    asked = {**QUICK, "trials": 1, "space": Space((8,), (1e-3, 1e-3), {"centring": (0.7,)})}
    teacher = str(tmp_path / "teacher.npz")
    result = sweep("ghostfacenet_050_112", out=tmp_path, embedding_loss="distill", teacher=teacher, **asked)
    assert result.hyperparameters["centring"] == 0.7
    assert 0 < result.trials[0]["history"][0]["loss"] < 2

    np.savez(tmp_path / "teacher.npz", files=np.array(keys[1:]), emb=vectors[1:])
    with pytest.raises(zoo.BadData, match="no vector for 1 of 16 pictures"):
        sweep("ghostfacenet_050_112", out=tmp_path, embedding_loss="distill", teacher=teacher, **asked)
    np.savez(tmp_path / "teacher.npz", files=np.array(keys))
    with pytest.raises(zoo.BadData, match="cannot be read as a teacher's vectors"):
        sweep("ghostfacenet_050_112", out=tmp_path, embedding_loss="distill", teacher=teacher, **asked)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"embedding_loss": "distil"}, "Did you mean 'distill'"),
        ({"embedding_loss": "distill"}, "A teacher belongs to the embedding loss distill"),
        ({"embedding_loss": "arcface"}, "is for face recognition"),
        ({"finish_epochs": -1}, "finish_epochs is 0 or more"),
    ],
)
def test_a_request_that_cannot_be_is_a_sentence(arguments: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(zoo.ZooError, match=message):
        sweep(SPEC.name, out=tmp_path, **QUICK, **arguments)
