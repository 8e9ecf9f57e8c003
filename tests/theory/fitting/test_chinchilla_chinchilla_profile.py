"""Profiles: near the normal law's intervals, monotone in the confidence, open ends."""

import numpy as np

from kscale.theory.fitting.chinchilla import (
    fit_chinchilla,
    profile_chinchilla,
    theta_of,
)


def test_profiles_and_the_sandwich(noisy):
    points, fit = noisy
    held = profile_chinchilla(*points, fit)
    centers = theta_of(fit)
    for name, i in (("a", 1), ("b", 3)):
        interval = getattr(held, name)
        assert interval.low < centers[i] < interval.high
        sandwich = 2 * 1.96 * fit.errors[i]
        assert 0.5 < (interval.high - interval.low) / sandwich < 2
    assert held.E.low < fit.E < held.E.high


def test_more_confidence_is_wider_until_open(noisy):
    points, fit = noisy
    narrow, wide, open_ended = (
        profile_chinchilla(*points, fit, confidence=c) for c in (0.5, 0.99, 1 - 1e-15)
    )
    for name in ("a", "b", "E"):
        inner, outer = getattr(narrow, name), getattr(wide, name)
        assert outer.low < inner.low < inner.high < outer.high
    assert open_ended.a == (-np.inf, np.inf)


def test_an_exact_law_has_one_value_and_an_open_one_none(noisy):
    (parameters, tokens, _), _ = noisy
    start = np.array([[6.0, 0.3, 6.0, 0.3, 0.5]])
    data = 410.7 / tokens**0.2849 + 1.6934
    exact = parameters, tokens, 406.4 / parameters**0.3392 + data
    held = profile_chinchilla(*exact, fit_chinchilla(*exact, start))
    np.testing.assert_allclose(held.a, [0.3392, 0.3392], rtol=1e-6)
    np.testing.assert_allclose(held.E, [1.6934, 1.6934], rtol=1e-6)
    open_ = parameters, tokens, data
    assert np.isnan(profile_chinchilla(*open_, fit_chinchilla(*open_, start))).all()
