"""Kills and signals at random moments of every stage, and what is left of the job."""

import contextlib
import pathlib
import signal
import subprocess
import time

import numpy as np

from kscale import stopping
from kscale.cli import EXIT_CODES
from kscale.runs.folder import RunFolder
from tools.campaign.cases import Attack, Case, Outcome
from tools.campaign.jobs import Job, go_on, make_jobs
from tools.campaign.processes import Forked, end, start

# Stages of a job by the sign of their beginning in its folder, and how many seconds of
# each a signal may wait. "" is the start; "*" any moment of the job.
STAGES = {
    "start": ("", 1.5),
    "any": ("*", 1.0),
    "compile": (".kscale.lock", 3.0),
    "training": ("metrics.jsonl", 0.5),
    "checkpoint": ("checkpoints/*tmp*", 0.05),
    "scoring": ("checkpoints/{last}", 0.3),
    "writing": ("**/*.partial", 0.01),
}
_OF_JOB = {
    "train": tuple(STAGES),
    "overwrite": ("any", "compile", "checkpoint", "scoring", "writing"),
    "score": ("start", "any", "compile", "writing"),
    "quantize": ("start", "any", "compile", "writing"),
    "sweep": ("start", "any", "any", "writing"),
}
_EARLY_SECONDS = 0.5  # after a start, in which Python itself may still be starting


def prepare_kills(folder: pathlib.Path) -> Attack:
    """Returns the attack: kill -9 once or more, then the same job to its end."""
    jobs = make_jobs(folder)

    def attack(case: Case) -> Outcome:
        rng, job = case.rng, _choose(case.rng, jobs, (0.5, 0.2, 0.1, 0.05, 0.15))
        place, kills = job.place(case.place), 0
        while not kills or rng.random() < 0.3:
            words = job.typed(place, again=bool(kills) and job.name != "overwrite")
            process = Forked(words, case.place)
            _wait_for_stage(process, job, place, rng)
            process.send_signal(signal.SIGKILL)
            ended, kills = end(process), kills + 1
            if ended.code != -signal.SIGKILL:
                if wrong := ended.expect(0):
                    return Outcome(job.name, wrong)
                break
        return Outcome(job.name, go_on(job, place, case.place))

    return attack


def prepare_signals(folder: pathlib.Path) -> Attack:
    """Returns the attack: a signal to a real process, then the job to its end."""
    jobs = make_jobs(folder)

    def attack(case: Case) -> Outcome:
        rng, job = case.rng, _choose(case.rng, jobs, (0.6, 0.1, 0.1, 0.1, 0.1))
        number = signal.Signals(rng.choice(stopping.SIGNALS))
        place, began = job.place(case.place), time.monotonic()
        process = start(job.typed(place), case.place)
        stage = _wait_for_stage(process, job, place, rng)
        waited = time.monotonic() - began
        process.send_signal(number)
        ended = end(process, 60.0)
        wanted, kind = stopping.exit_code(number), f"{number.name} {stage}"
        early = stage == "start" and waited < _EARLY_SECONDS
        if early and (ended.code == -number or "KeyboardInterrupt" in ended.err):
            if ended.code != -number or (job.name == "train" and place.exists()):
                return Outcome(kind, f"after {waited:.2f} s: {ended.last}")
            kind = f"{number.name} before Python stood"
        elif ended.code == 0:
            kind = f"{number.name} after the end"
        else:
            wrong = ended.expect(wanted)
            if not wrong and wanted not in EXIT_CODES:
                wrong = f"exit code {wanted} is not documented"
            lines = [x for x in ended.err.splitlines() if "stopped by" in x]
            if not wrong and (len(lines) != 1 or ended.last not in lines[0]):
                wrong = f"not one line that says so: {ended.err[-400:]!r}"
            if wrong:
                return Outcome(kind, f"{job.name}, after {waited:.2f} s: {wrong}")
        return Outcome(kind, go_on(job, place, case.place))

    return attack


def _choose(rng: np.random.Generator, jobs: dict[str, Job], shares: tuple) -> Job:
    return jobs[rng.choice(list(jobs), p=shares)]


def _wait_for_stage(
    process: Forked | subprocess.Popen,
    job: Job,
    place: pathlib.Path,
    rng: np.random.Generator,
) -> str:
    """Waits for a random moment of a random stage, or the end; returns the stage."""
    stage = str(rng.choice(_OF_JOB[job.name]))
    sign, seconds = STAGES[stage]
    sign = sign.replace("{last}", str(RunFolder(job.truth).latest_step()))
    if stage == "any":
        time.sleep(rng.uniform(0, job.seconds))
        return stage
    known = _find(place, sign)
    while sign and process.poll() is None and not _find(place, sign) - known:
        time.sleep(0.001)
    time.sleep(rng.uniform(0, seconds) ** 2 / seconds)  # more often soon
    return stage


def _find(place: pathlib.Path, sign: str) -> set[pathlib.Path]:
    """Returns the files of a pattern, none where folders come and go meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        return set(place.glob(sign)) if sign else set()
    return set()
