"""A finished run, opened again: its setup and its parameters, checked to be its own.

from kscale import run, trained
setup, params = trained.load(pathlib.Path("runs/mine"))
table = run.score_params(setup, params)
"""

import json
import pathlib
from typing import Any

import jax

from kscale import build, folder, models, train, vocabulary
from kscale import config as config_module

UNFINISHED = "holds no finished run: finish it with --resume"


def load(workdir: pathlib.Path, member: int = 0) -> tuple[build.Setup, Any]:
    """A finished run: its setup and the parameters of one member.

    Raises:
      ValueError: the folder holds no finished run, or no such member, or parameters of
        another model than its config says.
    """
    known = vocabulary.read(workdir)
    setup = build.build(config_module.load(workdir / folder.CONFIG), known)
    if not 0 <= member < len(setup.hypers):
        raise ValueError(
            f"member={member}: the run in {workdir} has {len(setup.hypers)} members"
        )
    _require_content(setup, workdir)
    path = params_path(workdir, setup, member)
    if not path.exists():
        raise ValueError(f"{workdir} {UNFINISHED}")
    params = train.load_params(path)
    found, wanted = _shapes(params), _shapes(_abstract_params(setup))
    for leaf in sorted(found.keys() | wanted.keys()):
        if found.get(leaf) != wanted.get(leaf):
            raise ValueError(
                f"{path} is of another model: {leaf} has shape"
                f" {found.get(leaf, 'absent')}, the config in {workdir} makes it"
                f" {wanted.get(leaf, 'absent')}"
            )
    return setup, params


def params_path(
    workdir: pathlib.Path, setup: build.Setup, member: int = 0
) -> pathlib.Path:
    """The file of a member's parameters."""
    name = f"_{member}" if len(setup.hypers) > 1 else ""
    return workdir / f"params{name}.npz"


def _require_content(setup: build.Setup, workdir: pathlib.Path) -> None:
    """Refuses a run whose lists or texts are no longer what it was trained on."""
    path = workdir / folder.RESULT
    row = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if row.get("content", setup.content) != setup.content:
        raise ValueError(
            f"{workdir} was trained on other lists or texts: their digest was"
            f" {row['content']}, is {setup.content}; bring the old ones back"
        )


def _abstract_params(setup: build.Setup) -> Any:
    return jax.eval_shape(lambda: models.init(setup.config.model, jax.random.key(0)))


def _shapes(params: Any) -> dict[str, tuple[int, ...]]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(params)
    return {jax.tree_util.keystr(path): leaf.shape for path, leaf in leaves}
