"""Errata of Allen-Zhu & Li 2024, for the page that experiments/errata.py writes."""

import itertools
import math

import numpy as np

from kscale.configs.published import bios_setting
from kscale.worlds import Counts

Shown = dict[str, float | str]


def _long_counts() -> Shown:
    name_space, people = 160_000_000, 10_000
    exact = (
        math.lgamma(name_space + 1)
        - math.lgamma(people + 1)
        - math.lgamma(name_space - people + 1)
    ) / math.log(2)
    counts = Counts(people, name_space, 6, 47.59)
    approximate = people * math.log2(counts.name_space / people)
    return {
        "log2 C(N0, N), N = 10,000": exact,
        "N log2(N0/N), as printed": approximate,
        "N log2(e N0/N)": approximate + people * math.log2(math.e),
    }


def _one_bit_model() -> Shown:
    """The bit tells which of two values Q_1 has, or if none of them, which Q_2 has."""
    size = 4
    hits, soft = np.zeros(2), []
    for data in itertools.product(range(size), repeat=2):
        place = 0 if data[0] < 2 else 1
        bit = data[place] % 2
        first = float(data[0] == bit)
        # Q_1 is seen by now: if it was one of the two, it says what the bit is.
        second = float(data[1] == (bit if place else 0))
        hits += (first, second)
        mixed = 0.9 * np.array([first, second]) + 0.1 / size
        soft.append(np.log2(mixed * size).sum())
    unspent = (1 - 2 / 1024) ** np.arange(10)
    return {
        "bits of the parameters": 1.0,
        "sum of log2(E[p_i] m_i), two data out of m = 4 values": float(
            np.log2(hits / size**2 * size).sum()
        ),
        "the same, ten data out of m = 1024 values": float(np.log2(1 + unspent).sum()),
        "E[sum of log2(p_i m_i)], two data, a tenth of each guess at random": float(
            np.mean(soft)
        ),
    }


def _diversity_sum() -> Shown:
    """Each person's value has probability 1/2, strings of no set have the rest."""
    people, attributes, diversity, right = 1000, 5, 10, 0.5
    values = np.repeat(np.arange(people)[:, None] % diversity, attributes, axis=1)
    of_word = (values[:, :, None] == np.arange(diversity)) * right
    loss = -math.log(right)
    own = attributes * diversity * math.log(diversity)
    return {
        "K = 5, D = 10: sum of log Pr (nats)": float(
            np.log(of_word.mean(axis=0)).sum()
        ),
        "-D loss_value1 - K D log D, as printed": -diversity * loss - own,
        "-K D loss_value1 - K D log D": -attributes * diversity * loss - own,
    }


def _value_sum() -> Shown:
    p = np.array([1 / 2, 1 / 4])
    return {
        "sum of Pr, of 1/2 and 1/4, as printed": float(p.sum()),
        "sum of log Pr": float(np.log(p).sum()),
        "-N K loss_value": float(-len(p) * -np.log(p).mean()),
    }


def _strings_never_shown() -> Shown:
    people, diversity, symbols, length = 100, 1000, 20, 5
    space = symbols**length
    shown = diversity * (1 - (1 - 1 / diversity) ** people)
    return {
        "N = 100, C = 1, K = 1, D = 1000: strings that some value has": shown,
        "credited for the set, D log2(T^L/D) with T^L = 20^5": diversity
        * math.log2(space / diversity),
        "log2 C(T^L, m) of the strings shown": (
            math.lgamma(space + 1)
            - math.lgamma(shown + 1)
            - math.lgamma(space - shown + 1)
        )
        / math.log(2),
    }


def _junk_exposures() -> Shown:
    junk, exposures = 100_000_000, 100
    shown: Shown = {}
    for people in (200_000, 50_000):
        without = people * exposures / junk
        shown |= {
            f"N = {people:,}: visits of a junk person, as printed": without,
            f"N = {people:,}: with seven times as many tokens": 7 * without,
        }
    return shown


def _longer_training() -> Shown:
    return {
        "1000 exposures with 7/8 junk over 100 without": 8 * 1000 / 100,
        "printed in the appendix": 48.0,
        "over 1000 exposures without": 8 * 1000 / 1000,
        "printed in the appendix for that": 4.8,
    }


def _steps() -> Shown:
    printed = {10_000: 140, 50_000: 175, 200_000: 349, 500_000: 435, 10_000_000: 1000}
    shown: Shown = {"biographies of 72.94 tokens and <EOS> in 512": 512 / 73.94}
    for people, thousands in printed.items():
        batch = bios_setting(people, 1000).batch
        shown[f"N = {people:,}: printed steps over N E / (6 batch)"] = (
            1000 * thousands / (people * 1000 / (6 * batch))
        )
    return shown


# place, what is printed, what holds, what shows it
ERRATA = (
    (
        "Allen-Zhu & Li 2024, proposition 2.3",
        "log2 C(N0, N) is written as N log2(N0/N), which drops N log2 e.",
        "The exact count; definition 4.1 keeps the printed form, 1.44 bits a person"
        " less.",
        _long_counts,
    ),
    (
        "Allen-Zhu & Li 2024, lemma F.1",
        "log |W| is said to be at least the sum of log(E[p_i] m_i), m_i the size of the"
        " domain of Q_i. A model that"
        " spends its bit on the first datum it can say something of exceeds it: what"
        " the data before it are tells whether the bit is spent.",
        "The outer bound, E[sum of log(p_i m_i)], which follows by Jensen from the"
        " bound on E[product of p_i]; theorem 3.2 uses no other.",
        _one_bit_model,
    ),
    (
        "Allen-Zhu & Li 2024, equation (F.3)",
        "The sum over K attributes is bounded by -D loss_value1 - K D log D, though"
        " loss_value1 is a mean over the attributes.",
        "-K D loss_value1 - K D log D, as theorem 3.2 has it.",
        _diversity_sum,
    ),
    (
        "Allen-Zhu & Li 2024, equation (F.4)",
        "The middle term is a sum of probabilities, a log is missing.",
        "The sum of log Pr, which is -N K loss_value.",
        _value_sum,
    ),
    (
        "Allen-Zhu & Li 2024, definition 4.1",
        "The set of D strings is credited whole, also where most of them are in no"
        " value: with D above N C R_max counts strings that no text has.",
        "What was shown can be known, no more. Theorem 3.2 asks N of the order of"
        " D log N; kscale warns where D is above N C.",
        _strings_never_shown,
    ),
    (
        "Allen-Zhu & Li 2024, footnote 20",
        "A person of the junk is said to appear 0.2 times (N = 200K) or 0.05 times"
        " (N = 50K), which forgets that seven eighths of the tokens are junk.",
        "Seven times as often.",
        _junk_exposures,
    ),
    (
        "Allen-Zhu & Li 2024, appendix E",
        "1000 exposures among junk are said to take 48 times the tokens of figure"
        " 1(b), 4.8 times those of figure 1(a).",
        "80 and 8 times; figure 8's own remark says 80.",
        _longer_training,
    ),
    (
        "Allen-Zhu & Li 2024, Parameter 1",
        "The step counts are those of six biographies a window, and up to N = 200K"
        " twice that; documents packed whole fill a window with nearly seven.",
        "kscale counts exposures exactly.",
        _steps,
    ),
)
