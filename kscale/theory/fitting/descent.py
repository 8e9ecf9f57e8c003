"""Damped Newton descent of a robust sum of two power laws, a start at a time.

The law is ln(A N^-a + B D^-b + E), a log-sum-exp of t_1 = ln A - a ln N, t_2 = ln B -
b ln D, t_3 = ln E with softmax weights w, so all derivatives are exact and short. With
T the (linear) derivative of t, the residual r = law - ln L has

    gradient J = T' w         Hessian T' diag(w) T - J J'

and the objective, a sum of Huber's losses of r, the Hessian

    sum  rho''(r) J J' + rho'(r) (T' diag(w) T - J J')

Where that is not positive definite, rho'(r)/r J J' stands in for it: the quadratic
that lies above the loss. Levenberg's damping, scaled by the diagonal, does the rest.

Speed: every entry is a sum over points of a product of weights times one of 1, ln N,
ln D and their products, so one matrix product with a table that all starts share gives
all; the systems of five are solved in the open, without a library call for each; and
starts that have arrived are sorted away from those that have not.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from kscale.theory.fitting.power_laws import huber_loss

# Huber's limit is narrowed in three stages, of which the first is nearly least squares:
# multiples of the wanted limit, steps at most, relative gain at which a start has
# arrived. Starts are sorted between rows, those that have arrived to the end.
_STAGES = np.array(
    [
        [1000.0, 12, 1e-6],
        [1000.0, 30, 1e-6],
        [10.0, 15, 1e-6],
        [1.0, 12, 1e-14],
        [1.0, 30, 1e-14],
        [1.0, 40, 1e-14],
    ]
)
_FRESH = np.diff(_STAGES[:, 0], prepend=0.0) != 0
# Points times starts side by side: enough to share out among cores, 16 MB of products.
_SIDE_BY_SIDE = 2**17
_DAMPING = 1e-2  # the first
_STALLED = 1e10  # a damping at which no step can gain
_FLOOR = 1e-8  # of the largest curvature, lent to the others in the damping
_LEAP = 4.0  # the largest change of a parameter in one step

# The five parameters: which term each belongs to, and what its derivative multiplies
# the term's weight with (1, -ln N, 1, -ln D, 1).
_BLOCK = np.array([0, 0, 1, 1, 2])
_SIGN = np.outer([1, -1, 1, -1, 1], [1.0, -1, 1, -1, 1])
# Columns of the table 1, n, d, nn, dd, nd that hold the products of these.
_POWER = np.array(
    [
        [0, 1, 0, 2, 0],
        [1, 3, 1, 5, 1],
        [0, 1, 0, 2, 0],
        [2, 5, 2, 4, 2],
        [0, 1, 0, 2, 0],
    ]
)
# Rows of the products of the three weights, likewise.
_PAIR = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])[np.ix_(_BLOCK, _BLOCK)]
_SAME = _BLOCK[:, None] == _BLOCK[None, :]


class Data(NamedTuple):
    """Points of the fit, [n]; N and D relative to their geometric means."""

    log_n: Array
    log_d: Array
    log_loss: Array
    delta: Array  # Huber's limit


class Model(NamedTuple):
    """Value and derivatives at one point; theta = (ln A, a, ln B, b, ln E)."""

    theta: Array
    loss: Array
    gradient: Array
    hessian: Array
    above: Array  # the stand-in, positive semidefinite


class State(NamedTuple):
    """A start on its way."""

    model: Model
    damping: Array
    step: Array
    done: Array


def residuals(theta: Array, data: Data) -> tuple[Array, Array]:
    """Returns (r [n], softmax weights [3, n])."""
    log_a, a, log_b, b, log_e = theta
    floor = jnp.broadcast_to(log_e, data.log_n.shape)
    terms = jnp.stack([log_a - a * data.log_n, log_b - b * data.log_d, floor])
    top = terms.max(axis=0)
    parts = jnp.exp(terms - top[None, :])
    total = parts.sum(axis=0)
    return top + jnp.log(total) - data.log_loss, parts / total[None, :]


def jacobian(share: Array, data: Data) -> Array:
    """Returns J, [5, n], from the softmax weights."""
    n, d, e = share
    return jnp.stack([n, -n * data.log_n, d, -d * data.log_d, e])


def model(theta: Array, weight: Array, data: Data) -> Model:
    """Returns the objective `sum weight rho(r)` and its derivatives, exact."""
    r, share = residuals(theta, data)
    pull = weight * jnp.clip(r, -data.delta, data.delta)
    bend = weight * (abs(r) <= data.delta)
    lift = weight / jnp.maximum(1.0, abs(r) / data.delta)
    f, g, h = share
    pairs = jnp.stack([f * f, f * g, f * h, g * g, g * h, h * h])
    rows = (bend - pull)[None, :] * pairs, lift[None, :] * pairs, pull[None, :] * share
    n, d = data.log_n, data.log_d
    table = jnp.stack([jnp.ones_like(n), n, d, n * n, d * d, n * d], axis=1)
    moments = jnp.concatenate(rows) @ table
    sign = jnp.asarray(_SIGN)
    first, above = (sign * moments[k + _PAIR, _POWER] for k in (0, 6))
    own = sign * jnp.where(_SAME, moments[12 + _BLOCK[:, None], _POWER], 0.0)
    return Model(
        theta=theta,
        loss=(weight * huber_loss(r, data.delta)).sum(),
        gradient=sign[4] * moments[12 + _BLOCK, _POWER[4]],
        hessian=first + own,
        above=above,
    )


def solve_positive(matrix: Array, vector: Array) -> tuple[Array, Array]:
    """Solves matrix x = vector by LDL'; returns x and whether that is definite."""
    size = vector.size
    low = [[matrix[i, j] for j in range(size)] for i in range(size)]
    x, positive = [vector[i] for i in range(size)], jnp.array(True)
    for k in range(size):
        positive &= low[k][k] > 0
        for i in range(k + 1, size):
            factor = low[i][k] / low[k][k]
            for j in range(k + 1, i + 1):
                low[i][j] = low[i][j] - factor * low[j][k]
            x[i] = x[i] - factor * x[k]
    for k in reversed(range(size)):
        rest = sum((low[i][k] * x[i] for i in range(k + 1, size)), jnp.zeros(()))
        x[k] = (x[k] - rest) / low[k][k]
    return jnp.stack(x), positive


def _step(at: Model, damping: Array, free: Array) -> Array:
    """Returns the damped step; parameters that are not free stay."""
    scale = jnp.diag(at.above)
    # The floor keeps parameters of a vanished term from leaping.
    ridge = jnp.diag(damping * (scale + _FLOOR * scale.max()) + (1 - free))
    both = free[:, None] * free[None, :]
    gradient = at.gradient * free
    matrices = jnp.stack([at.hessian, at.above]) * both[None] + ridge[None]
    (newton, safe), positive = jax.vmap(solve_positive, (0, None))(matrices, gradient)
    move = -jnp.where(positive[0], newton, safe) * free
    return move * jnp.minimum(1.0, _LEAP / abs(move).max())


def _advance(
    state: State, weight: Array, free: Array, data: Data, least: Array
) -> State:
    at = state.model
    move = _step(at, state.damping, free)
    new = model(at.theta + move, weight, data)
    better = new.loss < at.loss
    gain = -(move * at.gradient).sum()
    done = (gain <= least * at.loss) | (state.damping > _STALLED) | ~jnp.isfinite(gain)
    return State(
        jax.tree.map(lambda x, y: jnp.where(better, x, y), new, at),
        jnp.where(better, jnp.maximum(state.damping / 5, 1e-12), state.damping * 4),
        state.step + 1,
        state.done | done,
    )


def descend_all(starts: Array, weights: Array, free: Array, data: Data) -> Model:
    """Returns the local optimum, a row of Model, of each start, in one program.

    Args:
      starts: [s, 5], theta = (ln A, a, ln B, b, ln E).
      weights: [s, n], of the points: how often each was drawn.
      free: [s, 5], 1 for parameters to be fitted, 0 for those held.
      data: the points.
    """
    count = starts.shape[0]
    # Batches of one size: a smaller last one would be compiled as a second program.
    rows = -(-count // max(1, _SIDE_BY_SIDE // data.log_n.size))
    batch = -(-count // rows)
    index = jnp.arange(rows * batch) % count
    starts, weights, free = starts[index], weights[index], free[index]

    def pass_on(state: State, stage: tuple[Array, Array]) -> tuple[State, None]:
        order = jnp.argsort(state.done)
        work = jax.tree.map(
            lambda x: x[order].reshape(rows, batch, *x.shape[1:]),
            (state, weights, free),
        )
        run = jax.vmap(lambda one: _go_on(one, data, stage))
        moved = jax.lax.map(run, work)
        back = jnp.argsort(order)
        return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[back], moved), None

    stages = jnp.asarray(_STAGES), jnp.asarray(_FRESH)
    state, _ = jax.lax.scan(pass_on, jax.vmap(_begin)(starts), stages)
    return jax.tree.map(lambda x: x[:count], state.model)


def _begin(start: Array) -> State:
    empty = jnp.zeros((5, 5))
    nothing = Model(start, jnp.zeros(()), start, empty, empty)
    return State(nothing, jnp.ones(()), jnp.zeros(()), jnp.array(False))


def _go_on(
    work: tuple[State, Array, Array], data: Data, stage: tuple[Array, Array]
) -> State:
    """Runs one row of `_STAGES` for one start."""
    (state, weight, free), ((widening, limit, least), fresh) = work, stage
    here = data._replace(delta=data.delta * widening)
    begun = State(
        model(state.model.theta, weight, here),
        jnp.where(fresh, _DAMPING, state.damping),
        jnp.zeros(()),
        state.done & ~fresh,
    )
    return jax.lax.while_loop(
        lambda s: ~s.done & (s.step < limit),
        lambda s: _advance(s, weight, free, here, least),
        begun,
    )
