"""Classes and pieces by hand, and against the capacity of the same table."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kscale.corpora import Label
from kscale.scores import (
    ScoreTable,
    measure_capacity,
    person_accuracy,
    summarize_classes,
    summarize_pieces,
)
from kscale.worlds import Counts

LN2 = math.log(2)
LABELS = (
    Label("text", "text"),
    Label("name", "name"),
    Label("job", "value", 0),
    Label("city", "value", 1),
    Label("state", "derived", 1),
)
BIOD = (
    Label("text", "text"),
    Label("name", "name"),
    *(Label(f"ID {k + 1}", kind, k) for k in (0, 1) for kind in ("value1", "value")),
)


def table_of(bits, right, labels=LABELS, population=None):
    bits = np.asarray(bits, float)
    n = len(bits)
    return ScoreTable(
        people=np.arange(n),
        nats=bits * LN2,
        correct=np.asarray(right, bool),
        counts=np.ones(bits.shape, np.int32),
        labels=tuple(one.name for one in labels),
        population=population or n,
    )


# Columns: text, name, job, city, state. Values of 2 and 3 bits; the state was told
# before the city, as a part of its 1, 1, 3 and 6 bits.
FOUR = table_of(
    [[9, 8, 0, 0.5, 0.5], [9, 8, 2, 1, 0], [9, 8, 2, 1, 2], [9, 8, 2, 5, 1]],
    [[0, 1, 1, 1, 1], [0, 1, 0, 1, 1], [0, 1, 0, 0, 1], [0, 0, 0, 0, 0]],
)
COUNTS = Counts(4, 1024, 2, value_bits=5.0)


def test_two_classes_by_hand():
    rows = summarize_classes(
        COUNTS, LABELS, FOUR, [0, 0, 1, 1], [5, 3, 1, 0], [50, 30, 10, 1]
    )
    often, seldom = rows
    assert often["frequency_class"] == 0
    assert (often["people"], often["mass"], often["visits"]) == (2, 8, 40)
    assert often["loss_bits"] == pytest.approx((1 + 3) / 2)
    assert often["visit_loss_bits"] == pytest.approx((5 * 1 + 3 * 3) / 8)
    assert often["bits"] == pytest.approx(5 - 1 + 5 - 3)
    assert often["accuracy"] == pytest.approx((1 + 0.5) / 2)
    assert often["visit_accuracy"] == pytest.approx((5 * 1 + 3 * 0.5) / 8)
    assert often["accuracy_by_piece"] == {"name": 1, "job": 0.5, "city": 1, "state": 1}
    assert often["visit_accuracy_by_piece"]["job"] == pytest.approx(5 / 8)
    assert often["loss_bits_error"] == pytest.approx(1)  # sd of 1 and 3, over sqrt 2
    assert seldom["loss_bits"] == pytest.approx((5 + 8) / 2)
    assert seldom["visit_loss_bits"] == pytest.approx(5)  # the last is never seen
    assert seldom["bits"] == pytest.approx(5 - 5 + 5 - 8)  # not clipped
    assert seldom["accuracy_by_piece"]["state"] == 0.5


def test_pieces_by_hand():
    rows = {row["piece"]: row for row in summarize_pieces(LABELS, FOUR, [5, 3, 1, 0])}
    assert list(rows) == ["name", "job", "city", "state"]
    assert [row["kind"] for row in rows.values()] == (
        ["name", "value", "value", "derived"]
    )
    assert rows["job"]["loss_bits"] == pytest.approx(6 / 4)
    assert rows["job"]["visit_loss_bits"] == pytest.approx((3 * 2 + 1 * 2) / 9)
    assert (rows["job"]["accuracy"], rows["city"]["accuracy"]) == (0.25, 0.5)
    assert rows["city"]["visit_accuracy"] == pytest.approx(8 / 9)
    assert rows["city"]["loss_bits_error"] == pytest.approx(
        np.std([1, 1, 3, 6], ddof=1) / 2
    )
    assert rows["name"]["people"] == 4


def test_a_value_of_two_chunks_is_one_piece():
    table = table_of(
        [[9, 8, 1, 2, 0, 0], [9, 8, 0, 0, 4, 1]],
        [[0, 1, 1, 0, 1, 1], [0, 1, 1, 1, 0, 1]],
        BIOD,
    )
    counts = Counts(2, 64, 2, value_bits=12, diversity=4, chunks=3, string_bits=6)
    (row,) = summarize_classes(counts, BIOD, table, [3, 3], [1, 1])
    assert row["frequency_class"] == 3
    assert row["loss_bits"] == pytest.approx((3 + 5) / 2)
    assert row["bits"] == pytest.approx(2 * 12 - 8)
    assert row["accuracy_by_piece"] == {"name": 1, "ID 1": 0.5, "ID 2": 0.5}
    assert person_accuracy(BIOD, table).tolist() == [0.5, 0.5]
    first, second = summarize_pieces(BIOD, table, [1, 1])[1:]
    assert (first["loss_bits"], second["loss_bits"]) == pytest.approx((1.5, 2.5))


def test_what_a_document_does_not_state_is_not_judged():
    table = table_of(FOUR.nats / LN2, FOUR.correct)
    table.counts[2:, 4] = 0
    rows = summarize_classes(COUNTS, LABELS, table, [0, 0, 0, 1], [1, 1, 2, 1])
    assert rows[0]["accuracy_by_piece"]["state"] == 1  # of the two who have one
    assert math.isnan(rows[1]["accuracy_by_piece"]["state"])
    state = summarize_pieces(LABELS, table, [1, 1, 2, 1])[-1]
    assert (state["people"], state["accuracy"]) == (2, 1)
    table.counts[:, 4] = 0
    assert summarize_pieces(LABELS, table, [1, 1, 2, 1])[-1]["piece"] == "city"
    table.counts[0, 2:4] = 0
    assert math.isnan(person_accuracy(LABELS, table)[0])
    assert person_accuracy(LABELS, table)[1:].tolist() == [0.5, 0, 0]


def test_a_class_of_one_and_a_class_never_met():
    rows = summarize_classes(COUNTS, LABELS, FOUR, [0, 1, 1, 1], [1, 0, 0, 0])
    assert rows[0]["loss_bits"] == rows[0]["visit_loss_bits"] == pytest.approx(1)
    assert math.isnan(rows[0]["loss_bits_error"])
    assert math.isnan(rows[0]["visits"])
    assert math.isnan(rows[1]["visit_loss_bits"])
    assert rows[1]["loss_bits"] == pytest.approx(16 / 3)


@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(1, 5))
def test_classes_add_up_to_the_capacity(seed, n, classes):
    rng = np.random.default_rng(seed)
    bits = np.concatenate(
        [np.full((n, 2), 40.0), rng.exponential(2.0, (n, 2)), np.ones((n, 1))], axis=1
    )
    table = table_of(bits, rng.random((n, 5)) < 0.5, population=4 * n)
    counts = Counts(4 * n, 1024, 2, value_bits=5.0)
    weights, which = rng.random(n) + 0.1, rng.integers(0, classes, n)
    rows = summarize_classes(counts, LABELS, table, which, weights)
    known = measure_capacity(counts, LABELS, table, parameters=1)
    assert sum(row["bits"] for row in rows) == pytest.approx(known.bits.value)
    for piece, share in known.accuracy.items():
        of_all = sum(row["people"] * row["accuracy_by_piece"][piece] for row in rows)
        assert of_all / n == pytest.approx(share)
    # All people as one class: the plain loss is p2, the weighted one a weighted mean.
    (one,) = summarize_classes(counts, LABELS, table, np.zeros(n, int), weights)
    assert one["loss_bits"] == pytest.approx(known.p2 / LN2)
    of_all = sum(row["mass"] * row["visit_loss_bits"] for row in rows)
    assert of_all / weights.sum() == pytest.approx(one["visit_loss_bits"])
    pieces = summarize_pieces(LABELS, table, weights)
    values = [row for row in pieces if row["kind"] == "value"]
    for what in ("loss_bits", "visit_loss_bits"):
        assert sum(row[what] for row in values) == pytest.approx(one[what])
    for what in ("accuracy", "visit_accuracy"):
        assert np.mean([row[what] for row in values]) == pytest.approx(one[what])
    # Equal weights weigh nothing.
    (even,) = summarize_classes(
        counts, LABELS, table, np.zeros(n, int), np.full(n, 0.3)
    )
    for what in ("loss_bits", "loss_bits_error", "accuracy", "accuracy_error"):
        assert even["visit_" + what] == pytest.approx(even[what], nan_ok=True)


def test_errors_are_those_of_repeated_draws():
    rng = np.random.default_rng(1)
    found = []
    for _ in range(400):
        bits = rng.exponential(2.0, (60, 5))
        weights = rng.exponential(1.0, 60)
        right = rng.random((60, 5)) < 0.4
        (row,) = summarize_classes(
            Counts(60, 1024, 2, value_bits=5.0),
            LABELS,
            table_of(bits, right),
            np.zeros(60),
            weights,
        )
        found.append(row)
    for what in ("loss_bits", "visit_loss_bits", "accuracy", "visit_accuracy"):
        spread = np.std([row[what] for row in found])
        said = np.mean([row[what + "_error"] for row in found])
        assert said == pytest.approx(spread, rel=0.12)


def test_rows_are_plain():
    rows = summarize_classes(
        COUNTS, LABELS, FOUR, [0, 0, 1, 1], [5, 3, 1, 1], [5, 3, 1, 1]
    )
    pieces = summarize_pieces(LABELS, FOUR, np.ones(4))
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert json.loads(json.dumps(pieces, allow_nan=False)) == pieces


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": [0] * 3}, r"classes has shape \(3,\); 4 people scored need"),
        ({"classes": [0, 0, 0, -1]}, r"classes\[3\]=-1; must be finite and at least 0"),
        ({"classes": [0, 0, 0, 0.5]}, "float64 must be whole numbers"),
        ({"weights": [1, 1, -2, 1]}, r"weights\[2\]=-2.0; must be finite"),
        ({"weights": [[1] * 4]}, r"weights has shape \(1, 4\)"),
        ({"visits": [1, 2, 3, math.inf]}, r"visits\[3\]=inf"),
        ({"labels": LABELS[:4]}, "the table's labels .* are not"),
        ({"counts": Counts(5, 9, 2, 5.0)}, "2 labelled attributes of 4 people"),
        ({"table": table_of(np.ones((0, 5)), np.ones((0, 5)))}, "0 people scored"),
    ],
)
def test_refused_arguments(change, message):
    given = {"counts": COUNTS, "labels": LABELS, "table": FOUR}
    given |= {"classes": [0] * 4, "weights": [1] * 4} | change
    with pytest.raises(ValueError, match=f"summarize_classes: .*{message}"):
        summarize_classes(**given)


def test_refused_arguments_of_pieces():
    with pytest.raises(ValueError, match=r"summarize_pieces: the table's labels"):
        summarize_pieces(BIOD, FOUR, [1] * 4)
    with pytest.raises(ValueError, match=r"summarize_pieces: weights has shape \(1,\)"):
        summarize_pieces(LABELS, FOUR, [1])
