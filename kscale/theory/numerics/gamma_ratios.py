"""Ratios of gamma functions that keep their digits: large, small and nearby arguments.

`lgamma(x + n) - lgamma(x)` of two library values has an absolute error of about 1e-16
times the size of either, which is nothing near 1 and everything near 1e12. All moments
of the Pitman-Yor process are such ratios, so they are computed here as sums of terms
that are of the size of the result: the arguments are raised by `_RAISED` with the
recurrence of the gamma function, and Stirling's series does the rest.
"""

import jax.numpy as jnp
from jax.typing import ArrayLike

_RAISED = 10
# Bernoulli numbers B_2k / (2k (2k-1)), k = 1..9: nine terms leave 1e-18 at x = 10.
_STIRLING = (
    *(1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188),
    *(-691 / 360360, 1 / 156, -3617 / 122400, 43867 / 244188),
)


def stirling_rest(x: ArrayLike) -> jnp.ndarray:
    """Returns `lgamma(x) - (x-1/2) ln x + x - ln(2 pi)/2`, x > 0: Stirling's rest."""
    x = jnp.asarray(x, float)
    steps = _steps(x)
    rest = ((steps + 0.5) * jnp.log1p(1 / steps) - 1).sum(axis=0)
    top = x + _RAISED
    return rest + _series(top, lambda power: top[None] ** -power)


def log_gamma_ratio(z: ArrayLike, a: ArrayLike) -> jnp.ndarray:
    """Returns `lgamma(z + a) - lgamma(z)`, z > 0, a >= 0, to about 1e-15 of itself."""
    z, a = _numbers(z, a)
    raised = z + _RAISED
    below = jnp.log1p(a[None] / _steps(z)).sum(axis=0)
    main = (raised - 0.5) * jnp.log1p(a / raised) + a * (jnp.log(raised + a) - 1)
    return main + _rest_gap(raised, a) - below


def log_gamma_cross(z: ArrayLike, a: ArrayLike, n: ArrayLike) -> jnp.ndarray:
    """Returns `ln Gamma(z+a+n) Gamma(z) / (Gamma(z+a) Gamma(z+n))`.

    The second difference of lgamma, with a relative error of about 1e-15: it is 0 at
    a = 0 or n = 0, and keeps its digits for a tiny beside n and for all of them huge,
    where first differences cancel.

    Args:
      z: above 0.
      a: any number with `z + a > 0`.
      n: at least 0; `z + a + n > 0`.
    """
    z, a, n = _numbers(z, a, n)
    z, size, sign = _from_below(z, a)
    below = -_log_cross(_steps(z), size[None], n[None]).sum(axis=0)
    x = z + _RAISED
    main = (
        (x - 0.5) * _log_cross(x, size, n)
        + size * jnp.log1p(n / (x + size))
        + n * jnp.log1p(size / (x + n))
    )
    rest = _rest_gap(x + n, size) - _rest_gap(x, size)
    return sign * (main + rest + below)


def digamma_gap(z: ArrayLike, a: ArrayLike) -> jnp.ndarray:
    """Returns `psi(z + a) - psi(z)`, psi the digamma function, z and z + a above 0.

    The relative error is about 1e-15 however small a is.
    """
    z, a = _numbers(z, a)
    z, size, sign = _from_below(z, a)
    gap = (size[None] / (_steps(z) * _steps(z + size))).sum(axis=0)
    x = z + _RAISED
    gap += jnp.log1p(size / x) + 0.5 * size / (x * (x + size))
    # psi(x) ~ ln x - 1/(2x) - sum_k B_2k/(2k x^2k): each power by its own difference
    logarithm = jnp.log1p(size / x)[None]

    def step(power):
        power = power + 1
        return (power - 1) * x[None] ** -power * jnp.expm1(-power * logarithm)

    return sign * (gap - _series(x, step))


def _numbers(*arrays):
    arrays = [jnp.asarray(x, float) for x in arrays]
    shape = jnp.broadcast_shapes(*(x.shape for x in arrays))
    return [jnp.broadcast_to(x, shape) for x in arrays]


def _from_below(z, a):
    """Returns the lower of z and z + a, |a| and its sign: smooth at a = 0."""
    negative = a < 0
    sign = jnp.where(negative, -1.0, 1.0)
    return z + jnp.where(negative, a, 0.0), sign * a, sign


def _first_axis(values, like):
    """Puts values on a new first axis, before those of `like`: no unrolled loops."""
    return jnp.asarray(values, float).reshape((-1,) + (1,) * like.ndim)


def _steps(z):
    """Returns z, z+1, ...: the arguments that the recurrence passes on the way up."""
    return z[None] + _first_axis(range(_RAISED), z)


def _log_cross(z, a, n):
    """Returns `ln(z (z+a+n) / ((z+a)(z+n)))` for z > 0 and a, n >= 0."""
    share = (a / (z + a)) * (n / (z + n))
    near = jnp.log1p(-jnp.minimum(share, 0.5))
    far = jnp.log1p(a / (z + n)) - jnp.log1p(a / z)
    return jnp.where(share < 0.5, near, far)


def _rest_gap(x, a):
    """Returns `stirling_rest(x + a) - stirling_rest(x)` for x >= `_RAISED`."""
    logarithm = jnp.log1p(a / x)[None]
    return _series(x, lambda power: x[None] ** -power * jnp.expm1(-power * logarithm))


def _series(like, term):
    power = _first_axis(range(1, 2 * len(_STIRLING), 2), like)
    return (_first_axis(_STIRLING, like) * term(power)).sum(axis=0)
