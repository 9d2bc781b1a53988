"""Shared fixtures. What is expensive (a published artifact) is made once a session, by the real pipeline."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as zoo/_quiet.py does, which a test may not come through
if "PYTEST_XDIST_WORKER" in os.environ:  # each of several processes keeps to one core
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests keep decoded pictures to themselves; processes that they start inherit it."""
    os.environ["POCKET_ZOO_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the session's artifacts are published into."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the face detector on a few generated pictures."""
    from tuner import sweep
    from tuner.defaults import Space

    result = sweep(
        "yunet_n_160",
        data="synthetic",
        limit=32,
        trials=2,
        epochs=2,
        seed=3,
        space=Space(batch_sizes=(8, 16), learning_rates=(1e-3, 3e-3)),
        out=tmp_path_factory.mktemp("runs"),
    )
    return result.folder


@pytest.fixture(scope="session")
def artifact(run_folder: Path, store: Path) -> Path:
    """That run, published: the folder of a quantized face detector."""
    from exports.publish import publish

    return publish(run_folder, store, runtime="none").folder
