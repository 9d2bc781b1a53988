"""Data to train on in the page, and what a visitor of its training page does."""

from __future__ import annotations

from dataclasses import replace

from _artifacts import MODELS
from _serve import Watched
from playwright.sync_api import Page, expect

from tuner.data import Dataset, open_dataset
from zoo._specs import FACE_DETECTION, OBJECT_RECOGNITION

CLASSIFIER, DETECTOR = MODELS[OBJECT_RECOGNITION], MODELS[FACE_DETECTION]
TRAINING_TIMEOUT_MS = 900_000


def three_animals() -> Dataset:
    """Half of the classes that the published classifier has, so that its last layer starts anew."""
    data = open_dataset("synthetic", task=OBJECT_RECOGNITION, limit=1_200, val_limit=240)
    splits = {split: [one for one in samples if one.label < 3] for split, samples in data.splits.items()}
    return replace(data, labels=data.labels[:3], splits=splits)


def twenty_faces() -> Dataset:
    """Measured on what is trained on: it is to be learned by heart."""
    data = open_dataset("synthetic", task=FACE_DETECTION, limit=40, val_limit=1)
    chosen = [sample for sample in data.splits["train"] if len(sample.boxes_px)][:20]
    return replace(data, splits={"train": chosen, "val": chosen})


def visit(watched: Watched, address: str, model: str) -> Page:
    page = watched.page
    page.goto(f"{address}train.html?backend=wasm&model={model}")
    page.wait_for_selector("html[data-ready]")
    return page


def train(page: Page, *, data: str, start: str = "fresh", epochs: int, rate: float = 1e-3, batch: str = "16") -> str:
    """Train without the check that learns twenty by heart; returns what the page says at the end."""
    page.get_by_role("combobox", name="Data", exact=True).select_option(data)
    page.get_by_role("combobox", name="Weights to start from", exact=True).select_option(start)
    page.get_by_label("Most epochs").fill(str(epochs))
    page.get_by_label("Learning rate").fill(str(rate))
    page.get_by_role("combobox", name="Batch size", exact=True).select_option(batch)
    page.get_by_label("first learn twenty").uncheck()
    page.get_by_role("button", name="Start").click()
    stop = page.get_by_role("button", name="Stop")
    expect(stop).to_be_enabled()
    expect(stop).to_be_disabled(timeout=TRAINING_TIMEOUT_MS)
    expect(page.locator("#notice")).to_be_hidden()
    return page.locator("#status").inner_text()
