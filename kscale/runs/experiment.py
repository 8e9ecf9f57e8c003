"""An experiment: a figure or table of a paper as runs and a drawing of their rows.

An experiment is a Python file with `runs(size)` and `draw(rows, path)`. Its runs are
configs, which are trained, or settings (dicts of JSON types), which its
`compute(setting)` turns into what their rows say. With `ROWS = "capacity/figure1"` it
reads, and adds to, the rows of another experiment: two figures of the same runs. A
config whose `start` is the fingerprint of another run goes on from where that one
ended; a setting with such a "start" is given that run's folder, by
`compute(setting, folder)`.
"""

import functools
import json
import pathlib
import runpy
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from kscale import configs, files
from kscale.configs import fields
from kscale.configs.base import Config, MembersConfig, fingerprint, member_config
from kscale.files import Row
from kscale.train.config import Hyper

SIZES = ("smoke", "small", "paper")
FOLDER = pathlib.Path("experiments")
Run = Config | dict[str, Any]


class Experiment(NamedTuple):
    """A figure or table of a paper, as runs and a drawing of their rows.

    Attributes:
      name: the path of its file below experiments/ without .py, "capacity/figure1";
        the name of the file where it lies elsewhere.
      runs, draw, compute: as the file defines them; runs are solo.
      rows_of: the experiment whose rows these are; "": its own.
    """

    name: str
    runs: Callable[[str], Sequence[Run]]
    draw: Callable[[list[Row], pathlib.Path], None]
    compute: Callable[..., Row] | None = None
    rows_of: str = ""

    @property
    def rows(self) -> str:
        """The name of the experiment whose rows these are."""
        return self.rows_of or self.name


def load_experiment(name: str) -> Experiment:
    """Loads an experiment by the path of its file, or by its name in experiments/.

    Raises:
      ValueError: there is no such file, or it does not define runs and draw.
    """
    path = pathlib.Path(name if name.endswith(".py") else FOLDER / f"{name}.py")
    if not path.is_file():
        if name.endswith(".py"):
            raise ValueError(f"the experiment file {name!r} does not exist")
        if known := names():
            raise ValueError(fields.unknown("experiment", repr(name), name, known))
        raise ValueError(
            f"experiment {name!r}: there is no {FOLDER}/ here; give the path of its"
            f" file, or go to a checkout of kscale"
        )
    defined = configs.call(str(path), lambda: runpy.run_path(str(path)))
    if missing := {"runs", "draw"} - defined.keys():
        raise ValueError(f"{path} defines no {' and no '.join(sorted(missing))}")
    runs = functools.partial(_list_runs, path, defined["runs"])
    draw = _guard(f"{path}: draw()", defined["draw"])
    compute = None
    if "compute" in defined:
        compute = _guard(f"{path}: compute()", defined["compute"], row=True)
    return Experiment(_name_of(path), runs, draw, compute, defined.get("ROWS", ""))


def _list_runs(path: pathlib.Path, runs: Callable[[str], Any], size: str) -> list[Run]:
    """Lists what `runs(size)` of a file gives; a ValueError where it gives no runs."""
    what = f"{path}: runs({size!r})"
    found = configs.call(what, lambda: list(runs(size)))
    for each in found:
        if not isinstance(each, Config | dict):
            raise ValueError(
                f"{what} gives {each!r:.40}, which is no config and no setting (a dict)"
            )
    return found


def _guard(what: str, function: Callable, row: bool = False) -> Callable[..., Any]:
    """Returns a function of a user's file whose mistakes are one line.

    Args:
      what: the file and the function.
      function: as the file defines it.
      row: whether it must give a row.
    """

    @functools.wraps(function)
    def guarded(*words: Any) -> Any:
        found = configs.call(what, lambda: function(*words))
        if not row:
            return found
        if not isinstance(found, dict):
            raise ValueError(f"{what} gives {found!r:.40}, which is no row (a dict)")
        try:
            json.dumps(found)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{what} gives what is no JSON type: {error}") from None
        return found

    return guarded


def names() -> list[str]:
    """Returns the names of the experiments in experiments/, if there is one here."""
    return sorted(
        _name_of(path)
        for path in FOLDER.rglob("*.py")
        if "\ndef draw(" in path.read_text(encoding="utf-8")
    )


def _name_of(path: pathlib.Path) -> str:
    path, top = path.resolve().with_suffix(""), FOLDER.resolve()
    return path.relative_to(top).as_posix() if top in path.parents else path.name


def run_fingerprint(run: Run) -> str:
    """Returns the fingerprint of a run: twelve hex digits, equal where results are.

    Raises:
      ValueError: a setting holds what is no JSON type.
    """
    if isinstance(run, Config):
        return fingerprint(run)
    try:
        text = json.dumps(run, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the setting {run} is not made of JSON types: {error}"
        ) from None
    return files.digest(text.encode())


def start_of(run: Run) -> str:
    """Returns the fingerprint or folder that a run goes on from; "" for none."""
    return run.start if isinstance(run, Config) else str(run.get("start", ""))


def group_runs(runs: Sequence[Run]) -> list[list[Run]]:
    """Groups runs that can be one population: equal but for seed, rate, weight decay.

    A setting is alone, as is a run that another one starts from, so that its folder
    has its weights. Groups stand in the order in which each kind first comes.

    Raises:
      ValueError: a config has members of its own, or a run is listed twice.
    """
    kinds: dict[str, list[Run]] = {}
    seen = set()
    starts = set(map(start_of, runs))
    for each in runs:
        kind = mark = run_fingerprint(each)
        if isinstance(each, Config):
            if each.members != MembersConfig():
                raise ValueError(
                    f"{each.name}: a sweep's runs are solo; list its members"
                )
            if mark not in starts:
                kind = run_fingerprint(member_config(each, Hyper(0.0, 0.0, 0)))
        if mark in seen:
            raise ValueError(f"{_short_title(each)}: this run is listed twice")
        seen.add(mark)
        kinds.setdefault(kind, []).append(each)
    return list(kinds.values())


def select_groups(
    experiment: Experiment, size: str, share: tuple[int, int] = (0, 1)
) -> list[list[Run]]:
    """Selects the groups of runs of one process: every n-th from the i-th on.

    A run that goes on from another is in the share of that one, after it.

    Raises:
      ValueError: as `group_runs`; a run is listed before the one that it starts from.
    """
    groups = group_runs(experiment.runs(size))
    place = {run_fingerprint(run): i for i, group in enumerate(groups) for run in group}
    root = list(range(len(groups)))
    for i, group in enumerate(groups):
        before = place.get(start_of(group[0]))
        if before is not None and before >= i:
            raise ValueError(
                f"{_short_title(group[0])}: list it after the run it starts from"
            )
        root[i] = i if before is None else root[before]
    roots = sorted(set(root))
    return [
        group
        for i, group in enumerate(groups)
        if roots.index(root[i]) % share[1] == share[0]
    ]


def title(group: Sequence[Run]) -> str:
    """Returns one line that says what a group of runs is."""
    first = group[0]
    if isinstance(first, dict):
        values = [f"{x:g}" if isinstance(x, float) else str(x) for x in first.values()]
        short = [x if len(x) <= 24 else f"{x[:20]}..." for x in values]
        return ", ".join(f"{name}={x}" for name, x in zip(first, short, strict=True))
    members = f", {len(group)} members" if len(group) > 1 else ""
    return (
        f"{first.name}: N={first.world.people:,}, {first.data.exposures} exposures,"
        f" {first.model.layers} layers, d={first.model.width}{members}"
    )


def _short_title(each: Run) -> str:
    return each.name if isinstance(each, Config) else title([each])
