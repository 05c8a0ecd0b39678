"""Writes tests/fixtures/tfevents/scalars.tfevents: the events that a test of core/src/report/tfevents.rs writes, by TensorBoard's own classes.

    python tests/python/make_tfevents.py

Needs the package tensorboard (2.21.0 made the committed file).
"""

from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "tfevents"


def scalar(wall_time, step, tag, value):
    return Event(wall_time=wall_time, step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]))


EVENTS = [
    Event(wall_time=1700000000.25, file_version="brain.Event:2"),
    Event(wall_time=1700000000.5, step=1, session_log=SessionLog(status=SessionLog.START)),
    scalar(1700000001.5, 1, "train/loss", 0.6931472),
    scalar(1700000002.0, 300, "train/learning_rate", 2e-05),
    scalar(1700000003.0, 300, "eval/accuracy", 1.0),
    scalar(1700000004.0, 300, "eval/zero", 0.0),
]

FOLDER.mkdir(parents=True, exist_ok=True)
with open(FOLDER / "scalars.tfevents", "wb") as file:
    writer = RecordWriter(file)
    for event in EVENTS:
        writer.write(event.SerializeToString(deterministic=True))
    writer.flush()
