"""The command line: results on stdout, mistakes as one sentence with exit code 2, never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from _builders import write_coco, write_voc

from exports.manifest import MANIFEST_FILE
from zoo._cli import main

EXIT_MISTAKE = 2


def zoo(capfd: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    """Run a command in this process; return exit code, stdout, stderr."""
    try:
        code = main([str(word) for word in words])
    except SystemExit as done:
        code = int(done.code or 0)
    out, err = capfd.readouterr()
    return code, out, err


def refused(capfd: pytest.CaptureFixture[str], *words: str | Path) -> str:
    """Run a command that is a mistake; return its sentence."""
    code, out, err = zoo(capfd, *words)
    assert code == EXIT_MISTAKE
    assert out == ""
    assert "Traceback" not in err
    sentence = err.strip().splitlines()[-1]
    assert sentence.startswith("zoo")
    return sentence


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


def test_data_show_draws_a_picture(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    picture = tmp_path / "new" / "faces.png"
    code, text, _ = zoo(capfd, "data", "show", "synthetic", "--task", "face-detection", "--count", "4", "-o", picture)
    assert code == 0
    assert str(picture) in text
    with Image.open(picture) as drawn:
        assert drawn.width > 300


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lst"], "Did you mean 'list'"),
        (["show", "yunet_n_161"], "Did you mean 'yunet_n_160'"),
        (["sweep", "yunet_n_161"], "'zoo list' shows all models"),
        (["list", "--task", "faces"], "Tasks are: face-detection"),
        (["list", "--max-bytes", "120kB"], "'120kB' is not a whole number above 0, such as 200000"),
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
        (["verify", "no/such/artifact"], "There is no artifact in"),
        (["evaluate", "no/such/thing"], "neither a published artifact"),
        (["evaluate", "nothing.keras"], "There is no file"),
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


def png(path: Path, side: int = 40, shade: int = 120) -> None:
    """Write a small grey PNG by hand."""
    rows = b"".join(b"\0" + bytes([shade + (row % 7), shade, shade]) * side for row in range(side))

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def coco(folder: Path, pictures: int = 24, **changes: Any) -> Path:
    """Write a COCO folder with one box per picture; `changes` replace keys of the first annotation."""
    (folder / "images").mkdir(parents=True)
    for split, first in (("train", 0), ("val", pictures)):
        images, annotations = [], []
        for number in range(first, first + pictures):
            name = f"{number}.png"
            png(folder / "images" / name, shade=60 + number)
            images.append({"id": number, "file_name": name, "width": 40, "height": 40})
            annotation = {"id": number, "image_id": number, "category_id": 1, "bbox": [5, 5, 20, 20], "iscrowd": 0}
            annotations.append({**annotation, **(changes if number == 0 else {})})
        document = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "thing"}]}
        (folder / f"{split}.json").write_text(json.dumps(document))
    return folder


QUICK = ("--trials", "1", "--epochs", "1", "--batch-size", "8")


def test_one_bad_image_among_good_ones_is_counted_reported_and_skipped(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = coco(tmp_path / "data")
    (folder / "images" / "3.png").write_bytes((folder / "images" / "3.png").read_bytes()[:60])
    code, text, err = zoo(
        capfd, "sweep", "dense4_det_160", "--data", folder, *QUICK, "--out", tmp_path / "runs", "--json"
    )
    assert code == 0
    run = json.loads((Path(json.loads(text)["run"]) / "run.json").read_text())
    assert run["data"]["train_pictures"] == 23
    assert len(run["data"]["skipped"]) == 1
    assert "3.png" in run["data"]["skipped"][0]
    assert "1 skipped" in err
    assert "3.png" in err


def test_a_chosen_format_is_kept_for_later_steps(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = write_voc(write_coco(tmp_path / "data"))
    words = ("pebble_cls_48", "--data", folder, *QUICK, "--out", tmp_path / "runs", "--json")
    assert "2 formats: coco, voc. Choose one with --format" in refused(capfd, "sweep", *words)
    assert not (tmp_path / "runs").exists()
    code, text, _ = zoo(capfd, "sweep", *words, "--format", "coco")
    assert code == 0
    run = json.loads(text)["run"]
    assert json.loads((Path(run) / "run.json").read_text())["data"]["format"] == "coco"
    assert zoo(capfd, "evaluate", run)[0] == 0
    assert "2 formats" in refused(capfd, "evaluate", run, "--data", folder)
    moved = shutil.copytree(folder, tmp_path / "moved")
    assert zoo(capfd, "publish", run, "--data", moved, "--store", tmp_path / "store")[0] == 0
    assert "2 formats" in refused(capfd, "data", "show", folder, "-o", tmp_path / "x.png")
    assert zoo(capfd, "data", "show", folder, "--format", "coco", "-o", tmp_path / "x.png")[0] == 0


def test_strict_refuses_one_bad_picture_before_training(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = write_coco(tmp_path / "data")
    (folder / "images" / "train3.png").write_bytes(b"no picture")
    words = ("pebble_cls_48", "--data", folder, *QUICK, "--out", tmp_path / "runs", "--strict")
    assert "nothing to be left out, but 1 would be" in refused(capfd, "sweep", *words)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: shutil.rmtree(folder), "does not exist"),
        (lambda folder: [shutil.rmtree(folder), folder.mkdir()], "empty"),
        (lambda folder: (folder / "train.json").write_text('{"images": ['), "train.json"),
        (
            lambda folder: [path.write_bytes(path.read_bytes()[:60]) for path in sorted((folder / "images").iterdir())],
            "24 of 24 pictures cannot be used",
        ),
    ],
)
def test_unusable_data_is_one_sentence(
    spoil: Any, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = coco(tmp_path / "data")
    spoil(folder)
    sentence = refused(capfd, "sweep", "dense4_det_160", "--data", folder, *QUICK, "--out", tmp_path / "runs")
    assert message in sentence
    assert not (tmp_path / "runs").exists()


def test_an_annotation_of_an_unknown_class_is_one_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = coco(tmp_path / "data", category_id=7)
    sentence = refused(capfd, "sweep", "dense4_det_160", "--data", folder, *QUICK, "--out", tmp_path / "runs")
    assert "7" in sentence
    assert "thing" in sentence


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


def test_an_interrupt_while_the_framework_works_waits_for_its_end() -> None:
    """C++ callbacks swallow an interrupt, so it is held back and raised afterwards."""
    import signal

    from zoo._quiet import quiet_stderr

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores interrupts
    try:
        finished = False
        with pytest.raises(KeyboardInterrupt), quiet_stderr():
            os.kill(os.getpid(), signal.SIGINT)
            finished = True
        assert finished
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


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
        assert sweeper.wait(60) == 130
    said = (tmp_path / "stderr").read_text()
    assert said.strip().splitlines()[-1].startswith("zoo: interrupted")
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["run.json", "winner.json"])
def test_a_run_without_what_publishing_needs_is_one_sentence(
    name: str, run_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(run_folder, tmp_path / "run"))
    (folder / name).write_text("{}")
    assert f"{name} lacks" in refused(capfd, "publish", folder, "--store", tmp_path / "store")


def test_face_detection_says_that_all_classes_count_as_faces(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = coco(tmp_path / "data")
    _, _, err = zoo(capfd, "sweep", "yunet_a_96", "--data", folder, *QUICK, "--out", tmp_path / "runs")
    assert "count as faces: thing" in err
    assert "24 train, 24 val; labels face" in err
