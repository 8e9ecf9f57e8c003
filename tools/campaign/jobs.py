"""The jobs that are attacked, and what each leaves if nobody disturbs it.

A job is a command in a folder that is empty or holds a finished run; the command that
goes on after it was ended; and what must lie there at the end.
"""

import functools
import json
import pathlib
import shutil
import time
from typing import Any, NamedTuple

from kscale.locks import LOCK
from kscale.train import checksums
from kscale.train.checkpoint import CHECKPOINTS
from kscale.train.logs import TENSORBOARD
from tools.campaign.processes import make, run

TINY = (
    "--config=smoke",
    "--config.model.layers=1",
    "--config.world.people=12",
    "--config.data.exposures=100",  # 125 steps
    "--config.train.steps_per_dispatch=10",
    "--config.train.checkpoint_every=40",
)
OTHER = "--config.train.learning_rate=0.01"

# What tells of time and of the code, in logs and results.
_NOT_THE_SAME = ("time", "seconds", "tokens_per_second", "commit")

_EXPERIMENT = '''"""Two populations and three settings."""
import time

from kscale import configs, report
from kscale.configs import fields


def runs(size):
    small = {"model.layers": 1, "world.people": 12}
    return [
        *(
            fields.override_all(
                configs.load("smoke"), small | {"data.exposures": e, "train.seed": s}
            )
            for e, s in ((4, 0), (4, 1), (3, 0))
        ),
        *({"setting": i} for i in range(3)),
    ]


def compute(setting):
    time.sleep(0.05)
    return {"doubled": 2 * setting["setting"]}


def draw(rows, path):
    report.draw_capacity([row for row in rows if "people" in row], path, "nothing")
'''


class Job(NamedTuple):
    """A command that is attacked.

    Attributes:
      name: of the job.
      words: the command's, {} for its folder.
      again: those of the command that goes on.
      before: what is in its folder at the start; None: nothing.
      truth: what is in its folder at the end.
      seconds: that it takes in a fork.
    """

    name: str
    words: tuple[str, ...]
    again: tuple[str, ...]
    before: pathlib.Path | None
    truth: pathlib.Path
    seconds: float

    def place(self, folder: pathlib.Path) -> pathlib.Path:
        """Makes the job's folder as it is at the start and returns it."""
        run = folder / "run"
        if self.before is not None:
            shutil.copytree(self.before, run)
        return run

    def typed(self, run: pathlib.Path, again: bool = False) -> list[str]:
        """Returns the words of its command."""
        words = self.again if again else self.words
        return [word.replace("{}", str(run)) for word in words]


@functools.cache
def make_jobs(folder: pathlib.Path) -> dict[str, Job]:
    """Makes every job, and what it leaves if nobody disturbs it."""
    experiment = folder / "mine.py"
    experiment.write_text(_EXPERIMENT)
    train = ("train", *TINY, "--workdir={}")
    quantize = ("--bits=4", "--method=nearest", "--save", "--overwrite")
    sweep = ("sweep", str(experiment), "--results={}")
    finished, other = folder / "train", folder / "other"
    make([*train[:-1], OTHER, f"--workdir={other}"], folder)
    commands = {
        "train": (train, (*train, "--resume"), None),
        "overwrite": ((*train, "--overwrite"), (*train, "--resume"), other),
        "score": (("score", "--workdir={}", "--write"),) * 2 + (finished,),
        "quantize": (("quantize", "--workdir={}", *quantize),) * 2 + (finished,),
        "sweep": (sweep, sweep, None),
    }
    jobs = {}
    for name, (words, again, before) in commands.items():
        job = Job(name, words, again, before, folder / name, 0.0)
        if before is not None:
            shutil.copytree(before, job.truth)
        began = time.monotonic()
        make(job.typed(job.truth), folder)
        jobs[name] = job._replace(seconds=time.monotonic() - began)
    return jobs


def go_on(job: Job, place: pathlib.Path, folder: pathlib.Path) -> str:
    """Carries a job that was ended to its end; says what is wrong with what it leaves.

    Args:
      job: that was ended.
      place: its folder.
      folder: where its output goes.
    """
    ended = run(job.typed(place, again=True), folder)
    if job.name == "overwrite" and "holds a run of another config" in ended.err:
        # The run that was to be replaced is back, as it was; it is replaced now.
        assert job.before is not None
        if wrong := compare(place, job.before):
            return f"the replaced run is back, but {wrong}"
        ended = run(job.typed(place), folder)
    if wrong := ended.expect(0):
        return f"{job.name} cannot go on: {wrong}"
    return compare(place, job.truth)


def compare(found: pathlib.Path, truth: pathlib.Path) -> str:
    """Says how what an attacked job has left differs from the truth; "": it does not.

    Files that are made alike every time are compared byte for byte; rows and results
    without times. Nothing may be there besides, and no seal may be broken.
    """
    here, there = _list_files(found), _list_files(truth)
    if here != there:
        more, fewer = sorted(here - there), sorted(there - here)
        return f"{found} has {more} that should not be, and lacks {fewer}"
    for name in sorted(here):
        ours, theirs = found / name, truth / name
        if name.endswith((".npz", ".npy")):
            same = ours.read_bytes() == theirs.read_bytes()
        elif name.endswith((".json", ".jsonl")):
            same = _read(ours, found) == _read(theirs, truth)
        else:
            same = ours.exists()
        if not same:
            return f"{ours} differs from what an undisturbed job leaves"
    for sealed in found.rglob(checksums.SEAL):
        if broken := checksums.find_broken(sealed.parent):
            return f"{sealed} does not match {broken}"
    return ""


def _list_files(folder: pathlib.Path) -> set[str]:
    """Lists what is deterministic; checkpoints by their steps alone."""
    names = set()
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if CHECKPOINTS in parts:
            parts = parts[: parts.index(CHECKPOINTS) + 2]
        elif path.is_dir() or TENSORBOARD in parts or path.name == LOCK:
            continue
        names.add("/".join(parts))
    return names


def _read(path: pathlib.Path, folder: pathlib.Path) -> Any:
    if path.name == checksums.SEAL:  # its numbers are those of results with times
        return sorted(json.loads(path.read_text()))
    text = path.read_text().replace(str(folder), "{}")
    lines = text.splitlines() if path.suffix == ".jsonl" else [text]
    rows = [_drop_times(json.loads(line)) for line in lines]
    return sorted(rows, key=lambda row: str(row.get("fingerprint")))  # of two sweeps


def _drop_times(row: Any) -> Any:
    if isinstance(row, list):
        return [_drop_times(item) for item in row]
    if not isinstance(row, dict):
        return row
    kept = {name: x for name, x in row.items() if name not in _NOT_THE_SAME}
    return {name: _drop_times(x) for name, x in kept.items()}
