"""`zoo show` draws each registered model stage by stage; the stages add up to the network."""

from __future__ import annotations

import json
import struct
import xml.etree.ElementTree
from pathlib import Path

import keras
import pytest

import zoo
from zoo._budget import footprint
from zoo._cli import main
from zoo._picture import _lanes
from zoo._show import percent, stages_text
from zoo._stages import Stage, find_stages

MODELS = [spec.name for spec in zoo.list_models()]
MAX_LINES = 28  # one screen


@pytest.fixture(scope="module", params=MODELS)
def described(request: pytest.FixtureRequest) -> tuple[keras.Model, list[Stage]]:
    model = zoo.build(request.param)
    return model, find_stages(model)


Described = tuple[keras.Model, list[Stage]]


def run(capfd: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    out, err = capfd.readouterr()
    return code, out, err


def test_stages_add_up_to_the_footprint(described: Described) -> None:
    model, stages = described
    whole = footprint(model)
    assert sum(stage.parameters for stage in stages) == whole.parameters
    assert sum(stage.multiply_adds for stage in stages) == whole.multiply_adds
    assert sum(stage.weight_bytes for stage in stages) == whole.predicted_bytes("uint8") - whole.topology_bytes


def test_stages_follow_the_graph(described: Described) -> None:
    _, stages = described
    seen: set[str] = set()
    for stage in stages:
        assert set(stage.sources) <= seen, stage.name
        seen.add(stage.name)
    read = {source for stage in stages for source in stage.sources}
    assert [stage.name for stage in stages if not stage.sources] == [stages[0].name]
    assert stages[0].kinds == "input"
    assert stages[-1].name not in read


def test_stages_read_well(described: Described) -> None:
    model, stages = described
    assert 4 <= len(stages) <= MAX_LINES
    assert all(stage.kinds for stage in stages)
    assert all(stage.weight_bytes or stage.kinds == "input" or stage.name == "outputs" for stage in stages)
    lines = stages_text(stages).splitlines()
    assert len(lines) == len(stages) + 3
    assert f"{footprint(model).parameters:,}" in lines[-1]
    assert f"{footprint(model).multiply_adds:,}" in lines[-1]


def test_a_detector_by_hand() -> None:
    stages = {stage.name: stage for stage in find_stages(zoo.build("yunet_n_160"))}
    backbone = ["image", "stem", "stage1", "stage2", "stage3", "stage4", "stage5"]
    assert list(stages) == [*backbone, "neck32", "neck16", "neck8", "head8", "head16", "head32", "outputs"]
    assert stages["stem"].parameters == 3 * 3 * 3 * 16 + 2 * 16 + 16 * 17 + 16 * 10 + 2 * 16
    assert stages["stage1"].kinds == "max pool, 2x (pw + dw 3x3)"
    assert stages["neck8"].sources == ("neck16", "stage3")
    assert (stages["neck8"].kinds, stages["neck8"].size) == ("up + add + pw + dw 3x3", (20, 20))
    assert (stages["head16"].kinds, stages["head16"].filters) == ("4x (pw + dw 3x3)", 1 + 4 + 10)
    assert (stages["outputs"].size, stages["outputs"].sources) == ((525,), ("head8", "head16", "head32"))


@pytest.mark.parametrize(
    ("model", "stage", "kinds"),
    [
        ("dense4_cls_64", "dense1", "dense block: 4x (dw 3x3 + pw)"),
        ("dense4_cls_64", "class_logits", "global pool + fully connected"),
        ("mobilefacenet_025_112", "stage1", "5x inverted residual 3x3, 4 skips"),
        ("mobilefacenet_025_112", "stage2", "inverted residual 3x3"),
    ],
)
def test_blocks_have_names(model: str, stage: str, kinds: str) -> None:
    assert {found.name: found.kinds for found in find_stages(zoo.build(model))}[stage] == kinds


def test_a_network_with_names_of_its_own_is_drawn_too() -> None:
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", name="1st")(image)
    y = keras.layers.Conv1D(4, 3, padding="same", name="rows")(keras.layers.Reshape((64, 4), name="as_rows")(x))
    stages = find_stages(keras.Model(image, [y, x]))
    assert [stage.name for stage in stages][1:] == ["1st", "rows"]
    assert [stage.kinds for stage in stages] == ["input", "conv 3x3", "Conv1D"]


def test_a_little_is_not_nothing() -> None:
    assert [percent(share) for share in (0, 0.001, 0.006, 1)] == ["0%", "<1%", "1%", "100%"]


def test_arrows_of_different_targets_never_share_a_lane() -> None:
    lanes = _lanes([(0, 1), (4, 9), (5, 8), (7, 8), (3, 8), (8, 11), (8, 12)])
    assert (0, 1) not in lanes
    assert lanes[(5, 8)] == lanes[(3, 8)]
    assert len({lanes[(4, 9)], lanes[(5, 8)], lanes[(8, 11)]}) == 3
    assert lanes[(8, 11)] != lanes[(8, 12)]


@pytest.mark.parametrize(("model", "name"), [("yunet_n_160", "yunet.png"), ("dense4_cls_64", "dense4.SVG")])
def test_the_picture_is_written(model: str, name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / name
    code, out, err = run(capfd, "show", model, "--plot", path)
    assert (code, err) == (0, "")
    assert out.endswith(f"picture: {path}\n")
    content = path.read_bytes()
    assert len(content) > 20_000
    if path.suffix == ".SVG":
        assert xml.etree.ElementTree.fromstring(content).tag.endswith("svg")
    else:
        width, height = struct.unpack(">II", content[16:24])
        assert (width > 1000, height > 800) == (True, True)
    assert [entry.name for entry in path.parent.iterdir()] == [name]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--plot", "yunet.pdf"], "Cannot draw into 'yunet.pdf'. A picture's name ends in .png or .svg."),
        (["--plot", "yunet"], "ends in .png or .svg"),
        (["--option", "width"], "Write it like width=0.5"),
        (["--option", "widht=1"], "Did you mean 'width'"),
        (["--option", "width=9"], "its budget is"),
    ],
)
def test_a_mistake_is_one_sentence(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capfd, "show", "yunet_n_160", *words)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_json_tells_the_same(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "x.png"
    words = ("show", "dense4_cls_64", "--json", "--option", "width=0.5", "--option", "num_classes=7", "--plot", picture)
    code, out, _ = run(capfd, *words)
    record = json.loads(out)
    stages = find_stages(zoo.build("dense4_cls_64", width=0.5, num_classes=7))
    assert code == 0
    assert record["options"] == {"width": 0.5, "activation": "relu", "num_classes": 7}
    assert record["stages"] == [stage.record() for stage in stages]
    assert [
        Stage(**{**stage, "size": tuple(stage["size"]), "sources": tuple(stage["sources"])})
        for stage in record["stages"]
    ] == stages
    assert record["parameters"] == sum(stage.parameters for stage in stages)
    assert record["picture"] == str(picture)
