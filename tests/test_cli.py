"""The command line: results on stdout, mistakes as one sentence with exit code 2, never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from _commands import EXIT_MISTAKE, refused, zoo
from _folders import coco
from _stores import put
from PIL import Image

from exports.manifest import MANIFEST_FILE

COMMANDS = ["list", "show", "find", "sweep", "overfit", "publish", "verify", "import"]
COMMANDS += ["evaluate", "run", "demo", "data show", "data check"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_ends_with_examples(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = zoo(capfd, *command.split(), "--help")
    assert code == 0
    assert out.rstrip().splitlines()[-1].strip().startswith(f"zoo {command}")
    assert "--json" in out


def test_list_prints_a_table_or_json(capfd: pytest.CaptureFixture[str]) -> None:
    _, table, _ = zoo(capfd, "list", "--task", "face-detection")
    assert "yunet_n_160" in table
    assert "dense4_cls_64" not in table
    _, text, _ = zoo(capfd, "list", "--json")
    [record] = [record for record in json.loads(text) if record["name"] == "yunet_n_160"]
    assert record["parameters"] == 75_615
    assert set(record["predicted_bytes"]) == {"uint8", "uint16", "float16", "float32"}


def test_show_describes(capfd: pytest.CaptureFixture[str]) -> None:
    _, text, _ = zoo(capfd, "show", "mobilefacenet_025_112")
    assert "arXiv:1804.07573" in text
    assert json.loads(zoo(capfd, "show", "dense4_det_160", "--json")[1])["options"]["num_classes"] == 3


def test_find_prints_json(artifact: Path, store: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, text, _ = zoo(capfd, "find", "--task", "face-detection", "--max-bytes", "200000", "--json", "--store", store)
    assert code == 0
    [record] = json.loads(text)
    assert store / record["path"] == artifact


@pytest.mark.parametrize(
    ("words", "there"),
    [
        (["--max-bytes", "5"], "the smallest has"),
        (["--min-metric", "1", "--task", "face-detection"], "the best has ap50 0."),
        (["--task", "face-gate"], "there is: "),
    ],
)
def test_find_says_what_there_is_when_nothing_fits(
    words: list[str], there: str, artifact: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    put(artifact, tmp_path, artifact.name)
    code, text, _ = zoo(capfd, "find", *words, "--store", tmp_path)
    assert code == 0
    assert "No published model fits" in text
    assert there in text
    assert artifact.parent.name in text


def test_verify_takes_a_place_as_find_prints_it_for_a_url(artifact: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, text, _ = zoo(capfd, "verify", artifact.as_uri(), "--json")
    assert code == 0
    assert json.loads(text)["passed"]


def test_verify_prints_the_largest_difference(artifact: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, text, _ = zoo(capfd, "verify", artifact, "--json")
    assert code == 0
    record = json.loads(text)
    assert record["passed"]
    runtimes = {"keras", "tfjs wasm", "tfjs cpu", "tfjs wasm, layers model"}
    assert set(record["largest_relative_difference"]) == runtimes
    assert max(record["largest_relative_difference"].values()) < record["tolerance"]


def test_verify_fails_when_the_page_would_compute_something_else(
    artifact: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import hashlib

    folder = Path(shutil.copytree(artifact, tmp_path / "artifact"))
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    name = manifest["golden"]["outputs"]["class_logits"]["path"]
    content = bytearray((folder / name).read_bytes())
    content[:4] = struct.pack("<f", 1e3)
    (folder / name).write_bytes(bytes(content))
    manifest["files"][name]["sha256"] = hashlib.sha256(bytes(content)).hexdigest()
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest))
    code, out, err = zoo(capfd, "verify", folder)
    assert code == EXIT_MISTAKE
    assert "FAILED" in out
    assert "does not compute in TF.js what Keras computed" in err


def test_evaluate_measures_runs_files_and_artifacts(
    run_folder: Path, artifact: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    values = {}
    for target in (run_folder, run_folder / "winner.keras", artifact):
        data = ("--data", "synthetic") if target.suffix == ".keras" else ()
        code, text, _ = zoo(capfd, "evaluate", target, *data, "--limit", "16", "--json")
        assert code == 0
        record = json.loads(text)
        assert (record["name"], record["pictures"]) == ("ap50", 16)
        values[record["precision"]] = record["value"]
    published = json.loads((artifact / MANIFEST_FILE).read_text())["model"]["precision"]
    assert set(values) == {"float32", published} and published != "float32"


def test_evaluate_takes_what_find_prints(
    artifact: Path, store: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POCKET_ZOO_STORE", str(store))
    code, out, _ = zoo(
        capfd, "evaluate", f"yunet_n_160@{artifact.name}", "--data", "synthetic", "--limit", "8", "--json"
    )
    assert code == 0
    assert json.loads(out)["pictures"] == 8
    assert "No model 'yunet' is published in" in refused(capfd, "evaluate", "yunet")
    assert "There is no gone/run. Give a published" in refused(capfd, "evaluate", "gone/run")


def test_evaluate_calls_a_model_by_its_own_name(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for number, label in enumerate(("mask_weared_incorrect", "with_mask", "without_mask")):
        for split in ("train", "val"):
            (tmp_path / split / label).mkdir(parents=True)
            Image.new("RGB", (64, 64), (80 * number, 0, len(split))).save(tmp_path / split / label / "1.png")
    code, text, _ = zoo(capfd, "evaluate", "mask_classifier", "--data", tmp_path, "--json")
    assert code == 0
    assert (json.loads(text)["model"], json.loads(text)["architecture"]) == ("mask_classifier", "dense4_cls_64")


def test_saved_detections_score_what_was_printed(
    artifact: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    from tuner.data import open_dataset

    file = tmp_path / "found.json"
    code, text, _ = zoo(capfd, "evaluate", artifact, "--limit", "24", "--save-detections", file, "--json")
    assert code == 0
    printed = {one["name"]: one["value"] for one in json.loads(text)["metrics"]}
    assert set(printed) == {"ap50", "ap", "landmark_error"}
    truths: list[dict[str, Any]] = []
    for number, sample in enumerate(open_dataset("synthetic", task="face-detection", seed=3).splits["val"][:24], 1):
        for x, y, right, bottom in sample.boxes_px.tolist():
            box = {"bbox": [x, y, right - x, bottom - y], "area": (right - x) * (bottom - y), "iscrowd": 0}
            truths.append({"id": len(truths) + 1, "image_id": number, "category_id": 1, **box})
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": number} for number in range(1, 25)],
        "categories": [{"id": 1, "name": "face"}],
        "annotations": truths,
    }
    truth.createIndex()
    evaluation = COCOeval(truth, truth.loadRes(str(file)), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    capfd.readouterr()
    assert [printed["ap"], printed["ap50"]] == pytest.approx(evaluation.stats[:2].tolist(), abs=1e-4)


def test_saved_detections_bear_the_numbers_of_the_coco_file(
    artifact: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, file = coco(tmp_path / "data"), tmp_path / "found.json"
    document = json.loads((folder / "val.json").read_text())
    for entry in [*document["images"], *document["annotations"]]:
        number = "id" if "file_name" in entry else "image_id"
        entry[number] = 1000 - entry[number]
    (folder / "val.json").write_text(json.dumps(document))
    (folder / "images" / "24.png").write_bytes(b"no picture")
    assert zoo(capfd, "evaluate", artifact, "--data", folder, "--save-detections", file)[0] == 0
    saved = {(one["image_id"], one["file_name"]) for one in json.loads(file.read_text())}
    assert saved
    assert saved <= {(1000 - number, f"{number}.png") for number in range(25, 48)}


def test_small_faces_can_be_left_out(artifact: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, text, _ = zoo(capfd, "evaluate", artifact, "--limit", "24", "--min-face", "0.3", "--iou", "0.75", "--json")
    assert code == 0
    record = json.loads(text)
    assert (record["name"], record["min_face"]) == ("ap75", 0.3)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--iou", "0"], "above 0 and below 1, got 0"),
        (["--iou", "nan"], "above 0 and below 1, got nan"),
        (["--min-face", "6"], "from 0 to 1, got 6"),
        (["--save-detections", "no/such/folder/found.json"], "There is no folder no/such/folder"),
    ],
)
def test_measures_that_cannot_be_are_one_sentence(
    words: list[str], sentence: str, artifact: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert sentence in refused(capfd, "evaluate", artifact, *words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lst"], "Did you mean 'list'"),
        (["show", "yunet_n_161"], "Did you mean 'yunet_n_160'"),
        (["sweep", "yunet_n_161"], "'zoo list' shows all models"),
        (["list", "--task", "faces"], "Tasks are: face-detection"),
        (["list", "--max-bytes", "120kB"], "'120kB' is not a whole number above 0, in digits"),
        (["find", "--min-metric", "90"], "a share from 0 to 1"),
        (["sweep", "dense4_cls_64", "--learning-rate", "a:b"], "Write a range like 1e-4:1e-2"),
        (["sweep", "dense4_cls_64", "--seed", "-1"], "--seed"),
        (["sweep", "dense4_cls_64", "--limit", "0"], "'0' is not a whole number above 0"),
        (["sweep", "dense4_cls_64", "--option", "width=nan"], "must be above 0 and at most 16, got nan"),
        (["sweep", "dense4_cls_64", "--option", "width=1e9"], "must be above 0 and at most 16"),
        (["sweep", "dense4_cls_64", "--option", "width=-1"], "must be above 0 and at most 16"),
        (["show", "dense4_cls_64", "--option", "num_classes=0"], "from 1 to 10,000, got 0"),
        (["show", "dense4_det_160", "--option", "num_classes=-3"], "from 1 to 10,000, got -3"),
        (["show", "dense4_det_160", "--option", "num_classes=1000000000"], "from 1 to 10,000, got 1,000,000,000"),
        (["run", "dense4_cls_64", "nosuch"], "Unknown model 'nosuch'"),
        (["data", "show", "-o", "x.txt"], "Name a file that ends in"),
        (["sweep", "dense4_cls_64", "--batch-size", "big"], "Write whole numbers like 8,16,32"),
        (["sweep", "dense4_cls_64", "--option", "width"], "Write it like width=0.5"),
        (["sweep", "dense4_cls_64", "--option", "width=wide"], "takes a float, got 'wide'"),
        (["sweep", "dense4_cls_64", "--option", "widht=1"], "Did you mean 'width'"),
        (["sweep", "dense4_cls_64", "--option", "width=4"], "its budget is 200,000"),
        (["sweep", "dense4_cls_64", "--trials", "0"], "'0' is not a whole number above 0"),
        (["publish", "no/such/run"], "There is no run folder"),
        (["publish", "no/such/run", "--store", "foo://x"], "foo://x"),
        (["publish", "no/such/run", "--tolerance", "-1"], "'-1' is not a number of points from 0 to below 100"),
        (["publish", "no/such/run", "--max-bytes", "70k"], "'70k' is not a whole number above 0"),
        (["import", "no/such/download"], "There is no folder no/such/download. Name the one that holds the model.json"),
        (
            ["verify", "no/such/artifact"],
            "There is no no/such/artifact. Give a published artifact's folder or NAME@VERSION",
        ),
        (["evaluate", "no/such/thing"], "There is no no/such/thing. Give a published artifact's folder"),
        (["evaluate", "yunet_xs_160", "--store", "no/such/store"], "There is no catalog.json in no/such/store"),
        (["predict", "yunet_xs", "x.png", "--store", "shipped"], "No model 'yunet_xs' is published in"),
        (["sweep", "dense4_cls_64", "--finish-epochs", "-1"], "'-1' is not a whole number from 0"),
        (["sweep", "dense4_cls_64", "--epoch", "2"], "unrecognized arguments: --epoch 2. Did you mean '--epochs'?"),
        (["evaluate", "yunet_xs_321", "--store", "shipped"], "Did you mean 'yunet_xs_320'?"),
        (["sweep", "dense4_cls_64", "--weights", "no/such"], "tells how each shipped model was made"),
        (["evaluate", "nothing.keras"], "There is no nothing.keras"),
        (["find", "--store", "no/such/store"], "There is no catalog.json"),
        (["data", "show", "no/such/folder", "-o", "x.png"], "no/such/folder"),
        (["data", "show", ".", "--format", "cocoo", "-o", "x.png"], "Did you mean 'coco'"),
    ],
)
def test_a_mistake_is_one_sentence(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refused(capfd, *words)
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_stops_early_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m zoo list --json | head -n 1", shell=True, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "["
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_the_installed_command_answers() -> None:
    command = Path(sys.executable).with_name("zoo")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True, env={**os.environ})
    assert done.stdout.startswith("pocket-zoo ")


def test_an_interrupted_sweep_says_so(tmp_path: Path) -> None:
    import signal
    import time

    command = [sys.executable, "-m", "zoo", "sweep", "dense4_cls_64", "--epochs", "500", "--out", str(tmp_path)]
    with (tmp_path / "stderr").open("w") as notes:
        # What runs in the background inherits that interrupts are ignored; a person's terminal does not.
        before = signal.signal(signal.SIGINT, signal.SIG_DFL)
        try:
            sweeper = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=notes)
        finally:
            signal.signal(signal.SIGINT, before)
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob("*/*/run.json")):
            assert sweeper.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(5)  # well into the first trial
        sweeper.send_signal(signal.SIGINT)
        code = sweeper.wait(60)
    said = (tmp_path / "stderr").read_text()
    assert code == 130, said[-2000:]
    assert said.strip().splitlines()[-1].startswith("zoo: interrupted")
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["run.json", "winner.json"])
def test_a_run_without_what_publishing_needs_is_one_sentence(
    name: str, run_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(run_folder, tmp_path / "run"))
    (folder / name).write_text("{}")
    assert f"{name} lacks" in refused(capfd, "publish", folder, "--store", tmp_path / "store")
