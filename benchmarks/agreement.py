"""How far TF.js' answers lie from Keras' for every registered architecture, and how small its model.json is.

    python benchmarks/agreement.py                     # all, five to ten minutes
    python benchmarks/agreement.py yunet_n_160 ...     # some

The weights are random and 'lived in': normalisation has statistics, scales and biases that are not 0 and 1. The graph
model is written twice, with float32 and with uint8 weights, and replayed under Node on the wasm and the cpu back end;
the layers model is replayed on wasm. Each is compared with Keras on the very weights that the files hold: the largest
difference of an output, relative to the largest expected value where that is above 1. Beside it the bytes of model.json
and those of the converter's own with `--quantize_uint8='*'`. Rows go to benchmarks/results/agreement.json.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "exports")]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402

RESULTS = Path(__file__).parent / "results"
SEED = 1
PICTURES = 2


def main() -> None:
    import zoo

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="registered architectures (default: all)")
    arguments = parser.parse_args()
    from conditions import conditions

    from tuner.progress import Progress
    from zoo._cli import table
    from zoo._quiet import import_keras

    import_keras()
    names = arguments.models or [spec.name for spec in zoo.list_models()]
    rows = []
    with Progress("comparing", total=len(names), unit="model") as progress:
        for name in names:
            with tempfile.TemporaryDirectory() as scratch:
                rows.append(compare(name, Path(scratch)))
            progress.advance(1)
    record = {"rows": rows, "conditions": {**conditions("python benchmarks/agreement.py"), "seed": SEED}}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "agreement.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(table(rows))


def compare(name: str, scratch: Path) -> dict[str, Any]:
    """Return the row of one architecture."""
    import keras
    from _lived_in import lived_in

    import zoo
    from exports.graph_model import write_graph_model
    from exports.layers_model import write_layers_model
    from exports.network import export_network
    from exports.quantize import quantize_weights
    from exports.tfjs import layers_job, relative, run_script
    from exports.weights import TOPOLOGY_FILE
    from tuner.training import as_input, predict

    spec, model = zoo.get(name), lived_in(zoo.build(name), SEED)
    pictures = np.random.default_rng(SEED).integers(0, 256, (PICTURES, *spec.inputs.shape)).astype(np.uint8)
    row: dict[str, Any] = {"model": name}
    network = export_network(model)
    exact = {variable.path: keras.ops.convert_to_numpy(variable) for variable in network.variables}
    for precision in ("float32", "uint8"):
        folder = scratch / precision
        folder.mkdir()
        write_graph_model(network, quantize_weights(exact, precision), folder)
        row[f"graph {precision}"] = replayed(spec, folder, pictures, predict(network, pictures, spec.inputs))
    outputs = write_layers_model(model, scratch / "layers")
    answers, values = predict(model, pictures, spec.inputs), as_input(pictures, spec.inputs)
    job = layers_job(scratch / "layers", scratch / "job", values, [answers[output] for output in outputs])
    [report] = run_script("layers.mjs", document={"jobs": [job]}, about=name)["jobs"]
    row["layers model"] = largest([relative(output) for output in report["outputs"]])
    ours = (scratch / "uint8" / TOPOLOGY_FILE).read_bytes()
    theirs = converters_topology(network, scratch)
    row["model.json"], row["plain model.json"] = len(ours), len(theirs)
    row["ratio"] = round(len(ours) / len(theirs), 3)
    row["gzip"], row["plain gzip"] = len(gzip.compress(ours)), len(gzip.compress(theirs))
    return row


def replayed(spec: Any, folder: Path, pictures: np.ndarray, outputs: dict[str, np.ndarray]) -> float:
    """Replay a graph model with a manifest of just what the script reads; return the largest relative difference."""
    from exports.golden import write_golden
    from exports.manifest import MANIFEST_FILE
    from exports.tfjs import relative
    from exports.verify import replay_in_node
    from exports.weights import TOPOLOGY_FILE

    manifest = {
        "model": {"topology": TOPOLOGY_FILE},
        "input": {"value_range": list(spec.inputs.value_range)},
        "outputs": [{"name": name} for name in outputs],
        "golden": write_golden(folder, pictures, outputs),
    }
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest), encoding="utf-8")
    backends = replay_in_node(folder, ("wasm", "cpu"))["backends"].values()
    return largest([relative(output) for backend in backends for output in backend["outputs"].values()])


def largest(differences: list[float | None]) -> float:
    """Return the largest difference to two digits. Raises: ValueError when one is not a number."""
    found = [difference for difference in differences if difference is not None]
    if len(found) < len(differences):
        raise ValueError("An output was not a number.")
    return float(f"{max(found):.1e}")


def converters_topology(network: Any, scratch: Path) -> bytes:
    """Return the model.json that the plain converter writes."""
    from tensorflowjs.converters.tf_saved_model_conversion_v2 import convert_tf_saved_model

    from exports.weights import TOPOLOGY_FILE
    from zoo._quiet import quiet_stderr

    with quiet_stderr():
        network.export(scratch / "saved", verbose=False)
        convert_tf_saved_model(str(scratch / "saved"), str(scratch / "plain"), quantization_dtype_map={"uint8": "*"})
    return (scratch / "plain" / TOPOLOGY_FILE).read_bytes()


if __name__ == "__main__":
    main()
