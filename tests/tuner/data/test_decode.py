"""Pictures and coordinates move together to the size of a model input; bad pictures are left out or an error."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tuner.data import Sample, decode
from tuner.data._decode import resize
from tuner.data._pictures import read_picture
from zoo import BadData, BadImage, ImageSpec
from zoo.tasks import letterbox

HEADS = (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"BM")

sides = st.integers(16, 200)


def file_sample(path: Path) -> Sample:
    return Sample(key=path.name, load=lambda: read_picture(path), label=1)


@given(height=sides, width=sides, rule=st.sampled_from(["letterbox", "stretch"]), data=st.data())
def test_a_marker_is_found_where_its_box_says(height: int, width: int, rule: str, data: st.DataObject) -> None:
    side = 8
    left = data.draw(st.integers(0, width - side))
    top = data.draw(st.integers(0, height - side))
    picture = np.zeros((height, width, 3), np.uint8)
    picture[top : top + side, left : left + side] = 255
    box = np.array([[left, top, left + side, top + side]], np.float32)
    centre = np.array([[[left + side / 2, top + side / 2]]], np.float32)
    inputs = ImageSpec(96, 128, resize=rule, pad_value=0)
    decoded = decode([Sample("marker", lambda: picture, box, np.zeros(1, int), centre, np.zeros(1, bool))], inputs)
    weights = decoded.images[0, ..., 0].astype(float)
    rows, columns = np.indices(weights.shape) + 0.5
    found = np.array([(columns * weights).sum(), (rows * weights).sum()]) / weights.sum() / (128, 96)
    tolerance_px = 0.75  # measured 0.5: bilinear resampling is cut off at the picture's edge
    np.testing.assert_allclose(found * (128, 96), decoded.keypoints[0][0, 0] * (128, 96), atol=tolerance_px)
    x_min, y_min, x_max, y_max = decoded.boxes[0][0]
    assert x_min < found[0] < x_max
    assert y_min < found[1] < y_max


@given(height=st.integers(1, 500), width=st.integers(1, 500), rule=st.sampled_from(["letterbox", "stretch"]))
def test_coordinates_have_an_inverse(height: int, width: int, rule: str) -> None:
    inputs = ImageSpec(64, 96, resize=rule)
    boxes = np.array([[0, 0, width, height], [width / 3, height / 4, width / 2, height / 2]], np.float32)
    there = letterbox.to_input(boxes, inputs, height, width)
    np.testing.assert_allclose(letterbox.to_picture(there, inputs, height, width), boxes, rtol=1e-4, atol=1e-3)
    assert there.min() >= 0
    assert there.max() <= 1 + 1e-6


def test_padding_and_grey() -> None:
    picture = np.full((20, 40, 3), (255, 0, 0), np.uint8)
    padded = resize(picture, ImageSpec(32, 32, pad_value=77))
    assert (padded[:16] == (255, 0, 0)).all()
    assert (padded[16:] == 77).all()
    grey = resize(picture, ImageSpec(32, 32, channels=1, resize="stretch"))
    assert grey.shape == (32, 32, 1)
    assert (grey == 76).all()  # 0.299 · 255


def test_bad_pictures_are_left_out_and_counted(tmp_path: Path) -> None:
    paths = [tmp_path / f"{index}.png" for index in range(20)]
    for path in paths:
        Image.new("RGB", (10, 10), (len(path.stem), 0, 0)).save(path)
    paths[3].write_bytes(b"no picture")
    calls: list[tuple[int, int]] = []
    decoded = decode([file_sample(path) for path in paths], ImageSpec(16, 16), lambda *call: calls.append(call))
    assert len(decoded) == 19
    assert decoded.keys == tuple(path.name for path in paths if path != paths[3])
    assert len(decoded.boxes) == len(decoded.labels) == len(decoded.sizes_px) == 19
    sentence = f"Picture {paths[3]} cannot be decoded (no known picture format). Replace or remove it."
    assert decoded.skipped == (sentence,)
    assert calls == [(done, 20) for done in range(1, 21)]
    for path in paths[:2]:
        path.unlink()
    with pytest.raises(BadData, match=r"3 of 20 pictures cannot be used.*does not exist"):
        decode([file_sample(path) for path in paths], ImageSpec(16, 16))


def test_nothing_to_decode() -> None:
    assert decode([], ImageSpec(16, 16)).images.shape == (0, 16, 16, 3)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "gif", "tif"])
def test_torn_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"whole.{suffix}"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    assert read_picture(path).shape == (64, 64, 3)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadImage, match=f"whole.{suffix} cannot be decoded"):
        read_picture(path)


@given(content=st.binary(max_size=64), head=st.sampled_from(HEADS))
def test_any_bytes_give_a_sentence(tmp_path_factory: pytest.TempPathFactory, content: bytes, head: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.png"
    path.write_bytes(head + content)
    with pytest.raises(BadImage, match=r"any\.png"):
        read_picture(path)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")  # pytest sets the loader's own filter aside
def test_huge_pictures_are_refused_before_decoding(tmp_path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    for width in (10_001, 50_000):
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 10_000, 8, 2, 0, 0, 0))
        path = tmp_path / "huge.png"
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))
        with pytest.raises(BadImage, match=r"huge\.png has .*megapixels"):
            read_picture(path)


def test_orientation_is_applied_unless_the_annotation_was_made_without(tmp_path: Path) -> None:
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :10] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees clockwise to be looked at
    path = tmp_path / "turned.png"
    Image.fromarray(pixels).save(path, exif=exif)
    turned = read_picture(path)
    assert turned.shape == (40, 20, 3)
    assert (turned[:10] == 255).all()
    assert read_picture(path, (40, 20)).shape == (40, 20, 3)
    assert read_picture(path, (20, 40)).shape == (20, 40, 3)


def test_every_kind_of_pixel_becomes_rgb_bytes(tmp_path: Path) -> None:
    grey = np.full((8, 8), 128, np.uint8)
    kinds = {
        "grey.png": Image.fromarray(grey),
        "bits.png": Image.fromarray(grey > 200),
        "palette.gif": Image.fromarray(grey).convert("P"),
        "sixteen.png": Image.fromarray(np.full((8, 8), 128 * 257, np.uint16)),
        "float.tif": Image.fromarray(np.full((8, 8), 0.5, np.float32)),
        "cmyk.jpg": Image.fromarray(np.stack([grey] * 3, axis=-1)).convert("CMYK"),
        "clear.png": Image.new("RGBA", (8, 8), (0, 0, 0, 127)),
    }
    for name, image in kinds.items():
        image.save(tmp_path / name)
        picture = read_picture(tmp_path / name)
        assert picture.dtype == np.uint8
        assert picture.shape == (8, 8, 3)
        expected = 0 if name == "bits.png" else 128
        assert np.abs(picture.astype(int) - expected).max() <= 2, name
