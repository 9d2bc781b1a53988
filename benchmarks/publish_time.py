"""How long publishing a trained model takes once everything is imported, by where it is verified.

    python benchmarks/publish_time.py RUN             # a finished run
    python benchmarks/publish_time.py RUN=DATA        # where its data is now

The run is published into an empty store of its own with `--verify none`, `node` and `browser` in turn, each in a fresh
process, which imports first; measured is the one call. Validation pictures lie decoded in the cache, as after any
sweep. Medians, and the ratio to publishing without a replay, go to benchmarks/results/publish-time.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

RESULTS = Path(__file__).parent / "results"
WHERE = ("none", "node", "browser")
ONCE = """
import sys, tempfile, time
from zoo._quiet import import_keras, quiet_stderr
import_keras()
import matplotlib.figure, playwright.sync_api, pycocotools.cocoeval
with quiet_stderr():
    import exports.graph_model, tensorflowjs.converters.tf_saved_model_conversion_v2
from pathlib import Path
from exports.publish import publish
with tempfile.TemporaryDirectory() as store:
    started = time.perf_counter()
    done = publish(Path(sys.argv[1]), store, data=sys.argv[2] or None, runtime=sys.argv[3])
    seconds = time.perf_counter() - started
after = done.after
print(seconds, after.pictures, after.input_size[0], done.manifest["name"], done.manifest["model"]["bytes"])
"""


def main() -> None:
    from conditions import conditions

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", metavar="RUN[=DATA]", help="a finished run, and where its data is now")
    parser.add_argument("--rounds", type=int, default=3, help="times that each is published (default 3)")
    arguments = parser.parse_args()
    run, _, data = arguments.run.partition("=")
    seconds: dict[str, list[float]] = {where: [] for where in WHERE}
    for _ in range(arguments.rounds):
        for where in WHERE:
            done = subprocess.run(
                [sys.executable, "-c", ONCE, run, data, where],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise SystemExit(f"Publishing {run} failed: {done.stderr.strip().splitlines()[-1]}")
            taken, *about = done.stdout.split()
            seconds[where].append(float(taken))
    medians = {where: statistics.median(found) for where, found in seconds.items()}
    pictures, side, model, size = about
    row = {
        "model": model,
        "bytes": int(size),
        "pictures": int(pictures),
        "input_px": int(side),
        **{f"{where}_s": round(medians[where], 1) for where in WHERE},
        **{f"{where}_ratio": round(medians[where] / medians["none"], 2) for where in WHERE[1:]},
    }
    record = {
        "rows": [row],
        "conditions": {**conditions("python benchmarks/publish_time.py RUN=DATA"), "rounds": arguments.rounds},
    }
    (RESULTS / "publish-time.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(row))


if __name__ == "__main__":
    main()
