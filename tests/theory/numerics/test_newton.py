import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kscale.theory import float64
from kscale.theory.numerics.newton import bisected_root, bracketed_root, first_fall


def power(x, a):
    return x**3 - a


def root(a):
    return bracketed_root(power, 0.0, 10.0, 9.0, a, rising=True)


def arctan(x, a):  # from beyond 1.39 Newton's method diverges
    return jnp.arctan(x - a)


@pytest.mark.parametrize(
    ("function", "bracket", "a", "exact"),
    [
        *((power, (0.0, 10.0, start), 8.0, 2.0) for start in (0.0, 1e-9, 3.0, 10.0)),
        (power, (2.0, 10.0, 10.0), 8.0, 2.0),
        (arctan, (-90.0, 1e3, 500.0), np.pi, np.pi),
        (lambda x, a: a - x, (0.0, 5.0, 1.0), 2.0, 2.0),
    ],
)
def test_finds_the_root_from_anywhere_in_the_bracket(function, bracket, a, exact):
    rising = bool(function(exact - 1.0, a) < 0)
    with float64():
        found = bracketed_root(function, *bracket, jnp.float64(a), rising=rising)
        np.testing.assert_allclose(found, exact, rtol=3e-16)


def test_three_derivatives_forward_and_the_first_backward():
    with float64():
        a = jnp.float64(8.0)
        orders = [root]
        for _ in range(3):
            orders.append(jax.jacfwd(orders[-1]))
        exact = [2.0, 1 / 12, -1 / 144, 5 / 3456]  # of a^(1/3) at 8
        every = jax.jit(lambda a: ([f(a) for f in orders], jax.grad(root)(a)))
        found, backward = every(a)
        np.testing.assert_allclose(found, exact, rtol=1e-12)
        np.testing.assert_allclose(backward, 1 / 12, rtol=1e-14)


def test_lanes_of_a_batch_do_not_disturb_each_other():
    with float64():
        a = jnp.array([1e-9, 1.0, 8.0, 999.0])
        np.testing.assert_allclose(jax.vmap(root)(a), np.cbrt(a), rtol=1e-15)


def sine(x, a):
    return jnp.sin(a * x)


def test_the_first_fall_of_several_has_two_derivatives():
    with float64():
        nodes, a = jnp.linspace(0.3, 30.0, 40), jnp.array([0.5, 1.0, 1.5, 2.0])

        def fall(a):
            return first_fall(sine, nodes, a)

        orders = fall, jax.grad(fall), jax.jacfwd(jax.jacfwd(fall))
        found = jax.jit(lambda a: [jax.vmap(f)(a) for f in orders])(a)
        np.testing.assert_allclose(found[0], np.pi / a, rtol=5e-16)
        np.testing.assert_allclose(found[1:], [-np.pi / a**2, 2 * np.pi / a**3], 1e-12)


def test_no_fall_is_nan_and_one_may_stand_behind_undefined_values_or_at_a_node():
    with float64():  # positive throughout; 0 or below at the first node
        for low, high in ((0.1, 3.0), (3.2, 6.0), (3.2, 9.0)):
            assert jnp.isnan(first_fall(sine, jnp.linspace(low, high, 9), 1.0))
        nodes = jnp.arange(-2.0, 3.0)
        undefined = first_fall(lambda x, a: a - jnp.sqrt(x), nodes, 1.1)
        node = first_fall(lambda x, a: a - x, nodes, 1.0)
        np.testing.assert_allclose([undefined, node], [1.21, 1.0], rtol=5e-16)


def test_bisection_is_differentiable_and_needs_no_slope_to_search():
    with float64():

        def root(a):
            return bisected_root(lambda x, a: x**3 - a, 0.0, 5.0, a)

        orders = root, jax.grad(root), jax.grad(jax.grad(root))
        found = jax.jit(lambda a: [f(a) for f in orders])(8.0)
        assert found[0] == pytest.approx(2.0, rel=1e-15)
        np.testing.assert_allclose(found[1:], [1 / 12, -1 / 144], rtol=1e-12)
