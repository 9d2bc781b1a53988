"""Every model can learn twenty pictures by heart: if it cannot, labels, pre-processing or loss are wrong."""

from __future__ import annotations

import pytest

import zoo
from tuner.augment import Augmentation
from tuner.data import decode, open_dataset
from tuner.learners import learner_for
from tuner.training import Recipe, Trainer

PICTURES = 20
ENOUGH = 0.9
RECIPE = Recipe(
    batch_size=5,
    learning_rate=3e-3,
    epochs=300,
    plateau_patience=25,
    stop_patience=120,
    augmentation=Augmentation(),
    enough=ENOUGH,
)


@pytest.mark.slow
@pytest.mark.parametrize("name", [spec.name for spec in zoo.list_models()])
def test_learns_twenty_pictures_by_heart(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    spec = zoo.get(name)
    dataset = open_dataset("synthetic", task=spec.task, limit=PICTURES, seed=4)
    pictures = decode(dataset.splits["train"], spec.inputs)
    options = {"num_classes": len(dataset.labels)} if "num_classes" in spec.options else {}
    trainer = Trainer(spec, learner_for(spec, len(dataset.labels)), options, seed=0)
    fit = trainer.fit(RECIPE, pictures, pictures)
    with capsys.disabled():  # the table is what one runs this for
        print(f"\n{name:26} {fit.metric} {fit.best_score:.3f} after {fit.best_epoch} epochs", end=" ")
    assert fit.best_score >= ENOUGH
