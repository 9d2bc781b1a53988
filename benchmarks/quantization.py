"""What quantization costs and saves, beside the converter's plain `--quantize_uint8='*'`, on the same trained networks.

    zoo run yunet_n_160 mobilefacenet_025_112 --data synthetic     # or any runs of yours
    python benchmarks/quantization.py runs/yunet_n_160/TIME runs/mobilefacenet_025_112/TIME
    python benchmarks/quantization.py RUN=DATA RUN=DATA            # measured on data elsewhere than at the training

For each run three contenders: the converter's uint8 with its own rounding, `--precision auto`, `--smallest`. All are
measured on the run's validation pictures: output error (root mean square difference from float32, in units of each
output's spread), the task's metric, bytes of topology and weights, and the same under gzip. The converter's rounding is
computed by its own functions and put into the same network, so the networks differ in nothing but their weights; its
bytes are those of the files that it writes. 'zoo import ARTIFACT/trainable --model NAME' makes a run of a published
model, whose weights before rounding lie there. Rows go to benchmarks/results/quantization.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN[=DATA]", help="finished runs, and where their data is now")
    arguments = parser.parse_args()
    from zoo._cli import table
    from zoo._quiet import import_keras

    import_keras()
    from conditions import conditions

    rows = []
    for given in arguments.runs:
        run, _, data = given.partition("=")
        rows += compare(Path(run), data or None)
    record = {
        "rows": rows,
        "conditions": conditions("python benchmarks/quantization.py RUN=DATA ..."),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "quantization.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(table([{name: row[name] for name in row if name != "data"} for row in rows]))


def compare(run: Path, data: str | None) -> list[dict[str, Any]]:
    """Return a row for float32 and one for each contender."""
    from exports.calibration import Judge, calibrate
    from exports.evaluate import measure, open_labelled
    from exports.graph_model import write_graph_model
    from exports.load import load_target
    from exports.manifest import sizes
    from exports.network import export_network
    from exports.precision import choose_auto, choose_smallest
    from exports.sensitivity import output_error

    source = load_target(run)
    labelled = open_labelled(source, data, format=source.trained_format)
    before = measure(source, labelled)
    network = export_network(source.network)
    judge = Judge(replace(source, network=network), labelled)
    calibration = calibrate(judge, before.value)
    exact = converted(network, quantized=False)
    expected = judge.findings(exact["weights"]).outputs
    contenders = {
        "float32": exact,
        "plain uint8": converted(network, quantized=True),
        "auto": {"weights": choose_auto(calibration)},
        "smallest": {"weights": choose_smallest(calibration)},
    }
    rows = []
    for name, contender in contenders.items():
        weights = contender["weights"]
        with tempfile.TemporaryDirectory() as folder:
            if "sizes" not in contender:
                write_graph_model(network, weights, Path(folder))
                contender["sizes"] = sizes(Path(folder))
        rows.append(
            {
                "model": source.spec.name,
                "contender": name,
                "output_error": round(output_error(judge.findings(weights).outputs, expected), 5),
                "metric": before.name,
                "value": round(judge.metric(weights), 4),
                "bytes": contender["sizes"]["bytes"],
                "gzip_bytes": contender["sizes"]["gzip_bytes"],
                "data": f"{before.data} {before.split}, {before.pictures} pictures, sha256 {before.data_sha256}",
            }
        )
    return rows


def converted(network: Any, *, quantized: bool) -> dict[str, Any]:
    """Return the weights that the plain converter gives a network, by variable path, and what its files weigh."""
    import keras
    from tensorflowjs.converters.tf_saved_model_conversion_v2 import convert_tf_saved_model
    from tensorflowjs.quantization import dequantize_weights, quantize_weights

    from exports.manifest import sizes
    from exports.quantize import Quantized
    from zoo._quiet import quiet_stderr

    weights = {}
    for variable in network.variables:
        values = keras.ops.convert_to_numpy(variable)
        if quantized:
            stored, metadata = quantize_weights(values, np.uint8)
            values = dequantize_weights(stored, metadata).astype(np.float32)
        weights[variable.path] = Quantized(values, "float32")
    with tempfile.TemporaryDirectory() as scratch, quiet_stderr():
        network.export(f"{scratch}/saved", verbose=False)
        types: Mapping[str, Any] = {"uint8": "*"} if quantized else {}
        convert_tf_saved_model(f"{scratch}/saved", f"{scratch}/converted", quantization_dtype_map=types)
        folder = Path(scratch) / "converted"
        shards = sorted(folder.glob("*.bin"))
        (folder / "weights.bin").write_bytes(b"".join(shard.read_bytes() for shard in shards))
        return {"weights": weights, "sizes": sizes(folder)}


if __name__ == "__main__":
    main()
