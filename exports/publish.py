"""From a run to a published artifact: quantize, write, measure again, describe, move into the store."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np

import zoo
from exports.calibration import TOLERANCE, Judge, calibrate
from exports.card import Subject, write_card
from exports.evaluate import Findings, Measurement, open_labelled, run_over, score
from exports.golden import golden_pictures, write_golden
from exports.graph_model import write_graph_model
from exports.layers_model import FOLDER, named_variables, read_layers_model, write_layers_model
from exports.load import Loaded, load_target
from exports.manifest import FALSE_ACCEPT_RATE, MANIFEST_FILE, build_manifest, loss_rule, sizes
from exports.network import export_network
from exports.pictures import read_shown
from exports.precision import choose_auto, choose_smallest, summary
from exports.quantize import quantize_weights
from exports.store import check_name, commit, staging
from exports.verify import Verification, chosen_runtime, verify
from exports.weights import TOPOLOGY_FILE
from tuner.learners import EmbeddingLearner
from tuner.runs import RunFolder
from tuner.training import predict
from zoo._budget import PRECISION_BYTES, check_written
from zoo._errors import BadArtifact, ZooError, unknown
from zoo._files import write_atomically
from zoo._places import Location
from zoo._specs import EmbeddingHead, GridHead, ModelSpec
from zoo.tasks.metrics import SCORE_FLOOR, best_score_threshold, false_accept_threshold

DEFAULT_PRECISION = "auto"
SMALLEST = "smallest"
LEAST_F1 = 0.5
MAX_LICENCE = 300
MIXED = "mixed"
"""How an artifact's precision is called when its tensors have several."""


@dataclass(frozen=True)
class Published:
    """A published artifact and its metric before and after quantization, measured on the same pictures."""

    place: Location
    manifest: Mapping[str, Any]
    before: Measurement
    after: Measurement
    verification: Verification

    @property
    def folder(self) -> Path:
        """The place as a path, where the store is a folder."""
        return Path(self.place)

    @property
    def quantization(self) -> list[dict[str, Any]]:
        """A row per kind of tensor and precision: tensors, bytes and damage."""
        groups: list[dict[str, Any]] = self.manifest["model"]["quantization"]["groups"]
        return groups

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "artifact": str(self.place),
            "model": self.manifest["name"],
            "version": self.manifest["version"],
            "task": self.manifest["task"],
            "bytes": self.manifest["model"]["bytes"],
            "gzip_bytes": self.manifest["model"]["gzip_bytes"],
            "before": self.before.record(),
            "after": self.after.record(),
            "quantization": self.manifest["model"]["quantization"],
            "verification": {**self.verification.record(), "artifact": str(self.place)},
        }


def publish(
    run: Path,
    store: Location,
    *,
    name: str | None = None,
    precision: str = DEFAULT_PRECISION,
    smallest: bool = False,
    tolerance: float = TOLERANCE,
    max_bytes: int | None = None,
    data: str | None = None,
    note: str = "",
    licence: str = "",
    show: Path | None = None,
    runtime: str | None = None,
) -> Published:
    """Publish the winner of a run into a store, a folder or a URL, as `name` or else as its architecture's.

    With `precision` "auto" each tensor gets the fewest bytes that keep the metric within `tolerance`, a share, and with
    `smallest` the fewest levels; any other precision is that of all kernels, with float32 biases. `max_bytes`
    lowers what topology and weights may weigh below the architecture's budget. The metric is
    measured on the run's validation pictures; `data` names their place where it has moved since. `note`, Markdown,
    tells in the card where the pictures and labels come from, `licence`, a line, what the weights may be used for, in
    card and manifest; the card shows answers for the pictures in the folder
    `show`, or else for generated ones. `runtime` is where TF.js replays the artifact before it
    becomes visible: "node", "browser", or "none"; left out, Node where it is installed.

    Raises ZooError when the run is not finished, the files outgrow the model's budget, the metric cannot be kept, or
    Keras or TF.js do not come to the same answers; the store is then as it was.
    """
    check_choice(precision, smallest, tolerance, max_bytes)
    check_licence(licence)
    replay = chosen_runtime(runtime)
    finished = RunFolder.open(run)
    record, winner = finished.record(), finished.winner()
    source = load_target(run)
    source = replace(source, spec=_within(source.spec, max_bytes))
    name = name or source.spec.name
    check_published_name(name, source.spec.name)
    shown = () if show is None else read_shown(show, source.spec)
    labelled = open_labelled(source, data, format=source.trained_format)
    exact = run_over(source, labelled)
    before, source = score(exact), replace(source, spec=_with_threshold(source.spec, exact))
    network = export_network(source.network)
    labels = list(source.labels or (labelled.dataset.labels if not isinstance(source.spec.head, EmbeddingHead) else ()))
    called = MIXED if precision == DEFAULT_PRECISION else precision
    judge = Judge(replace(source, network=network, precision=called, labels=tuple(labels)), labelled)
    calibration = calibrate(judge, before.value, tolerance)
    if precision != DEFAULT_PRECISION:
        weights = quantize_weights(calibration.values, precision)
    else:
        weights = choose_smallest(calibration) if smallest else choose_auto(calibration)
    quantization = {
        "method": SMALLEST if smallest else precision,
        "tolerance": tolerance if precision == DEFAULT_PRECISION else None,
        "output_error": calibration.error(weights),
        "groups": summary(network, weights, calibration),
    }
    with staging(store) as folder:
        paths = write_graph_model(network, weights, folder)  # leaves the quantized values in `network`
        size = sizes(folder)
        check_written(source.spec, size["bytes"])
        findings, after = judge.findings(weights), judge.measured(weights)
        pictures = golden_pictures(source.spec)
        outputs = predict(network, pictures, source.spec.inputs)
        trainable = _write_trainable(source, folder, winner, labels)
        golden = write_golden(folder, pictures, outputs)
        rounding = rounding_arguments(precision, smallest, tolerance, max_bytes)
        about = Subject(finished, findings, before, after, quantization, size, note, name, rounding, shown, licence)
        write_card(about, folder, store)
        manifest = build_manifest(
            source.spec,
            name=name,
            folder=folder,
            options=winner["options"],  # with those that the sweep chose
            weights=paths,
            labels=labels,
            outputs={name: values.shape[1:] for name, values in outputs.items()},
            precision=called,
            quantization=quantization,
            trainable=trainable,
            golden=golden,
            metrics=[after.record(), {**before.record(), "name": f"{before.name}_before_quantization"}],
            training={
                "data": {key: value for key, value in record["data"].items() if key not in ("location", "skipped")},
                "seed": record["seed"],
                "batch_size": winner["batch_size"],
                "learning_rate": winner["learning_rate"],
                "best_epoch": winner["best_epoch"],
                "trials": record["trials"],
                "versions": record["versions"],
            },
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            licence=licence,
        )
        write_atomically(folder / MANIFEST_FILE, json.dumps(manifest, indent=1).encode())
        _check_trains_on(folder, source.network)
        verification = verify(folder, replay)
        if not verification.passed or verification.differences["keras"]:
            raise BadArtifact(
                f"'{name}' was not published: its written files do not compute what was measured "
                f"({verification.sentence()}). Use layers that TF.js runs as they are."
            )
        place = commit(folder, store, manifest)
    return Published(place, manifest, before, after, verification)


def check_choice(
    precision: str = DEFAULT_PRECISION,
    smallest: bool = False,
    tolerance: float = TOLERANCE,
    max_bytes: int | None = None,
) -> None:
    """Raise ZooError before any work for a choice that contradicts itself."""
    known = (DEFAULT_PRECISION, *PRECISION_BYTES)
    if precision not in known:
        raise unknown("precision", precision, known, f"Precisions are: {', '.join(known)}.")
    if smallest and precision != DEFAULT_PRECISION:
        raise ZooError(f"--smallest chooses the precision of each tensor itself. Leave out --precision {precision}.")
    if not 0 <= tolerance < 1:
        raise ZooError(f"The tolerance is a share of the metric's 0 to 1, got {tolerance:g}. 0.003 is 0.3 points.")
    if max_bytes is not None and max_bytes <= 0:
        raise ZooError(f"What an artifact may weigh is above 0 bytes, got {max_bytes:,}. 70000 is 70 kB.")


def check_licence(licence: str) -> None:
    """Raise ZooError before any work for what is no line of text."""
    if len(licence) > MAX_LICENCE or not licence.isprintable():
        raise ZooError(
            f"--license is one line of at most {MAX_LICENCE} characters, got {len(licence)}. Write more into the note."
        )


def rounding_arguments(precision: str, smallest: bool, tolerance: float, max_bytes: int | None) -> list[str]:
    """Return the arguments of `zoo run` and `zoo publish` that ask for this choice; none for the defaults."""
    words = [] if precision == DEFAULT_PRECISION else ["--precision", precision]
    words += ["--smallest"] if smallest else []
    words += [] if tolerance == TOLERANCE else ["--tolerance", f"{100 * tolerance:g}"]
    return words + ([] if max_bytes is None else ["--max-bytes", str(max_bytes)])


def check_published_name(name: str, architecture: str) -> None:
    """Raise ZooError before any work for what an artifact of `architecture` cannot be called."""
    check_name(name, "a model")
    if name != architecture and name in {spec.name for spec in zoo.list_models()}:
        raise ZooError(
            f"'{name}' is another architecture than the '{architecture}' to be published. Choose a name that tells "
            f"what it finds, such as 'helmets'."
        )


def _within(spec: ModelSpec, max_bytes: int | None) -> ModelSpec:
    """Return the spec with that budget. Raises: ZooError where it is above the spec's own."""
    if max_bytes is None:
        return spec
    if max_bytes > spec.max_bytes:
        raise ZooError(
            f"'{spec.name}' has a budget of {spec.max_bytes:,} bytes, which cannot be raised to {max_bytes:,}. Name "
            f"fewer, or an architecture with a larger one."
        )
    return replace(spec, max_bytes=max_bytes)


def _with_threshold(spec: ModelSpec, exact: Findings) -> ModelSpec:
    """Return the spec with its threshold chosen on labelled pictures.

    That of boxes by precision and recall; a detector that hardly finds anything says nothing about it, and keeps the
    architecture's. That of pairs by the share of those of two people that reach it; a recognizer for which all are
    alike has none.
    """
    if isinstance(exact.learner, EmbeddingLearner) and isinstance(spec.head, EmbeddingHead):
        cosines, same = exact.learner.pairs(exact.outputs, exact.labelled.pictures)
        if same.all():
            return spec
        above = math.nextafter(false_accept_threshold(cosines[~same], FALSE_ACCEPT_RATE), math.inf)
        threshold = math.ceil(1000 * above) / 1000
        return replace(spec, head=replace(spec.head, similarity_threshold=threshold if threshold < 1 else None))
    if not isinstance(spec.head, GridHead):
        return spec
    threshold, f1 = best_score_threshold(exact.truths, exact.detections)
    if f1 < LEAST_F1:
        return spec
    return replace(spec, head=replace(spec.head, score_threshold=round(max(threshold, SCORE_FLOOR), 2)))


def _write_trainable(source: Loaded, folder: Path, winner: Mapping[str, Any], labels: list[str]) -> dict[str, Any]:
    """Write the layers model and return its manifest entry."""
    about = {"architecture": source.network.name, "options": dict(winner["options"]), "labels": labels}
    outputs = write_layers_model(source.network, folder / FOLDER, metadata=about)
    return {
        "format": "tfjs-layers-model",
        "topology": f"{FOLDER}/{TOPOLOGY_FILE}",
        "precision": "float32",
        "outputs": outputs,
        "loss": loss_rule(source.spec, winner.get("hyperparameters", {})),
        **sizes(folder / FOLDER),
    }


def _check_trains_on(folder: Path, network: keras.Model) -> None:
    """Refuse an artifact whose layers model does not hold the weights that were trained."""
    _, weights = read_layers_model(folder / FOLDER)
    for name, variable in named_variables(network).items():
        if not np.array_equal(weights[name], keras.ops.convert_to_numpy(variable)):
            raise BadArtifact(f"The written layers model has another '{name}' than was trained; nothing was published.")
