"""What tests read from run folders, and the configs of tiny runs."""

import json
import shutil

import numpy as np

from kscale import configs
from kscale.configs import fields


def read_files(folder):
    """The bytes of every file of a folder, by its path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def result_of(folder):
    """The result row of a run."""
    return json.loads((folder / "result.json").read_text())


def read_metrics(folder):
    """The rows of a run's log."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def assert_same_arrays(one, other, name):
    """Checks that an npz file is the same in two folders, bit for bit."""
    with np.load(one / name) as ours, np.load(other / name) as theirs:
        assert set(ours) == set(theirs)
        for leaf in ours:
            np.testing.assert_array_equal(ours[leaf], theirs[leaf])


def cut_short(folder, copy, kept=-1):
    """Copies a finished run as if it had been killed before its last checkpoints.

    `kept` counts the checkpoints that are left, or from the end those that are not.
    """
    shutil.copytree(folder, copy)
    for step in list_checkpoints(copy)[kept:]:
        shutil.rmtree(copy / "checkpoints" / str(step))
    for name in ("params.npz", "scores.npz", "result.json"):
        (copy / name).unlink()
    assert list_checkpoints(copy)
    return copy


def list_checkpoints(folder):
    """The steps of the complete checkpoints."""
    names = [p.name for p in (folder / "checkpoints").glob("*")]
    return sorted(int(name) for name in names if name.isdecimal())


def tiny_config(flags, **changes):
    """The config of the flags of a tiny run, other fields changed: `train__seed=1`."""
    values = dict(flag.removeprefix("--config.").split("=") for flag in flags[1:])
    values |= {path.replace("__", "."): value for path, value in changes.items()}
    return fields.override_all(configs.load("smoke"), values)
