"""What the runtime refuses, opens and ends: mistakes are sentences, and what has ended leaves nothing behind."""

from __future__ import annotations

import pytest
from _artifacts import MODELS, as_address, generated
from _runtime import run
from _serve import Watched
from playwright.sync_api import Page

from zoo._specs import FACE_DETECTION


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("(await load(name, 'wasm')).detect(await imageOf(address), { scoreThreshold: 2 })", "from 0 to 1, got 2"),
        ("(await load(name, 'wasm')).detect(await imageOf(address), { maxDetections: 0 })", "above 0, got 0"),
        ("(await load(name, 'wasm')).detect('face.png')", "A picture is an image, video"),
        ("(await load(name, 'wasm')).detect(new Image())", "Wait until it has loaded"),
        ("(await open('abacus')).load(name)", "Unknown backend 'abacus'"),
        ("(await open('wasm')).load('nobody')", "No model 'nobody' is published here; published: "),
        ("(await open('wasm')).load(`${name}@1`)", "has no version '1'"),
        ("openZoo('/nowhere/')", "answered with status 404"),
        (
            "(await load(name, 'wasm')).detect(null)",
            "A picture is an image, video, canvas, ImageBitmap or ImageData, got null",
        ),
        ("(await load(name, 'wasm')).detect()", "got nothing"),
        ("(await load(name, 'wasm')).detect({ width: 5, height: 5 })", "got a plain object"),
        (
            "(await load(name, 'wasm')).detect(await imageOf(address), { threshold: 0.99 })",
            "detect has no option 'threshold'. Its options are: scoreThreshold, maxDetections, mirror.",
        ),
        (
            "const still = await createImageBitmap(await imageOf(address)); still.close(); "
            "return (await load(name, 'wasm')).detect(still)",
            "This ImageBitmap was closed",
        ),
        ("(await load('mobilefacenet_025_112', 'wasm')).embed(await imageOf(address), null)", "by name, got null"),
        ("(await load('pebble_cls_48', 'wasm')).classify(await imageOf(address), { top: 3 })", "has no option 'top'"),
        ("(await open('wasm')).load()", "an entry of find, got nothing"),
        ("(await open('wasm')).load(name, { backend: 'cpu' })", "load has no option 'backend'. It has none."),
        (
            "const zoo = await openZoo('/store/', { wasmPath }); zoo.dispose(); return zoo.load(name)",
            "This zoo was disposed of. Open the store again.",
        ),
        ("pipeline(await load(name, 'wasm'))", "got yunet_n_160 and nothing"),
        (
            "const zoo = await createWorkerZoo('/store/', { wasmPath }); return (await zoo.load(name)).detect(null)",
            "got null",
        ),
        ("pipeline(await load('dense4_det_160', 'wasm'), await load('mobilefacenet_025_112', 'wasm'))", "no landmarks"),
    ],
)
def test_mistakes_are_sentences(script: str, message: str, runtime: Watched) -> None:
    script = script if script.startswith("const ") else f"return {script}"
    found = run(
        runtime.page,
        f"return (async () => {{ {script} }})().catch((error) => `${{error.name}}: ${{error.message}}`);",
        name=MODELS[FACE_DETECTION],
        address=as_address(generated(FACE_DETECTION)),
    )
    assert found.startswith("ZooError: ")
    assert message in found
    runtime.errors[:] = [error for error in runtime.errors if "404" not in error]


def test_a_rasteriser_in_software_is_passed_over_unless_asked_for(runtime: Watched) -> None:
    """Chromium computes WebGL in software here, and says of no caveat."""
    script = """
    const backends = [];
    for (const options of [{ wasmPath }, { wasmPath, backends: ['webgl'] }]) {
      const zoo = await createWorkerZoo('/store/', options);
      backends.push((await zoo.load(name)).backend);
      zoo.dispose();
    }
    return backends;
    """
    assert run(runtime.page, script, name=MODELS[FACE_DETECTION]) == ["wasm", "webgl"]


def test_an_entry_loads_its_version(runtime: Watched) -> None:
    script = """
    const zoo = await open('wasm');
    const [entry] = zoo.find({ task });
    const model = await zoo.load(entry);
    const worker = await createWorkerZoo('/store/', { backends: ['wasm'], wasmPath });
    const there = await worker.load(entry);
    worker.dispose();
    model.dispose();
    return [entry, model, there].map(({ name, version }) => [name, version]);
    """
    entry, *models = run(runtime.page, script, task=FACE_DETECTION)
    assert models == [entry, entry]


def test_nothing_waits_for_a_worker_that_was_ended(runtime: Watched) -> None:
    script = """
    const { TrainingSession } = await import('/pocket-zoo-train.js');
    const worker = await createWorkerZoo('/store/', { backends: ['wasm'], wasmPath });
    const model = await worker.load(name);
    worker.dispose();
    const training = await TrainingSession.open('/store/', { backends: ['wasm'], wasmPath });
    training.dispose();
    const image = await imageOf(address);
    const calls = [model.detect(image), worker.load(name), worker.memory(), training.memory(), training.fit()];
    return (await Promise.allSettled(calls)).map(({ reason }) => `${reason?.name}: ${reason?.message}`);
    """
    said = run(runtime.page, script, name=MODELS[FACE_DETECTION], address=as_address(generated(FACE_DETECTION)))
    assert said == ["ZooError: The worker was ended. Open the store again."] * 5


def test_what_is_let_go_as_its_worker_ends_is_gone(runtime: Watched) -> None:
    """Nobody waits for these promises in a page, so one that is rejected would be an error of the page."""
    script = """
    const { TrainingSession } = await import('/pocket-zoo-train.js');
    const worker = await createWorkerZoo('/store/', { backends: ['wasm'], wasmPath });
    const model = await worker.load(name);
    const training = await TrainingSession.open('/store/', { backends: ['wasm'], wasmPath });
    const asked = [model.dispose(), training.stop(), training.release()];
    worker.dispose();
    training.dispose();
    const after = [model.dispose(), training.stop(), training.release()];
    return (await Promise.allSettled([...asked, ...after])).map(({ status }) => status);
    """
    assert run(runtime.page, script, name=MODELS[FACE_DETECTION]) == ["fulfilled"] * 6


def test_the_storage_is_cleared_while_stores_are_open(runtime: Watched) -> None:
    script = """
    const { clearCache } = await import('/pocket-zoo.js');
    const zoo = await openZoo('/store/', { backends: ['wasm'], wasmPath });
    const worker = await createWorkerZoo('/store/', { backends: ['wasm'], wasmPath });
    (await zoo.load(name)).dispose();
    await clearCache();
    const databases = async () => (await indexedDB.databases()).filter(({ name }) => name === 'pocket-zoo').length;
    const after = await databases();
    (await zoo.load(name)).dispose();
    (await worker.load(name)).dispose();
    const again = await databases();
    await openZoo('/store/', { wasmPath });
    worker.dispose();
    return [after, again];
    """
    assert run(runtime.page, script, name=MODELS[FACE_DETECTION]) == [0, 1]


def check_nothing_is_left(page: Page, backend: str, detections: int, cycles: int) -> None:
    script = """
    const zoo = await open(backend);
    const image = await imageOf(address);
    const model = await zoo.load(name);
    await model.detect(image); // the first run keeps what the back end makes once
    const start = await zoo.memory();
    for (let i = 0; i < detections; i++) await model.detect(image, { scoreThreshold: 0.01 });
    const afterDetections = await zoo.memory();
    for (let i = 0; i < cycles; i++) {
      const other = await zoo.load(name);
      await other.detect(image);
      other.dispose();
      other.dispose();
    }
    const afterCycles = await zoo.memory();
    model.dispose();
    return [start, afterDetections, afterCycles];
    """
    values = run(
        page,
        script,
        name=MODELS[FACE_DETECTION],
        backend=backend,
        detections=detections,
        cycles=cycles,
        address=as_address(generated(FACE_DETECTION)),
    )
    assert values[0]["tensors"] > 0
    assert values == [values[0]] * 3


@pytest.mark.parametrize(("backend", "detections", "cycles"), [("wasm", 60, 6), ("cpu", 6, 3)])
def test_tensors_and_bytes_return_to_where_they_began(
    backend: str, detections: int, cycles: int, runtime: Watched
) -> None:
    check_nothing_is_left(runtime.page, backend, detections, cycles)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["wasm", "cpu"])
def test_after_500_detections_and_50_models_nothing_is_left(backend: str, runtime: Watched) -> None:
    check_nothing_is_left(runtime.page, backend, 500, 50)
