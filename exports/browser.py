"""A real browser: the installed Chromium, driven by Playwright, replays an artifact with the runtime that pages use."""

from __future__ import annotations

import base64
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from socketserver import BaseServer
from typing import TYPE_CHECKING, Any

import numpy as np

from exports.manifest import MANIFEST_FILE
from exports.serve import PAGES, open_server
from exports.store import rebuild_catalog
from zoo._errors import BadArtifact, ZooError

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",  # Chromium's own sandbox refuses to start for root, as in a container
    "--disable-gpu",
    "--no-first-run",
    # Chromium otherwise looks up its maker's hosts at every start, which stalls it where there is no network.
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Without a graphics card, WebGL is computed on the processor.
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    # A generated film in place of a camera, allowed without asking.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
LOOPBACK = "127.0.0.1"
TIMEOUT_MS = 120_000
"""For a page to load and run its first model on a busy machine."""

REPLAY = """
async ({ backend, wasmPath, name, pictures, size }) => {
  const { openZoo } = await import('/pocket-zoo.js');
  const zoo = await openZoo('/store/', { backends: [backend], wasmPath, cache: false });
  const model = await zoo.load(name);
  const letters = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  const encode = (values) => btoa(letters(new Uint8Array(Float32Array.from(values).buffer)));
  const answers = [];
  const times = [];
  for (const picture of pictures) {
    const bytes = Uint8ClampedArray.from(atob(picture), (letter) => letter.charCodeAt(0));
    const image = new ImageData(bytes, ...size);
    const outputs = await model.outputs(image);
    const started = performance.now();
    await model.outputs(image);
    times.push(performance.now() - started);
    answers.push({
      outputs: Object.fromEntries(Object.entries(outputs).map(([output, values]) => [output, encode(values)])),
      found: model.kind === 'detector' ? await model.detect(image) : null,
    });
  }
  const used = model.backend;
  model.dispose();
  zoo.dispose();
  return { used, answers, milliseconds: Math.min(...times) };
}
"""


def find_chromium() -> str:
    """Return the path of the installed Chromium or Chrome. Raises: ZooError with what to install."""
    for name in CHROMIUM_NAMES:
        if path := shutil.which(name):
            return path
    raise ZooError(
        f"There is no browser: none of {', '.join(CHROMIUM_NAMES)} is on the PATH. Install Chromium, on Debian with "
        f"'apt-get install chromium'."
    )


@contextmanager
def launch() -> Iterator[Browser]:
    """Start Chromium, headless, and close it at the end. Raises: ZooError when it or Playwright is missing."""
    path = find_chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise ZooError("Driving a browser needs Playwright. Install 'pocket-zoo[browser]'.") from error
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def in_background(server: BaseServer) -> Iterator[None]:
    """Let a server answer while the block runs."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


@contextmanager
def served(store: Path, packs: Path | None = None) -> Iterator[str]:
    """Serve built pages, a store and data packs as 'zoo serve' does. Yields the address, which ends with a slash."""
    with open_server(store, host=LOOPBACK, port=0, packs=packs) as (server, address), in_background(server):
        yield address


def replay_in_browser(
    folder: Path, manifest: Mapping[str, Any], pictures: np.ndarray, backends: Sequence[str]
) -> dict[str, Any]:
    """Run an artifact over pictures (N, height, width, channels), uint8, with each back end of TF.js in Chromium.

    Returns by back end the outputs by name, each (N, ...) float32, what a detector `found` in each picture, and the
    `milliseconds` of the fastest run. Raises: ZooError when there is no browser or it lacks the back end, BadArtifact
    when the runtime refuses the artifact.
    """
    from playwright.sync_api import Error

    if pictures.shape[-1] == 1:
        pictures = np.repeat(pictures, 3, axis=-1)
    opaque = np.concatenate([pictures, np.full((*pictures.shape[:3], 1), 255, np.uint8)], axis=-1)
    height, width = pictures.shape[1:3]
    asked = {
        "wasmPath": f"/assets/{next((PAGES / 'assets').glob('tfjs-*')).name}/",
        "name": manifest["name"],
        "pictures": [base64.b64encode(picture.tobytes()).decode() for picture in opaque],
        "size": [width, height],
    }
    reports = {}
    with tempfile.TemporaryDirectory(prefix="pocket-zoo-") as scratch:
        store = Path(scratch)
        shutil.copytree(folder, store / manifest["name"] / manifest["version"])
        rebuild_catalog(store)
        with served(store) as address, launch() as browser:
            for backend in backends:
                page = browser.new_page()
                page.set_default_timeout(TIMEOUT_MS)
                page.goto(f"{address}samples/index.json")  # an empty page of the same origin, under the same policy
                try:
                    report = page.evaluate(REPLAY, {**asked, "backend": backend})
                except Error as error:
                    reason = error.message.splitlines()[0]
                    raise BadArtifact(f"{folder / MANIFEST_FILE}: in Chromium with {backend}, {reason}") from error
                finally:
                    page.close()
                if report["used"] != backend:
                    raise ZooError(f"Chromium has no back end {backend} here; it took {report['used']}. Choose others.")
                reports[backend] = _read(report, manifest)
    return reports


def _read(report: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    def values(output: Mapping[str, Any]) -> np.ndarray:
        parts = [base64.b64decode(answer["outputs"][output["name"]]) for answer in report["answers"]]
        return np.stack([np.frombuffer(part, "<f4").reshape(output["shape"]) for part in parts])

    return {
        "outputs": {output["name"]: values(output) for output in manifest["outputs"]},
        "found": [answer["found"] for answer in report["answers"]],
        "milliseconds": report["milliseconds"],
    }
