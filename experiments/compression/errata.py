"""Errata of Pan et al. 2025, for the page that experiments/errata.py writes."""

import numpy as np

from kscale import theory

Shown = dict[str, float | str]


def _sticks() -> Shown:
    alpha, beta = 0.5, 1.0
    sticks = theory.pitman_yor.stick_breaking(
        np.random.default_rng(0), 2, alpha, beta, shape=(200_000,)
    )
    second = sticks.weights[:, 1] / (1 - sticks.weights[:, 0])
    return {
        "mean of W_2, sampled": float(second.mean()),
        "(1 - alpha)/(1 + beta + alpha)": (1 - alpha) / (1 + beta + alpha),
        "printed, (beta + 2 alpha)/(1 + beta + alpha)": (beta + 2 * alpha)
        / (1 + beta + alpha),
    }


def _ranked() -> Shown:
    alpha, beta, rank = 0.5, 1.0, 1000.0
    return {
        "j^(1/alpha) E[p_j], size-biased order, j = 1000": rank**2
        * theory.pitman_yor.stick_weight(rank, alpha, beta),
        "i^(1/alpha) E[p_(i)], ranked": rank**2
        * theory.pitman_yor.zipf_curve(rank, alpha, beta),
    }


def _cover() -> Shown:
    printed = theory.data_scaling.published_cover_gap(3.0, 1.0)
    cover = theory.data_scaling.simplex_cover(3.0, 1.0)
    return {
        "n = 3, eps = 1: least KL from a corner to the printed cover": printed,
        "radius of the cover with ceil(n(1 + 1/eps)) cells": cover.radius,
        "its cells": cover.cells,
    }


def _not_a_power_law() -> Shown:
    visits = np.geomspace(1e4, 1e7, 20)
    shown: Shown = {}
    for exponent in (0.0, 1.2):
        p = theory.model_scaling.zipf_frequencies(400_000, exponent, 1000.0)
        loss = theory.data_scaling.data_redundancy(visits, p)
        fit, said = (
            theory.fitting.fit_power_law(visits, loss),
            theory.fitting.diagnose(visits, loss),
        )
        name = f"a = {exponent:g}, 1e4 to 1e7 visits:"
        shown |= {
            f"{name} fitted exponent": fit.alpha,
            f"{name} R^2": said.r_squared,
            f"{name} largest relative residual": said.largest,
        }
    return shown


def _example_code() -> Shown:
    source = {"A": "1/2", "B": "3/10", "C": "1/5"}
    codes = {word: theory.coding.arithmetic_code(word, source) for word in ("AB", "CC")}
    lengths = theory.coding.expected_lengths(source, 2)
    return {
        "code word of AB by the printed rule": codes["AB"].point,
        "prefix-free": codes["AB"].dyadic,
        "Kraft sum of all messages of two letters, printed rule": lengths.kraft_point,
        "prefix-free rule": lengths.kraft_dyadic,
        "longest overhead of a word, prefix-free (bits)": lengths.overhead_dyadic,
    }


# place, what is printed, what holds, what shows it
ERRATA = (
    (
        "Pan et al. 2025, lemma G.3",
        "The mean of W_i is printed; it is that of 1 - W_i.",
        "E[W_i] = (1-alpha)/(1 + beta + (i-1) alpha).",
        _sticks,
    ),
    (
        "Pan et al. 2025, lemma G.2",
        "The weights of lemma G.1 come in the order in which sticks are broken; for"
        " them i^(1/alpha) p_i has no limit. It has one for ranked weights.",
        "The means of both fall like i^(-1/alpha), with constants of their own.",
        _ranked,
    ),
    (
        "Pan et al. 2025, theorem G.7",
        "The grid is said to cover the simplex within eps in KL. Its corners are not.",
        "M = ceil(n(1 + 1/eps)) cells give KL <= ln(1 + eps); the rate is the same.",
        _cover,
    ),
    (
        "Pan et al. 2025, figures 4a and 5a",
        "Power laws are fitted to data whose head a bias flattens and whose tail ends.",
        "The fit's residuals are systematic; judge by them and by the order of the"
        " exponents, not by R^2.",
        _not_a_power_law,
    ),
    (
        "Pan et al. 2025, example A.1",
        "The code word is the shortest binary fraction inside the interval: not"
        " uniquely decodable.",
        "The shortest dyadic interval inside: prefix-free, less than two bits more.",
        _example_code,
    ),
)
