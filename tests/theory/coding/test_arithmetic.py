"""Arithmetic codes: the paper's example, decoding, brute force over all messages."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kscale.theory import coding

ABC = {"A": "1/2", "B": "3/10", "C": "1/5"}
fractions = st.fractions(0, 1, max_denominator=10**6)


def test_the_papers_example():
    code = coding.arithmetic_code("AB", ABC)
    assert (code.low, code.high) == (Fraction(1, 4), Fraction(2, 5))
    assert (code.point, code.dyadic) == ("01", "010")
    np.testing.assert_allclose(code.ideal_bits, -math.log2(0.15))
    # the paper's word for AB begins those of other messages, so nobody knows its end
    assert coding.arithmetic_code("ABBB", ABC).point.startswith("01")
    # numbers are taken at their word
    assert coding.arithmetic_code(
        "AB", {"A": 0.5, "B": 0.3, "C": 0.2}
    ).high == Fraction(2, 5)
    assert coding.arithmetic_code("C", {"A": 1 / 3, "B": 1 / 3, "C": 1 / 3}).high == 1


def test_a_model_with_memory():
    def repeat(message):
        if not message:
            return {"0": "1/2", "1": "1/2"}
        other = "10"[int(message[-1])]
        return {message[-1]: "9/10", other: "1/10"}

    code = coding.arithmetic_code("0000", repeat)
    assert code.high - code.low == Fraction(1, 2) * Fraction(9, 10) ** 3
    np.testing.assert_allclose(code.ideal_bits, 1 - 3 * math.log2(0.9))
    assert coding.arithmetic_decode(code.dyadic, 4, repeat) == tuple("0000")


@given(st.text("ABC", max_size=12))
@example("ABC" * 200)  # a long message keeps every digit
def test_both_words_decode(message):
    code = coding.arithmetic_code(message, ABC)
    assert coding.arithmetic_decode(code.dyadic, len(message), ABC) == tuple(message)
    assert coding.arithmetic_decode(code.point, len(message), ABC) == tuple(message)
    ideal = math.fsum(-math.log2(Fraction(ABC[symbol])) for symbol in message)
    np.testing.assert_allclose(code.ideal_bits, ideal, rtol=1e-13)
    assert code.ideal_bits <= len(code.dyadic) < code.ideal_bits + 2
    assert len(code.point) < code.ideal_bits + 1 or code.point in ("0", "1")


@given(fractions, fractions)
def test_words_are_the_shortest(a, b):
    low, high = min(a, b), max(a, b)
    if high - low < Fraction(1, 1000):
        return
    point, dyadic = coding.shortest_point(low, high), coding.dyadic_word(low, high)
    longest = max(len(point), len(dyadic))
    every = [f"{k:0{n}b}"[:n] for n in range(longest + 1) for k in range(2**n)]
    value = {w: Fraction(int(w or "0", 2), 2 ** len(w)) for w in every}
    points = [w for w in every if w and low <= value[w] < high]
    inside = [w for w in every if low <= value[w] <= high - Fraction(1, 2 ** len(w))]
    assert point == points[0]
    assert dyadic == inside[0]


@pytest.mark.parametrize("n", [0, 1, 3])
def test_expected_lengths_by_brute_force(n):
    found = coding.expected_lengths(ABC, n)
    codes = [coding.arithmetic_code(m, ABC) for m in itertools.product("ABC", repeat=n)]
    weights = [float(code.high - code.low) for code in codes]
    for rule in ("point", "dyadic"):
        lengths = [len(getattr(code, rule)) for code in codes]
        mean = math.fsum(w * k for w, k in zip(weights, lengths, strict=True))
        np.testing.assert_allclose(getattr(found, rule), mean, rtol=1e-13)
        np.testing.assert_allclose(
            getattr(found, f"kraft_{rule}"), coding.kraft_sum(lengths)
        )
        over = max(k - c.ideal_bits for k, c in zip(lengths, codes, strict=True))
        np.testing.assert_allclose(getattr(found, f"overhead_{rule}"), over)
    np.testing.assert_allclose(found.entropy, n * 1.4854752972273344, rtol=1e-13)
    assert found.entropy <= found.dyadic < found.entropy + 2
    if n == 3:  # the published rule is no code
        assert found.point < found.entropy
        assert found.kraft_point > 1 >= found.kraft_dyadic


def test_refusals(monkeypatch):
    with pytest.raises(ValueError, match=r"message\[1\]='D' must be one of A, B, C"):
        coding.arithmetic_code("AD", ABC)
    with pytest.raises(ValueError, match=r"of sum 0\.9 must sum to 1, and"):
        coding.arithmetic_code("A", {"A": 0.5, "B": 0.4})
    with pytest.raises(ValueError, match=r"\[1, 1\) must be an interval in \[0, 1\)"):
        coding.dyadic_word(Fraction(1), Fraction(1))
    monkeypatch.setattr(coding.arithmetic, "_MOST_MESSAGES", 100)
    with pytest.raises(ValueError, match="n=13 must leave 100 messages at most"):
        coding.expected_lengths(ABC, 13)
    for word in ("-1", "1_1", " 1", "2", "0b1"):
        with pytest.raises(ValueError, match=f"word='{word}' must be digits 0 and 1"):
            coding.arithmetic_decode(word, 1, ABC)
    with pytest.raises(ValueError, match="probability=nan must be a number"):
        coding.arithmetic_code("A", {"A": math.nan, "B": 1.0})
