"""From a table to bits, with tables made by hand."""

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kscale.corpora import Label
from kscale.scores import ScoreTable, measure_capacity
from kscale.scores.capacity import share_error
from kscale.worlds import Counts

LN2 = math.log(2)
BIOS = (
    Label("text", "text"),
    Label("name", "name"),
    Label("pronoun", "form", 0),
    Label("employer", "value", 1),
    Label("city", "derived", 1),
)
BIOD = (
    Label("text", "text"),
    Label("name", "name"),
    *(Label(f"ID {k + 1}", kind, k) for k in (0, 1) for kind in ("value1", "value")),
)


BIOD_COUNTS = Counts(2, 64, 2, value_bits=12, diversity=4, chunks=3, string_bits=6)


def table_of(labels, nats, population=None, correct=True):
    nats = np.asarray(nats, float)
    return ScoreTable(
        people=np.arange(len(nats)),
        nats=nats,
        correct=np.broadcast_to(np.array(correct, bool), nats.shape),
        counts=np.ones(nats.shape, np.int32),
        labels=tuple(label.name for label in labels),
        population=population or len(nats),
    )


def bios_counts(people):
    return Counts(people, 1024, 2, value_bits=1 + 4)


def measure(table, parameters=1):
    """The capacity of a bioS table."""
    return measure_capacity(bios_counts(table.population), BIOS, table, parameters)


def test_bios_by_hand():
    # N 2, N0 1024, values of 1 and 4 bits; losses in whole bits. The city of the second
    # was told before the employer, as a part of its 1 bit; that of the first after it.
    nats = LN2 * np.array([[9, 3, 1, 2, 0], [9, 5, 0, 0.25, 0.75]])
    correct = [[0, 1, 0, 0, 1], [0, 1, 1, 0, 1]]
    table = table_of(BIOS, nats, correct=correct)
    known = measure(table, parameters=4)
    assert known.p1 == pytest.approx(4 * LN2)
    assert known.p2 == pytest.approx(2 * LN2)  # text does not count
    assert (known.bits.name, known.bits.value, known.bits.diversity) == (
        pytest.approx((2 * (10 - 4), 2 * (5 - 2), 0))
    )
    assert known.bits_max.total == pytest.approx(2 * 9 + 2 * 5)
    assert known.bits_per_param == pytest.approx(18 / 4)
    assert known.max_bits_per_param == pytest.approx(28 / 4)
    np.testing.assert_allclose(known.bits_per_person, [10 - 3 + 5 - 3, 10 - 5 + 5 - 1])
    assert known.accuracy == {"name": 1, "pronoun": 0.5, "employer": 0, "city": 1}
    assert known.sampling_error.total == 0


def test_biod_by_hand():
    # N 2, K 2, C 3, D 4, strings of 6 bits, N0 64: values of 6 bits per attribute.
    nats = LN2 * np.array([[0, 2, 1, 2, 0, 1], [0, 4, 0, 0, 1, 3]])
    correct = [[0, 1, 0, 1, 1, 1], [0, 1, 1, 0, 1, 1]]
    table = table_of(BIOD, nats, correct=correct)
    known = measure_capacity(BIOD_COUNTS, BIOD, table, parameters=1)
    assert known.p1 == pytest.approx(3 * LN2)
    assert known.p2 == pytest.approx(2 * LN2)  # the mean of 3, 1, 0, 4
    assert known.p3 == pytest.approx(0.5 * LN2)  # the mean of 1, 0, 0, 1
    assert (known.bits.name, known.bits.value, known.bits.diversity) == (
        pytest.approx((2 * (6 - 3), 2 * 2 * (6 - 2), 2 * 4 * (6 - 2 - 0.5)))
    )
    assert known.bits_per_person.mean() * 2 == pytest.approx(known.bits.total)
    # Right is who has the first chunk and the others right.
    assert known.accuracy == {"name": 1, "ID 1": 0, "ID 2": 1}


def test_nobody_is_clipped():
    # Half know the employer, half are sure of a wrong one: clamping would say 2 bits.
    nats = np.zeros((10, 5))
    nats[:, 1] = math.log(10)
    nats[::2, 3] = 30 * LN2
    known = measure(table_of(BIOS, nats))
    assert known.bits_per_person.min() < -10
    assert known.bits.value == pytest.approx(10 * 5 - 5 * 30)
    assert known.bits_per_person.mean() * 10 == pytest.approx(known.bits.total)
    assert known.bits.total < np.maximum(known.bits_per_person, 0).sum()


@pytest.mark.parametrize(
    ("column", "nats", "message"),
    [
        (1, math.log(50) - 0.01, r"p1=3\.90202 nats is below 3\.91202"),
        (3, -0.01, r"employer of person 0 is -0\.01 nats, below 0 \(and 49 others\)"),
        (1, math.nan, "name of person 0 is not finite"),
        (3, math.inf, "employer of person 0 is not finite"),
    ],
)
def test_impossible_scores_are_refused(column, nats, message):
    table = table_of(BIOS, np.full((50, 5), math.log(50)) * [0, 1, 0, 0, 0])
    measure(table)
    table.nats[:, column] = nats
    with pytest.raises(ValueError, match=message):
        measure(table)


@pytest.mark.parametrize("column", range(6))
def test_a_single_negative_loss_is_refused(column):
    nats = np.array([[9.0] * 6, [9.0] * 6])
    nats[1, column] = -1e-5  # a float32 softmax rounds so
    table = table_of(BIOD, nats)
    measure_capacity(BIOD_COUNTS, BIOD, table, parameters=1)
    table.nats[1, column] = -0.1
    message = rf"of {BIOD[column].name} of person 1 is -0\.1 nats, below 0 \(and 0 oth"
    with pytest.raises(ValueError, match=message):
        measure_capacity(BIOD_COUNTS, BIOD, table, parameters=1)


def test_a_sample_may_hold_favorite_names_by_chance():
    # p1 of these 40 of 400 lies below ln 400, but within what sampling explains.
    nats = np.zeros((40, 5))
    nats[:, 1] = np.tile([4.0, 7.5], 20)
    sample = table_of(BIOS, nats, population=400)
    assert measure(sample).p1 < math.log(400)
    nats[:, 1] = 4.0
    with pytest.raises(ValueError, match="the score is wrong"):
        measure(sample)


def test_a_pronoun_that_is_never_written_is_refused():
    table = table_of(BIOS, np.full((4, 5), 2.0))
    table.counts[1:, 2] = 0
    message = r"pronoun is never written in the document of person 1 \(and 2 others\)"
    with pytest.raises(ValueError, match=message):
        measure(table)


def test_strings_never_shown_are_warned_of():
    counts = Counts(2, 64, 2, value_bits=3 * 8, diversity=8, chunks=3, string_bits=6)
    table = table_of(BIOD, np.full((2, 6), 1.0))
    with pytest.warns(UserWarning, match=r"D=8 .* only N C=6 .* never shown"):
        measure_capacity(counts, BIOD, table, parameters=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parameters": 0}, "parameters=0"),
        ({"labels": BIOS[:4]}, "labels .* are not the corpus'"),
        ({"counts": bios_counts(5)}, "2 labelled attributes of 4 people"),
        ({"counts": Counts(4, 99, 6, 9.0)}, "the world has 6 of 4"),
    ],
)
def test_tables_of_other_worlds_are_refused(change, message):
    given = {"counts": bios_counts(4), "labels": BIOS, "parameters": 1} | change
    with pytest.raises(ValueError, match=message):
        measure_capacity(table=table_of(BIOS, np.full((4, 5), 2.0)), **given)


def random_table(rng, people):
    """Skewed losses, the name's and the values' correlated."""
    nats = rng.exponential(1.0, (people, 5))
    nats[:, 1] += math.log(people) + nats[:, 3]
    return table_of(BIOS, nats, correct=rng.random((people, 5)) < 0.3)


def rows_of(table, people):
    parts = {k: getattr(table, k)[people] for k in ("nats", "correct", "counts")}
    return dataclasses.replace(table, people=people, **parts)


def test_sampling_error_covers_the_whole_world():
    rng = np.random.default_rng(0)
    whole = random_table(rng, 400)
    true = measure(whole)
    assert true.sampling_error.total == 0
    assert true.accuracy_error["employer"] == 0
    z = {"total": [], "value": [], "accuracy": []}
    for _ in range(400):
        people = np.sort(rng.choice(400, 150, replace=False))
        known = measure(rows_of(whole, people))
        for part in ("total", "value"):
            miss = getattr(known.bits, part) - getattr(true.bits, part)
            z[part].append(miss / getattr(known.sampling_error, part))
        miss = known.accuracy["employer"] - true.accuracy["employer"]
        z["accuracy"].append(miss / known.accuracy_error["employer"])
    for scores in z.values():
        covered = np.mean(np.abs(scores) < 1.96)
        assert 0.91 < covered < 0.98
        assert np.std(scores) == pytest.approx(1, abs=0.12)


def test_people_error_bounds_what_wording_does():
    # Each of 100 people has a loss of its own, and one more in each wording.
    rng = np.random.default_rng(2)
    own = rng.exponential(1.0, (100, 1))
    bits, errors = [], []
    for _ in range(400):
        nats = np.zeros((100, 5))
        nats[:, 3:4] = own + rng.exponential(0.5, (100, 1))
        nats[:, 1] = 9.0
        known = measure(table_of(BIOS, nats))
        assert known.sampling_error.total == 0
        bits.append(known.bits.total)
        errors.append(known.people_error.total)
    # N people, each with the wording's variance.
    assert np.std(bits) == pytest.approx(math.sqrt(100) * 0.5 / LN2, rel=0.1)
    assert np.std(bits) < 0.6 * np.mean(errors)


def test_nobody_right_of_a_sample_is_no_certainty():
    nats = np.full((49, 5), 21.0)
    known = measure(table_of(BIOS, nats, population=10**9, correct=False))
    assert known.accuracy["employer"] == 0
    assert known.accuracy_error["employer"] == pytest.approx(0.01, rel=1e-6)
    everybody = measure(table_of(BIOS, nats, population=10**9))
    assert everybody.accuracy_error == pytest.approx(known.accuracy_error)
    half = measure(table_of(BIOS, nats, population=98, correct=False))
    assert half.accuracy_error["employer"] == pytest.approx(1 / (2 * 99))
    assert set(measure(table_of(BIOS, nats)).accuracy_error.values()) == {0.0}


@given(st.integers(0, 40), st.integers(1, 40), st.floats(0.1, 1))
def test_share_error_is_half_of_wilsons_interval(right, wrong, rest):
    # Its ends are the shares p of which what was found is one standard error away.
    n, found = right + wrong, right / (right + wrong)
    m = n / rest**2
    ends = np.roots([1 + 1 / m, -2 * found - 1 / m, found**2])
    hits = np.repeat([1.0, 0.0], [right, wrong])
    assert share_error(hits, rest) == pytest.approx(np.ptp(ends) / 2, rel=1e-6)
    alike = share_error(hits, rest, np.full(n, 0.3))
    assert alike == pytest.approx(share_error(hits, rest))


def test_people_error_covers_other_worlds():
    rng = np.random.default_rng(1)
    known = [measure(random_table(rng, 200)) for _ in range(400)]
    bits = np.array([k.bits.total for k in known])
    errors = np.array([k.people_error.total for k in known])
    covered = np.mean(np.abs(bits - bits.mean()) < 1.96 * errors)
    assert 0.91 < covered < 0.98
    assert errors.mean() == pytest.approx(bits.std(), rel=0.12)
    parts = known[0].people_error
    assert parts.total > math.hypot(parts.name, parts.value)  # they are correlated


def test_one_person_has_no_standard_error():
    table = table_of(BIOS, np.full((1, 5), 9.0), population=2)
    known = measure(table)
    assert math.isnan(known.sampling_error.total)
    assert known.summary()["people"] == 1


def test_a_summary_is_plain_numbers():
    table = table_of(BIOS, np.full((4, 5), 2.0))
    row = measure(table, parameters=8).summary()
    assert row["bits"]["total"] == pytest.approx(row["bits_per_param"] * 8)
    assert json.loads(json.dumps(row)) == row
    assert row["population"] == 4
