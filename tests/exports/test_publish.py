"""Publishing a run: measured after quantization, exact on the way back, and never half-visible."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import zoo
from exports.answers import Recognizer
from exports.card import CARD_FILE
from exports.evaluate import open_labelled, run_over
from exports.golden import golden_pictures, read_golden
from exports.load import load_artifact, load_target
from exports.manifest import read_manifest
from exports.publish import publish
from tuner import sweep
from tuner.defaults import Space
from tuner.learners import EmbeddingLearner
from tuner.training import predict
from zoo._budget import check_written
from zoo._cli import main
from zoo.catalog import CATALOG_FILE, find
from zoo.tasks.metrics import best_score_threshold

FLOAT_TOLERANCE = 2e-3  # of AP: folding moves outputs by 1e-6, which can swap two detections of nearly equal score


def test_float32_keeps_the_metric(run_folder: Path, tmp_path: Path) -> None:
    done = publish(run_folder, tmp_path, precision="float32")
    assert done.after.precision == "float32"
    assert done.after.value == pytest.approx(done.before.value, abs=FLOAT_TOLERANCE)
    assert done.after.data_sha256 == done.before.data_sha256


def test_fewer_bytes_for_fewer_bits(run_folder: Path, artifact: Path, tmp_path: Path) -> None:
    half = publish(run_folder, tmp_path, precision="float16")
    kernels = half.manifest["model"]["bytes"] - read_manifest(artifact)["model"]["bytes"]
    assert kernels > 50_000  # one byte more for each of the 71,525 kernel values, less some text


def test_an_artifact_computes_its_golden_outputs(artifact: Path) -> None:
    loaded = load_artifact(artifact)
    pictures, expected = read_golden(artifact, read_manifest(artifact)["golden"])
    outputs = predict(loaded.network, pictures, loaded.spec.inputs)
    for name, values in expected.items():
        np.testing.assert_allclose(outputs[name], values, atol=1e-6)


def test_golden_pictures_are_generated_whatever_the_model_saw(artifact: Path) -> None:
    pictures, _ = read_golden(artifact, read_manifest(artifact)["golden"])
    np.testing.assert_array_equal(pictures, golden_pictures(zoo.get("yunet_n_160")))


def test_the_score_from_which_boxes_are_shown_is_measured_and_comes_back(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = zoo.get("yunet_n_160").head.score_threshold
    poor = publish(run_folder, tmp_path / "poor", precision="float32", runtime="none")
    assert poor.manifest["decode"]["score_threshold"] == default  # two epochs on 32 pictures say nothing about it
    monkeypatch.setattr("exports.publish.LEAST_F1", 0.0)
    measured = publish(run_folder, tmp_path / "measured", precision="float32", runtime="none")
    threshold = measured.manifest["decode"]["score_threshold"]
    assert threshold != default
    assert load_artifact(measured.folder).spec.head.score_threshold == threshold
    exact = run_over(load_target(run_folder), open_labelled(load_target(run_folder)))
    assert threshold == pytest.approx(best_score_threshold(exact.truths, exact.detections)[0], abs=0.011)


def test_a_manifest_names_no_place_of_this_machine(artifact: Path) -> None:
    text = json.dumps(read_manifest(artifact))
    assert "location" not in text
    assert str(Path.home()) not in text


def test_data_that_has_moved_can_be_named_and_else_is_a_sentence(run_folder: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(run_folder, tmp_path / "run"))
    record = json.loads((moved / "run.json").read_text())
    record["data"]["location"] = "gone/away"
    (moved / "run.json").write_text(json.dumps(record))
    with pytest.raises(zoo.BadData, match="gone/away"):
        publish(moved, tmp_path / "store")
    assert not (tmp_path / "store").exists()
    assert publish(moved, tmp_path / "store", data="synthetic").folder.is_dir()


def test_a_recognizer_says_from_where_on_two_faces_are_alike(tmp_path: Path) -> None:
    space = Space(batch_sizes=(4,), learning_rates=(5e-3, 5e-3))  # enough steps that not all faces are alike
    run = sweep(
        "mobilefacenet_025_112", limit=128, trials=1, epochs=8, space=space, overfit=False, out=tmp_path / "runs"
    ).folder
    done = publish(run, tmp_path / "store", runtime="none")
    rule, loaded = done.manifest["decode"], load_target(run)
    findings = run_over(loaded, open_labelled(loaded, None))
    assert isinstance(findings.learner, EmbeddingLearner)
    cosines, same = findings.learner.pairs(findings.outputs, findings.labelled.pictures)
    assert (cosines[~same] >= rule["similarity_threshold"]).mean() <= rule["false_accept_rate"] == 0.05
    assert (cosines[~same] >= rule["similarity_threshold"] - 0.001).mean() > 0.05
    recognizer = zoo.open_model("mobilefacenet_025_112", store=tmp_path / "store")
    assert isinstance(recognizer, Recognizer)
    assert recognizer.similarity_threshold == rule["similarity_threshold"]


def test_two_of_one_architecture_stand_side_by_side(run_folder: Path, tmp_path: Path) -> None:
    plain, named = (publish(run_folder, tmp_path, name=name, precision="uint8") for name in (None, "faces.small"))
    assert [plain.manifest["name"], named.manifest["name"]] == ["yunet_n_160", "faces.small"]
    assert named.verification.passed
    assert {entry.name for entry in find(store=tmp_path)} == {"yunet_n_160", "faces.small"}
    assert read_manifest(named.folder)["keras"]["architecture"] == "yunet_n_160"
    for trainable in (False, True):
        network = zoo.load("faces.small@latest", store=tmp_path, trainable=trainable)
        assert network.name == "yunet_n_160"
    card = (named.folder / CARD_FILE).read_text()
    assert card.startswith("# faces.small\n")
    assert "zoo.load('faces.small@latest')" in card
    assert "--as faces.small" in card
    assert "--as" not in (plain.folder / CARD_FILE).read_text()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../out", "'../out' cannot be the name of a model: letters, digits"),
        ("gate_64", "'gate_64' is another architecture than the 'yunet_n_160' to be published"),
    ],
)
def test_a_name_that_cannot_be_is_refused_before_any_work(
    name: str, message: str, run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = str(tmp_path / "store")
    for words in (["publish", str(run_folder)], ["run", "yunet_n_160", "--out", str(tmp_path / "runs")]):
        assert main([*words, "--as", name, "--store", store]) == 2
        assert message in capsys.readouterr().err
    assert main(["run", "yunet_n_160", "gate_64", "--as", "both", "--store", store]) == 2
    assert "--as both names one model, and there are 2. Run them one by one." in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_artifact_over_its_budget_is_refused() -> None:
    spec = zoo.get("dense4_cls_64")
    check_written(spec, spec.max_bytes)
    with pytest.raises(zoo.BudgetExceeded, match=r"weighs 200,001 bytes; its budget is 200,000"):
        check_written(spec, spec.max_bytes + 1)


def test_a_publish_over_the_budget_leaves_nothing(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = zoo.get("yunet_n_160")
    monkeypatch.setattr("exports.publish.check_written", lambda _, size: check_written(spec, size + spec.max_bytes))
    with pytest.raises(zoo.BudgetExceeded, match="Nothing was published"):
        publish(run_folder, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_publish_leaves_nothing_visible(run_folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "zoo", "publish", str(run_folder), "--store", str(tmp_path)]
    publisher = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(".part-*")):  # it has begun to write
        assert publisher.poll() is None, "the publisher ended before it wrote"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(publisher.pid, signal.SIGKILL)
    publisher.wait()
    assert not (tmp_path / CATALOG_FILE).exists()
    assert not list(tmp_path.glob("*/*/manifest.json"))
    publish(run_folder, tmp_path)  # and the store is as good as new
    assert len(find(store=tmp_path)) == 1
