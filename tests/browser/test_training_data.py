"""Data that a visitor brings to the training page, in Chromium: packs, fitting or not, and pictures labelled there."""

from __future__ import annotations

from pathlib import Path

from _artifacts import MODELS, generated
from _serve import Watched
from _training import CLASSIFIER, DETECTOR, train, visit
from playwright.sync_api import expect

from exports.browser import served
from zoo._specs import FACE_DETECTION, FACE_GATE, OBJECT_RECOGNITION

HOSTILE = "<img src=x onerror=window.hit=1>"


def test_a_changed_pack_is_refused(
    watched: Watched, store: Path, published: object, packs: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "packs" / "spoiled"
    folder.mkdir(parents=True)
    for path in (packs / "three").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    content = bytearray((folder / "pictures-000.bin").read_bytes())
    content[500] ^= 1
    (folder / "pictures-000.bin").write_bytes(bytes(content))
    with served(store, tmp_path / "packs") as own:
        page = watched.page
        page.goto(f"{own}train.html?backend=wasm&model={CLASSIFIER}")
        page.wait_for_selector("html[data-ready]")
        page.get_by_role("combobox", name="Data", exact=True).select_option("own/spoiled")
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("alert")).to_contain_text("its SHA-256 differs")
        page.get_by_role("combobox", name="Data", exact=True).select_option("files")
        page.get_by_label("All files of a data pack").set_input_files([folder / "pack.json"])
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("alert")).to_contain_text("'pictures-000.bin' is missing")
    watched.strangers.clear()  # the other gallery, which is this page's own host here


def test_a_pack_of_another_task_and_chosen_files(watched: Watched, address: str, packs: Path) -> None:
    page = visit(watched, address, DETECTOR)
    page.get_by_role("combobox", name="Data", exact=True).select_option("own/three")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert")).to_contain_text("needs boxes; synthetic is labelled for object-recognition")
    page.get_by_role("combobox", name="Model", exact=True).select_option(
        label=page.locator(f"#model option[value^='{CLASSIFIER}@']").inner_text()
    )
    page.get_by_label("All files of a data pack").set_input_files([])
    page.get_by_role("combobox", name="Data", exact=True).select_option("files")
    page.get_by_label("All files of a data pack").set_input_files(sorted((packs / "three").iterdir()))
    said = train(page, data="files", start="published", epochs=1)
    assert said.startswith("All epochs are done")


def test_a_pack_that_does_not_fit_is_told_before_the_start(watched: Watched, address: str, packs: Path) -> None:
    page = visit(watched, address, DETECTOR)
    fit, data = page.locator("#fit"), page.get_by_role("combobox", name="Data", exact=True)
    expect(fit).to_be_hidden()
    data.select_option("own/three")
    expect(fit).to_contain_text(f"{DETECTOR} needs boxes; these data are labelled for object-recognition")
    data.select_option("own/twenty")
    expect(fit).to_be_hidden()
    data.select_option("files")
    page.get_by_label("All files of a data pack").set_input_files(sorted((packs / "three").iterdir()))
    expect(fit).to_contain_text("these data are labelled for object-recognition")
    data.select_option("generated/object-detection")
    expect(fit).to_be_hidden()


def test_pictures_are_labelled_in_the_page(watched: Watched, address: str, tmp_path: Path) -> None:
    page = visit(watched, address, MODELS[FACE_GATE])
    page.get_by_role("combobox", name="Data", exact=True).select_option("own")
    for number, label in enumerate((HOSTILE, "yes", HOSTILE, "yes")):
        path = tmp_path / f"{HOSTILE}{number}.png"
        generated(OBJECT_RECOGNITION, number=number).save(path)
        page.get_by_label("Add pictures").set_input_files(path)
        page.locator("#thumbnails button").nth(number).click()
        page.get_by_label("Class of this picture").fill(label)
    expect(page.locator("#labelled")).to_contain_text(f"4 of 4 pictures are labelled: {HOSTILE}, yes")
    train(page, data="own", start="published", epochs=1, batch="2")
    assert page.evaluate("window.hit") is None

    (tmp_path / f"{HOSTILE}.txt").write_text("no picture")
    page.get_by_label("Add pictures").set_input_files(tmp_path / f"{HOSTILE}.txt")
    expect(page.get_by_role("alert")).to_contain_text(f"'{HOSTILE}.txt' is no picture")
    assert page.locator("img[src=x]").count() == 0


def test_boxes_are_drawn_or_written(watched: Watched, address: str, tmp_path: Path) -> None:
    page = visit(watched, address, DETECTOR)
    page.get_by_role("combobox", name="Data", exact=True).select_option("own")
    for number in range(2):
        generated(FACE_DETECTION, (200, 160), number).save(tmp_path / f"{number}.png")
    page.get_by_label("Add pictures").set_input_files([tmp_path / "0.png", tmp_path / "1.png"])
    page.locator("#stage").scroll_into_view_if_needed()
    bounds = page.locator("#stage").bounding_box()
    assert bounds is not None
    scale = min(bounds["width"] / 200, bounds["height"] / 160)
    left, top = bounds["x"] + (bounds["width"] - 200 * scale) / 2, bounds["y"] + (bounds["height"] - 160 * scale) / 2
    page.mouse.move(left + 40 * scale, top + 30 * scale)
    page.mouse.down()
    page.mouse.move(left + 100 * scale, top + 90 * scale, steps=4)
    page.mouse.up()
    expect(page.locator("#boxes li")).to_contain_text("face at 40, 30, 60 × 60 px")

    page.locator("#thumbnails button").nth(1).click()
    for side, value in {"Left": 20, "Top": 10, "Width": 1, "Height": 50}.items():
        page.get_by_label(side, exact=True).fill(str(value))
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("A box needs 3 pixels each way inside the 200 × 160")
    page.get_by_label("Width", exact=True).fill("40")
    page.keyboard.press("Enter")
    expect(page.locator("#boxes li")).to_contain_text("face at 20, 10, 40 × 50 px")
    expect(page.locator("#labelled")).to_contain_text("2 of 2 pictures are labelled: face")
    train(page, data="own", start="published", epochs=1, batch="2")
    page.get_by_role("button", name="Remove box 1").click()
    expect(page.locator("#labelled")).to_contain_text("1 of 2")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert")).to_contain_text("Label two at least")


def test_readable_pictures_are_kept_and_the_others_named(watched: Watched, address: str, tmp_path: Path) -> None:
    page = visit(watched, address, CLASSIFIER)
    page.get_by_role("combobox", name="Data", exact=True).select_option("own")
    for number in (0, 2):
        generated(OBJECT_RECOGNITION, number=number).save(tmp_path / f"{number}.png")
    (tmp_path / "1.png").write_text("no picture")
    page.get_by_label("Add pictures").set_input_files([tmp_path / f"{number}.png" for number in range(3)])
    expect(page.get_by_role("alert")).to_contain_text("'1.png' is no picture that this browser can show")
    expect(page.locator("#thumbnails button")).to_have_count(2)
    expect(page.get_by_role("button", name="2.png, picture 2 of 2")).to_be_visible()
