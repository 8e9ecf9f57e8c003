"""Integer weights of the next token, the same on both sides to the last bit.

The rule, from float32 logits l of V tokens:

    w_v = floor(2^24 softmax(l)_v) + 1,   1 for the escape after the last token,

in rows of about sqrt(V): an item is coded as its row among the rows' sums, then as its
column in that row, so that a coder reads 2 sqrt(V) numbers an item and not V. Sums are
of integers. Adding 1 costs (V + 1) / 2^24 log2(e) bits an item: 0.0003 at V = 3275.

Every probability comes out of one compiled program of a fixed shape: B rows, one token
each, a cache of T places. No row sees another, so what else is in a batch changes
nothing. Matrix products are kept on one thread: XLA's own may split a sum by threads.
All is computed on the CPU, whatever else there is. Other processors or versions of XLA
can differ all the same; `probe` shows it before anything is decoded.

Axes: B rows, R rows and C columns of the weights' grid.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kscale import models
from kscale.files import digest

_PROBED = 4  # steps of `probe`


class Weights(NamedTuple):
    """What one step gives.

    Attributes:
      sums: int32 [B, R], the sum of each row of the grid.
      grid: int32 [B, R, C], w of item `row C + column`; 0 past the escape.
    """

    sums: jax.Array
    grid: jax.Array


def grid_shape(size: int) -> tuple[int, int]:
    """Returns R and C of V tokens and the escape, each at least 2."""
    columns = max(2, math.isqrt(size) + 1)
    return max(2, -(-(size + 1) // columns)), columns


class Predictor:
    """A model that is fed one token a row.

    Args:
      config, params: the model, its products in float32, without adapters.
      lanes: B.
      window: T, places of the cache.
    """

    def __init__(
        self,
        config: models.ModelConfig,
        params: models.Params,
        lanes: int,
        window: int,
    ):
        self._cpu = jax.devices("cpu")[0]
        self._config, self._params = config, jax.device_put(params, self._cpu)
        self._lanes, self._window = lanes, window
        self.restart()

    def restart(self) -> None:
        """Forgets all that was fed."""
        with jax.default_device(self._cpu):
            cache = models.init_cache(self._config, self._lanes, self._window)
            # Buffers of their own, as each step takes them over.
            self._cache = jax.tree.map(jnp.copy, cache)

    def step(self, tokens_B: np.ndarray, past_B: np.ndarray) -> Weights:
        """Feeds a token to each row, at place `past` of its window.

        Returns:
          The weights of what comes next.
        """
        fed = tokens_B.copy(), past_B.copy()  # the caller's arrays go on
        weights, self._cache = _step(self._config, self._params, self._cache, *fed)
        return weights

    def probe(self) -> str:
        """Returns twelve hex digits of the weights of a few fixed steps."""
        rows, found = np.arange(self._lanes), []
        for i in range(_PROBED):
            tokens = (7919 * i + 104729 * rows) % self._config.vocab
            past = np.full(self._lanes, i % self._window)
            step = self.step(tokens.astype(np.int32), past.astype(np.int32))
            found.append(np.asarray(step.grid).tobytes())
        self.restart()
        return digest(*found)


@functools.partial(
    jax.jit,
    static_argnames="config",
    donate_argnames="cache",
    compiler_options={"xla_cpu_multi_thread_eigen": False},
)
def _step(config, params, cache, tokens_B, past_B):
    logits_B1V, cache = models.extend(config, params, tokens_B[:, None], cache, past_B)
    shares_BV = jax.nn.softmax(logits_B1V[:, 0], axis=-1)
    weights_BV = jnp.floor(shares_BV * 2.0**24).astype(jnp.int32) + 1
    rows, columns = grid_shape(config.vocab)
    weights_BV = jnp.pad(weights_BV, ((0, 0), (0, 1)), constant_values=1)
    fill = rows * columns - weights_BV.shape[1]
    grid = jnp.pad(weights_BV, ((0, 0), (0, fill))).reshape(-1, rows, columns)
    return Weights(jnp.sum(grid, axis=2), grid), cache
