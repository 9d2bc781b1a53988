"""Artifacts of every task, published once a session by the real pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest
from _artifacts import MODELS, Published, publish_one

from zoo._specs import FACE_DETECTION


@pytest.fixture(scope="session")
def published(artifact: Path, store: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Published]:
    """One artifact per task, by task, all in the session's store."""
    runs = tmp_path_factory.mktemp("web-runs")
    others = {task: publish_one(model, store, runs) for task, model in MODELS.items() if task != FACE_DETECTION}
    return {task: Published(folder) for task, folder in {FACE_DETECTION: artifact, **others}.items()}
