"""`zoo data check`: one real file of every kind that goes wrong, what is counted, and what training makes of it."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _builders import (
    SIZE,
    edit_json,
    write_coco,
    write_folders,
    write_picture,
    write_voc,
    write_wider,
    write_yolo,
    yolo_line,
)
from PIL import Image

from tuner.data import decode, open_dataset
from tuner.data._duplicates import BITS, SAME_PHOTO_BITS, alike, look
from tuner.data._findings import FAULTS, REMARKS
from tuner.data.check import check_data
from zoo import BadData, ImageSpec, UnknownName
from zoo._cli import main
from zoo._specs import FACE_DETECTION, FACE_RECOGNITION, OBJECT_DETECTION, OBJECT_RECOGNITION

TRAIN, VAL = 24, 4


def picture(folder: Path) -> Path:
    return folder / "images" / "train0.png"


def truncate(folder: Path) -> None:
    content = picture(folder).read_bytes()
    picture(folder).write_bytes(content[: len(content) // 2])


def annotation(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: edit_json(folder / "train.json", lambda document: document["annotations"][0].update(changes))


def entry(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: edit_json(folder / "train.json", lambda document: document["images"][0].update(changes))


def append(part: str, item: Any) -> Callable[[Path], None]:
    return lambda folder: edit_json(folder / "train.json", lambda document: document[part].append(item))


def save(image: Image.Image, **options: Any) -> Callable[[Path], None]:
    return lambda folder: image.save(picture(folder), **options)


def turned(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (SIZE[1], SIZE[0])).save(picture(folder), exif=exif)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, bits: int, rows: bytes) -> bytes:
    """An RGB PNG by hand: Pillow writes neither a bomb nor 16 bits per channel."""
    header = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def bomb(folder: Path) -> None:
    picture(folder).write_bytes(png(20_000, 20_000, 8, b""))
    entry(width=20_000, height=20_000)(folder)


def sixteen_bits(folder: Path) -> None:
    picture(folder).write_bytes(png(*SIZE, 16, (b"\0" + b"\x80\x01" * 3 * SIZE[0]) * SIZE[1]))


def cmyk(folder: Path) -> None:
    Image.new("CMYK", SIZE, (9, 90, 200, 0)).save(picture(folder), format="JPEG")


def copy_into_val(folder: Path) -> None:
    with Image.open(picture(folder)) as image:
        image.resize((SIZE[0] * 3, SIZE[1] * 3), Image.Resampling.BICUBIC).resize(SIZE).save(
            folder / "images" / "val0.png"
        )


SPOILT: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "truncated": ("unreadable", truncate),
    "no picture": ("unreadable", lambda folder: picture(folder).write_bytes(b"no picture")),
    "empty file": ("unreadable", lambda folder: picture(folder).write_bytes(b"")),
    "missing": ("missing-file", lambda folder: picture(folder).unlink()),
    "bomb": ("too-large", bomb),
    "other size": ("other-size", save(Image.new("RGB", (100, 100)))),
    "outside the folder": ("outside-folder", entry(file_name="../secret.png")),
    "no area": ("no-area", annotation(bbox=[4, 8, 0, 10])),
    "outside the picture": ("outside-picture", annotation(bbox=[900, 8, 20, 10])),
    "NaN": ("not-finite", annotation(bbox=[4, 8, float("nan"), 10])),
    "unknown class": ("unknown-class", annotation(category_id=42)),
    "duplicate id": ("duplicate-id", append("images", {"id": 3, "file_name": "val0.png"})),
    "unknown picture": ("unknown-picture", annotation(image_id=99)),
    "malformed": ("malformed", annotation(bbox="4 8 20 10")),
    "beyond the edge": ("clipped", annotation(bbox=[50, 8, 40, 10])),
    "repeated id": ("repeated-id", annotation(id=3)),
    "EXIF orientation": ("exif-rotation", turned),
    "CMYK": ("cmyk", cmyk),
    "16 bits, grey": ("16-bit", save(Image.fromarray(np.full(SIZE[::-1], 40_000, np.uint16)))),
    "16 bits, RGB": ("16-bit", sixteen_bits),
    "alpha": ("alpha", save(Image.new("RGBA", SIZE, (0, 90, 0, 127)))),
    "transparent palette": ("alpha", save(Image.new("P", SIZE), transparency=0)),
    "near-duplicate": ("near-duplicate", copy_into_val),
}


def test_every_kind_has_a_file_that_shows_it() -> None:
    assert {kind for kind, _ in SPOILT.values()} == {*FAULTS, *REMARKS}


@pytest.mark.parametrize("name", SPOILT)
def test_each_bad_input_is_found_and_nothing_else(name: str, tmp_path: Path) -> None:
    kind, spoil = SPOILT[name]
    write_picture(tmp_path / "secret.png")
    folder = write_coco(tmp_path / "data", train=TRAIN, val=VAL)
    spoil(folder)
    report = check_data(folder)
    assert [finding.kind for finding in report.findings] == [kind]
    [finding] = report.findings
    assert finding.file
    assert finding.sentence.endswith(".")
    assert "\n" not in finding.sentence
    assert len(report.faults) == (kind in FAULTS)
    assert finding.sentence in report.text()
    json.dumps(report.record(), allow_nan=False)
    assert report.obstacle is None
    dataset = open_dataset(folder, task=OBJECT_DETECTION)  # training leaves out what was called a fault
    decoded = [decode(dataset.splits[split], ImageSpec(16, 16)) for split in ("train", "val")]
    assert [*dataset.skipped, *decoded[0].skipped, *decoded[1].skipped] == list(report.faults)


def test_a_good_folder_is_counted(tmp_path: Path) -> None:
    write_coco(tmp_path, train=TRAIN, val=VAL)
    annotation(bbox=[4, 8, 20, 40], category_id=3)(tmp_path)
    edit_json(tmp_path / "val.json", lambda document: document["annotations"].pop())
    edit_json(tmp_path / "val.json", lambda document: document["annotations"][0].update(iscrowd=1))
    report = check_data(tmp_path)
    assert (report.format, report.task, report.labels) == ("coco", OBJECT_DETECTION, ("cat", "dog"))
    assert (report.findings, report.obstacle) == ((), None)
    record = report.record()
    assert record["splits"]["train"]["of_class"] == {"cat": 1, "dog": 23}
    assert record["splits"]["train"]["box_heights"] == {
        "< 3 %": 0, "3-6 %": 0, "6-10 %": 0, "10-20 %": 23, "20-40 %": 0, ">= 40 %": 1,
    }  # fmt: skip
    val = {name: record["splits"]["val"][name] for name in ("pictures", "boxes", "ignored", "without_boxes")}
    assert val == {"pictures": 4, "boxes": 2, "ignored": 1, "without_boxes": 1}
    assert "faults, left out of training: 0; remarks: 0" in report.text()


def test_every_format_finds_its_task(tmp_path: Path) -> None:
    people = write_folders(tmp_path / "people", {f"p{number}": 2 for number in range(101)})
    for folder, format, task in (
        (write_coco(tmp_path / "coco"), "coco", OBJECT_DETECTION),
        (write_voc(tmp_path / "voc"), "voc", OBJECT_DETECTION),
        (write_yolo(tmp_path / "yolo"), "yolo", OBJECT_DETECTION),
        (write_wider(tmp_path / "wider"), "wider", FACE_DETECTION),
        (write_folders(tmp_path / "classes", {"a": 12, "b": 12}), "classes", OBJECT_RECOGNITION),
        (people, "identities", FACE_RECOGNITION),
    ):
        report = check_data(folder)
        assert (report.format, report.task, report.faults) == (format, task, ())
        assert sum(counts.pictures for counts in report.splits.values()) >= 16
    assert check_data(people, task=OBJECT_RECOGNITION).format == "classes"
    assert "101 labels" in check_data(people).text()


def test_all_annotations_of_unknown_classes_are_told(tmp_path: Path) -> None:
    folder = write_yolo(tmp_path)
    for number in range(5):
        (folder / "labels" / "train" / f"{number}.txt").write_text(f"{yolo_line()}\n{yolo_line(7)}\n")
    report = check_data(folder)
    assert [finding.kind for finding in report.findings] == ["unknown-class"] * 5
    assert report.splits["train"].boxes == 12


def test_more_than_a_tenth_of_bad_pictures_is_an_obstacle(tmp_path: Path) -> None:
    write_coco(tmp_path, train=18, val=2)
    for number in range(3):
        (tmp_path / "images" / f"train{number}.png").write_bytes(b"no picture")
    report = check_data(tmp_path)
    assert report.obstacle is not None
    assert report.obstacle.startswith("3 of 20 pictures cannot be used")
    assert len(report.faults) == 3
    assert "Training refuses these data" in report.text()


def test_what_cannot_be_trained_on_is_an_obstacle(tmp_path: Path) -> None:
    report = check_data(write_coco(tmp_path, annotations=[]))
    assert report.obstacle is not None
    assert "has not one box" in report.obstacle


def test_generated_data_are_without_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuner.data.synthetic.TRAIN_PICTURES", 12)
    monkeypatch.setattr("tuner.data.synthetic.VAL_PICTURES", 4)
    report = check_data("synthetic", task=OBJECT_DETECTION)
    assert (report.name, report.findings) == ("synthetic", ())


def test_misspelt_words(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'face-detection'"):
        check_data(tmp_path, task="face-detecton")
    with pytest.raises(UnknownName, match="Did you mean 'coco'"):
        check_data(tmp_path, format="cocoo")
    with pytest.raises(BadData, match="is empty"):
        check_data(tmp_path)


def smooth(seed: int, side: int = 96) -> np.ndarray:
    """A picture with large shapes, as photographs have; noise has no look."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def test_copies_look_alike_and_others_do_not(tmp_path: Path) -> None:
    pictures = [smooth(seed) for seed in range(30)]
    table = np.array([look(picture) for picture in pictures])
    copies = []
    for seed, picture in enumerate(pictures):
        Image.fromarray(picture).resize((61, 70)).save(tmp_path / f"{seed}.jpg", quality=70)
        with Image.open(tmp_path / f"{seed}.jpg") as image:
            copies.append(look(np.asarray(image)))
    found = alike(table, np.array(copies), SAME_PHOTO_BITS)
    assert [(left, right) for left, right, _ in found] == [(row, row) for row in range(30)]


def test_pairs_equal_the_loop() -> None:
    generator = np.random.default_rng(1)
    left = generator.integers(0, 2**63, (700, 2), np.uint64)  # more than one block
    right = left[generator.integers(0, 700, 40)]
    right[:, 0] ^= np.uint64(0b10110)
    right[::2, 1] ^= np.uint64(0b11111)
    expected = []
    for row, one in enumerate(left.tolist()):
        for column, other in enumerate(right.tolist()):
            bits = sum((a ^ b).bit_count() for a, b in zip(one, other, strict=True))
            if bits <= 6:
                expected.append((row, column, bits))
    assert alike(left, right, 6) == expected
    assert len(expected) == 20
    assert BITS == 128
    assert alike(left[:0], right, 6) == []


def test_the_command_reports_and_tells_by_its_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(write_coco(tmp_path, train=TRAIN, val=VAL))
    assert main(["data", "check", folder, "--strict"]) == 0
    assert "coco, checked for object-detection" in capsys.readouterr().out
    truncate(tmp_path)
    assert main(["data", "check", folder, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["counts"], record["faults"]) == ({"unreadable": 1}, 1)
    assert main(["data", "check", folder, "--strict"]) == 2
    out, err = capsys.readouterr()
    assert "1 x unreadable" in out
    assert "strict allows nothing to be left out, but 1 would be" in err
    edit_json(tmp_path / "train.json", lambda document: [a.update(category_id=42) for a in document["annotations"][:4]])
    assert main(["data", "check", folder]) == 2  # one would be ignored, a tenth and more is refused
    out, err = capsys.readouterr()
    assert "4 x unknown-class" in out
    assert "uses the class '42'" in err
