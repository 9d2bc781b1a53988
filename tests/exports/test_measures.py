"""Networks at other input sizes, and the curves behind their numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zoo
from exports.curves import draw_curve
from exports.evaluate import Findings, open_labelled, run_over
from exports.load import Loaded, at_input_size
from exports.measures import measure_all
from exports.network import export_network
from tuner.learners import DetectionLearner
from tuner.training import predict
from zoo import ZooError
from zoo._cli import EXIT_MISTAKE, main
from zoo.tasks.grid import anchors, encode_boxes


def untrained(name: str, *, folded: bool = False) -> Loaded:
    network = zoo.build(name)
    return Loaded(export_network(network) if folded else network, zoo.get(name), (), "float32")


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("name", ["yunet_a_96", "blazeface_128", "picodet_xs_192", "pebble_cls_48"])
def test_another_input_size_keeps_the_weights(name: str, folded: bool) -> None:
    loaded = untrained(name, folded=folded)
    inputs = loaded.spec.inputs
    pictures = np.random.default_rng(0).integers(0, 256, (2, *inputs.shape), np.uint8)
    same = at_input_size(loaded, inputs.height)
    expected = predict(loaded.network, pictures, inputs)
    for output, values in predict(same.network, pictures, inputs).items():
        np.testing.assert_array_equal(values, expected[output])
    larger = at_input_size(loaded, inputs.height * 2)
    assert larger.network.input.shape[1:3] == (inputs.height * 2, inputs.width * 2)
    if isinstance(loaded.spec.head, zoo.GridHead):
        assert larger.network.output["box_offsets"].shape[1] == len(anchors(larger.spec.head, larger.spec.inputs).sides)


def test_a_network_with_weights_for_places_refuses_another_size() -> None:
    with pytest.raises(ZooError, match="has weights for every place of a 112x112 picture"):
        at_input_size(untrained("mobilefacenet_025_112"), 160)
    with pytest.raises(ZooError, match="multiples of the coarsest stride"):
        at_input_size(untrained("yunet_a_96"), 100)


def found_on(name: str, limit: int) -> Findings:
    loaded = untrained(name)
    labelled = open_labelled(loaded, "synthetic", limit=limit)
    return run_over(loaded, labelled)


@pytest.mark.parametrize("name", ["yunet_a_96", "mobilefacenet_025_112", "gate_64"])
def test_every_task_has_its_curve(name: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / "curve.png"
    draw_curve(found_on(name, 24), path)
    picture = np.asarray(Image.open(path).convert("L"))
    assert (picture < 128).mean() > 0.005
    with pytest.raises(ZooError, match=r"ends in \.png or \.svg"):
        draw_curve(found_on("gate_64", 4), tmp_path / "curve.txt")


def test_a_detector_that_answers_its_targets_is_perfect() -> None:
    """Labels and detections must meet in one geometry, landmarks and letterbox included."""
    findings = found_on("yunet_a_96", 16)
    spec, pictures = findings.loaded.spec, findings.labelled.pictures
    targets = DetectionLearner(spec, 1).targets(pictures, np.arange(len(pictures)))
    owned = targets["class_targets"].max(axis=-1, keepdims=True) > 0
    grid = anchors(spec.head, spec.inputs)
    outputs = {
        "class_logits": np.where(targets["class_targets"] > 0, 9.0, -9.0),
        "box_offsets": encode_boxes(np.where(owned, targets["boxes"], [0.0, 0.0, 1.0, 1.0]), grid),
        "keypoint_offsets": targets["keypoint_offsets"],
    }
    ap50, ap, landmark_error = measure_all(replace(findings, outputs=outputs))
    assert ap50.value > 0.95  # of two faces in one cell, one is lost
    assert ap.value > 0.9
    assert landmark_error.value < 1e-4
    assert measure_all(findings)[0].value < 0.5  # untrained


def test_evaluate_takes_an_input_size_and_draws(
    artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plot = tmp_path / "curve.svg"
    words = ["evaluate", str(artifact), "--limit", "8", "--json"]
    assert main([*words, "--input-size", "96", "--plot", str(plot)]) == 0
    assert json.loads(capsys.readouterr().out)["input_size"] == [96, 96]
    assert "precision" in plot.read_text(encoding="utf-8")
    assert main([*words, "--input-size", "97"]) == EXIT_MISTAKE
    assert "97x97" in capsys.readouterr().err
    assert main([*words, "--plot", str(tmp_path / "curve.doc")]) == EXIT_MISTAKE
    assert "ends in .png or .svg" in capsys.readouterr().err
