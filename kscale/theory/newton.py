"""Newton's method in a bracket, differentiable in the equation's parameters."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

_LIMIT = 100  # bisections alone would reach the last digit before


def bracketed_root(
    function: Callable[..., Array],
    low: Any,
    high: Any,
    start: Any,
    *parameters: Any,
    rising: bool,
) -> Array:
    """The root of `function(x, *parameters)` in [low, high].

    A Newton step that leaves the bracket is replaced by its middle, so that it always
    ends. Derivatives of any order, forward or reverse, are those of the implicit
    function; the search itself is not differentiated.

    Args:
      function: of a number x and the parameters; any derivative it needs is taken here.
      low, high: ends at which the function differs in sign (or one of which is a root).
      start: where to start, inside.
      parameters: what the function depends on, passed on to it.
      rising: the function is negative left of the root and positive right of it.

    Returns:
      The root; some point of the bracket if there is none.
    """
    low, high = (lax.stop_gradient(jnp.asarray(x, jnp.float64)) for x in (low, high))
    start = jnp.clip(lax.stop_gradient(jnp.asarray(start, jnp.float64)), low, high)

    def search(residual: Callable[[Array], Array], start: Array) -> Array:
        def going(state: tuple) -> Array:
            low, high, x, move, count = state
            tiny = 4e-16 * jnp.abs(x)
            return (jnp.abs(move) > tiny) & (high - low > tiny) & (count < _LIMIT)

        def step(state: tuple) -> tuple:
            low, high, x, _, count = state
            value, slope = jax.jvp(residual, (x,), (jnp.ones_like(x),))
            above = (value > 0) == rising
            low, high = jnp.where(above, low, x), jnp.where(above, x, high)
            newton = x - value / slope
            inside = (newton >= low) & (newton <= high)  # False for NaN, too
            new = jnp.where(value == 0, x, jnp.where(inside, newton, (low + high) / 2))
            return low, high, new, new - x, count + 1

        state = (low, high, start, jnp.inf * (high - low + 1), 0)
        return lax.while_loop(going, step, state)[2]

    def divide(slope: Callable[[Array], Array], y: Array) -> Array:
        return y / slope(jnp.ones_like(y))

    return lax.custom_root(lambda x: function(x, *parameters), start, search, divide)
