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

from .checkpoint import CheckpointError as CheckpointError
from .checkpoint import Checkpoints as Checkpoints
from .checkpoint import load_params as load_params
from .checkpoint import save_params as save_params
from .config import SCHEDULES as SCHEDULES
from .config import Hyper as Hyper
from .config import TrainConfig as TrainConfig
from .config import count_members as count_members
from .config import make_hyper as make_hyper
from .config import resolve as resolve
from .config import stack_hypers as stack_hypers
from .infeed import stack_steps as stack_steps
from .loop import FitResult as FitResult
from .loop import fit as fit
from .metrics import ROUTING as ROUTING
from .metrics import NotFiniteError as NotFiniteError
from .objective import Objective as Objective
from .objective import make_objective as make_objective
from .optimizer import learning_rate as learning_rate
from .sharding import make_mesh as make_mesh
from .sharding import one_device as one_device
from .step import init_state as init_state
from .step import make_step as make_step
from .step import vmap_step as vmap_step
