"""A run's folder: made, found again, refused, or cleared, and nothing else touched."""

import json
import pathlib
import re
import shutil
from typing import Any

import jax

from kscale import files, models, train
from kscale.configs import base as config_module
from kscale.configs import fields
from kscale.configs.base import CONFIG, Config
from kscale.files import Row
from kscale.runs.task import Task, prepare
from kscale.tokenizers.vocabulary import NO_VOCABULARY, VocabularyRecord
from kscale.trees import leaves_by_path

RESULT = "result.json"
# What a run writes; all else in its folder is somebody's own.
_OURS = re.compile(
    r"checkpoints|tensorboard"
    r"|((metrics|curve)\.jsonl|(result|vocabulary)\.json|visits(_\d+)?\.npy"
    r"|(params|scores|adapters|quantized_[a-z]+_\d)(_\d+)?\.npz)(\.\d+\.partial)?"
)


def claim(workdir: pathlib.Path, config: Config, resume: bool, overwrite: bool) -> None:
    """Makes a run folder and writes config.json, or finds the run to go on with.

    Args:
      workdir: the folder.
      config: of the run that is about to start.
      resume: go on with the run that is there, if one is.
      overwrite: throw away the run that is there; other files stay.

    Raises:
      ValueError: the folder holds a run and it was not said what to do with it; it
        holds another run; it holds something that is no run; it is a file.
    """
    if resume and overwrite:
        raise ValueError("--resume and --overwrite exclude each other: give one")
    if workdir.exists() and not workdir.is_dir():
        raise ValueError(f"{workdir} is a file: choose another --workdir")
    there = sorted(x.name for x in workdir.iterdir()) if workdir.is_dir() else []
    known = workdir / CONFIG
    if there and known.name not in there:
        raise ValueError(
            f"{workdir} holds {', '.join(there[:3])} and no {CONFIG}: it is no run"
            f" folder and is left as it is; choose another --workdir"
        )
    if there and resume:
        _require_same(config_module.load(known), config, workdir)
        return
    if there and not overwrite:
        raise ValueError(
            f"{workdir} holds a run: pass --resume to go on, --overwrite to throw it"
            f" away, or choose another --workdir"
        )
    if there:
        _clear(workdir)
    workdir.mkdir(parents=True, exist_ok=True)
    files.write_json(known, fields.to_dict(config))  # whole, or as it was


def logged_speed(rows: list[Row], members: int) -> Row:
    """What a whole run took by its logged rows, however often it was resumed.

    Args:
      rows: of metrics.jsonl.
      members: of the population; a row's tokens are those of one.

    Returns:
      seconds (of training; neither compilation nor scoring) and tokens_per_second.
    """
    seconds = sum(row["seconds"] for row in rows)
    tokens = members * sum(row["tokens"] for row in rows)
    return {"seconds": seconds, "tokens_per_second": tokens / max(seconds, 1e-9)}


def logged_routing(rows: list[Row], member: int) -> Row:
    """How experts were used at the end of a run; nothing of a dense model.

    Args:
      rows: of metrics.jsonl; those of a population hold lists.
      member: of the population.

    Returns:
      dropped_share, load_max, load_entropy and router_entropy of the last row
      (`train.metrics.summarize_routing`).
    """
    last = rows[-1] if rows else {}
    found = {name: last[name] for name in train.ROUTING if name in last}
    return {k: x[member] if isinstance(x, list) else x for k, x in found.items()}


def logged_rows(workdir: pathlib.Path) -> list[Row]:
    """The rows of a run's metrics.jsonl."""
    return files.read_rows(workdir / "metrics.jsonl")


def _require_same(old: Config, new: Config, workdir: pathlib.Path) -> None:
    if config_module.fingerprint(old) == config_module.fingerprint(new):
        return
    changed = [
        f"{path} was {before!r}, is {after!r}"
        for path, before, after in fields.diff(old, new)
        if path not in config_module.NO_RESULT
    ]
    raise ValueError(
        f"{workdir} holds a run of another config: {'; '.join(changed)}; resume with"
        f" the old values or choose another folder"
    )


def _clear(workdir: pathlib.Path) -> None:
    """Removes what a run wrote, and nothing else.

    The config goes last, when the new one replaces it: a folder that is half cleared is
    still a run folder.
    """
    for path in workdir.iterdir():
        if _OURS.fullmatch(path.name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


# A finished run, opened again: its task and its parameters, checked to be its own.
#
# from kscale import run, trained
# task, params = trained.load(pathlib.Path("runs/mine"))
# table = run.score_params(task, params)
UNFINISHED = "holds no finished run: finish it with --resume"


def load(workdir: pathlib.Path, member: int = 0) -> tuple[Task, Any]:
    """A finished run: its task and the parameters of one member.

    Raises:
      ValueError: the folder holds no finished run, or no such member, or parameters of
        another model than its config says.
    """
    known = read(workdir)
    task = prepare(config_module.load(workdir / CONFIG), known)
    if not 0 <= member < len(task.hypers):
        raise ValueError(
            f"member={member}: the run in {workdir} has {len(task.hypers)} members"
        )
    _require_content(task, workdir)
    path = params_path(workdir, task, member)
    if not path.exists():
        raise ValueError(f"{workdir} {UNFINISHED}")
    params = train.load_params(path)
    found, wanted = _shapes(params), _shapes(_abstract_params(task))
    for leaf in sorted(found.keys() | wanted.keys()):
        if found.get(leaf) != wanted.get(leaf):
            raise ValueError(
                f"{path} is of another model: {leaf} has shape"
                f" {found.get(leaf, 'absent')}, the config in {workdir} makes it"
                f" {wanted.get(leaf, 'absent')}"
            )
    return task, params


def params_path(workdir: pathlib.Path, task: Task, member: int = 0) -> pathlib.Path:
    """The file of a member's parameters."""
    name = f"_{member}" if len(task.hypers) > 1 else ""
    return workdir / f"params{name}.npz"


def _require_content(task: Task, workdir: pathlib.Path) -> None:
    """Refuses a run whose lists or texts are no longer what it was trained on."""
    path = workdir / RESULT
    row = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if row.get("content", task.content) != task.content:
        raise ValueError(
            f"{workdir} was trained on other lists or texts: their digest was"
            f" {row['content']}, is {task.content}; bring the old ones back"
        )


def _abstract_params(task: Task) -> Any:
    return jax.eval_shape(lambda: models.init(task.config.model, jax.random.key(0)))


def _shapes(params: Any) -> dict[str, tuple[int, ...]]:
    return {path: leaf.shape for path, leaf in leaves_by_path(params).items()}


# The tokens of a run that are more than its own texts use: those of its start.
#
# A run that goes on from another keeps every token of it. Its folder lists them all in
# vocabulary.json, so that it can be opened when the folder of its start is gone.
FILE = "vocabulary.json"


def save(vocabulary: VocabularyRecord, workdir: pathlib.Path) -> None:
    """Write the vocabulary into a run's folder."""
    files.write_json(workdir / FILE, vocabulary._asdict())


def read(workdir: pathlib.Path) -> VocabularyRecord:
    """The vocabulary in a run's folder; empty where its own texts are all it has.

    Raises:
      ValueError: the file is damaged.
    """
    path = workdir / FILE
    if not path.exists():
        return NO_VOCABULARY
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        tokens, domains = map(int, found["tokens"]), map(str, found["domains"])
        return VocabularyRecord(tuple(tokens), tuple(domains))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no readable vocabulary: {error}") from error
