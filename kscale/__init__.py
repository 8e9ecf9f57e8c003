"""kscale: how many bits of knowledge does a language model store?

A world of facts is told as text, a model is trained on the telling, a scorer asks how
many bits of the world the model holds:

    config = kscale.configs.mini(people=30, exposures=10, heads=1)
    task = kscale.prepare(config)
    state = kscale.fit(task)
    known = kscale.score(task, state["params"])
    rows = kscale.run(config, "runs/mine")

Each room of the library is one step of that sentence. Rooms and functions are imported
when they are first named, so `import kscale` is quick and does not start JAX.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kscale import (
        cli,
        compression,
        configs,
        corpora,
        data,
        files,
        models,
        quant,
        report,
        runs,
        scores,
        theory,
        tokenizers,
        train,
        trees,
        worlds,
    )
    from kscale.configs.base import Config
    from kscale.runs.evaluate import score
    from kscale.runs.task import prepare
    from kscale.runs.training import fit, run

__version__ = "0.2.0"

# What is defined in which room; the other names of `__all__` are rooms.
_HOMES = {
    "Config": "kscale.configs.base",
    "prepare": "kscale.runs.task",
    "fit": "kscale.runs.training",
    "score": "kscale.runs.evaluate",
    "run": "kscale.runs.training",
}

__all__ = [
    "__version__",
    "Config",
    "prepare",
    "fit",
    "score",
    "run",
    "trees",
    "files",
    "worlds",
    "tokenizers",
    "theory",
    "corpora",
    "models",
    "data",
    "quant",
    "compression",
    "report",
    "train",
    "scores",
    "configs",
    "runs",
    "cli",
]


def __getattr__(name: str) -> Any:
    """Imports a room or a function when it is first named."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in __all__:
        return importlib.import_module(f"kscale.{name}")
    raise AttributeError(f"module 'kscale' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
