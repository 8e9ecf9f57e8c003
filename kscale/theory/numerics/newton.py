"""Newton's method in a bracket, differentiable in the equation's parameters."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

Function = Callable[..., Array]
_TINY = 4e-16  # relative width at which a bracket is closed
_LIMIT = 100  # bisections alone would reach the last digit before
_BISECTIONS = 55  # of a bracket that is to end there


def bracketed_root(
    function: Function, low: Any, high: Any, start: Any, *parameters: Any, rising: bool
) -> Array:
    """Returns the root of `function(x, *parameters)` in [low, high].

    A Newton step that leaves the bracket is replaced by its middle, so that it always
    ends. Derivatives of any order, forward or reverse, are those of the implicit
    function; the search itself is not differentiated.

    Args:
      function: of a number x and the parameters; any derivative it needs is taken here.
      low, high: ends at which the function differs in sign (or one of which is a root).
      start: where to start, inside.
      parameters: what the function depends on.
      rising: the function is negative left of the root and positive right of it.

    Returns:
      The root; some point of the bracket if there is none.
    """
    bracket = tuple(_constant(x) for x in (low, high, start))
    return _root(functools.partial(_newton, rising), function, bracket, parameters)


def bisected_root(function: Function, low: Any, high: Any, *parameters: Any) -> Array:
    """Returns the root of a rising function by bisection; else as `bracketed_root`.

    For functions whose slope is long to compute, or flat and rough around the root. The
    number of steps is fixed. Without a root it is the end next to it.
    """
    return _root(_halve, function, (_constant(low), _constant(high)), parameters)


def first_fall(function: Function, nodes: Array, *parameters: Any) -> Array:
    """Returns the root in the first gap of `nodes`, increasing, with a fall below 0.

    The search takes values alone, and has one place in the program where it takes them:
    for functions that hold searches of their own, whose derivatives are long. Else as
    `bracketed_root`. NaN if the function is positive nowhere before it is 0 or below.
    """
    return _root(_scan_and_close_in, function, _constant(nodes), parameters)


def _constant(x: Any) -> Array:
    return lax.stop_gradient(jnp.asarray(x, jnp.float64))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _root(search: Function, function: Function, bracket: Any, parameters: tuple):
    return search(function, bracket, parameters)


@_root.defjvp
def _differentiate(search: Function, function: Function, at: tuple, along: tuple):
    """Differentiates the implicit function: f(x, a) = 0 gives f_x dx + f_a da = 0."""
    root, parameters = _root(search, function, *at), at[1]
    _, slope = _value_and_slope(function, root, parameters)
    _, change = jax.jvp(lambda *a: function(root, *a), parameters, along[1])
    return root, -change / slope


def _value_and_slope(function: Function, x: Array, parameters: tuple):
    return jax.jvp(lambda x: function(x, *parameters), (x,), (jnp.ones_like(x),))


def _halve(function: Function, bracket: tuple, parameters: tuple) -> Array:
    def step(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        middle = 0.5 * (ends[0] + ends[1])
        above = function(middle, *parameters) > 0
        return jnp.where(above, ends[0], middle), jnp.where(above, middle, ends[1])

    low, high = lax.fori_loop(0, _BISECTIONS, step, bracket)
    return 0.5 * (low + high)


def _newton(rising: bool, function: Function, bracket: tuple, parameters: tuple):
    low, high, start = bracket

    def going(state: tuple) -> Array:
        low, high, x, move, count = state
        tiny = _TINY * jnp.abs(x)
        return (jnp.abs(move) > tiny) & (high - low > tiny) & (count < _LIMIT)

    def step(state: tuple) -> tuple:
        low, high, x, _, count = state
        value, slope = _value_and_slope(function, x, parameters)
        above = (value > 0) == rising
        low, high = jnp.where(above, low, x), jnp.where(above, x, high)
        newton = x - value / slope
        inside = (newton >= low) & (newton <= high)  # False for NaN, too
        new = jnp.where(value == 0, x, jnp.where(inside, newton, (low + high) / 2))
        return low, high, new, new - x, count + 1

    state = (low, high, jnp.clip(start, low, high), jnp.inf * (high - low + 1), 0)
    return lax.while_loop(going, step, state)[2]


class _Closing(NamedTuple):
    """Chandrupatla's search: the root lies between x and y."""

    x: Array  # the last point
    fx: Array
    y: Array  # on the other side of the root; NaN while nodes are scanned
    fy: Array
    z: Array  # the one before
    fz: Array
    ask: Array  # the next point
    count: Array


def _scan_and_close_in(function: Function, nodes: Array, parameters: tuple) -> Array:
    size, none = nodes.shape[0], jnp.full_like(nodes[0], jnp.nan)

    def going(at: _Closing) -> Array:
        scanning = jnp.isnan(at.y) & ~(at.fx <= 0) & (at.count < size)
        wide = jnp.abs(at.y - at.x) > _TINY * jnp.abs(at.x)  # False for NaN
        return scanning | (wide & (at.fx != 0) & (at.count < size + _LIMIT))

    def step(at: _Closing) -> _Closing:
        value, count = function(at.ask, *parameters), at.count + 1
        crossed = (value <= 0) != (at.fx <= 0)  # NaN is above
        y, fy, z, fz = (
            jnp.where(crossed, one, other)
            for one, other in zip(
                (at.x, at.fx, at.y, at.fy), (at.y, at.fy, at.x, at.fx), strict=True
            )
        )
        ask = _interpolate((at.ask, y, z), (value, fy, fz))
        ask = jnp.where(jnp.isnan(y), nodes[jnp.minimum(count, size - 1)], ask)
        return _Closing(at.ask, value, y, fy, z, fz, ask, count)

    start = _Closing(none, none, none, none, none, none, nodes[0], jnp.zeros((), int))
    end = lax.while_loop(going, step, start)
    nearest = jnp.where(jnp.abs(end.fx) < jnp.abs(end.fy), end.x, end.y)
    return jnp.where(end.fx == 0, end.x, jnp.where(jnp.isnan(end.y), none, nearest))


def _interpolate(points: tuple, values: tuple) -> Array:
    """Returns where the inverse parabola of three points is 0, or half the bracket.

    Source: Chandrupatla, Advances in Engineering Software 28 (1997).
    """
    (x, y, z), (fx, fy, fz) = points, values
    place, height = (x - y) / (z - y), (fx - fy) / (fz - fy)
    smooth = (height**2 < place) & ((1 - height) ** 2 < 1 - place)  # False for NaN
    part = fx / (fy - fx) * fz / (fy - fz)
    part += (z - x) / (y - x) * fx / (fz - fx) * fy / (fz - fy)
    least = 0.5 * _TINY * jnp.abs(x) / jnp.abs(y - x)
    return x + jnp.clip(jnp.where(smooth, part, 0.5), least, 1 - least) * (y - x)
