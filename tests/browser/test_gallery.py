"""The pages of 'zoo serve' in Chromium: what they show, without network, with spoiled and with hostile artifacts."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _artifacts import MODELS, Published
from _serve import READY_TIMEOUT_MS, Watched, watch
from playwright.sync_api import Browser, Page, expect

from exports.browser import served
from exports.graph_model import WEIGHTS_FILE
from exports.store import rebuild_catalog
from zoo._specs import FACE_DETECTION, FACE_RECOGNITION, OBJECT_RECOGNITION
from zoo.catalog import find

WASM = "?backend=wasm"
CAMERA_WIDTH_PX = 640
READABLE_PX = 600
THUMBNAIL_PX = 64
REACHED = {
    "index.html": {"model", "backend", "threshold", "upload", "camera"},
    "recognize.html": {"name", "detector", "upload", "camera"},
    "train.html": {"model", "start", "data", "backend", "rate", "epochs", "batch", "overfit", "go"},
}
HOSTILE = "<img src=x onerror=window.hit=1><script>window.hit=1</script>"
HOSTILE_CARD = f"""# {HOSTILE}

{HOSTILE} [go](javascript:window.hit=1) **{HOSTILE}**

![elsewhere](https://example.org/x.png) ![above](../../x.png) ![drawn](card/x.svg)
![<b onclick=window.hit=1>](card/curve.png)

- {HOSTILE}

| {HOSTILE} |
|---|
| {HOSTILE} |

```
{HOSTILE}
```
"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a visitor who was never here before."""
    context = browser.new_context()
    context.set_default_timeout(READY_TIMEOUT_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def address(store: Path, published: dict[str, Published]) -> Iterator[str]:
    assert set(published) == set(MODELS)
    with served(store) as address:
        yield address


def visit(page: Page, address: str, path: str = WASM) -> Watched:
    watched = watch(page, address)
    page.goto(address + path)
    page.wait_for_selector("html[data-ready]")
    return watched


def spoiled_store(store: Path, folder: Path, task: str = FACE_DETECTION) -> tuple[Path, Path]:
    """A store with a copy of one artifact alone; returns it and the artifact's folder."""
    [entry] = find(name=MODELS[task], store=store)
    copy = folder / "store" / entry.path
    shutil.copytree(entry.folder, copy)
    rebuild_catalog(folder / "store")
    return folder / "store", copy


def wait_for(page: Page, holds: Callable[[], bool]) -> None:
    """Wait until something holds; the policy forbids eval, so that the page cannot wait by itself."""
    deadline = time.monotonic() + READY_TIMEOUT_MS / 1000
    while not holds():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def test_every_model_is_shown_with_its_facts(page: Page, address: str, store: Path) -> None:
    watched = visit(page, address)
    for entry in find(store=store):
        card = page.locator(f"[id='model-{entry.name}']")
        expect(card).to_contain_text(f"{entry.bytes:,}")
        expect(card).to_contain_text(f"{entry.metric} {entry.score:.3f} on {entry.metric_data}")
        expect(page.locator(f"#plot a[href='#model-{entry.name}']")).to_have_count(1)
    card = page.locator(f"[id='model-{MODELS[FACE_DETECTION]}']")
    card.get_by_text("Card").click()
    expect(card).to_contain_text("doi:10.1007/s11633-023-1423-y")
    expect(card.get_by_role("heading", name="How good it is")).to_be_visible()
    expect(card.get_by_role("table").first).to_contain_text("ap50")
    expect(card.locator("pre").first).to_contain_text(f"zoo run {MODELS[FACE_DETECTION]}")
    curve = card.get_by_role("img", name="Curve on")
    wait_for(page, lambda: curve.evaluate("image => image.naturalWidth") > 0)
    assert card.evaluate("card => card.clientWidth") > READABLE_PX
    page.set_viewport_size({"width": 360, "height": 740})
    wait_for(page, lambda: page.evaluate("document.documentElement.scrollWidth") <= 360)  # the plot is drawn anew
    page.set_viewport_size({"width": 1280, "height": 720})
    page.get_by_role("combobox", name="Task").select_option(FACE_RECOGNITION)
    expect(page.locator("#cards article")).to_have_count(1)
    watched.check()


def test_models_answer_on_samples_uploads_and_the_camera(page: Page, address: str, tmp_path: Path) -> None:
    watched = visit(page, address)
    expect(page.locator("#running")).to_have_text("wasm")
    assert float(page.locator("#milliseconds").inner_text()) > 0
    assert int(page.locator("#tensors").inner_text()) > 0
    page.get_by_role("combobox", name="Model").select_option(MODELS[OBJECT_RECOGNITION])
    expect(page.locator("#answer li")).not_to_have_count(0)
    page.locator("#samples button").nth(2).click()
    expect(page.locator("#answer")).to_contain_text("%")
    tensors = page.locator("#tensors").inner_text()

    sample = page.request.get(f"{address}samples/{OBJECT_RECOGNITION}/4.png").body()
    (tmp_path / "mine.png").write_bytes(sample)
    page.get_by_label("Your picture").set_input_files(tmp_path / "mine.png")
    expect(page.locator("#answer")).to_contain_text("%")
    assert page.locator("#tensors").inner_text() == tensors

    page.get_by_role("combobox", name="Model").select_option(MODELS[FACE_DETECTION])
    expect(page.locator("#answer")).to_contain_text("found")
    camera = page.get_by_role("button", name="Camera")
    camera.click()
    expect(camera).to_have_attribute("aria-pressed", "true")
    wait_for(page, lambda: page.evaluate("document.getElementById('stage').width") >= CAMERA_WIDTH_PX)
    camera.click()
    expect(camera).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#notice")).to_be_hidden()
    watched.check()


def test_a_second_visit_needs_no_network(page: Page, store: Path, published: dict[str, Published]) -> None:
    with served(store) as address:
        watched = visit(page, address)
        expect(page.locator("#running")).to_have_text("wasm")
    # The server is gone now; what follows comes from this browser alone.
    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("#running")).to_have_text("wasm")
    expect(page.locator("#answer")).to_contain_text("found")
    expect(page.locator("#notice")).to_be_hidden()
    assert watched.strangers == []


def test_a_changed_byte_is_refused_on_the_page(page: Page, store: Path, published: object, tmp_path: Path) -> None:
    own, artifact = spoiled_store(store, tmp_path)
    content = bytearray((artifact / WEIGHTS_FILE).read_bytes())
    content[1_000] ^= 1
    (artifact / WEIGHTS_FILE).write_bytes(bytes(content))
    with served(own) as address:
        visit(page, address).check()
        notice = page.get_by_role("alert")
        expect(notice).to_contain_text("was changed after publishing: its SHA-256 differs")
        expect(page.locator("#running")).to_have_text("–")


def test_a_manifest_that_the_catalogue_does_not_know_is_refused(
    page: Page, store: Path, published: object, tmp_path: Path
) -> None:
    own, artifact = spoiled_store(store, tmp_path)
    manifest = json.loads((artifact / "manifest.json").read_text())
    manifest["decode"]["score_threshold"] = 0.0
    (artifact / "manifest.json").write_text(json.dumps(manifest))
    with served(own) as address:
        visit(page, address).check()
        expect(page.get_by_role("alert")).to_contain_text("its SHA-256 differs")


def test_what_an_artifact_says_is_text(page: Page, store: Path, published: object, tmp_path: Path) -> None:
    own, artifact = spoiled_store(store, tmp_path, OBJECT_RECOGNITION)
    manifest = json.loads((artifact / "manifest.json").read_text())
    labels = [f"{HOSTILE}{number}" for number in range(len(manifest["labels"]))]
    manifest.update(name=HOSTILE, summary=HOSTILE, paper=HOSTILE, labels=labels)
    manifest["metrics"][0].update(name=HOSTILE, data=HOSTILE)
    manifest["training"]["batch_size"] = HOSTILE
    card = HOSTILE_CARD.encode()
    (artifact / "card.md").write_bytes(card)
    manifest["files"]["card.md"] = {"bytes": len(card), "sha256": hashlib.sha256(card).hexdigest()}
    (artifact / "manifest.json").write_text(json.dumps(manifest))
    catalog = json.loads((own / "catalog.json").read_text())  # by hand, since Python refuses such a name
    [row] = (row for row in catalog["models"] if own / row["path"] == artifact)
    digest = hashlib.sha256((artifact / "manifest.json").read_bytes()).hexdigest()
    row.update(name=HOSTILE, labels=labels, metric=HOSTILE, metric_data=f"{HOSTILE} val", manifest_sha256=digest)
    (own / "catalog.json").write_text(json.dumps(catalog))
    upload = tmp_path / "<img src=x onerror=window.hit=1>.png"
    upload.write_text("no picture")
    with served(own) as address:
        watched = visit(page, address)
        expect(page.locator("#answer")).to_contain_text(HOSTILE)
        page.get_by_text("Card", exact=True).click()
        expect(page.locator("article details")).to_contain_text(f"batches of {HOSTILE}")
        prose = page.locator("article .prose")
        for place in ("h4", "p >> nth=0", "li", "th", "td", "pre", "strong"):
            expect(prose.locator(place)).to_contain_text(HOSTILE)
        expect(prose.locator("img")).to_have_count(1)
        expect(prose.locator("img")).to_have_attribute("alt", "<b onclick=window.hit=1>")
        expect(prose).to_contain_text("[elsewhere]")
        expect(prose).to_contain_text("[above]")
        expect(prose).to_contain_text("[drawn]")
        assert prose.locator("a, b, script").count() == 0
        expect(page.locator("#plot")).to_contain_text(HOSTILE)
        page.get_by_label("Your picture").set_input_files(upload)
        expect(page.get_by_role("alert")).to_contain_text(f"'{upload.name}' is no picture")
        assert page.evaluate("window.hit") is None
        assert page.locator("img[src=x], article script, #notice *").count() == 0
        watched.check()


def test_a_store_that_vanished_is_a_sentence(page: Page, address: str, tmp_path: Path) -> None:
    (tmp_path / "catalog.json").write_text('{"schema": "pocket-zoo/catalog/9", "models": []}')
    with served(tmp_path) as empty:
        visit(page, empty).check()
        expect(page.get_by_role("alert")).to_contain_text("this page reads 'pocket-zoo/catalog/1'")


@pytest.mark.parametrize("path", ["index.html", "recognize.html", "train.html"])
def test_every_control_has_a_name_and_the_keyboard_reaches_it(page: Page, address: str, path: str) -> None:
    visit(page, address, path + WASM)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, select, input, a, canvas, svg[role]')]
        .filter((one) => !(one.labels?.length || one.textContent.trim() || one.ariaLabel))
        .filter((one) => !one.querySelector('img[alt]'))
        .map((one) => one.outerHTML)"""
    )
    assert nameless == []
    assert page.evaluate("document.documentElement.lang") == "en"
    reached = set()
    page.evaluate("document.activeElement.blur()")
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
    assert REACHED[path] <= reached


@pytest.mark.parametrize("path", ["index.html", "recognize.html", "train.html"])
def test_nothing_sticks_out_of_a_phone(page: Page, address: str, path: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    visit(page, address, path + WASM)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_faces_are_enrolled_and_known_again(page: Page, address: str) -> None:
    watched = visit(page, address, "recognize.html" + WASM)
    samples = page.locator("#samples button")
    samples.nth(0).click()
    expect(page.locator("#answer")).to_contain_text("nobody enrolled")
    page.get_by_label("Name").fill(HOSTILE[:50])
    page.get_by_role("button", name="Enrol").click()
    expect(page.locator("#people")).to_contain_text(HOSTILE[:50])
    samples.nth(1).click()
    page.get_by_label("Name").fill("Grace")
    page.keyboard.press("Enter")
    expect(page.locator("#people li")).to_have_count(2)
    samples.nth(0).click()
    expect(page.locator("#answer > ol > li")).to_contain_text(f"Face 1: {HOSTILE[:50]}")
    expect(page.locator("#answer")).to_contain_text("1.000")
    samples.last.click()
    expect(page.locator("#answer")).not_to_contain_text("1.000")  # the new answer is there, and nothing moves any more
    expect(page.locator("#answer")).to_contain_text("found")
    page.get_by_role("button", name="Forget").first.click()
    expect(page.locator("#people li")).to_have_count(1)
    expect(page.locator("#notice")).to_be_hidden()
    assert page.evaluate("window.hit") is None
    watched.check()


def test_the_model_says_from_where_on_faces_are_alike(
    page: Page, store: Path, published: object, tmp_path: Path
) -> None:
    own, artifact = spoiled_store(store, tmp_path, FACE_RECOGNITION)
    path = artifact / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["decode"] |= {"similarity_threshold": 0.374, "false_accept_rate": 0.01}
    path.write_text(json.dumps(manifest))
    (own / "catalog.json").unlink()  # else its entry stays: versions never change
    rebuild_catalog(own)
    with served(own) as address:
        watched = visit(page, address, "recognize.html" + WASM)
        expect(page.locator("#threshold-value")).to_have_text("0.38")
        assert page.locator("#threshold").input_value() == "0.38"
        watched.check()


def test_what_the_address_asks_for_in_vain_is_told(page: Page, address: str) -> None:
    visit(page, address, "?backend=foo&model=nope").check()
    expect(page.get_by_role("alert")).to_contain_text("asks for the backend 'foo', which is not offered here")
    expect(page.get_by_role("alert")).to_contain_text("asks for the model 'nope', which is not offered here")
    expect(page.locator("#running")).to_have_text("wasm")


def test_a_backend_that_does_not_start_is_told_to_a_visitor(page: Page, address: str) -> None:
    watched = visit(page, address)
    expect(page.locator("#running")).to_have_text("wasm")
    page.get_by_role("combobox", name="Backend").select_option("webgpu")
    expect(page.get_by_role("alert")).to_contain_text(
        "The backend webgpu does not start in this browser. Choose another"
    )
    expect(page.locator("#running")).to_have_text("–")
    page.get_by_role("combobox", name="Backend").select_option("cpu")
    expect(page.locator("#running")).to_have_text("cpu")
    expect(page.get_by_role("alert")).to_be_hidden()
    watched.check()


def test_numbers_of_the_model_before_are_gone_at_once(page: Page, address: str) -> None:
    visit(page, address).check()
    expect(page.locator("#running")).to_have_text("wasm")
    shown = page.evaluate(
        """(name) => {
          const model = document.getElementById('model');
          model.value = name;
          model.dispatchEvent(new Event('change'));
          return ['milliseconds', 'tensors', 'memory', 'running'].map((id) => document.getElementById(id).textContent);
        }""",
        MODELS[OBJECT_RECOGNITION],
    )
    assert shown == ["–"] * 4
    expect(page.locator("#running")).to_have_text("wasm")


def test_samples_have_names_and_keep_their_size(page: Page, address: str) -> None:
    visit(page, address).check()
    expect(page.get_by_role("img", name="generated picture 2 of 6")).to_be_visible()
    size = page.evaluate(
        """() => {
          const image = document.createElement('img'); // as before it has loaded
          document.getElementById('samples').append(image);
          return [image.getBoundingClientRect().width, image.getBoundingClientRect().height];
        }"""
    )
    assert size == [THUMBNAIL_PX, THUMBNAIL_PX]


def test_a_model_of_photographs_says_that_samples_are_drawings(
    page: Page, address: str, store: Path, tmp_path: Path
) -> None:
    visit(page, address).check()
    expect(page.locator("#samples-note")).to_be_hidden()
    own, artifact = spoiled_store(store, tmp_path)
    manifest = json.loads((artifact / "manifest.json").read_text())
    manifest["training"]["data"]["name"] = "photos"
    (artifact / "manifest.json").write_text(json.dumps(manifest))
    (own / "catalog.json").unlink()  # else its entry stays: versions never change
    rebuild_catalog(own)
    with served(own) as other:
        visit(page, other)
        expect(page.locator("#samples-note")).to_contain_text("was trained on photos and may do badly on them")


def test_recognition_without_a_recognizer_asks_for_nothing(
    page: Page, store: Path, published: object, tmp_path: Path
) -> None:
    own, _ = spoiled_store(store, tmp_path)
    with served(own) as address:
        watched = visit(page, address, "recognize.html" + WASM)
        expect(page.get_by_role("alert")).to_contain_text("'zoo run sphereface_050_112 --data DIR'")
        for control in page.locator("main :is(button, input, select)").all():
            expect(control).to_be_disabled()
        page.evaluate("document.getElementById('name').disabled = false")
        page.evaluate("document.getElementById('name').value = 'Ada'")
        page.evaluate("document.getElementById('enrol').requestSubmit()")
        expect(page.get_by_role("alert")).to_contain_text("no face in the picture")
        watched.check()
