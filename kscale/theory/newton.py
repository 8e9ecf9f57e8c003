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
    ends. Derivatives of the root up to the third, forward or reverse, come from two
    last steps that are ordinary arithmetic; the search itself is not differentiated.

    Args:
      function: of a number x and the parameters; any derivative it needs is taken here.
      low, high: ends at which the function differs in sign (or one of which is a root).
      start: where to start, inside.
      parameters: what the function depends on: all of it, or derivatives miss a part.
      rising: the function is negative left of the root and positive right of it.

    Returns:
      The root; some point of the bracket if there is none.
    """
    fixed = lax.stop_gradient(parameters)
    low, high, start = (
        lax.stop_gradient(jnp.asarray(x, jnp.float64)) for x in (low, high, start)
    )

    def value_and_slope(x: Array, args: Any) -> tuple[Array, Array]:
        return jax.jvp(lambda y: function(y, *args), (x,), (jnp.ones_like(x),))

    def going(state: tuple) -> Array:
        low, high, x, move, count = state
        tiny = 4e-16 * jnp.abs(x)
        return (jnp.abs(move) > tiny) & (high - low > tiny) & (count < _LIMIT)

    def step(state: tuple) -> tuple:
        low, high, x, _, count = state
        value, slope = value_and_slope(x, fixed)
        above = (value > 0) == rising
        low, high = jnp.where(above, low, x), jnp.where(above, x, high)
        newton = x - value / slope
        inside = (newton >= low) & (newton <= high)  # False for NaN, too
        new = jnp.where(value == 0, x, jnp.where(inside, newton, (low + high) / 2))
        return low, high, new, new - x, count + 1

    state = (low, high, jnp.clip(start, low, high), jnp.inf * (high - low + 1), 0)
    root = lax.stop_gradient(lax.while_loop(going, step, state)[2])

    def polish(_: int, x: Array) -> Array:
        value, slope = value_and_slope(x, parameters)
        move = value / jnp.where(slope == 0, jnp.inf, slope)
        return x - jnp.where(jnp.abs(move) <= high - low, move, 0 * move)

    return lax.fori_loop(0, 2, polish, root)
