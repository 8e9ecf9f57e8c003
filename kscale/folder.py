"""A run's folder: made, found again, refused, or cleared, and nothing else touched."""

import pathlib
import re
import shutil

from kscale import config as config_module
from kscale import fields, results, train
from kscale.config import Config
from kscale.results import Row

CONFIG = "config.json"
RESULT = "result.json"
# What a run writes; all else in its folder is somebody's own.
_OURS = re.compile(
    r"(metrics|curve)\.jsonl(\.tmp|\.partial)?|result\.json(\.partial)?|checkpoints|tensorboard"
    r"|vocabulary\.json(\.partial)?|(params|scores|adapters|quantised_[a-z]+_\d)(_\d+)?\.npz|visits(_\d+)?\.npy"
)


def prepare(
    workdir: pathlib.Path, config: Config, resume: bool, overwrite: bool
) -> None:
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
    results.write_json(known, fields.to_dict(config))  # whole, or as it was


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
      (`train.totals.routed`).
    """
    last = rows[-1] if rows else {}
    found = {name: last[name] for name in train.ROUTED if name in last}
    return {k: x[member] if isinstance(x, list) else x for k, x in found.items()}


def logged_rows(workdir: pathlib.Path) -> list[Row]:
    """The rows of a run's metrics.jsonl."""
    return results.read_rows(workdir / "metrics.jsonl")


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
