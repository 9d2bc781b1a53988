"""The model card: what it says comes from the run and the measurements, and its command makes the run again."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import zoo
from exports._cli import rounding_choice
from exports.card import CARD_FILE, RECIPE_FILE, recipe_lines, reproduce
from exports.load import Loaded
from exports.manifest import read_manifest, told_summary
from exports.pictures import CAPTION_PX, COLUMNS, NUM_PICTURES, TILE_PX, draw_samples
from exports.publish import publish, rounding_arguments
from tuner import sweep
from tuner._cli import sweep_arguments
from tuner.defaults import Range, Space
from tuner.recipe_files import with_recipe
from tuner.requests import Request
from tuner.runs import RunFolder
from zoo._cli import _parser, main
from zoo._options import model_options

MOST_CARD_BYTES = 400_000


def test_a_card_tells_what_was_measured_and_how_to_make_it_again(artifact: Path, run_folder: Path) -> None:
    manifest, text = read_manifest(artifact), (artifact / CARD_FILE).read_text()
    winner = RunFolder.open(run_folder).winner()
    assert f"{manifest['metrics'][0]['value']:.4f}" in text
    assert f"{manifest['model']['bytes']:,} (" in text
    assert f"batch_size {winner['batch_size']}" in text
    assert manifest["training"]["data"]["sha256"] in text
    assert "zoo run yunet_n_160 --data synthetic" in text
    assert "left no note" in text  # none was given
    shown = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    assert {"card/curve.png", "card/siblings.png", "card/samples.png", "card/search.png", "card/loss.png"} == set(shown)
    for name in shown:
        with Image.open(artifact / name) as picture:
            assert np.asarray(picture.convert("L")).std() > 1  # not blank
    assert set(shown) | {CARD_FILE} <= set(manifest["files"])
    assert sum(manifest["files"][name]["bytes"] for name in (*shown, CARD_FILE)) <= MOST_CARD_BYTES


def test_a_card_counts_the_newest_of_the_other_models_alone(run_folder: Path, tmp_path: Path) -> None:
    said = []
    for name in ("first", "second", "second", "first"):
        done = publish(run_folder, tmp_path, precision="uint8", name=name, note=str(len(said)), runtime="none")
        said.append(re.findall(r"beside (\d+) other published", (done.folder / CARD_FILE).read_text()))
    assert said == [["0"], ["1"], ["1"], ["1"]]


def test_a_note_stands_in_the_card(run_folder: Path, tmp_path: Path) -> None:
    done = publish(run_folder, tmp_path, precision="uint8", note="Boxes by *hand*.", runtime="none")
    assert "Boxes by *hand*." in (done.folder / CARD_FILE).read_text()
    assert set(done.verification.differences) == {"keras"}  # and nowhere else


def test_a_licence_stands_in_card_and_manifest_and_what_was_chosen_in_both(run_folder: Path, tmp_path: Path) -> None:
    done = publish(run_folder, tmp_path, precision="uint8", licence="research only", runtime="none")
    assert "- licence: research only\n" in (done.folder / CARD_FILE).read_text(encoding="utf-8")
    assert read_manifest(done.folder)["license"] == "research only"
    for wrong in ("two\nlines", "long" * 100):
        with pytest.raises(zoo.ZooError, match="--license is one line of at most 300 characters"):
            publish(run_folder, tmp_path, licence=wrong, runtime="none")
    spec = zoo.get("yunet_n_160")
    assert told_summary(spec, {**spec.options, "num_classes": 7}) == spec.summary
    assert told_summary(spec, {"width": 0.5}).endswith(f" Built with width 0.5 in place of {spec.options['width']}.")


def test_a_card_shows_the_pictures_given(run_folder: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(NUM_PICTURES + 1):
        Image.new("RGB", (90, 60), (30 * number, 0, 255)).save(pictures / f"{number}.png")
    done = publish(run_folder, tmp_path / "store", precision="uint8", show=pictures, runtime="none")
    assert "![What it answers for these pictures](card/samples.png)" in (done.folder / CARD_FILE).read_text()
    with Image.open(done.folder / "card/samples.png") as sheet:
        middles = [
            sheet.convert("RGB").getpixel((int((at % COLUMNS + 0.5) * TILE_PX), int((at // COLUMNS + 0.5) * TILE_PX)))
            for at in range(NUM_PICTURES)
        ]
    for number, (red, _, _) in enumerate(middles):
        assert abs(red - 30 * number) <= 12


@pytest.mark.parametrize(
    ("model", "files", "message"),
    [
        ("yunet_n_160", [], "There are no pictures to be shown in "),
        ("yunet_n_160", ["torn.png"], "torn.png"),
        ("sphereface_050_112", ["good.png"], "'sphereface_050_112' answers with an embedding, which no picture shows"),
    ],
)
def test_pictures_that_cannot_be_shown_are_refused_before_any_training(
    model: str, files: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in files:
        (pictures / name).write_bytes(b"torn")
        if name.startswith("good"):
            Image.new("RGB", (9, 9)).save(pictures / name)
    words = ["run", "yunet_n_160", model, "--show", str(pictures), "--out", str(tmp_path / "runs")]
    assert main([*words, "--store", str(tmp_path / "store")]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"trials": 3, "epochs": 4, "limit": 50, "seed": 7, "oracle": "grid", "space": Space((8, 16), (1e-3, 2e-3))},
        {
            "finish_epochs": 9,
            "augmentation": "scenes",
            "options": {"width": 0.5},
            "space": Space(more={"batch_size": (4,), "schedule": ("cosine",), "plateau_factor": Range(0.3, 0.7)}),
        },
        {"augmentation": {"mirror": 0.5, "zoom": 1, "zoom_range": [0.2, 1.5], "mosaic_sides": [2, 3]}},
        {"weights": "yunet_xs_160"},
    ],
)
def test_the_command_asks_for_the_same_run(
    asked: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    request = Request.of(None, model="yunet_n_160", **asked)
    record = json.loads(json.dumps({"request": request.record()}))
    (tmp_path / RECIPE_FILE).write_text("\n".join(recipe_lines(record)))
    words = shlex.split(reproduce(record))
    assert words[0] == "zoo"
    arguments = _parser().parse_args(words[1:])
    given = sweep_arguments(arguments, "yunet_n_160")
    if arguments.recipe is not None:
        given = with_recipe(given, arguments.recipe, "yunet_n_160")
    options = model_options("yunet_n_160", arguments.option) if arguments.option else None
    again = Request.of(
        None,
        model="yunet_n_160",
        options=options,
        **{name: value for name, value in given.items() if name not in ("overfit", "out", "executor", "recipe")},
    )
    assert again == request


@pytest.mark.parametrize(
    "chosen",
    [
        {"precision": "auto", "smallest": False, "tolerance": 0.003, "max_bytes": None},
        {"precision": "uint8", "smallest": False, "tolerance": 0.003, "max_bytes": 70_000},
        {"precision": "auto", "smallest": True, "tolerance": 0.0015, "max_bytes": 35_000},
    ],
)
def test_the_command_rounds_the_weights_the_same_way(chosen: dict[str, Any]) -> None:
    record = {"request": Request.of(None, model="yunet_n_160").record()}
    words = shlex.split(reproduce(record, rounding=rounding_arguments(**chosen)))
    assert rounding_choice(_parser().parse_args(words[1:])) == chosen


def test_a_card_shows_which_classes_generated_pictures_are_taken_for(tmp_path: Path) -> None:
    result = sweep("pebble_cls_48", limit=16, trials=1, epochs=1, overfit=False, out=tmp_path / "runs")
    done = publish(result.folder, tmp_path / "store", precision="uint8", runtime="none")
    with Image.open(done.folder / "card" / "samples.png") as sheet:
        shown = np.asarray(sheet.convert("L"))
    tile = shown[:, : TILE_PX * COLUMNS].reshape(-1, TILE_PX + CAPTION_PX, COLUMNS, TILE_PX)
    captions = tile[:, TILE_PX:].transpose(0, 2, 1, 3).reshape(NUM_PICTURES, -1)
    assert (captions < 128).any(axis=1).all()
    assert "fish" in (done.folder / CARD_FILE).read_text()


def test_the_card_of_an_embedding_has_no_samples(tmp_path: Path) -> None:
    spec = zoo.get("dense4_id_112")
    loaded = Loaded(zoo.build(spec.name), spec, labels=(), precision="float32")
    draw_samples(loaded, tmp_path / "samples.png")
    assert not (tmp_path / "samples.png").exists()


def test_an_artifact_that_tfjs_computes_otherwise_is_not_published(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exports.verify.TOLERANCE", 1e-12)
    with pytest.raises(zoo.BadArtifact, match=r"was not published: its written files .*tfjs wasm"):
        publish(run_folder, tmp_path, precision="uint8", runtime="node")
    assert not list(tmp_path.glob("[!.]*"))
