"""The registry: declarations are checked, names are unique, mistakes are sentences."""

from __future__ import annotations

import textwrap
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import zoo
from zoo import _registry
from zoo._options import model_options


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registrations of a test stay in that test."""
    zoo.list_models()
    monkeypatch.setattr(_registry, "_models", dict(_registry._models))


def declare(name: str, **changes: Any) -> Any:
    def builder(spec: zoo.ModelSpec, *, width: float = 1.0) -> None:
        """A builder that is never called."""

    builder.__name__ = name
    declaration: dict[str, Any] = {
        "task": zoo.OBJECT_RECOGNITION,
        "inputs": zoo.ImageSpec(32, 32),
        "outputs": zoo.ClassHead(),
        "paper": "none",
    }
    return zoo.register_model(**{**declaration, **changes})(builder)


def test_one_model_per_task_at_least() -> None:
    assert {spec.task for spec in zoo.list_models()} == set(zoo.TASKS)


def test_get_returns_what_was_declared() -> None:
    spec = zoo.get("yunet_n_160")
    assert (spec.task, spec.inputs.shape) == ("face-detection", (160, 160, 3))
    assert spec.options == {"width": 1.0, "activation": "relu"}
    assert spec.head.num_anchors(spec.inputs) == 20 * 20 + 10 * 10 + 5 * 5


@pytest.mark.usefixtures("own_registry")
def test_a_duplicate_name_names_both_modules() -> None:
    with pytest.raises(zoo.DuplicateName, match=r"zoo\.families\.yunet and by .*test_registry"):
        declare("yunet_n_160")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("yunet_n_16O", "yunet_n_160"), ("dense4_cls", "dense4_cls_64"), ("YUNET_N_160", "yunet_n_160")],
)
def test_an_unknown_name_suggests_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(zoo.UnknownName, match=f"Did you mean '{right}'.*zoo list"):
        zoo.get(wrong)


def test_an_unknown_option_suggests_the_nearest() -> None:
    with pytest.raises(zoo.UnknownName, match=r"Unknown option 'widht'. Did you mean 'width'"):
        zoo.build("yunet_n_160", widht=0.5)


def test_an_unknown_task_lists_the_tasks() -> None:
    with pytest.raises(zoo.UnknownName, match="face-detection, object-detection"):
        zoo.list_models(task="face")


def test_list_filters_by_task_and_predicted_bytes() -> None:
    classifiers = zoo.list_models(task=zoo.OBJECT_RECOGNITION)
    assert {spec.task for spec in classifiers} == {zoo.OBJECT_RECOGNITION}
    assert zoo.list_models(max_bytes=1_000) == []
    small = [spec.name for spec in zoo.list_models(max_bytes=60_000)]
    assert "dense4_cls_64" in small
    assert "mobilefacenet_112" not in small


def test_there_is_a_choice() -> None:
    specs = zoo.list_models()
    assert len(specs) >= 16
    assert len(zoo.list_models(task=zoo.FACE_DETECTION)) >= 6
    assert len(zoo.list_models(task=zoo.OBJECT_DETECTION)) >= 5
    assert len(zoo.list_models(task=zoo.FACE_RECOGNITION)) >= 5
    assert len(zoo.list_models(task=zoo.OBJECT_RECOGNITION)) >= 3


@pytest.mark.usefixtures("own_registry")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "face-detection"}, "takes a GridHead"),
        ({"max_bytes": 2_000_001}, "allowed are 1 to 2,000,000"),
        ({"task": "face-recogniton"}, "Did you mean 'face-recognition'"),
        (
            {"task": "face-detection", "outputs": zoo.GridHead(), "inputs": zoo.ImageSpec(100, 96)},
            "multiples of the coarsest stride",
        ),
    ],
)
def test_a_contradictory_declaration_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(zoo.ZooError, match=message):
        declare("contradiction", **changes)


@pytest.mark.usefixtures("own_registry")
def test_options_need_defaults() -> None:
    def without_default(spec: zoo.ModelSpec, *, width: float) -> None:
        """Never called."""

    with pytest.raises(zoo.ZooError, match=r"need a default: width"):
        zoo.register_model(
            task=zoo.OBJECT_RECOGNITION, inputs=zoo.ImageSpec(32, 32), outputs=zoo.ClassHead(), paper="none"
        )(without_default)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: zoo.ImageSpec(4, 32),
        lambda: zoo.ImageSpec(32, 32, value_range=(1.0, 0.0)),
        lambda: zoo.ImageSpec(32, 32, resize="crop"),
        lambda: zoo.ImageSpec(32, 32, pad_value=256),
        lambda: zoo.GridHead(strides=(16, 8)),
        lambda: zoo.GridHead(strides=()),
        lambda: zoo.GridHead(strides=(8, 16), anchor_sides=((1.0,),)),
        lambda: zoo.GridHead(strides=(8,), anchor_sides=((0.0,),)),
    ],
)
def test_specs_refuse_what_makes_no_sense(wrong: Any) -> None:
    with pytest.raises(zoo.ZooError):
        wrong()


@pytest.mark.usefixtures("own_registry")
def test_a_model_over_its_budget_is_refused_with_both_sizes() -> None:
    with pytest.raises(zoo.BudgetExceeded, match=r"would weigh about [\d,]+ bytes .* budget is 400,000"):
        zoo.build("yunet_n_160", width=4.0)


@pytest.mark.usefixtures("own_registry")
def test_another_distribution_registers_through_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "visiting_family.py").write_text(
        textwrap.dedent(
            """
            import zoo
            from zoo.blocks import conv_block
            from zoo.heads import class_outputs

            @zoo.register_model(
                task=zoo.OBJECT_RECOGNITION, inputs=zoo.ImageSpec(32, 32), outputs=zoo.ClassHead(), paper="none"
            )
            def visiting_cls_32(spec, *, num_classes: int = 4):
                \"\"\"A visitor.\"\"\"
                import keras
                image = keras.Input(spec.inputs.shape, name="image")
                x = conv_block(image, 8, strides=2, name="stem")
                return keras.Model(image, class_outputs(x, num_classes), name=spec.name)
            """
        )
    )
    monkeypatch.syspath_prepend(tmp_path)
    announced = EntryPoint("visiting", "visiting_family", _registry.ENTRY_POINT_GROUP)
    monkeypatch.setattr(_registry, "entry_points", lambda group: [announced])
    _registry._load_architectures.cache_clear()
    assert zoo.get("visiting_cls_32").module == "visiting_family"
    assert zoo.build("visiting_cls_32").output["class_logits"].shape == (None, 4)
    _registry._load_architectures.cache_clear()


@pytest.mark.usefixtures("own_registry")
def test_a_module_that_cannot_be_imported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_family.py").write_text("nobody_defined_this")
    monkeypatch.syspath_prepend(tmp_path)
    announced = EntryPoint("broken", "broken_family", _registry.ENTRY_POINT_GROUP)
    monkeypatch.setattr(_registry, "entry_points", lambda group: [announced])
    _registry._load_architectures.cache_clear()
    with pytest.raises(zoo.ZooError, match=r"'broken_family', announced as 'broken', cannot be imported \(NameError"):
        zoo.list_models()
    _registry._load_architectures.cache_clear()


@pytest.mark.usefixtures("own_registry")
def test_outputs_that_were_not_promised_are_refused() -> None:
    def unnamed_output(spec: zoo.ModelSpec, *, num_classes: int = 4) -> Any:
        """Returns a bare tensor."""
        import keras

        image = keras.Input(spec.inputs.shape, name="image")
        x = keras.layers.Conv2D(4, 3, name="stem")(image)
        return keras.Model(image, keras.layers.GlobalAveragePooling2D()(x), name=spec.name)

    zoo.register_model(
        task=zoo.OBJECT_RECOGNITION, inputs=zoo.ImageSpec(32, 32), outputs=zoo.ClassHead(), paper="none"
    )(unnamed_output)
    with pytest.raises(zoo.ZooError, match=r"returns the outputs one without a name.*promises class_logits"):
        zoo.build("unnamed_output")


@pytest.mark.usefixtures("own_registry")
def test_an_option_that_is_true_or_false_is_read_as_such() -> None:
    def switched(spec: zoo.ModelSpec, *, wide: bool = False) -> None:
        """A builder that is never called."""

    zoo.register_model(
        task=zoo.OBJECT_RECOGNITION, inputs=zoo.ImageSpec(32, 32), outputs=zoo.ClassHead(), paper="none"
    )(switched)
    assert model_options("switched", ["wide=True"]) == {"wide": True}
    assert model_options("switched", ["wide=false"]) == {"wide": False}
    with pytest.raises(zoo.ZooError, match="takes true or false, got 'maybe'"):
        model_options("switched", ["wide=maybe"])
