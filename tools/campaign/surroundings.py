"""Jobs where disks are full, folders read-only, streams closed, terminals ASCII."""

import os
import pathlib
import shutil
import subprocess

from kscale import worlds
from tools.campaign.cases import Attack, Case, Outcome
from tools.campaign.jobs import TINY, Job, compare, go_on, make_jobs
from tools.campaign.processes import end, start

# What becomes of the output of a command, which must not notice.
STREAMS = (
    *("exec {} >&-", "exec {} 2>&-", "exec {} >&- 2>&- <&-", "exec {} >/dev/full"),
    *("exec {} 2>/dev/full", "exec {} >/dev/full 2>&1"),
    *(f"{{}} {x}; exit ${{PIPESTATUS[0]}}" for x in ("| true", "2>&1 | head -c 1")),
)
ASCII = (
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii:strict"},
)
GITS = ("sleep 100", "exit 1", "printf '\\377\\000'", "kill -9 $$", "echo; yes")
_SIGNS = "\u65e5\u00e9"  # of no ASCII terminal
_NO_ROOM = 99  # the exit code where there is not even room for the run before


def prepare_surroundings(folder: pathlib.Path) -> Attack:
    """Returns the attack: a job where something that it needs is missing."""
    jobs, world = make_jobs(folder), _make_world(folder / "world")
    attacks = {
        "streams": _lose_streams,
        "git": _break_git,
        "file size": _limit_files,
    }
    if subprocess.run(["unshare", "-rm", "true"], check=False).returncode == 0:
        attacks |= {"full disk": _fill_disk, "read-only": _forbid_writing}
    there = [job for job in jobs.values() if job.before is not None]

    def attack(case: Case) -> Outcome:
        kind = str(case.rng.choice([*attacks, "ascii"]))
        if kind == "ascii":
            return Outcome(kind, _print_ascii(case, world))
        several = there if kind == "read-only" else list(jobs.values())
        job = several[case.rng.integers(len(several))]
        wrong = attacks[kind](case, job, job.place(case.place))
        return Outcome(kind, wrong and f"{job.name}, {wrong}")

    return attack


def _lose_streams(case: Case, job: Job, place: pathlib.Path) -> str:
    how = STREAMS[case.rng.integers(len(STREAMS))]
    ended = end(start(job.typed(place), case.place, shell=how))
    wrong = ended.expect(0) or compare(place, job.truth)
    return wrong and f"{how}: {wrong}"


def _break_git(case: Case, job: Job, place: pathlib.Path) -> str:
    how, git = GITS[case.rng.integers(len(GITS))], case.place / "git"
    git.write_text(f"#!/bin/bash\n{how}\n")
    git.chmod(0o755)
    env = {"PATH": f"{case.place}:{os.environ['PATH']}"}
    ended = end(start(job.typed(place), case.place, env))
    wrong = ended.expect(0) or compare(place, job.truth)
    return wrong and f"git is {how!r}: {wrong}"


def _limit_files(case: Case, job: Job, place: pathlib.Path) -> str:
    """Carries out a job whose files must be small, then again without a limit."""
    most = case.rng.integers(1, 100)
    limit = f"ulimit -f {most}; exec {{}}"
    ended = end(start(job.typed(place), case.place, shell=limit))
    wrong = ended.expect(0, 1, 2) or go_on(job, place, case.place)
    return wrong and f"files up to {most} kB: {wrong}"


def _fill_disk(case: Case, job: Job, place: pathlib.Path) -> str:
    """Carries out a job on a disk that is small, then again on a large one."""
    saved, before = case.place / "saved", case.place / "before"
    if place.exists():
        place.rename(before)
    place.mkdir()
    saved.mkdir()
    most = int(10 ** case.rng.uniform(1.3, 3.3))
    script = f"mount -t tmpfs -o size={most}k none {place}; "
    if before.exists():
        script += f"cp -a {before}/. {place} || exit {_NO_ROOM}; "
    script += f"{{}}; code=$?; cp -a {place}/. {saved}; exit $code"
    ended = end(start(job.typed(place), case.place, shell=script, mounts=True))
    place.rmdir()
    saved.rename(place)
    if ended.code == _NO_ROOM:
        return ""
    wrong = ended.expect(0, 1, 2) or go_on(job, place, case.place)
    return wrong and f"a disk of {most} kB: {wrong}"


def _forbid_writing(case: Case, job: Job, place: pathlib.Path) -> str:
    """Carries out a job in a folder that cannot be written: a line, and no change."""
    assert job.before is not None
    script = f"mount --bind {place} {place}; mount -o remount,ro,bind {place}; {{}}"
    ended = end(start(job.typed(place), case.place, shell=script, mounts=True))
    return ended.expect(2) or compare(place, job.before)


def _print_ascii(case: Case, world: pathlib.Path) -> str:
    """Trains and shows a person whose name a terminal cannot show."""
    env = ASCII[case.rng.integers(len(ASCII))]
    place = case.place / "run"
    tiny = [*TINY, "--config.data.exposures=4", f"--config.world.lists={world}"]
    ended = end(start(["train", *tiny, f"--workdir={place}"], case.place, env))
    if wrong := ended.expect(0):
        return f"train with {env}: {wrong}"
    ended = end(start(["show", f"--workdir={place}"], case.place, env))
    shown = "" if _SIGNS in ended.out else "the name is not shown"
    return ended.expect(0) or shown


def _make_world(folder: pathlib.Path) -> pathlib.Path:
    """Makes a world with names and values that no ASCII terminal can show."""
    lists = pathlib.Path(worlds.__file__).parent / "lists" / "tiny"
    shutil.copytree(lists, folder)
    for name in ("names/1_first.txt", "values/major.txt"):
        lines = (folder / name).read_text().splitlines()
        (folder / name).write_text("".join(f"{x} {_SIGNS}\n" for x in lines))
    return folder
