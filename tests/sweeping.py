"""An experiment that tests of sweeps share."""

from kscale.configs import base

FILE = '''
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


def marks(runs):
    return [base.fingerprint(run) for run in runs]
