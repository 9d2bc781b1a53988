"""Trials on a real Ray cluster, whose workers and driver are killed, and what is refused without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from tuner import sweep
from tuner.cluster import OnRay
from tuner.defaults import Space
from tuner.fetch import local_copy

ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


@pytest.mark.slow
def test_a_cluster_finds_what_one_process_finds_whoever_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = str(Path(__file__).with_name("on_cluster.py"))
    done = subprocess.run(
        [sys.executable, script, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **ONE_THREAD},
    )
    logs = "\n".join(log.read_text()[-2000:] for log in tmp_path.glob("*.log"))
    assert done.returncode == 0, done.stderr[-3000:] + logs
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["victims"] >= 1
    assert found["whole"]["winner"] == found["bereft"]["winner"] == found["headless"]["winner"]
    assert found["whole"]["trials"] == found["bereft"]["trials"] == found["headless"]["trials"]
    alone = sweep(
        "pebble_cls_48",
        limit=64,
        trials=4,
        epochs=12,
        seed=2,
        space=Space((4, 8)),
        overfit=False,
        out=tmp_path / "alone",
    )
    assert [trial["hyperparameters"] for trial in alone.trials] == [
        trial["hyperparameters"] for trial in found["whole"]["trials"]
    ]


def test_an_address_that_is_none_is_a_sentence() -> None:
    with pytest.raises(zoo.ZooError, match=r"Cannot reach a Ray cluster at 'here'\. Write local, auto"):
        OnRay("here")


def test_data_behind_a_url_are_copied_once_and_again_when_they_change(tmp_path: Path) -> None:
    source = tmp_path / "bucket" / "faces"
    (source / "images").mkdir(parents=True)
    (source / "images" / "a.txt").write_text("one")
    url = f"file://{source}"
    first = Path(local_copy(url))
    assert (first / "images" / "a.txt").read_text() == "one"
    assert first.name.startswith("faces-")
    assert local_copy(url) == str(first)
    (source / "images" / "a.txt").write_text("two!")
    assert (Path(local_copy(url)) / "images" / "a.txt").read_text() == "two!"
    assert local_copy("synthetic") == "synthetic"
    with pytest.raises(zoo.BadData, match="There are no files at"):
        local_copy(f"file://{tmp_path}/nowhere")
    with pytest.raises(zoo.ZooError, match="Cannot open nosuch://x"):
        local_copy("nosuch://x/y")
