"""Data packs hold what the data set holds, in pixels of the packed pictures, with a hash of each file."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tuner.data import decode, open_dataset, pack
from tuner.data.pack import INDEX_FILE, pack_files, write_pack
from zoo import BadData, ZooError, get
from zoo._cli import main
from zoo._errors import BadImage
from zoo._specs import FACE_DETECTION, FACE_RECOGNITION, TASKS

PACKED_TASKS = [task for task in TASKS if task != FACE_RECOGNITION]
MODELS = {
    "face-detection": "yunet_n_160",
    "object-detection": "dense4_det_160",
    "object-recognition": "pebble_cls_48",
    "face-gate": "gate_64",
}
JPEG_LEVELS = 12.0  # measured: 4, the mean distance of a JPEG of quality 90 from the picture


def opened(task: str) -> Any:
    return open_dataset("synthetic", task=task, limit=6, val_limit=3)


def read_picture(files: dict[str, bytes], record: dict[str, Any]) -> np.ndarray:
    content = files[record["file"]][record["offset"] : record["offset"] + record["bytes"]]
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


@pytest.mark.parametrize("task", PACKED_TASKS)
def test_a_pack_is_what_training_in_python_sees(task: str) -> None:
    inputs, dataset = get(MODELS[task]).inputs, opened(task)
    files = pack_files(dataset, task, inputs=inputs)
    index = json.loads(files[INDEX_FILE])
    assert (index["labels"], index["keypoints"]) == (list(dataset.labels), list(dataset.keypoints))
    for name, content in files.items():
        if name != INDEX_FILE:
            assert index["files"][name] == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    for split in ("train", "val"):
        records = [one for one in index["pictures"] if one["split"] == split]
        data = decode(dataset.splits[split], inputs)
        assert len(records) == len(data)
        for row, record in enumerate(records):
            picture = read_picture(files, record)
            assert picture.shape == (record["height"], record["width"], 3)
            placed = data.images[row][: record["height"], : record["width"]]
            np.testing.assert_array_equal(picture, placed)
            if data.labels[row] >= 0:
                assert record["label"] == data.labels[row]
                continue
            boxes = np.array([one["box"] for one in record["boxes"]]).reshape(-1, 2, 2)
            np.testing.assert_allclose(
                boxes / (inputs.width, inputs.height), data.boxes[row].reshape(-1, 2, 2), atol=1e-4
            )
            assert [one["label"] for one in record["boxes"]] == data.classes[row].tolist()
            if task == FACE_DETECTION:
                points = np.array([one["landmarks"] for one in record["boxes"]], float).reshape(-1, 5, 2)
                np.testing.assert_allclose(points / (inputs.width, inputs.height), data.keypoints[row], atol=1e-4)


def test_without_a_model_long_sides_end_and_jpeg_is_smaller() -> None:
    dataset = opened(FACE_DETECTION)
    png, jpeg = (pack_files(dataset, FACE_DETECTION, side_px=100, jpeg_quality=quality) for quality in (0, 90))
    records = [json.loads(files[INDEX_FILE])["pictures"] for files in (png, jpeg)]
    assert all(max(one["width"], one["height"]) == 100 for one in records[0])
    assert sum(map(len, jpeg.values())) < sum(map(len, png.values()))
    pictures = [read_picture(files, rows[0]).astype(int) for files, rows in zip((png, jpeg), records, strict=True)]
    assert np.abs(pictures[0] - pictures[1]).mean() < JPEG_LEVELS


def test_unknown_landmarks_ignored_boxes_and_unreadable_pictures() -> None:
    dataset = open_dataset("synthetic", task=FACE_DETECTION, limit=12, val_limit=3)
    samples = list(dataset.splits["train"])
    row = next(row for row, sample in enumerate(samples) if len(sample.boxes_px))
    points = samples[row].keypoints_px.copy()
    points[0, 2] = np.nan
    samples[row] = replace(samples[row], keypoints_px=points, ignore=np.ones(len(points), bool))

    def fail() -> np.ndarray:
        raise BadImage("Picture x cannot be decoded.")

    spoiled = replace(dataset, splits={"train": [*samples, replace(samples[0], load=fail)], "val": []})
    index = json.loads(pack_files(spoiled, FACE_DETECTION)[INDEX_FILE])
    assert len(index["pictures"]) == len(samples)
    [first, *_] = index["pictures"][row]["boxes"]
    assert first["landmarks"][2] is None
    assert first["ignore"] is True


def test_large_packs_are_cut_into_files_and_refused_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = opened(FACE_DETECTION)
    monkeypatch.setattr(pack, "FILE_BYTES", 1)
    files = pack_files(dataset, FACE_DETECTION)
    assert len(files) == 1 + 9
    record = json.loads(files[INDEX_FILE])["pictures"][8]
    assert (record["file"], record["offset"]) == ("pictures-008.bin", 0)
    monkeypatch.setattr(pack, "MAX_BYTES", 1_000)
    with pytest.raises(BadData, match=r"more than the 1,000 bytes .* Use --limit, --side or --jpeg"):
        pack_files(dataset, FACE_DETECTION)
    monkeypatch.setattr(pack, "MAX_PICTURES", 8)
    with pytest.raises(BadData, match="has 9 pictures; a pack holds 8"):
        pack_files(dataset, FACE_DETECTION)


def test_the_command_writes_a_new_folder_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["data", "pack", "synthetic", "--model", "pebble_cls_48", "--limit", "6", "--val-limit", "3"]
    folder = tmp_path / "packs" / "animals"
    assert main([*words, "-o", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["task"], told["pictures"]) == ("object-recognition", {"train": 6, "val": 3})
    assert sorted(path.name for path in folder.iterdir()) == [INDEX_FILE, "pictures-000.bin"]
    assert main([*words, "-o", str(folder)]) == 2
    assert "is there already and not empty" in capsys.readouterr().err
    assert [path.name for path in folder.parent.iterdir()] == ["animals"]


def test_identities_are_not_for_pages(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="not face recognition"):
        pack_files(opened(FACE_RECOGNITION), FACE_RECOGNITION)
    (tmp_path / "taken").write_text("x")
    with pytest.raises(ZooError, match="Name a new folder"):
        write_pack({}, tmp_path / "taken")
