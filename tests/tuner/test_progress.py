"""The bar of a sweep that is gone on with: it stands where the sweep stood, and its rate is of this process alone."""

from __future__ import annotations

import time

from tuner.progress import SweepProgress


def test_what_was_done_before_counts_as_done_and_not_as_done_just_now() -> None:
    trial = {"trial": 1, "hyperparameters": {"batch_size": 8}, "max_epochs": 2, "status": "completed", "score": 0.5}
    with SweepProgress("net", "ap50", total_epochs=10, pictures=1_000) as progress:
        progress.show({**trial, "best_epoch": 2, "images_per_second": 90.0})
        progress.begin()
        assert progress.position == 2_000
        progress.take_up(5)
        assert progress.position == 7_000
        time.sleep(0.6)
        progress.advance(10)
        told = progress._bar.format_dict
    assert (told["n"], told["initial"]) == (7_010, 7_000)
    assert told["rate"] is None or told["rate"] < 20
