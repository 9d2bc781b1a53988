"""Artifacts of every task, published once a session by the real pipeline, and the pages that tests open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from _artifacts import MODELS, Published, publish_one
from _serve import READY_TIMEOUT_MS, Watched, wasm_path, watch
from _training import CLASSIFIER, DETECTOR, three_animals, twenty_faces
from playwright.sync_api import Browser

from exports.browser import launch, served
from tuner.data.pack import pack_files, write_pack
from zoo import get
from zoo._specs import FACE_DETECTION


@pytest.fixture(scope="session")
def published(artifact: Path, store: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Published]:
    """One artifact per task, by task, all in the session's store."""
    runs = tmp_path_factory.mktemp("web-runs")
    others = {task: publish_one(model, store, runs) for task, model in MODELS.items() if task != FACE_DETECTION}
    return {task: Published(folder) for task, folder in {FACE_DETECTION: artifact, **others}.items()}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; for a module and not the session, since Playwright cannot run twice at a time in one thread."""
    with launch() as browser:
        yield browser


@pytest.fixture(scope="module")
def runtime(browser: Browser, store: Path, published: dict[str, Published]) -> Iterator[Watched]:
    """A page on the gallery's address, under its policy; fails at its end when it asked another host or broke."""
    assert set(published) == set(MODELS)
    with served(store) as address, browser.new_page() as page:
        page.set_default_timeout(READY_TIMEOUT_MS)
        watched = watch(page, address)
        page.goto(f"{address}samples/index.json")
        # An empty page of the same origin, where nothing but the runtime runs.
        page.evaluate(f"document.documentElement.dataset.wasm = '{wasm_path()}'")
        yield watched
        watched.check()


@pytest.fixture(scope="session")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data packs for the training page: `three` for a classifier, `twenty` for a detector."""
    folder = tmp_path_factory.mktemp("packs")
    for name, data, model in (("three", three_animals(), CLASSIFIER), ("twenty", twenty_faces(), DETECTOR)):
        spec = get(model)
        write_pack(pack_files(data, spec.task, inputs=spec.inputs), folder / name)
    return folder


@pytest.fixture(scope="module")
def address(store: Path, published: dict[str, Published], packs: Path) -> Iterator[str]:
    """The gallery's address, with the data packs."""
    assert set(published) == set(MODELS)
    with served(store, packs) as address:
        yield address


@pytest.fixture
def watched(browser: Browser, address: str) -> Iterator[Watched]:
    """A new visitor; fails at the end when the page asked another host or broke."""
    context = browser.new_context()
    context.set_default_timeout(READY_TIMEOUT_MS)
    watched = watch(context.new_page(), address)
    yield watched
    watched.check()
    context.close()
