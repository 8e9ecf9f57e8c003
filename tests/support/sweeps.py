"""Experiments that tests of sweeps share."""

from kscale import configs
from kscale.configs import fields
from kscale.runs.experiment import Experiment, run_fingerprint

EXPERIMENT = '''
"""An experiment of three groups of runs."""
from kscale import configs, report
from kscale.configs import fields

def runs(size):
    smoke = configs.load("smoke")
    small = {"model.layers": 1, "world.people": 12}
    return [
        fields.override_all(smoke, small | {
            "data.exposures": exposures, "train.seed": seed, "train.learning_rate": rate
        })
        for exposures, seed, rate in (
            (4, 0, 1e-3), (3, 0, 1e-3), (4, 1, 1e-3), (4, 0, 5e-3), (2, 0, 1e-3)
        )
    ]

def draw(rows, path):
    report.draw_capacity(rows, path, "nothing")
'''


def fingerprints(runs):
    return list(map(run_fingerprint, runs))


def small(**values):
    """The config of a tiny run, some of its fields changed."""
    base = {"model__layers": 1, "world__people": 12, "data__exposures": 4}
    found = {path.replace("__", "."): value for path, value in (base | values).items()}
    return fields.override_all(configs.load("smoke"), found)


def going_on():
    """An experiment with runs and settings that start from its second run."""
    first, other = small(), small(train__seed=1)
    start = run_fingerprint(first)
    after = [small(start=start, data__exposures=exposures) for exposures in (2, 3)]
    settings = [{"bits": 8}, {"start": start, "bits": 4}, {"start": start, "bits": 2}]

    def compute(setting, folder=None):
        return {"folder": str(folder)}

    return Experiment(
        "on",
        lambda _: [other, first, small(data__exposures=1), *after, *settings],
        lambda rows, path: None,
        compute,
    )
