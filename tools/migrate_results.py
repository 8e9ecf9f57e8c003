"""Rewrites the rows and run folders of kscale 0.1, so that kscale 0.2 reads them.

    python -m tools.migrate_results experiments/results runs/mine

Each argument is a file of rows, a run folder, or a folder that holds some of either. In
configs, fields that are gone are dropped, renamed ones renamed, and fields that came
later are filled with what was done before there were any. Experiments get their names
of today ("p002_figure1" is "capacity/figure1") and fingerprints are computed anew, also
where one run starts from another: give the files of both. Measured numbers stay as they
are, which is checked before anything is written. Give rows and folders once; what is
new already stays as it is.
"""

import functools
import hashlib
import json
import pathlib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kscale import files, worlds
from kscale.configs import fields
from kscale.configs.base import Config
from kscale.files import Row
from kscale.models.config import NO_ADAPTERS
from kscale.quant.scheme import NO_ROUNDING
from kscale.runs.experiment import run_fingerprint

FOLDERS = {"000": "compression", "002": "capacity", "004": "emergence"}
# Fields that are gone, with the only value that still means what it meant.
GONE = {
    "data.shared_order": True,
    "data.steps_rule": "exact",
    "model.scan_layers": False,
    "train.keep_every": 0,
}
# Fields that came while 0.1 grew, with what was done before there were any.
LATER = {
    "world.first": 0,
    **{f"world.law.{path}": x for path, x in fields.flatten(worlds.Law()).items()},
    "corpus.domain": "",
    "data.epochs": 1,
    "data.share": 1.0,
    "parts": (),
    "score.classes": 4,
    "score.quantiles": "people",
    "score.times": 0,
    "start": "",
    "model.experts": 0,
    "model.top_k": 1,
    "model.capacity_factor": 2.0,
    "model.eval_capacity_factor": 8.0,
    "model.route_rows": 1,
    **{f"model.lora.{path}": x for path, x in fields.flatten(NO_ADAPTERS).items()},
    "train.trainable": ["*"],
    "train.balance_weight": 0.01,
    **{f"qat.{path}": x for path, x in fields.flatten(NO_ROUNDING).items()},
}
NAMING = ("config", "fingerprint", "experiment", "name")  # what may change in a row


class Migrated(NamedTuple):
    """What was rewritten.

    Attributes:
      texts: path -> its new content.
      moves: path -> its new path.
      rows: how many rows there are.
      numbers: how many measured numbers they hold.
      fingerprints: old -> new.
    """

    texts: dict[pathlib.Path, str]
    moves: dict[pathlib.Path, pathlib.Path]
    rows: int
    numbers: int
    fingerprints: dict[str, str]


def migrate(paths: Sequence[pathlib.Path]) -> Migrated:
    """Returns what files of rows and run folders become; writes nothing.

    Raises:
      ValueError: a field that is gone holds another value than its default, a run
        starts from one that is in none of the files, or two runs became one.
    """
    documents = {path: _read(path) for path in _files(paths)}
    rows = [row for found in documents.values() for row in _rows(found)]
    configs = {row["fingerprint"]: row["config"] for row in rows}
    known: dict[str, str] = {}

    def renamed(fingerprint: str) -> str:
        if fingerprint not in known:
            if fingerprint not in configs:
                raise ValueError(
                    f"start={fingerprint!r} is the fingerprint of no row in these"
                    f" files: give the rows of the run that it starts from, too"
                )
            config = new_config(configs[fingerprint], renamed)
            known[fingerprint] = _fingerprint(config)
        return known[fingerprint]

    list(map(renamed, configs))
    if len(set(known.values())) != len(known):
        raise ValueError("two runs of different fingerprints became one run")
    new = {path: _rewritten(found, renamed) for path, found in documents.items()}
    after = [row for found in new.values() for row in _rows(found)]
    numbers = sum(_compare(*pair) for pair in zip(rows, after, strict=True))
    texts = {path: _text(path, found) for path, found in new.items()}
    moves = dict(_moves(documents, renamed))
    return Migrated(texts, moves, len(rows), numbers, known)


def new_config(config: Row, renamed: Any) -> Row:
    """Returns a config, or the setting of a computed row, with the fields of today.

    Args:
      config: of a row, or of a run folder.
      renamed: old fingerprint -> new one, for what a run starts from.
    """
    new = json.loads(json.dumps(config))
    if re.fullmatch("[0-9a-f]{12}", str(new.get("start", ""))):
        new["start"] = renamed(new["start"])
    if not isinstance(new.get("model"), dict):
        return new
    for path, value in GONE.items():
        room, field = path.split(".")
        found = new[room].pop(field, value)
        if found != value:
            raise ValueError(
                f"{path}={found!r} must be {value!r}: kscale 0.2 has no such field;"
                f" open this run with kscale 0.1"
            )
    if "trained" in new["train"]:
        new["train"]["trainable"] = new["train"].pop("trained")
    for part in new.get("parts", []):
        if "told" in part:
            part["kind"] = part.pop("told")
    for path, value in LATER.items():
        *rooms, field = path.split(".")
        group = functools.reduce(lambda at, room: at.setdefault(room, {}), rooms, new)
        group.setdefault(field, value)
    return fields.to_dict(fields.from_dict(Config, new))


def new_name(name: str) -> str:
    """Returns the name of an experiment as it is today.

    Example:
      >>> new_name("p002_figure1")
      'capacity/figure1'
    """
    old = re.fullmatch(r"p(\d{3})_(\w+)", name)
    return f"{FOLDERS[old[1]]}/{old[2]}" if old and old[1] in FOLDERS else name


def _fingerprint(config: Row) -> str:
    trained = isinstance(config.get("model"), dict)
    return run_fingerprint(fields.from_dict(Config, config) if trained else config)


def _files(paths: Sequence[pathlib.Path]) -> Iterator[pathlib.Path]:
    for path in paths:
        inside = sorted(path.rglob("*.json*")) if path.is_dir() else [path]
        for file in inside:
            if file.name in ("config.json", "result.json") or (
                file.suffix == ".jsonl"
                and file.name not in ("metrics.jsonl", "curve.jsonl")
            ):
                yield file


def _read(path: pathlib.Path) -> Any:
    if path.suffix == ".jsonl":
        return files.read_rows(path)
    return json.loads(path.read_text(encoding="utf-8"))


def _text(path: pathlib.Path, found: Any) -> str:
    if path.suffix == ".jsonl":
        return "".join(json.dumps(row, sort_keys=True) + "\n" for row in found)
    return json.dumps(found, indent=2, allow_nan=False) + "\n"


def _rows(found: Any) -> Iterator[Row]:
    """Every row in a document: of a file of rows, or of a run's result."""
    if isinstance(found, dict) and {"fingerprint", "config"} <= found.keys():
        yield found
    if isinstance(found, dict):
        yield from _rows(found.get("members", []))
    elif isinstance(found, list):
        for each in found:
            yield from _rows(each)


def _rewritten(found: Any, renamed: Any) -> Any:
    if isinstance(found, list):
        return [_rewritten(each, renamed) for each in found]
    if "fingerprint" not in found:
        return new_config(found, renamed)
    new = found | {
        "config": new_config(found["config"], renamed),
        "fingerprint": renamed(found["fingerprint"]),
    }
    if _fingerprint(new["config"]) != new["fingerprint"]:
        raise ValueError(f"fingerprint={found['fingerprint']!r} is that of two configs")
    new |= {x: new_name(found[x]) for x in ("experiment", "name") if x in found}
    if "members" in found:
        new["members"] = _rewritten(found["members"], renamed)
    return new


def _moves(
    documents: Mapping[pathlib.Path, Any], renamed: Any
) -> Iterator[tuple[pathlib.Path, pathlib.Path]]:
    """The run folders of sweeps, whose names are made of their runs' fingerprints."""
    for path, found in documents.items():
        folder = path.parent
        old = re.fullmatch(r"(p\d{3}_\w+)_([0-9a-f]{12})", folder.name)
        if path.name == "result.json" and old:
            rows = found.get("members", [found])
            marks = [renamed(row["fingerprint"]) for row in rows]
            digest = hashlib.sha256(" ".join(marks).encode()).hexdigest()[:12]
            yield folder, folder.parent / f"{new_name(old[1])}_{digest}"


def _compare(old: Row, new: Row) -> int:
    """Checks that all but names is as it was; returns how many numbers that is."""
    kept = [{k: x for k, x in row.items() if k not in NAMING} for row in (old, new)]
    kept[0].pop("members", None)
    kept[1].pop("members", None)
    if json.dumps(kept[0]) != json.dumps(kept[1]):
        raise AssertionError(f"a measured value of {old['fingerprint']} changed")
    numbers = (x for x in _leaves(kept[1]) if not isinstance(x, bool))
    return sum(isinstance(x, int | float) for x in numbers)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _leaves(each)
    else:
        yield value


def main(argv: Sequence[str] | None = None) -> int:
    """Rewrites what the words name; returns the exit code."""
    words = sys.argv[1:] if argv is None else argv
    if not words or words[0].startswith("-"):
        sys.stdout.write(__doc__ or "")
        return 2
    try:
        done = migrate(list(map(pathlib.Path, words)))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"migrate_results: {error}\n")
        return 2
    for path, text in done.texts.items():
        files.write_text(path, text)
    for old, new in done.moves.items():
        new.parent.mkdir(parents=True, exist_ok=True)
        old.rename(new)
    changed = sum(old != new for old, new in done.fingerprints.items())
    sys.stdout.write(
        f"{len(done.texts)} files, {done.rows} rows, {len(done.fingerprints)} runs:"
        f" {done.numbers} measured numbers are as they were, {changed} fingerprints are"
        f" new and as distinct as before\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
