"""The pre-flight: a network that cannot learn twenty pictures by heart will not learn more of them.

Trained on as many pictures and scored on the same, without augmentation, the loss must fall. Where it does not, the
labels, the pre-processing or the loss are wrong, and `Overfit.reason` says what was found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tuner.augment import Augmentation
from tuner.data import Decoded
from tuner.plots import overfit_curve, save_png
from tuner.progress import Progress
from tuner.recipe import Recipe, TrialFailed
from tuner.trials import Bench
from zoo._files import write_atomically
from zoo._lazy import keras
from zoo._specs import FACE_RECOGNITION, GridHead

PICTURES = 20
BATCH_SIZE = 5
RELATIVE_STEP = 0.028
"""The learning rate in units of the kernels' size. Narrow networks begin with larger kernels (Glorot) and must take
larger steps to get as far; deep and wide ones tremble at those."""
ENOUGH_SCORE = 0.9
FALLS_TO = 0.5
"""A loss that falls to this share of the first epoch's is learning."""

PATIENT_EPOCHS, QUICK_EPOCHS = 300, 60
"""A pre-flight is over as soon as the loss falls, most often within ten epochs; the command goes on for the score."""

LEAST_CONTRAST = 2.0
"""Standard deviation of the bytes of a picture that shows something."""

LEAST_BOX_PX = 2.0


@dataclass(frozen=True)
class Overfit:
    """How the pre-flight went; `reason` is empty when the network learned."""

    reason: str
    metric: str
    score: float
    pictures: int
    history: Sequence[Mapping[str, float]]

    @property
    def passed(self) -> bool:
        return not self.reason

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "passed": self.passed,
            "reason": self.reason,
            "metric": self.metric,
            "score": self.score,
            "pictures": self.pictures,
            "history": list(self.history),
        }

    def draw(self, path: Path) -> None:
        """Write the curve of loss and score as PNG."""
        write_atomically(path, save_png(overfit_curve(self.record())))


def overfit(bench: Bench, *, quick: bool = False) -> Overfit:
    """Train the job's network on about twenty pictures until it knows them by heart.

    `quick` is content when the loss falls to half. The network is left trained; the next training starts it afresh.
    """
    pictures = bench.plain(chosen_rows(bench.train, bench.spec.task))
    epochs = QUICK_EPOCHS if quick else PATIENT_EPOCHS
    trainer = bench.trainer({})
    trainer.reset()  # an earlier training may have left it
    recipe = Recipe(
        batch_size=BATCH_SIZE,
        learning_rate=RELATIVE_STEP * kernel_rms(trainer.model),
        epochs=epochs,
        plateau_patience=25,
        stop_patience=epochs,
        augmentation=Augmentation(),
        enough=ENOUGH_SCORE,
        loss_falls_to=FALLS_TO if quick else 0.0,
        seed=bench.job.recipe.seed,
    )
    metric, history, score, failure = bench.learner.metric, [], 0.0, ""
    with Progress(f"{bench.spec.name}: learning {len(pictures)} pictures by heart", unit="img") as progress:
        try:
            fit = trainer.fit(recipe, pictures, pictures, on_images=progress.advance)
            history, score = fit.history, fit.best_score
        except TrialFailed as failed:
            failure = str(failed)
    learned = score >= ENOUGH_SCORE or (quick and history and _share(history) <= FALLS_TO)
    reason = "" if learned else _why_not(bench, pictures, history, score, failure)
    return Overfit(reason, metric, score, len(pictures), history)


def kernel_rms(model: Any) -> float:
    """Return the root mean square of all kernels' values together."""
    kernels = [np.ravel(keras.ops.convert_to_numpy(it)) for it in model.trainable_variables if len(it.shape) > 1]
    return float(np.sqrt(np.mean(np.square(np.concatenate(kernels)))))


def chosen_rows(data: Decoded, task: str) -> np.ndarray:
    """Return about twenty rows that teach something: with boxes where there are any; of identities, two of each."""
    if task == FACE_RECOGNITION:
        of_identity: dict[int, list[int]] = defaultdict(list)
        for row, label in enumerate(data.labels):
            of_identity[int(label)].append(row)
        pairs = [row for rows in of_identity.values() if len(rows) > 1 for row in rows[:2]]
        return np.array(pairs[:PICTURES] or range(min(PICTURES, len(data))))
    boxed = [row for row in range(len(data)) if len(data.boxes[row])]
    rows = boxed if boxed and (data.labels < 0).all() else range(len(data))
    return np.array([rows[index] for index in np.unique(np.linspace(0, len(rows) - 1, PICTURES).astype(int))])


def _share(history: Sequence[Mapping[str, float]]) -> float:
    return min(row["loss"] for row in history) / max(history[0]["loss"], 1e-12)


def _why_not(
    bench: Bench, pictures: Decoded, history: Sequence[Mapping[str, float]], score: float, failure: str
) -> str:
    """Return the likeliest reason as a sentence that names the culprit: pre-processing, labels or loss."""
    flat = int((pictures.images.reshape(len(pictures), -1).std(axis=1) < LEAST_CONTRAST).sum())
    if flat > len(pictures) // 2:
        return f"Pre-processing: {flat} of {len(pictures)} pictures are of one colour at model size."
    twins = _twins(pictures)
    if twins:
        return f"Labels: the pictures {twins[0]} and {twins[1]} are the same, but not their labels."
    if isinstance(bench.spec.head, GridHead):
        scale = np.array([bench.spec.inputs.width, bench.spec.inputs.height])
        sides = np.concatenate([(boxes[:, 2:] - boxes[:, :2]) * scale for boxes in pictures.boxes])
        tiny = int((sides.min(axis=1) < LEAST_BOX_PX).sum()) if len(sides) else 0
        if tiny * 2 > len(sides):
            return (
                f"Labels: {tiny} of {len(sides)} boxes are narrower than {LEAST_BOX_PX:g} pixels at model size; are "
                f"they in pixels, in the order x, y, x, y?"
            )
    if failure:
        return f"Loss: {failure}."
    losses = [row["loss"] for row in history]
    fell = f"from {losses[0]:.3g} to {min(losses):.3g} in {len(losses)} epochs"
    if max(losses) - min(losses) < 1e-6 * max(abs(losses[0]), 1e-12):
        return f"Loss: it stays at {losses[0]:.3g}, so no weight can move it."
    if _share(history) <= FALLS_TO:
        return (
            f"Labels or loss: the loss fell {fell}, but the {bench.learner.metric} stays at {score:.2f}; they do not "
            f"agree on what is right."
        )
    return f"Labels, pre-processing or loss: the loss fell only {fell}; 'zoo data show' draws what the loader reads."


def _twins(pictures: Decoded) -> tuple[str, str] | None:
    """Return the keys of two equal pictures with different labels, if there are any."""
    seen: dict[bytes, int] = {}
    for row in range(len(pictures)):
        other = seen.setdefault(pictures.images[row].tobytes(), row)
        same = (
            pictures.labels[row] == pictures.labels[other]
            and np.array_equal(pictures.boxes[row], pictures.boxes[other])
            and np.array_equal(pictures.classes[row], pictures.classes[other])
        )
        if not same:
            return pictures.keys[other], pictures.keys[row]
    return None
