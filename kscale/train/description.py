"""What a run is, so that a checkpoint of another run can be told and refused."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kscale.train.chunks import Chunks
from kscale.train.config import LATER, RHYTHM, Hyper, TrainConfig, members
from kscale.train.problem import Problem, told

Description = Mapping[str, Any]


def describe(
    problem: Problem,
    config: TrainConfig,
    total_steps: int,
    labels: Sequence[str],
    hyper: Hyper,
    chunks: Chunks,
) -> dict[str, Any]:
    """What makes a run what it is, in JSON's types; the rhythm is no part of it."""
    train = told(config, LATER)
    run = {
        "model": dict(problem.description),
        "train": {name: x for name, x in train.items() if name not in RHYTHM},
        "total_steps": total_steps,
        "labels": list(labels),
        "batch": chunks.describe(),
    }
    if members(hyper) is not None:
        run["population"] = {
            name: np.asarray(x).tolist() for name, x in hyper._asdict().items()
        }
    return run


def differences(old: Description, new: Description) -> list[str]:
    """Every field that differs, for example ``"model.layers was 2, is 4"``."""
    before, after = _flat(old), _flat(json.loads(json.dumps(new)))
    missing = "absent"
    return [
        f"{name} was {before.get(name, missing)!r}, is {after.get(name, missing)!r}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name, missing) != after.get(name, missing)
    ]


def _flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(tree, Mapping):
        return {prefix: tree}
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}.{key}" if prefix else str(key))
    return flat
