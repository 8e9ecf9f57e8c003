"""Training as a function: batches in, a state out, one model or a population.

config = resolve(TrainConfig(), rows=24, context=512, total_steps=100_000)
result = fit(model_config, config, batches, 100_000, labels=["text", "name"])
result.state["params"]
"""

from kscale.train.checkpoint import (
    CheckpointError,
    Checkpoints,
    load_params,
    save_params,
)
from kscale.train.config import (
    SCHEDULES,
    Hyper,
    TrainConfig,
    members,
    population,
    resolve,
    solo,
)
from kscale.train.loop import FitResult, fit
from kscale.train.metrics import ROUTED, NotFiniteError
from kscale.train.objective import Problem, problem_of
from kscale.train.optimizer import learning_rate
from kscale.train.sharding import make_mesh, one_device
from kscale.train.step import init_state, make_step

__all__ = [
    "TrainConfig",
    "SCHEDULES",
    "resolve",
    "Hyper",
    "solo",
    "population",
    "members",
    "fit",
    "FitResult",
    "NotFiniteError",
    "ROUTED",
    "CheckpointError",
    "Checkpoints",
    "save_params",
    "load_params",
    "make_mesh",
    "one_device",
    "Problem",
    "problem_of",
    "init_state",
    "make_step",
    "learning_rate",
]
