"""Pictures of the pages for the documentation: desktop and phone, light and dark, with generated pictures alone.

    python tests/browser/screenshots.py STORE [FOLDER]     writes into docs/images unless FOLDER is named

STORE needs a face detector, a face recognizer and a classifier that were trained on generated pictures. Look at what
it writes before committing it.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from _serve import READY_TIMEOUT_MS
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from exports.browser import launch, served
from zoo._specs import FACE_DETECTION, OBJECT_RECOGNITION
from zoo.catalog import find

FOLDER = Path(__file__).parents[2] / "docs" / "images"
DESKTOP, PHONE = {"width": 1120, "height": 760}, {"width": 390, "height": 844}
WIDTHS = {"desktop": DESKTOP, "phone": PHONE}
COLOURS = 96
"""A palette of so many keeps a page below 100 kB."""


def show_gallery(page: Page) -> None:
    expect(page.locator("#cards article")).not_to_have_count(0)


def show_detection(page: Page) -> None:
    page.locator("#samples button").nth(2).click()
    expect(page.locator("#answer")).to_contain_text("found")


def show_recognition(page: Page) -> None:
    samples = page.locator("#samples button")
    for number, name in ((0, "Ada"), (2, "Grace")):
        samples.nth(number).click()
        expect(page.locator("#answer")).to_contain_text("1 found")
        page.get_by_label("Name").fill(name)
        page.get_by_role("button", name="Enrol").click()
    samples.nth(3).click()
    expect(page.locator("#answer > ol > li")).to_have_count(1)


def show_training(page: Page) -> None:
    page.get_by_role("combobox", name="Weights to start from").select_option("fresh")
    page.get_by_role("combobox", name="Batch size").select_option("8")
    page.get_by_label("Most epochs").fill("12")
    page.get_by_label("first learn twenty").uncheck()
    page.get_by_role("button", name="Start").click()
    stop = page.get_by_role("button", name="Stop")
    expect(stop).to_be_enabled()
    expect(stop).to_be_disabled(timeout=5 * READY_TIMEOUT_MS)


Show = Callable[[Page], None]
TOP = {("gallery", "desktop"): "models-title", ("gallery", "phone"): "models-title", ("training", "phone"): "status"}
"""What lies at the top of a picture, where it is not the beginning of the page."""
PAGES: dict[str, tuple[str, str, Show]] = {
    "gallery": ("index.html", FACE_DETECTION, show_gallery),
    "detection": ("index.html", FACE_DETECTION, show_detection),
    "recognition": ("recognize.html", FACE_DETECTION, show_recognition),
    "training": ("train.html", OBJECT_RECOGNITION, show_training),
}


@contextmanager
def visitor(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport=DESKTOP, color_scheme="light", device_scale_factor=1)
    context.set_default_timeout(READY_TIMEOUT_MS)
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    yield page
    context.close()


def main(store: Path, folder: Path = FOLDER) -> None:
    """Write one picture per page, width and colours."""
    folder.mkdir(parents=True, exist_ok=True)
    with served(store) as address, launch() as browser:
        for name, (path, task, show) in PAGES.items():
            model = find(task=task, store=store)[0].name
            with visitor(browser, f"{address}{path}?backend=wasm&model={model}") as page:
                show(page)
                for width, size in WIDTHS.items():
                    for colours in ("light", "dark"):
                        page.set_viewport_size(size)
                        page.emulate_media(color_scheme=colours)
                        page.wait_for_timeout(300)  # until what follows the width is drawn anew
                        top = TOP.get((name, width))
                        place = f"document.getElementById('{top}').scrollIntoView()" if top else "scrollTo(0, 0)"
                        page.evaluate(place)
                        write(page.screenshot(), folder / f"page-{name}-{width}-{colours}.png")


def write(shot: bytes, path: Path) -> None:
    image = Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(path, "png", optimize=True)
    print(f"{path} {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
