"""Two processes at once in one folder, let off at the same moment by a barrier."""

import json
import multiprocessing
import pathlib
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from types import ModuleType

from kscale.cli import demo
from kscale.runs import launch, sweeps, training
from kscale.runs.folder import RunFolder
from kscale.train import checksums
from tools.campaign.cases import Attack, Case, Outcome
from tools.campaign.jobs import OTHER, TINY, compare, make_jobs
from tools.campaign.processes import Ended, Forked, end, make

_SHORT = (*TINY, "--config.data.exposures=4")
_GATE_SECONDS = 120.0


def prepare_races(folder: pathlib.Path) -> Attack:
    """Returns the attack: two trainings of other configs claim a folder at once.

    In every other case there is a run, and both have --overwrite. One must win, and
    leave what it leaves alone.
    """
    rates = ([], [OTHER])
    truths = [folder / "race_0", folder / "race_1"]
    for truth, rate in zip(truths, rates, strict=True):
        make(["train", *_SHORT, *rate, f"--workdir={truth}"], folder)

    def attack(case: Case) -> Outcome:
        kind, run = ("new", "overwrite")[case.rng.integers(2)], case.place / "run"
        extra = []
        if kind == "overwrite":
            shutil.copytree(truths[case.rng.integers(2)], run)
            extra = ["--overwrite"]
        commands = [["train", *_SHORT, *x, *extra, f"--workdir={run}"] for x in rates]
        ended = _race(case, commands, training, "claim")
        if wrong := _one_won(ended):
            return Outcome(kind, wrong)
        winner = [each.code for each in ended].index(0)
        return Outcome(kind, compare(run, truths[winner]))

    return attack


def prepare_resumes(folder: pathlib.Path) -> Attack:
    """Returns the attack: a run is killed and gone on with twice at once."""
    job = make_jobs(folder)["train"]

    def attack(case: Case) -> Outcome:
        run = case.place / "run"
        process = Forked(job.typed(run), case.place)
        while process.poll() is None and not RunFolder(run).latest_step():
            time.sleep(0.002)
        time.sleep(case.rng.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        end(process)
        ended = _race(case, [job.typed(run, again=True)] * 2, training, "claim")
        return Outcome("resume", _one_won(ended) or compare(run, job.truth))

    return attack


def prepare_sweeps(folder: pathlib.Path) -> Attack:
    """Returns the attack: two sweeps, or two demos, of the same runs at once."""
    job = make_jobs(folder)["sweep"]

    def attack(case: Case) -> Outcome:
        run = case.place / "run"
        if case.rng.random() < 0.25:
            return Outcome("demos", _race_demos(case, run))
        for ended in _race(case, [job.typed(run)] * 2, sweeps, "select_groups"):
            if wrong := ended.expect(0, 1):  # 1: the other trains a group
                return Outcome("sweeps", wrong)
        text = (run / "mine_smoke.jsonl").read_text()
        rows = [json.loads(line)["fingerprint"] for line in text.splitlines()]
        if len(set(rows)) < len(rows):
            return Outcome("sweeps", f"rows are there twice: {rows}")
        make(job.typed(run), case.place)
        return Outcome("sweeps", compare(run, job.truth))

    return attack


def _race_demos(case: Case, folder: pathlib.Path) -> str:
    def shrink() -> None:
        demo.RUNS = {"smoke": "a tiny run"}
        demo.sentence = lambda rows: f"{len(rows)} runs"

    words = ["demo", f"--workdir={folder}"]
    ended = _race(case, [words] * 2, launch, "hold", shrink)
    steps = [row["step"] for row in RunFolder(folder / "smoke").read_logged()]
    if wrong := _one_won(ended):
        return wrong
    if steps != sorted(set(steps)) or checksums.find_broken(folder / "smoke"):
        return f"two trained: steps {steps}"
    return ""


def _race(
    case: Case,
    commands: Sequence[Sequence[str]],
    module: ModuleType,
    name: str,
    also: Callable[[], object] = lambda: None,
) -> list[Ended]:
    """Carries out commands that wait for each other before a function is called."""
    barrier = multiprocessing.get_context("fork").Barrier(len(commands))
    real = getattr(module, name)

    def gated(*words, **options):
        setattr(module, name, real)
        barrier.wait(_GATE_SECONDS)
        return real(*words, **options)

    def before() -> None:
        also()
        setattr(module, name, gated)

    processes = []
    for number, words in enumerate(commands):
        folder = case.place / str(number)
        folder.mkdir()
        processes.append(Forked(words, folder, before))
    return [end(process) for process in processes]


def _one_won(ended: Sequence[Ended]) -> str:
    """Says what is wrong unless one process did its work and the other was refused."""
    wrong = "; ".join(filter(None, (each.expect(0, 2) for each in ended)))
    codes = sorted(each.code or 0 for each in ended)
    said = [each.last for each in ended if each.code]
    if not wrong and codes != [0, 2]:
        wrong = f"exit codes {codes}: {said}"
    if not wrong and not ("is being" in said[0] or "holds a run" in said[0]):
        wrong = f"the other was not told why: {said[0]}"
    return wrong
