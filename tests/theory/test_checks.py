"""Every refusal names the parameter, the value and what is allowed."""

import numpy as np
import pytest

from kscale.theory import checks

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "allowed", "fits"),
    [
        (0.0, "[0, 1)", True),
        (1.0, "[0, 1)", False),
        (0.0, "(0, 1]", False),
        (1.0, "(0, 1]", True),
        (np.inf, "[0, inf)", False),
        (np.inf, "[0, inf]", True),
        (NAN, "[0, 1)", False),
        (NAN, "[0, inf]", False),
        ([0.5, 2.0], "[0, 1)", False),
    ],
)
def test_inside(value, allowed, fits):
    if fits:
        checks.inside("q", value, allowed)
    else:
        with pytest.raises(ValueError, match="q must lie in"):
            checks.inside("q", value, allowed)


def test_a_part_of_an_array_is_found():
    with pytest.raises(
        ValueError, match=r"q must lie in \[0, 1\], got 3\.0 at \[1, 0\]"
    ):
        checks.inside("q", [[0.0, 1.0], [3.0, 4.0]], "[0, 1]")


def test_whole_numbers():
    checks.whole("n", [1, 2.0], "[1, inf)")
    with pytest.raises(ValueError, match=r"n must be a whole number, got 1\.5"):
        checks.whole("n", 1.5, "[1, inf)")
    with pytest.raises(ValueError, match=r"n must lie in \[1, inf\), got 0"):
        checks.whole("n", 0, "[1, inf)")


def test_probabilities():
    checks.probabilities("p", [0.25, 0.75])
    checks.probabilities("p", np.full((2, 4), 0.25))
    with pytest.raises(ValueError, match=r"the sum of p must be 1, got 0\.9"):
        checks.probabilities("p", [0.5, 0.4])
    with pytest.raises(ValueError, match=r"p must lie in \[0, 1\], got -0\.5"):
        checks.probabilities("p", [-0.5, 1.5])


@pytest.mark.parametrize(
    ("alpha", "beta", "message"),
    [
        (1.0, 1.0, r"alpha must lie in \[0, 1\), got 1\.0"),
        (-0.1, 1.0, r"alpha must lie in \[0, 1\), got -0\.1"),
        (0.5, -0.5, r"beta must exceed -alpha, got -0\.5"),
        (0.0, 0.0, r"beta must exceed -alpha, got 0\.0"),
        (0.5, NAN, r"beta must exceed -alpha, got nan"),
    ],
)
def test_pitman_yor(alpha, beta, message):
    with pytest.raises(ValueError, match=message):
        checks.pitman_yor(alpha, beta)


def test_pitman_yor_refuses_no_more_than_it_must():
    checks.pitman_yor([0.0, 0.5], [0.1, -0.4])
    with pytest.raises(
        ValueError, match=r"beta must exceed -alpha, got -0\.5 at \[1\]"
    ):
        checks.pitman_yor([0.0, 0.5], [0.1, -0.5])
