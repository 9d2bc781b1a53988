"""The cache of decoded pictures: the same arrays as without it, whatever happens to its files."""

from __future__ import annotations

import errno
import multiprocessing
import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from _builders import write_coco, write_picture

from tuner.data import Decoded, Sample, cache_folder, decode, open_dataset
from tuner.data._cache import cache_key, let_go, shrink
from tuner.data._pictures import read_picture
from zoo._specs import ImageSpec

INPUTS = ImageSpec(40, 32)


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    """Twelve pictures with boxes, from files."""
    return list(open_dataset(write_coco(tmp_path / "data"), task="object-detection").splits["train"])


def same(left: Decoded, right: Decoded) -> bool:
    return (
        np.array_equal(left.images, right.images)
        and all(np.array_equal(a, b) for a, b in zip(left.boxes, right.boxes, strict=True))
        and np.array_equal(left.sizes_px, right.sizes_px)
        and (left.keys, left.skipped) == (right.keys, right.skipped)
    )


def entries(cache: Path) -> list[Path]:
    return sorted(cache.iterdir())


def test_what_is_kept_equals_what_is_decoded(samples: list[Sample], tmp_path: Path) -> None:
    plain, first, second = (decode(samples, INPUTS, cache=cache) for cache in (None, tmp_path / "c", tmp_path / "c"))
    assert same(plain, first)
    assert same(plain, second)
    assert isinstance(second.images.base, np.memmap)
    assert len(entries(tmp_path / "c")) == 1


def test_a_second_opening_reads_no_picture(
    samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = decode(samples, INPUTS, cache=tmp_path / "c")
    monkeypatch.setattr("tuner.data._decode._load_resized", None)
    steps: list[tuple[int, int]] = []
    assert same(first, decode(samples, INPUTS, lambda *step: steps.append(step), cache=tmp_path / "c"))
    assert steps == [(12, 12)]


def test_other_pictures_or_settings_are_kept_apart(samples: list[Sample], tmp_path: Path) -> None:
    key = cache_key(samples, INPUTS)
    assert key is not None
    assert cache_key(samples[:-1], INPUTS) != key
    assert cache_key(samples, ImageSpec(48, 32)) != key
    assert cache_key(samples, INPUTS) == key
    write_picture(tmp_path / "data" / "images" / "train3.png", (65, 48))
    assert cache_key(samples, INPUTS) != key


def test_crops_are_kept_by_their_window(tmp_path: Path) -> None:
    folder = write_coco(tmp_path / "data")
    crops = open_dataset(folder, task="object-recognition").splits["train"]
    moved = [{"id": i, "image_id": i, "category_id": 7, "bbox": [5, 8, 20, 10]} for i in range(12)]
    others = open_dataset(write_coco(folder, annotations=moved), task="object-recognition").splits["train"]
    assert cache_key(crops, INPUTS) is not None
    assert cache_key(crops, INPUTS) != cache_key(others, INPUTS)


def test_generated_pictures_are_not_kept(tmp_path: Path) -> None:
    generated = open_dataset("synthetic", task="object-detection", limit=3, val_limit=2).splits["train"]
    assert cache_key(generated, INPUTS) is None
    assert len(decode(generated, INPUTS, cache=tmp_path / "c")) == 3
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("name", ["images.npy", "rows.json"])
@pytest.mark.parametrize("left", [0, 100, None])
def test_a_torn_cache_is_built_again(name: str, left: int | None, samples: list[Sample], tmp_path: Path) -> None:
    first = decode(samples, INPUTS, cache=tmp_path / "c")
    [entry] = entries(tmp_path / "c")
    expected = np.array(first.images)
    if left is None:
        (entry / name).unlink()
    else:
        content = (entry / name).read_bytes()[:left]
        (entry / name).unlink()  # not truncated in place: `first` is mapped to it
        (entry / name).write_bytes(content)
    again = decode(samples, INPUTS, cache=tmp_path / "c")
    assert np.array_equal(again.images, expected)
    assert same(again, decode(samples, INPUTS, cache=tmp_path / "c"))


def test_bad_pictures_stay_noted(tmp_path: Path) -> None:
    paths = [write_picture(tmp_path / f"{row}.png") for row in range(12)]
    paths[5].write_bytes(paths[5].read_bytes()[:60])
    broken = [Sample(path.name, partial(read_picture, path)) for path in paths]
    first, second = (decode(broken, INPUTS, cache=tmp_path / "c") for _ in range(2))
    assert same(first, second)
    assert len(second) == 11
    assert "5.png" in second.skipped[0]


def decode_into(samples: list[Sample], cache: Path, start: multiprocessing.Barrier) -> None:  # type: ignore[valid-type]
    start.wait(60)  # type: ignore[attr-defined]
    decoded = decode(samples, INPUTS, cache=cache)
    assert same(decoded, decode(samples, INPUTS))


def test_two_processes_may_build_at_once(samples: list[Sample], tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    builders = [context.Process(target=decode_into, args=(samples, tmp_path / "c", start)) for _ in range(2)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join(120)
    assert [builder.exitcode for builder in builders] == [0, 0]
    assert len(entries(tmp_path / "c")) == 1


def test_without_room_pictures_are_decoded_into_memory(
    samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert same(decode(samples, INPUTS, cache=tmp_path / "c"), decode(samples, INPUTS))
    assert entries(tmp_path / "c") == []


def test_where_it_cannot_be_written_pictures_are_decoded_into_memory(samples: list[Sample], tmp_path: Path) -> None:
    (tmp_path / "c").write_text("a file, not a folder")
    assert same(decode(samples, INPUTS, cache=tmp_path / "c"), decode(samples, INPUTS))


def test_what_was_not_used_for_longest_goes_first(samples: list[Sample], tmp_path: Path) -> None:
    cache = tmp_path / "c"
    for count in (10, 11, 12):
        decode(samples[:count], INPUTS, cache=cache)
        key = cache_key(samples[:count], INPUTS)
        assert key is not None
        os.utime(cache / key, (count, count))
    sizes = {place.name: sum(file.stat().st_size for file in place.iterdir()) for place in entries(cache)}
    newest = cache_key(samples, INPUTS)
    assert newest is not None
    shrink(cache, keep=newest, max_bytes=sum(sizes.values()) - 1)
    assert {place.name for place in entries(cache)} == set(sizes) - {cache_key(samples[:10], INPUTS)}
    shrink(cache, keep=newest, max_bytes=0)
    assert [place.name for place in entries(cache)] == [newest]


def test_the_folder_can_be_named_or_turned_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POCKET_ZOO_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("POCKET_ZOO_CACHE", "")
    assert cache_folder() is None
    monkeypatch.delenv("POCKET_ZOO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "pocket-zoo" / "pictures"


def test_memory_given_back_keeps_the_pixels(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 64, 3), np.uint8)
    mapped = np.lib.format.open_memmap(tmp_path / "images.npy", mode="w+", dtype=np.uint8, shape=pixels.shape)
    mapped[:] = pixels
    let_go(mapped)
    let_go(pixels)
    np.testing.assert_array_equal(mapped, pixels)
    np.testing.assert_array_equal(np.load(tmp_path / "images.npy"), pixels)
