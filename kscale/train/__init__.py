"""Training as a function: a pure step, and a loop over exactly that step.

What is trained is an `Objective`: a transformer (`make_objective`), or any model that
starts from a random key and says what it loses on a token.

Example:
  A bigram table of one's own, stepped by hand and by `fit`:

    import jax, jax.numpy as jnp, numpy as np
    from kscale import train

    def init(key):
        return {"bigram": {"table": 0.1 * jax.random.normal(key, (5, 5))}}

    def token_nats(params, tokens_BT, targets_BT, segments_BT):
        log_p = jax.nn.log_softmax(params["bigram"]["table"][tokens_BT])
        return -jnp.take_along_axis(log_p, targets_BT[..., None], -1)[..., 0], {}

    def batch(step):  # tokens and labels [B, T+1]
        tokens = (np.arange(7) + np.array([[step], [step + 1]])) % 5
        return {"tokens": tokens, "labels": np.zeros_like(tokens)}

    objective = train.Objective(init, token_nats, {"name": "bigram"})
    config = train.TrainConfig(learning_rate=0.1, warmup_steps=0)
    hyper = train.make_hyper(config)
    state = train.init_state(objective, hyper)
    step = jax.jit(train.make_step(objective, config, total_steps=30, labels=1))
    for number in range(30):
        state, metrics = step(state, batch(number), hyper)
    loss = metrics["nats_sum"] / metrics["token_count"]

    batches = train.stack_steps(batch, 30)
    result = train.fit(objective, config, batches, 30, labels=["text"])
    result.state["params"], result.rows[-1]["loss"]

  A population is `vmap_step(step)` over `stack_hypers([...])`.
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
    count_members,
    make_hyper,
    resolve,
    stack_hypers,
)
from kscale.train.infeed import stack_steps
from kscale.train.loop import FitResult, fit
from kscale.train.metrics import ROUTING, NotFiniteError
from kscale.train.objective import Objective, make_objective
from kscale.train.optimizer import learning_rate
from kscale.train.sharding import make_mesh, one_device
from kscale.train.step import init_state, make_step, vmap_step

__all__ = [
    "TrainConfig",
    "SCHEDULES",
    "resolve",
    "Hyper",
    "make_hyper",
    "stack_hypers",
    "count_members",
    "Objective",
    "make_objective",
    "init_state",
    "make_step",
    "vmap_step",
    "learning_rate",
    "stack_steps",
    "fit",
    "FitResult",
    "NotFiniteError",
    "ROUTING",
    "CheckpointError",
    "Checkpoints",
    "save_params",
    "load_params",
    "make_mesh",
    "one_device",
]
