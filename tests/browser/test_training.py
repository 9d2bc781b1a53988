"""Training in the page, in Chromium: it learns, it leaks nothing, and what it has learned comes back into Keras."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _serve import READY_TIMEOUT_MS, Watched, wasm_path
from _training import CLASSIFIER, DETECTOR, three_animals, train, twenty_faces, visit
from PIL import Image
from playwright.sync_api import Page, expect

from exports.importing import import_layers_model
from exports.layers_model import translate
from exports.load import Loaded, load_target
from exports.tfjs import layers_job, relative, run_script
from tuner.batches import as_input
from tuner.data import Dataset, decode
from tuner.learners import learner_for
from tuner.training import predict

TFJS_TOLERANCE = 1e-4  # relative; measured 1e-7
SCORE_TOLERANCE = 0.01  # of what the page measured and what Keras measures; measured 0
ENOUGH = 0.9
BY_HEART = {
    "batchSize": 5,
    "learningRate": 3e-3,
    "epochs": 200,
    "plateauPatience": 25,
    "stopPatience": 200,
    "enough": ENOUGH,
    "overfit": True,
}


def run_session(page: Page, model: str, pack: str, start: str, recipe: dict[str, Any]) -> dict[str, Any]:
    """Train with the script that pages of others use; returns the fit, its files, and memory at each moment."""
    script = """async ({ model, pack, start, recipe, wasmPath }) => {
      const { TrainingSession } = await import('/pocket-zoo-train.js');
      const memory = [];
      const hear = (event) => event.kind === 'step' && memory.push(event.memory);
      const training = await TrainingSession.open('/store/', { backends: ['wasm'], wasmPath }, hear);
      const empty = await training.memory();
      const prepared = await training.prepare({
        reference: model, start, seed: 3, data: { pack: `${location.origin}/packs/${pack}/` },
      });
      const before = await training.memory();
      const { overfit: isFirst, ...rest } = recipe;
      const overfit = isFirst ? await training.overfitTwenty() : undefined;
      const batchSize = rest.batchSize ?? (await training.measureBatchSize());
      memory.length = 0;
      const fit = await training.fit({ ...rest, batchSize });
      const after = await training.memory();
      const entries = Object.entries(await training.download());
      const bytes = async (blob) => [...new Uint8Array(await blob.arrayBuffer())];
      const files = await Promise.all(entries.map(async ([name, blob]) => [name, await bytes(blob)]));
      const saved = await training.memory();
      await training.release();
      const released = await training.memory();
      training.dispose();
      const [around, ends] = [[before, after, saved], [empty, released]];
      return { ...fit, prepared, overfit, files: Object.fromEntries(files), memory, batchSize, around, ends };
    }"""
    values = {"model": model, "pack": pack, "start": start, "recipe": recipe, "wasmPath": wasm_path()}
    return page.evaluate(script, values)  # type: ignore[no-any-return]


def downloaded(page: Page, folder: Path) -> Path:
    """Download the model as a visitor does; returns the folder with its two files."""
    found: list[Any] = []
    page.on("download", lambda download: found.append(download))
    page.get_by_role("button", name="Download").click()
    expect(page.locator("#downloads a")).to_have_count(2)
    page.wait_for_timeout(500)
    if len(found) < 2:  # where the browser takes one file per click
        page.locator("#downloads a").nth(1).click()
        page.wait_for_timeout(500)
    for download in found:
        download.save_as(folder / download.suggested_filename)
    return folder


def imported(folder: Path, runs: Path) -> Loaded:
    """Take a page's model into Keras, and see that TF.js answers as Keras does."""
    done = import_layers_model(folder, out=runs)
    loaded = load_target(done.folder)
    images = as_input(np.random.default_rng(4).integers(0, 256, (2, *loaded.spec.inputs.shape)), loaded.spec.inputs)
    answers = loaded.network.predict_on_batch(images)
    expected = [answers[name] for name in translate(loaded.network).outputs]
    job = layers_job(folder, runs / "job", images, expected)
    [report] = run_script("layers.mjs", document={"jobs": [job]}, about="the model")["jobs"]
    differences = [relative(output) for output in report["outputs"]]
    assert None not in differences
    assert max(one for one in differences if one is not None) <= TFJS_TOLERANCE
    return loaded


def score_in_keras(loaded: Loaded, data: Dataset) -> float:
    val = decode(data.splits["val"], loaded.spec.inputs)
    outputs = predict(loaded.network, val.images, loaded.spec.inputs)
    return learner_for(loaded.spec, len(data.labels)).score(outputs, val)


def curve_losses(page: Page) -> list[float]:
    """Heights of the loss curve as drawn, from the top."""
    points = page.locator("#curve polyline.loss").get_attribute("points") or ""
    return [float(point.split(",")[1]) for point in points.split()]


def best_score(page: Page) -> float:
    return max(float(text) for text in page.locator("#epochs-table td:nth-child(3)").all_text_contents())


def test_a_classifier_learns_and_comes_back_into_keras(watched: Watched, address: str, tmp_path: Path) -> None:
    page = visit(watched, address, CLASSIFIER)
    said = train(page, data="own/three", epochs=2)
    assert said.startswith("All epochs are done; the weights are those of epoch")
    heights = curve_losses(page)
    assert len(heights) == 2 * 38
    assert np.mean(heights[-10:]) > np.mean(heights[:10]) + 20  # down the screen
    assert int(page.locator("#tensors").inner_text()) > 0
    loaded = imported(downloaded(page, tmp_path / "saved"), tmp_path)
    assert loaded.labels == ("fish", "ladybird", "butterfly")
    assert loaded.network.output["class_logits"].shape[-1] == 3
    assert abs(score_in_keras(loaded, three_animals()) - best_score(page)) <= SCORE_TOLERANCE
    document = json.loads((tmp_path / "saved" / "model.json").read_text())
    told = document["userDefinedMetadata"]["pocket_zoo"]["trained"]
    assert (told["batch_size"], told["learning_rate"], told["pictures"]) == (16, 0.001, 600)

    # What is kept in the browser is the same model after a reload.
    page.get_by_role("button", name="Keep in this browser").click()
    expect(page.locator("#status")).to_contain_text(f"indexeddb://pocket-zoo/{CLASSIFIER}")
    page = visit(watched, address, CLASSIFIER)
    kept = page.evaluate(
        """async ({ model, pack, wasmPath }) => {
          const { TrainingSession } = await import('/pocket-zoo-train.js');
          const training = await TrainingSession.open('/store/', { backends: ['wasm'], wasmPath }, () => {});
          const data = { pack: `${location.origin}/packs/${pack}/` };
          const { labels } = await training.prepare({ reference: model, start: 'saved', data });
          return [labels, await training.score()];
        }""",
        {"model": CLASSIFIER, "pack": "own/three", "wasmPath": wasm_path()},
    )
    assert kept[0] == list(loaded.labels)
    assert abs(kept[1] - score_in_keras(loaded, three_animals())) <= SCORE_TOLERANCE


@pytest.mark.slow
def test_a_classifier_from_fresh_weights_reaches_nine_of_ten(watched: Watched, address: str, tmp_path: Path) -> None:
    page = visit(watched, address, CLASSIFIER)
    train(page, data="own/three", epochs=20)
    assert best_score(page) >= ENOUGH
    shot = np.asarray(Image.open(io.BytesIO(page.locator("#curve").screenshot())).convert("RGB")).astype(int)
    colour = [11, 107, 87]  # --face-detection in light colours, that of the loss
    assert (np.abs(shot - colour).sum(axis=-1) < 60).sum() > 500
    loaded = imported(downloaded(page, tmp_path / "saved"), tmp_path)
    assert score_in_keras(loaded, three_animals()) >= ENOUGH


@pytest.mark.slow
def test_a_detector_learns_twenty_pictures_by_heart(watched: Watched, address: str, tmp_path: Path) -> None:
    page = visit(watched, address, DETECTOR)
    fit = run_session(page, DETECTOR, "own/twenty", "fresh", BY_HEART)
    assert fit["overfit"]["hasLearned"]
    assert fit["overfit"]["pictures"] == 20
    assert fit["bestScore"] >= ENOUGH
    losses = [epoch["loss"] for epoch in fit["history"]]
    assert losses[-1] < losses[0] / 2
    for name, content in fit["files"].items():
        (tmp_path / "saved").mkdir(exist_ok=True)
        (tmp_path / "saved" / name).write_bytes(bytes(content))
    loaded = imported(tmp_path / "saved", tmp_path)
    assert abs(score_in_keras(loaded, twenty_faces()) - fit["bestScore"]) <= SCORE_TOLERANCE


def test_after_200_steps_tensors_and_bytes_are_where_they_began(watched: Watched, address: str) -> None:
    page = visit(watched, address, CLASSIFIER)
    done = run_session(page, CLASSIFIER, "own/three", "published", {"epochs": 1, "batchSize": 3})
    assert len(done["memory"]) == 200
    assert all(memory == done["memory"][0] for memory in done["memory"])
    assert done["around"] == [done["around"][0]] * 3
    assert done["ends"][0] == done["ends"][1]
    assert done["memory"][0]["tensors"] > done["around"][0]["tensors"] > done["ends"][0]["tensors"]


def test_the_batch_size_is_measured_and_plateaus_lower_the_rate(watched: Watched, address: str) -> None:
    page = visit(watched, address, CLASSIFIER)
    recipe = {"epochs": 50, "plateauPatience": 1, "learningRate": 1e-9, "stopPatience": 3}  # nothing can improve
    done = run_session(page, CLASSIFIER, "own/three", "published", recipe)
    assert done["batchSize"] in (1, 2, 4, 8, 16, 32)
    assert done["recipe"]["batchSize"] == done["batchSize"]
    rates = [epoch["learningRate"] for epoch in done["history"]]
    assert rates[0] == 1e-9
    assert rates[-1] < rates[0]
    assert (done["ending"], len(done["history"])) == ("early", done["bestEpoch"] + 3)
    # The published head is for six animals, three of which the data have.
    assert done["prepared"]["labels"][:3] == ["fish", "ladybird", "butterfly"]
    assert len(done["prepared"]["labels"]) == 6


def test_a_training_stops_when_asked(watched: Watched, address: str) -> None:
    page = visit(watched, address, CLASSIFIER)
    page.get_by_role("combobox", name="Data", exact=True).select_option("own/three")
    page.get_by_role("combobox", name="Batch size", exact=True).select_option("4")
    page.get_by_label("first learn twenty").uncheck()
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#epoch")).to_have_text("1", timeout=READY_TIMEOUT_MS)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#status")).to_contain_text("Stopped; the weights are those of epoch")
    expect(page.get_by_role("button", name="Download")).to_be_enabled()


def test_a_new_run_shows_nothing_of_the_one_before(watched: Watched, address: str) -> None:
    page = visit(watched, address, CLASSIFIER)
    train(page, data="own/three", start="published", epochs=1)
    page.get_by_role("button", name="Download").click()
    expect(page.locator("#downloads a")).to_have_count(2)
    expect(page.locator("#score")).not_to_have_text("–")
    shown = page.evaluate(
        """() => {
          document.getElementById('go').click();
          const text = (id) => document.getElementById(id).textContent;
          const numbers = ['score', 'loss', 'epoch', 'rate-now', 'batch-now', 'running'].map(text);
          const disabled = ['save', 'download'].map((id) => document.getElementById(id).disabled);
          return { numbers, disabled, metric: text('metric'), downloads: text('downloads') };
        }"""
    )
    assert shown == {"numbers": ["–"] * 6, "disabled": [True, True], "metric": "score", "downloads": ""}
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Stop")).to_be_disabled()


def test_a_session_measures_the_batch_size_and_finds_packs_beside_the_page(watched: Watched, address: str) -> None:
    page = visit(watched, address, CLASSIFIER)
    done = page.evaluate(
        """async ({ model, wasmPath }) => {
          const { TrainingSession } = await import('/pocket-zoo-train.js');
          const training = await TrainingSession.open('/store/', { backends: ['wasm'], wasmPath });
          const sentence = (error) => `${error.name}: ${error.message}`;
          const missing = { reference: model, start: 'published', data: { pack: 'packs/own/none/' } };
          const refused = await training.prepare(missing).catch(sentence);
          const misspelt = await training.fit({ epoch: 1 }).catch(sentence);
          await training.prepare({ ...missing, data: { pack: 'packs/own/three' } });
          const { recipe } = await training.fit({ epochs: 1 });
          training.dispose();
          return { refused, misspelt, recipe };
        }""",
        {"model": CLASSIFIER, "wasmPath": wasm_path()},
    )
    assert done["refused"].startswith("ZooError: ")
    assert "status 404. Check the address of the data pack" in done["refused"]
    assert done["misspelt"].startswith("ZooError: fit has no option 'epoch'.")
    assert done["recipe"]["batchSize"] in (1, 2, 4, 8, 16, 32)
    watched.errors[:] = [error for error in watched.errors if "404" not in error]
