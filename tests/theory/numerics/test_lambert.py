import mpmath
import numpy as np
import pytest

from kscale.theory import float64
from kscale.theory.numerics import lambert


def test_lower_branch_keeps_every_digit_up_to_the_branch_point():
    x = [-1e-300, -1e-5, -0.1, -0.18, -0.19, -0.3, -0.36787944, -0.3678794411714423]
    with mpmath.workdps(50):
        exact = [float(mpmath.lambertw(mpmath.mpf(each), -1).real) for each in x]
    np.testing.assert_allclose(lambert.lambert_w_minus1(x), exact, rtol=4e-16)


def test_both_roots_solve_their_equation():
    deltas = np.geomspace(1e-12, 500.0, 40)
    with float64():
        upper = np.asarray(lambert.upper_root(deltas))
        log_lower = np.asarray(lambert.log_lower_root(deltas))
    assert (upper > 1).all()
    assert (log_lower < 0).all()
    with mpmath.workdps(40):  # w - ln w - 1 = delta, in w and in t = ln w
        for delta, w, t in zip(deltas, upper.tolist(), log_lower.tolist(), strict=True):
            w, t = mpmath.mpf(w), mpmath.mpf(t)
            assert abs(w - mpmath.log(w) - 1 - delta) <= 1e-15 * (w - 1)
            off = abs(mpmath.exp(t) - 1 - t - delta)
            assert off <= 1e-15 * abs(t * (mpmath.exp(t) - 1)) + 1e-31
    with float64():  # they meet at 1
        assert float(lambert.upper_root(np.float64(0))) == 1
        assert float(lambert.log_lower_root(np.float64(0))) == 0


@pytest.mark.parametrize("name", ["log1p", "expm1"])
def test_small_remainders_of_log1p_and_expm1(name):
    x = [-0.99, -0.1001, -0.0999, -1e-9, 1e-9, 0.0999, 0.1001, 9.0]
    with mpmath.workdps(40):
        exact = [float(getattr(mpmath, name)(each) - mpmath.mpf(each)) for each in x]
    with float64():
        got = np.asarray(getattr(lambert, f"{name}_minus")(np.array(x)))
    np.testing.assert_allclose(got, exact, rtol=5e-15)
