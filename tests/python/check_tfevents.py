"""Reads the event files of a folder with TensorBoard's own loader, and prints each scalar: tag, step, value; then the steps of a tag
as TensorBoard shows them, with what a restart takes back left out.

    python tests/python/check_tfevents.py FOLDER

Needs the package tensorboard.
"""

import json
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util import tensor_util

folder = Path(sys.argv[1])
files = sorted(folder.glob("events.out.tfevents.*"))
scalars = []
for file in files:
    for event in EventFileLoader(str(file)).Load():
        for value in event.summary.value:
            number = tensor_util.make_ndarray(value.tensor).item() if value.HasField("tensor") else value.simple_value
            scalars.append([value.tag, event.step, number])

shown = EventAccumulator(str(folder), size_guidance={"scalars": 0})
shown.Reload()
losses = [event.step for event in shown.Scalars("train/loss")]
print(json.dumps({"files": len(files), "scalars": scalars, "train_loss_steps": losses}))
