"""How long finding the best model takes in a catalogue of ten thousand versions, beside parsing its JSON alone.

    python benchmarks/catalog.py

The entries are those of the shipped models under new names and versions: 2,500 models, four versions each. Both are
timed in turns in one process; medians and their ratio go to benchmarks/results/catalog.json.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

RESULTS = Path(__file__).parent / "results"
ENTRIES, MODELS, ROUNDS = 10_000, 2_500, 25


def main() -> None:
    from conditions import conditions

    from zoo.catalog import CATALOG_FILE, SHIPPED, find

    shipped = json.loads((Path(SHIPPED) / CATALOG_FILE).read_bytes())
    models = [renamed(shipped["models"][number % len(shipped["models"])], number) for number in range(ENTRIES)]
    content = json.dumps({**shipped, "models": models, "aliases": {}}).encode()
    with tempfile.TemporaryDirectory() as store:
        (Path(store) / CATALOG_FILE).write_bytes(content)
        found = find(task="face-detection", store=store)
        finding, parsing = [], []
        for _ in range(ROUNDS):
            finding.append(milliseconds(lambda: find(task="face-detection", store=store)))
            parsing.append(milliseconds(lambda: json.loads((Path(store) / CATALOG_FILE).read_bytes())))
    row = {
        "entries": ENTRIES,
        "megabytes": round(len(content) / 1e6, 2),
        "found": len(found),
        "find_ms": round(statistics.median(finding), 1),
        "find_ms_slowest": round(max(finding), 1),
        "json_ms": round(statistics.median(parsing), 1),
        "ratio": round(statistics.median(finding) / statistics.median(parsing), 2),
    }
    record = {"rows": [row], "conditions": {**conditions("python benchmarks/catalog.py"), "rounds": ROUNDS}}
    (RESULTS / "catalog.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(row))


def renamed(entry: dict[str, Any], number: int) -> dict[str, Any]:
    """Return a catalogue's entry as that of another version of another model."""
    name, version = f"{entry['name']}_{number % MODELS}", f"20260101-{number:08x}"
    return {**entry, "name": name, "version": version, "path": f"{name}/{version}"}


def milliseconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - started)


if __name__ == "__main__":
    main()
