"""The runtime's answers against Python's: every task, on wasm and cpu, on pictures of all shapes, films and cameras."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from _artifacts import MODELS, Published, as_address, generated
from _runtime import run
from _serve import Watched
from PIL import Image

from tuner.data._decode import resize
from zoo._specs import FACE_DETECTION, FACE_KEYPOINTS, FACE_RECOGNITION, OBJECT_DETECTION
from zoo.tasks.alignment import TEMPLATE_PX, TEMPLATE_SIDE_PX

MAX_BOX_PX = 1.0  # measured: 3e-4 where the page resamples by itself, 0.5 where a canvas halved the picture first
MAX_SCORE = 1e-2  # measured: 7e-7, and 4e-3
MAX_TURNED_LEVELS = 4.0  # measured: 1.5, what two turns blur
MIN_COSINE = 0.999  # measured: 1.000000, and 0.99998
THRESHOLD = {FACE_DETECTION: 0.01, OBJECT_DETECTION: 0.01}
# Landscape, portrait, odd sides, smaller than the input, much larger than it.
SIZES = ((640, 480), (333, 500), (101, 77), (1501, 997))
MAX_HALVED_LEVELS = 2  # measured: 1
HALVED_SIZE = (2000, 1500)
"""Large enough for a canvas to halve it before it is resampled."""


def assert_same(found: Any, expected: Any) -> None:
    """Compare the page's answer with Python's: detections, class scores or an embedding."""
    if isinstance(expected, np.ndarray):
        assert np.dot(found, expected) / np.linalg.norm(found) / np.linalg.norm(expected) >= MIN_COSINE
    elif isinstance(expected, dict):
        scores = {one["label"]: one["score"] for one in found}
        assert scores.keys() == expected.keys()
        np.testing.assert_allclose([scores[label] for label in expected], list(expected.values()), atol=MAX_SCORE)
    else:
        assert_same_detections(found, expected)


def assert_same_detections(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    """Pair each expected box with the closest one found of its label, since near-equal scores may swap places.

    A box whose score lies within the tolerance of the lowest one may be missing.
    """
    lowest = min((one["score"] for one in expected), default=0.0) + MAX_SCORE
    for one in [one for one in expected if one["score"] >= lowest] or expected[:1]:
        same = [other for other in found if other["label"] == one["label"]]
        best = min(same, key=lambda other: _distance(other, one))
        assert _distance(best, one) <= MAX_BOX_PX
        assert abs(best["score"] - one["score"]) <= MAX_SCORE
        assert best["landmarks"].keys() == one["landmarks"].keys()


def _distance(one: dict[str, Any], other: dict[str, Any]) -> float:
    """The largest distance of box edges and landmarks, in pixels."""
    edges = [
        [box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]] for box in (one["box"], other["box"])
    ]
    points = [[place[axis] for place in found["landmarks"].values() for axis in "xy"] for found in (one, other)]
    return float(np.abs(np.array(edges[0] + points[0]) - np.array(edges[1] + points[1])).max())


def expected_answer(task: str, model: Published, picture: np.ndarray) -> Any:
    if task in THRESHOLD:
        return model.detect(picture, THRESHOLD[task])
    return model.embed(picture) if task == FACE_RECOGNITION else model.classify(picture)


@pytest.mark.parametrize("backend", ["wasm", "cpu"])
@pytest.mark.parametrize("task", MODELS)
def test_answers_are_those_of_python(
    task: str, backend: str, runtime: Watched, published: dict[str, Published]
) -> None:
    for number, size in enumerate(SIZES):
        image = generated(task, size, number)
        found = run(
            runtime.page,
            "return ask(await load(name, backend), await imageOf(address), { scoreThreshold });",
            name=MODELS[task],
            backend=backend,
            address=as_address(image),
            scoreThreshold=THRESHOLD.get(task, 0),
        )
        expected = expected_answer(task, published[task], np.asarray(image))
        assert len(expected) > 0
        assert_same(found, expected)


def test_a_photograph_sized_picture_arrives_as_in_python(runtime: Watched, published: dict[str, Published]) -> None:
    """Compared as pixels, since a model that was trained for a moment makes much of a difference of one level."""
    image = generated(FACE_RECOGNITION, HALVED_SIZE)
    script = "return Array.from((await load(name, 'wasm')).preprocessor.run(await imageOf(address)).data);"
    found = run(runtime.page, script, name=MODELS[FACE_RECOGNITION], address=as_address(image))
    inputs = published[FACE_RECOGNITION].loaded.spec.inputs
    expected = resize(np.asarray(image), inputs).astype(int)
    pixels = np.array(found).reshape(inputs.height, inputs.width, 4)[..., :3]
    assert np.abs(pixels - expected).max() <= MAX_HALVED_LEVELS


def test_every_kind_of_source_gives_the_same(runtime: Watched) -> None:
    script = """
    const model = await load(name, 'wasm');
    const image = await imageOf(address);
    const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height });
    canvas.getContext('2d').drawImage(image, 0, 0);
    const offscreen = new OffscreenCanvas(image.width, image.height);
    offscreen.getContext('2d').drawImage(image, 0, 0);
    const data = canvas.getContext('2d').getImageData(0, 0, image.width, image.height);
    const sources = [image, canvas, offscreen, await createImageBitmap(image), data];
    return Promise.all(sources.map((source) => model.detect(source, { scoreThreshold: 0.01 })));
    """
    answers = run(runtime.page, script, name=MODELS[FACE_DETECTION], address=as_address(generated(FACE_DETECTION)))
    assert len(answers[0]) > 0
    assert all(answer == answers[0] for answer in answers)


def test_transparent_pictures_lie_on_white(runtime: Watched, published: dict[str, Published]) -> None:
    image = generated(FACE_RECOGNITION)
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    script = "return ask(await load(name, 'wasm'), await imageOf(address));"
    found = run(runtime.page, script, name=MODELS[FACE_RECOGNITION], address=as_address(image))
    white = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    assert_same(found, published[FACE_RECOGNITION].embed(np.asarray(white)))


FRAME = """
const model = await load(name, 'wasm');
const frame = await createImageBitmap(video);
const canvas = Object.assign(document.createElement('canvas'), { width: frame.width, height: frame.height });
canvas.getContext('2d').drawImage(frame, 0, 0);
const still = canvas.toDataURL('image/png');
"""


def picture_of(address: str) -> np.ndarray:
    content = base64.b64decode(address.split(",", 1)[1])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_a_video_element_is_a_picture(runtime: Watched, published: dict[str, Published]) -> None:
    script = f"""
    const image = await imageOf(address);
    const shown = Object.assign(document.createElement('canvas'), {{ width: 320, height: 240 }});
    const film = shown.getContext('2d');
    film.drawImage(image, 0, 0, 320, 240);
    const video = Object.assign(document.createElement('video'), {{ muted: true, srcObject: shown.captureStream() }});
    const playing = video.play();
    film.drawImage(image, 0, 0, 320, 240); // a frame is sent when something is drawn
    await playing;
    video.pause();
    {FRAME}
    return {{ still, found: await model.detect(video, {{ scoreThreshold: 0.01 }}) }};
    """
    answer = run(runtime.page, script, name=MODELS[FACE_DETECTION], address=as_address(generated(FACE_DETECTION)))
    picture = picture_of(answer["still"])
    assert picture.shape == (240, 320, 3)
    assert_same(answer["found"], published[FACE_DETECTION].detect(picture, 0.01))


def test_a_mirrored_camera_gives_places_in_the_mirror(runtime: Watched, published: dict[str, Published]) -> None:
    script = f"""
    const stream = await navigator.mediaDevices.getUserMedia({{ video: true }});
    const video = Object.assign(document.createElement('video'), {{ muted: true, srcObject: stream }});
    await video.play();
    {FRAME}
    const found = await model.detect(frame, {{ scoreThreshold: 0.01, mirror: true }});
    const live = await model.detect(video, {{ scoreThreshold: 0, maxDetections: 3 }});
    stream.getTracks().forEach((track) => track.stop());
    return {{ still, found, live }};
    """
    answer = run(runtime.page, script, name=MODELS[FACE_DETECTION])
    picture = picture_of(answer["still"])
    expected = published[FACE_DETECTION].detect(picture, 0.01)
    for one in expected:
        one["box"]["x"] = picture.shape[1] - one["box"]["x"] - one["box"]["width"]
        for place in one["landmarks"].values():
            place["x"] = picture.shape[1] - place["x"]
    assert_same(answer["found"], expected)
    assert len(answer["live"]) == 3


def test_a_turned_face_is_turned_back(runtime: Watched) -> None:
    """A portrait, enlarged and turned, is brought back to itself by its landmarks."""
    portrait = generated(FACE_RECOGNITION, number=2)
    angle, side = 25, 224
    scene = portrait.resize((side, side), Image.Resampling.BICUBIC)
    scene = scene.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    turn = np.deg2rad(-angle)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    places = (TEMPLATE_PX / TEMPLATE_SIDE_PX - 0.5) * side @ rotation.T + np.array(scene.size) / 2
    script = """
    const canvas = (await load(name, 'wasm')).align(await imageOf(address), landmarks);
    const { width, height } = canvas;
    return { width, data: Array.from(canvas.getContext('2d').getImageData(0, 0, width, height).data) };
    """
    landmarks = {name: {"x": x, "y": y} for name, (x, y) in zip(FACE_KEYPOINTS, places.tolist(), strict=True)}
    found = run(runtime.page, script, name=MODELS[FACE_RECOGNITION], address=as_address(scene), landmarks=landmarks)
    assert found["width"] == side  # twice the model's size, as large as the face is in the scene
    pixels = np.array(found["data"], np.uint8).reshape(side, side, 4)[..., :3]
    upright = np.asarray(Image.fromarray(pixels).resize(portrait.size, Image.Resampling.BOX)).astype(int)
    inside = np.s_[2:-2, 2:-2]  # the turn blends the edge with what lies outside
    assert np.abs(upright - np.asarray(portrait).astype(int))[inside].mean() < MAX_TURNED_LEVELS


def test_a_pipeline_finds_and_embeds(runtime: Watched) -> None:
    scene = generated(FACE_DETECTION, (224, 200))
    script = """
    const faces = pipeline(await load(detector, 'wasm'), await load(recognizer, 'wasm'));
    const image = await imageOf(scene);
    const found = await faces.find(image, { scoreThreshold: 0, maxDetections: 3 });
    const mirrored = await faces.find(image, { scoreThreshold: 0, maxDetections: 3, mirror: true });
    return found.map(({ embedding, box }, i) => [
      embedding.length, similarity(embedding, mirrored[i].embedding), box.x + box.width + mirrored[i].box.x,
    ]);
    """
    faces = run(
        runtime.page,
        script,
        detector=MODELS[FACE_DETECTION],
        recognizer=MODELS[FACE_RECOGNITION],
        scene=as_address(scene),
    )
    assert len(faces) == 3
    for size, likeness, width in faces:
        assert (size, round(likeness, 6), round(width, 3)) == (128, 1.0, scene.width)


def test_the_worker_gives_what_the_page_gives(runtime: Watched) -> None:
    script = """
    const image = await imageOf(address);
    const worker = await createWorkerZoo('/store/', { backends: ['wasm'], wasmPath });
    const there = await Promise.all(names.map((name) => worker.load(name)));
    const here = await Promise.all(names.map((name) => load(name, 'wasm')));
    const before = await worker.memory();
    const answers = [];
    for (const models of [there, here]) answers.push(await Promise.all(models.map((model) => ask(model, image))));
    const after = await worker.memory();
    const complaints = [];
    const complain = (error) => complaints.push(error.message);
    await there[0].embed(image).catch(complain);
    await there[0].dispose();
    await there[0].detect(image).catch(complain);
    await worker.load('x').catch(complain);
    worker.dispose();
    return { answers, before, after, complaints, backends: there.map((model) => model.backend) };
    """
    names = [MODELS[FACE_DETECTION], MODELS[FACE_RECOGNITION], MODELS["object-recognition"]]
    answer = run(runtime.page, script, names=names, address=as_address(generated(FACE_DETECTION)))
    there, here = answer["answers"]
    assert_same_detections(there[0], here[0])
    np.testing.assert_allclose(there[1], here[1], atol=1e-4)  # measured: 1e-6; threads add up in another order
    assert_same(there[2], {one["label"]: one["score"] for one in here[2]})
    assert answer["before"] == answer["after"]
    assert answer["backends"] == ["wasm"] * 3
    assert answer["complaints"][0] == "The model cannot embed."
    assert "was disposed of" in answer["complaints"][1]
    assert "No model 'x' is published here" in answer["complaints"][2]
