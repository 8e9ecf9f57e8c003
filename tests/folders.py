"""What tests look at in run folders, and the configs of tiny runs."""

import json

import numpy as np

from kscale import configs
from kscale.configs import fields


def tree(folder):
    """Every file of a folder with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def metrics(folder):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def assert_same_arrays(one, other, name):
    """Bit for bit."""
    with np.load(one / name) as ours, np.load(other / name) as theirs:
        assert set(ours) == set(theirs)
        for leaf in ours:
            np.testing.assert_array_equal(ours[leaf], theirs[leaf])


def checkpoints(folder):
    """The steps of the complete checkpoints."""
    names = [p.name for p in (folder / "checkpoints").glob("*")]
    return sorted(int(name) for name in names if name.isdecimal())


def config_of(flags, **changes):
    values = dict(flag.removeprefix("--config.").split("=") for flag in flags[1:])
    values |= {path.replace("__", "."): value for path, value in changes.items()}
    return fields.override_all(configs.load("smoke"), values)
