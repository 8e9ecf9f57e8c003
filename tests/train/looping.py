"""Runs of the stand-in model that tests of the loop share."""

import json
import os
import signal

from standin import CONFIG, LABELS, OBJECTIVE, batches

from kscale.train import fit

TOTAL = 22  # six dispatches of four steps, two of them padding


def run(folder=None, total=TOTAL, config=CONFIG, source=None, **options):
    """Fits the stand-in, or another `model`."""
    options = {"model": OBJECTIVE, "labels": LABELS, "folder": folder} | options
    model = options.pop("model")
    return fit(model, config, source or batches(), total, **options)


def stop_after(step):
    """A callback that sends SIGTERM to this process."""
    return lambda row: row["step"] == step and os.kill(os.getpid(), signal.SIGTERM)


def rows(folder):
    timings = ("seconds", "tokens_per_second")
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [
        {name: x for name, x in json.loads(line).items() if name not in timings}
        for line in lines
    ]
