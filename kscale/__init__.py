"""kscale: how many bits of knowledge does a language model store?

A world of facts is told as text, a model is trained on the telling, a scorer asks how
many bits of the world the model holds. Each room of the library is one step of that
sentence and is imported when it is first named, so `import kscale` is quick and does
not start JAX:

    import kscale
    world = kscale.worlds.build_bios(1000, lists="mini")
    world.bits_max().total
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kscale import (
        cli,
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

__version__ = "0.2.0"

__all__ = [
    "__version__",
    "trees",
    "files",
    "worlds",
    "tokenizers",
    "theory",
    "corpora",
    "models",
    "data",
    "quant",
    "report",
    "train",
    "scores",
    "configs",
    "runs",
    "cli",
]


def __getattr__(name: str) -> Any:
    """Import a room when it is first named."""
    if name in __all__:
        return importlib.import_module(f"kscale.{name}")
    raise AttributeError(f"module 'kscale' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
