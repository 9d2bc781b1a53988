"""A published artifact runs in a page with plain TF.js and three lines of script, and gives the golden outputs there.

Nothing of Pocket Zoo runs in the page: the artifact has to be an ordinary TF.js graph model.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from _serve import serve
from PIL import Image
from playwright.sync_api import Page

import zoo
from exports.browser import launch
from zoo.tasks.boxes import decode_detections
from zoo.tasks.grid import anchors

MAX_ABS_DIFFERENCE = 1e-3  # measured: 1e-7 for a two-block network, WebGL on a software rasteriser against Keras
SCORE_THRESHOLD = 0.01  # the test's model is hardly trained
TFJS = Path(__file__).parents[2] / "exports/web/node_modules/@tensorflow/tfjs/dist/tf.min.js"

# The README shows these three lines; the names in capitals stand for what the artifact's manifest says.
README_SCRIPT = """
const model = await tf.loadGraphModel('model.json');
const image = tf.browser.fromPixels(img).resizeBilinear([H, W]).mul((HIGH - LOW) / 255).add(LOW).expandDims();
const outputs = model.execute(image, OUTPUT_NAMES);
"""

PAGE = """<!doctype html>
<title>Plain TF.js</title>
<img id="img" src="picture.png">
<script src="tf.min.js"></script>
"""

READ_OUTPUTS = """
return Promise.all([outputs].flat().map(async (output) => ({shape: output.shape, values: [...await output.data()]})));
"""

GOLDEN_SCRIPT = """
const model = await tf.loadGraphModel('model.json');
const bytes = new Uint8Array(await (await fetch(GOLDEN.path)).arrayBuffer());
const image = tf.tensor([...bytes], GOLDEN.shape, 'float32').div(255);
const outputs = model.execute(image, OUTPUT_NAMES);
"""


@pytest.fixture(scope="module")
def manifest(artifact: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((artifact / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["input"]["value_range"] == [0, 1], "The golden script divides by 255, which suits [0, 1] only."
    return manifest


@pytest.fixture(scope="module")
def golden(artifact: Path, manifest: dict[str, Any]) -> dict[str, np.ndarray]:
    """Golden arrays by output name, and the golden pictures as `input`."""
    records = {**manifest["golden"]["outputs"], "input": manifest["golden"]["input"]}
    dtypes = {"uint8": "u1", "float32": "<f4"}
    return {
        name: np.fromfile(artifact / record["path"], dtypes[record["dtype"]]).reshape(record["shape"])
        for name, record in records.items()
    }


@pytest.fixture(scope="module")
def page(artifact: Path, golden: dict[str, np.ndarray]) -> Iterator[Page]:
    """A page with TF.js and the first golden picture; fails at its end when it asked another host or broke."""
    assert TFJS.is_file(), "TF.js is not installed. Run 'make test', or 'npm ci --prefix exports/web'."
    png = io.BytesIO()
    Image.fromarray(golden["input"][0]).save(png, "png")
    pages = {
        "/": ("text/html; charset=utf-8", PAGE.encode()),
        "/picture.png": ("image/png", png.getvalue()),
        "/tf.min.js": ("text/javascript", TFJS.read_bytes()),
        "/favicon.ico": ("image/x-icon", b""),
    }
    asked: list[str] = []
    errors: list[str] = []
    with serve(artifact, pages) as address, launch() as browser:
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("requestfailed", lambda request: errors.append(f"{request.url} failed: {request.failure}"))
        page.goto(address, wait_until="load")
        yield page
        assert {urlsplit(url).netloc for url in asked if not url.startswith("data:")} == {urlsplit(address).netloc}
        assert errors == []


def run(page: Page, script: str, **constants: object) -> list[dict[str, Any]]:
    """Run `script`, which leaves `outputs`, with `constants` in scope. Gives each output's shape and flat values."""
    declarations = "".join(f"const {name} = {json.dumps(value)};" for name, value in constants.items())
    outputs: list[dict[str, Any]] = page.evaluate(f"async () => {{ {declarations} {script} {READ_OUTPUTS} }}")
    return outputs


def test_three_lines_run_a_picture(page: Page, manifest: dict[str, Any], golden: dict[str, np.ndarray]) -> None:
    names = [output["name"] for output in manifest["outputs"]]
    height, width = manifest["input"]["height"], manifest["input"]["width"]
    low, high = manifest["input"]["value_range"]
    outputs = run(page, README_SCRIPT, H=height, W=width, LOW=low, HIGH=high, OUTPUT_NAMES=names)
    for output, declared in zip(outputs, manifest["outputs"], strict=True):
        assert output["shape"] == [1, *declared["shape"]]
        # The picture is the first golden one, losslessly stored in the model's own size, so values can be compared too.
        expected = golden[declared["name"]][0].ravel()
        np.testing.assert_allclose(output["values"], expected, rtol=0, atol=MAX_ABS_DIFFERENCE)


def test_golden_input_gives_golden_outputs(page: Page, manifest: dict[str, Any], golden: dict[str, np.ndarray]) -> None:
    names = [output["name"] for output in manifest["outputs"]]
    outputs = run(page, GOLDEN_SCRIPT, GOLDEN=manifest["golden"]["input"], OUTPUT_NAMES=names)
    for output, name in zip(outputs, names, strict=True):
        assert output["shape"] == list(golden[name].shape)
        np.testing.assert_allclose(output["values"], golden[name].ravel(), rtol=0, atol=MAX_ABS_DIFFERENCE)


def test_the_documented_decoding_finds_what_python_finds(
    page: Page, manifest: dict[str, Any], golden: dict[str, np.ndarray]
) -> None:
    """The page of docs/outputs.md, run as it stands, against `decode_detections`."""
    text = (Path(__file__).parents[2] / "docs" / "outputs.md").read_text(encoding="utf-8")
    decoding = text.split("```js\n")[1].split("```")[0]
    loose = {**manifest, "decode": {**manifest["decode"], "score_threshold": SCORE_THRESHOLD}}
    low, high = manifest["input"]["value_range"]
    constants = {
        "manifest": loose,
        "H": manifest["input"]["height"],
        "W": manifest["input"]["width"],
        "LOW": low,
        "HIGH": high,
        "OUTPUT_NAMES": [output["name"] for output in manifest["outputs"]],
    }
    declarations = "".join(f"const {name} = {json.dumps(value)};" for name, value in constants.items())
    found = page.evaluate(f"async () => {{ {declarations} {README_SCRIPT} {decoding} return found; }}")

    spec = zoo.get(manifest["name"])
    assert isinstance(spec.head, zoo.GridHead)
    expected = decode_detections(
        golden["class_logits"][0],
        golden["box_offsets"][0],
        None,
        spec.head,
        anchors(spec.head, spec.inputs),
        SCORE_THRESHOLD,
    )
    assert len(found) == len(expected) > 0
    np.testing.assert_allclose([one["score"] for one in found], expected.scores, atol=1e-4)
    sides = np.array([constants["W"], constants["H"]] * 2)
    boxes = np.array([one["box"] for one in found])[:, [1, 0, 3, 2]]
    np.testing.assert_allclose(boxes, expected.boxes * sides, atol=0.05)
