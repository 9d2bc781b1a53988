"""From a run to a published artifact: quantize, write, measure again, describe, move into the store."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np

from exports.evaluate import Measurement, measure, open_labelled
from exports.golden import golden_pictures, write_golden
from exports.graph_model import write_graph_model
from exports.layers_model import FOLDER, named_variables, read_layers_model, write_layers_model
from exports.load import Loaded, load_artifact, load_target
from exports.manifest import MANIFEST_FILE, MODEL_FILES, build_manifest
from exports.network import export_network
from exports.quantize import quantize_weights
from exports.store import commit, staging
from exports.weights import TOPOLOGY_FILE
from tuner.runs import RunFolder
from tuner.training import predict
from zoo._budget import check_written
from zoo._errors import BadArtifact
from zoo._files import write_atomically
from zoo._specs import EmbeddingHead

DEFAULT_PRECISION = "uint8"


@dataclass(frozen=True)
class Published:
    """A published artifact and its metric before and after quantization, measured on the same pictures."""

    folder: Path
    manifest: Mapping[str, Any]
    before: Measurement
    after: Measurement

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "artifact": str(self.folder),
            "model": self.manifest["name"],
            "version": self.manifest["version"],
            "task": self.manifest["task"],
            "bytes": self.manifest["model"]["bytes"],
            "gzip_bytes": self.manifest["model"]["gzip_bytes"],
            "before": self.before.record(),
            "after": self.after.record(),
        }


def publish(run: Path, store: Path, *, precision: str = DEFAULT_PRECISION, data: str | None = None) -> Published:
    """Publish the winner of a run into a store.

    The metric is measured on the run's validation pictures; `data` names their place where it has moved since.
    Raises ZooError when the run is not finished, the files outgrow the model's budget, or the artifact does not load
    back to the same answers; the store is then as it was.
    """
    finished = RunFolder.open(run)
    record, winner = finished.record(), finished.winner()
    source = load_target(run)
    labelled = open_labelled(source, data, format=source.trained_format)
    before = measure(source, labelled)
    network = export_network(source.network)
    weights = quantize_weights(
        {variable.path: keras.ops.convert_to_numpy(variable) for variable in network.variables}, precision
    )
    labels = list(source.labels or (labelled.dataset.labels if not isinstance(source.spec.head, EmbeddingHead) else ()))
    with staging(store) as folder:
        write_graph_model(network, weights, folder)  # leaves the quantized values in `network`
        check_written(source.spec, sum((folder / name).stat().st_size for name in MODEL_FILES))
        quantized = replace(source, network=network, precision=precision)
        after = measure(quantized, labelled)
        pictures = golden_pictures(source.spec)
        outputs = predict(network, pictures, source.spec.inputs)
        manifest = build_manifest(
            source.spec,
            folder=folder,
            options=winner["options"],  # with those that the sweep chose
            labels=labels,
            outputs={name: values.shape[1:] for name, values in outputs.items()},
            precision=precision,
            trainable=_write_trainable(source.network, folder, winner["options"], labels),
            golden=write_golden(folder, pictures, outputs),
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
        )
        write_atomically(folder / MANIFEST_FILE, json.dumps(manifest, indent=1).encode())
        _check_loads_back(folder, pictures, outputs)
        _check_trains_on(folder, source.network)
        place = commit(folder, store, manifest)
    return Published(place, manifest, before, after)


def _write_trainable(
    network: keras.Model, folder: Path, options: Mapping[str, Any], labels: list[str]
) -> dict[str, Any]:
    """Write the layers model and return its manifest entry."""
    about = {"architecture": network.name, "options": dict(options), "labels": labels}
    outputs = write_layers_model(network, folder / FOLDER, metadata=about)
    contents = [(folder / FOLDER / name).read_bytes() for name in MODEL_FILES]
    return {
        "format": "tfjs-layers-model",
        "topology": f"{FOLDER}/{TOPOLOGY_FILE}",
        "precision": "float32",
        "outputs": outputs,
        "bytes": sum(map(len, contents)),
        "gzip_bytes": sum(len(gzip.compress(content, mtime=0)) for content in contents),
    }


def _check_trains_on(folder: Path, network: keras.Model) -> None:
    """Refuse an artifact whose layers model does not hold the weights that were trained."""
    _, weights = read_layers_model(folder / FOLDER)
    for name, variable in named_variables(network).items():
        if not np.array_equal(weights[name], keras.ops.convert_to_numpy(variable)):
            raise BadArtifact(f"The written layers model has another '{name}' than was trained; nothing was published.")


def _check_loads_back(folder: Path, pictures: np.ndarray, outputs: Mapping[str, np.ndarray]) -> None:
    """Refuse an artifact whose written files do not give back the network that was measured."""
    loaded: Loaded = load_artifact(folder)
    again = predict(loaded.network, pictures, loaded.spec.inputs)
    changed = [name for name, values in outputs.items() if not np.array_equal(again[name], values)]
    if changed:
        raise BadArtifact(
            f"The written artifact gives other values for {', '.join(changed)} than the network it came from, so it "
            f"was not published. Use layers that TF.js runs as they are."
        )
