"""What every test runs under.

The environment is set before anything imports JAX: the CPU backend, and an error where
two arrays of different rank meet without being asked to. Warnings are errors by
pyproject.toml. Slow tests carry `@pytest.mark.slow`.
"""

import dataclasses
import os
import resource
import signal
import subprocess
import sys

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"
sys.path.append(os.path.dirname(__file__))  # for tests/support

import pytest
from hypothesis import HealthCheck, settings

# Behind nohup or in a script's background these are ignored, by what is started too.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(
            number,
            signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL,
        )

# No deadlines: the first example of a property may wait for a compilation. In CI the
# examples are the same every time, so that a red run can be repeated.
settings.register_profile(
    "local", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

# The smallest bioS run: half a second once it is compiled.
TINY = (
    "--config=smoke",
    "--config.model.layers=1",
    "--config.world.people=12",
    "--config.data.exposures=4",
)


@pytest.fixture(scope="module", autouse=True)
def free_programs():
    """Frees compiled programs once they are many, to keep a worker below 2 GB."""
    yield
    if "jax" in sys.modules and _held_bytes() > 1.2e9:
        sys.modules["jax"].clear_caches()


def _held_bytes():
    """The memory of this process, as far as the system tells."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return float("inf")


@pytest.fixture(scope="module")
def optimized():
    """Compiles as users do: for tests of last digits, or that compute for long."""
    import jax

    name = "jax_disable_most_optimizations"
    before = jax.config.read(name)
    jax.config.update(name, False)
    jax.clear_caches()  # no program goes from one to the other
    yield
    jax.config.update(name, before)
    jax.clear_caches()


@pytest.fixture(scope="session")
def tiny():
    """The flags of a tiny run."""
    return TINY


@pytest.fixture(scope="session")
def little():
    """Makes configs of a model of width 8 and 16 people, fields and parts changed."""
    from kscale import configs
    from kscale.configs import fields

    def little(parts=(), **changes):
        config = configs.load("tiny:people=16,exposures=6,width=8")
        values = {"train.steps_per_dispatch": 4, "train.checkpoint_every": 4}
        values |= {"train.warmup_steps": 2, "model.layers": 1}
        values |= {path.replace("__", "."): value for path, value in changes.items()}
        config = fields.override_all(config, values)
        return dataclasses.replace(config, parts=tuple(parts))

    return little


@pytest.fixture(scope="session")
def made(little):
    """Makes tasks of `little` configs, each once."""
    from kscale.runs.task import prepare

    known = {}

    def made(*parts, **changes):
        key = (parts, tuple(sorted(changes.items())))
        if key not in known:
            known[key] = prepare(little(parts, **changes))
        return known[key]

    return made


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The folder of a finished tiny run; a test that changes it takes a copy."""
    from kscale import cli

    folder = tmp_path_factory.mktemp("finished") / "run"
    assert cli.main(["train", *TINY, f"--workdir={folder}"]) == 0
    return folder


@pytest.fixture(scope="session")
def learned(little, tmp_path_factory):
    """A finished run of the `little` config: its folder, to be copied, and its row."""
    from kscale.runs.training import run

    folder = tmp_path_factory.mktemp("learned") / "run"
    (row,) = run(little(), folder)
    return folder, row


@pytest.fixture(scope="session")
def pair(tmp_path_factory):
    """The folder of a finished population of two, to be copied where it changes."""
    from kscale import cli

    folder = tmp_path_factory.mktemp("pair") / "run"
    words = ["train", *TINY, "--config.members.seeds=0,1", f"--workdir={folder}"]
    assert cli.main(words) == 0
    return folder


@pytest.fixture(scope="session")
def start():
    """Starts `kscale WORDS` as a process of its own; its output is piped."""

    def start(*words, code="from kscale.cli import main; sys.exit(main())", **options):
        return subprocess.Popen(
            [sys.executable, "-c", f"import sys; {code}", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | options.pop("env", {}),
            **options,
        )

    return start


@pytest.fixture(scope="session")
def call(start):
    """Runs `kscale WORDS` as a process: (exit code, standard output, errors)."""

    def call(*words, **options):
        process = start(*words, **options)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    return call


@pytest.fixture
def experiment(tmp_path):
    """An experiment of three groups of tiny runs."""
    from support.sweeps import EXPERIMENT

    from kscale.runs.experiment import load_experiment

    path = tmp_path / "mine.py"
    path.write_text(EXPERIMENT)
    return load_experiment(str(path))


@pytest.fixture
def instant(monkeypatch):
    """Runs that take no time; what they were asked to do is in the list."""
    from kscale.configs import fields
    from kscale.configs.base import fingerprint, member_config
    from kscale.runs import sweeps

    asked = []

    def instant(config, workdir=None, *, hypers, resume, progress=None, start=None):
        asked.append(hypers)
        assert start is None
        assert workdir.parent.name == "runs"
        assert resume
        rows = []
        for hyper in hypers:
            solo = member_config(config, hyper)
            rows.append(
                {
                    "fingerprint": fingerprint(solo),
                    "config": fields.to_dict(solo),
                    "name": config.name,
                    "model": "1-1x16",
                    "people": 12,
                    "parameters": 1000,
                    "exposures": float(config.data.exposures),
                    "bits": {"total": 500.0},
                    "bits_max": {"total": 900.0},
                    "bits_per_param": 0.5,
                    "max_bits_per_param": 0.9,
                    "accuracy": {"name": 0.0, "major": 0.5},
                }
            )
        return rows

    monkeypatch.setattr(sweeps, "run", instant)
    return asked
