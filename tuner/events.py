"""TensorBoard logs of a sweep: loss, score and learning rate per epoch, and the HParams page over all trials.

Written whole when a trial ends, from its record, so a resumed sweep leaves no epoch twice. Keras' own callback writes
the same scalars but takes far longer than many an epoch here.
"""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuner.defaults import Range, Space
from zoo._files import write_atomically

EVENTS_FILE = "events.out.tfevents.0.sweep"
"""TensorBoard reads what has 'tfevents' in its name; one fixed name per folder, so that writing again replaces."""


def write_space(folder: Path, space: Space, metric: str) -> None:
    """Write the experiment's part of the HParams page: what is searched, and which metric counts."""
    from tensorboard.plugins.hparams import summary_v2 as hparams

    searched = [hparams.HParam(name, _domain(values)) for name, values in space.dimensions.items()]
    summary = hparams.hparams_config_pb(hparams=searched, metrics=[hparams.Metric(metric)])
    _write(folder, [(0, summary)])


def write_trial(folder: Path, record: Mapping[str, Any], metric: str) -> None:
    """Write one finished trial's curves into `folder`."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import summary_v2 as hparams

    steps = [(0, hparams.hparams_pb(dict(record["hyperparameters"]), trial_id=str(record["trial"])))]
    for row in record.get("history", ()):
        values = [
            Summary.Value(tag=name, simple_value=row[name]) for name in ("loss", metric, "learning_rate") if name in row
        ]
        steps.append((int(row["epoch"]), Summary(value=values)))
    _write(folder, [*steps, (0, Summary(value=[_end(record["status"] == "completed")]))])


def _end(succeeded: bool) -> Any:
    """Return the summary's value that ends a trial; the plugin's own function for it needs TensorFlow."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    status = api_pb2.Status.Value("STATUS_SUCCESS" if succeeded else "STATUS_FAILURE")
    ended = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=time.time())
    told = metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(session_end_info=ended))
    return Summary.Value(tag=metadata.SESSION_END_INFO_TAG, metadata=told, tensor=metadata.NULL_TENSOR)


def _domain(values: Any) -> Any:
    from tensorboard.plugins.hparams import summary_v2 as hparams

    if isinstance(values, Range):
        return hparams.RealInterval(float(values.low), float(values.high))
    has_fraction = any(isinstance(value, float) for value in values)
    return hparams.Discrete([float(value) if has_fraction else value for value in values])


def _write(folder: Path, summaries: list[tuple[int, Any]]) -> None:
    """Write (step, Summary) pairs as one events file."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    folder.mkdir(parents=True, exist_ok=True)
    buffer, now = io.BytesIO(), time.time()
    writer = RecordWriter(buffer)
    writer.write(Event(wall_time=now, file_version="brain.Event:2").SerializeToString())
    for step, summary in summaries:
        event = Event(wall_time=now, step=step, summary=summary)
        writer.write(event.SerializeToString())
    write_atomically(folder / EVENTS_FILE, buffer.getbuffer(), sync=False)
