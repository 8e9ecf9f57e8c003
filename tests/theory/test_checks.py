"""Every refusal names the argument, its value, what it may be and what to choose."""

import numpy as np
import pytest

from kscale.theory import checks

NAN = float("nan")
TWO = {"x": "number of [n>=2]", "y": "number of [n]"}
LONGER = {"x": "integer [0, 9] of []", "y": "number of [x+1]"}


def check(domain, message, **arguments):
    """Checks arguments, which are refused with the message if there is one."""
    domains = {name: checks.parse(text) for name, text in domain.items()}
    if message is None:
        checks.check(domains, arguments)
    else:
        with pytest.raises(ValueError, match=message):
            checks.check(domains, arguments)


@pytest.mark.parametrize(
    ("value", "domain", "message"),
    [
        (0.0, "[0, 1)", None),
        (1.0, "[0, 1)", r"q=1\.0 must be in \[0, 1\): choose a number, at least 0, be"),
        (0.0, "(0, 1]", r"q=0\.0 must be in \(0, 1\]: .*, above 0, at most 1$"),
        (np.inf, "[0, inf)", r"q=inf must be in \[0, inf\): .*at least 0, finite$"),
        (np.inf, "[0, inf]", None),
        (-0.3, "[-1/e, 0)", None),
        (2.7, "(e, inf)", r"choose a number, above 2\.718282, finite"),
        (NAN, "[0, 1)", "q=nan must be"),
        (NAN, "[0, inf]", "q=nan must be"),
        ([[0.0], [3.0]], "[0, 1]", r"q\[1, 0\]=3\.0 must be in"),
        (2.0, "integer [1, inf)", None),
        (1.5, "integer [1, inf)", r"q=1\.5 must be an integer in \[1, inf\): cho"),
        (0, "integer [1, inf)", r"q=0\.0 .*a whole number, at least 1"),
        (5.0, "[2, inf) and [7, inf)", r"q=5\.0 must be in \[7, inf\)"),
        (NAN, "number", None),
        (None, "[0, 1]", None),
        ("a", "a | bc", None),
        ("b", "a | bc", "q='b' must be one of a, bc: did you mean 'bc'?"),
        ([0.25, 0.75], "distribution of [n]", None),
        (np.full((2, 4), 0.25), "distribution of [k, n]", None),
        ([0.5, 0.4], "distribution of [n]", r"sum\(q\)=0\.9 must be 1: divide q"),
        ([-0.5, 1.5], "distribution of [n]", r"q\[0\]=-0\.5 must be in \[0, 1\]"),
    ],
)
def test_values(value, domain, message):
    check({"q": domain}, message, q=value)


@pytest.mark.parametrize(
    ("alpha", "beta", "message"),
    [
        ([0.0, 0.5], [0.1, -0.4], None),
        (0.5, -0.5, r"beta=-0\.5 must be in \(-alpha, inf\): .*above -0\.5, finite"),
        ([0.0, 0.5], [0.1, -0.5], r"beta\[1\]=-0\.5 must be in .*above -0\.5"),
        ([0.0, 0.5], 0.0, r"beta\[0\]=0\.0 must be in .*above -0"),
        (0.5, NAN, "beta=nan must be"),
        (1.0, 1.0, r"alpha=1\.0 must be"),
    ],
)
def test_an_end_may_be_another_argument(alpha, beta, message):
    domain = {"alpha": "[0, 1)", "beta": "(-alpha, inf)"}
    check(domain, message, alpha=alpha, beta=beta)


@pytest.mark.parametrize(
    ("domain", "shapes", "message"),
    [
        (TWO, [(2,), (2,)], None),
        (TWO, [(2,), (3,)], r"y\.shape=\(3,\) must be \[n\] with n=2: give one number"),
        ({"x": "number of [n>=2]"}, [(1,)], r"x\.shape=\(1,\) must be \[n>=2\]:"),
        ({"x": "number of [] or [n]"}, [()], None),
        ({"x": "number of [] or [n]"}, [(1, 1)], r"\(1, 1\) must be \[\] or \[n\]:"),
        ({"x": "number of [..., n, 5]"}, [(2, 3, 5)], None),
        ({"x": "number of [..., n, 5]"}, [(5,)], r"x\.shape=\(5,\) must be"),
        ({"x": "number of [...]"}, [(2, 3)], None),
        (LONGER, [(), (2,)], None),
        (LONGER, [(), (3,)], "with x=1"),
    ],
)
def test_shapes(domain, shapes, message):
    check(domain, message, **dict(zip("xy", map(np.ones, shapes), strict=False)))


def test_whole_numbers_reach_a_function_as_int_and_none_what_may_be_absent():
    @checks.check_domain({"n": "integer [1, inf)", "x": "number"})
    def types(n, x=None):
        """A function for the tests."""
        return type(n), type(x)

    assert types(np.float64(3), x=2) == (int, int)
    assert types(3) == types(3, None) == (int, type(None))
    assert types.__doc__.endswith("n: integer [1, inf)\n  x: number\n")
    with pytest.raises(ValueError, match=r"n=0\.0 must be an integer in"):
        types(0, 1)
    with pytest.raises(ValueError, match=r"n=None must be given: choose integer \[1"):
        types(None)
