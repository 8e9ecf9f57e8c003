"""Rows by hand: what opens a document, and where its name is scored."""

import types

import numpy as np
import pytest

from kscale.corpora import Label
from kscale.data import PAD, Documents
from kscale.data.encoding import Longer
from kscale.scores.documents import batches

KINDS = (
    Label("text", "text"),
    Label("name", "name"),
    Label("job", "value", 0),
    Label("city", "derived", 0),
)
EOS, DOMAIN = 7, 9


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Lengths are multiples of 4."""
    monkeypatch.setattr("kscale.scores.documents.MULTIPLE", 4)


def rows_of(documents, prefix, opening=None, **longer):
    """All rows of documents that are lists of (token, label), without their prefix."""
    opening = [(token, 0) for token in opening or prefix]
    texts = [opening + one for one in documents]
    flat = np.array([pair for one in texts for pair in one])
    pool = types.SimpleNamespace(
        eos=EOS,
        prefix=np.array(prefix, np.int32),
        longer={int(label[1:]): one for label, one in longer.items()},
        compose=lambda plan: Documents(
            flat[:, 0].astype(np.int32),
            flat[:, 1].astype(np.uint8),
            np.array([len(one) for one in texts]),
        ),
    )
    corpus = types.SimpleNamespace(
        labels=KINDS, score_plan=lambda people, seed: np.ones((len(people), 1), int)
    )
    return list(batches(corpus, pool, np.arange(len(texts)), lambda _: 1))


def test_what_comes_behind_the_last_counted_token_is_padding():
    (row,) = rows_of([JANE[:3]], [EOS, DOMAIN])
    assert row.tokens.tolist() == [[7, 9, 1, 2, 5]]
    assert row.counted.tolist() == [[True] * 4]
    (row,) = rows_of([JANE], [EOS, DOMAIN])
    # The last token is a target alone; nobody reads what stands behind it.
    assert row.counted.tolist() == [[True] * 5 + [False] * 3]


JANE = [(1, 1), (2, 1), (5, 0), (3, 2)]  # "Jane Doe" "works as a" "baker"
LATE = [(6, 0), *JANE]  # "The" "Jane Doe" ...


@pytest.mark.parametrize(
    ("document", "prefix", "rows"),
    [
        (JANE, [EOS], [([7, 1, 2, 5, 3], [PAD, 1, 1, 0, 2])]),
        # One token more: the row grows, the domain token is given and is not scored.
        (
            JANE,
            [EOS, DOMAIN],
            [([7, 9, 1, 2, 5, 3, 7, 7, 7], [PAD, PAD, 1, 1, 0, 2, PAD, PAD, PAD])],
        ),
        # A late name gets a row of its own, behind the whole prefix.
        (
            LATE,
            [EOS, DOMAIN],
            [
                ([7, 9, 6, 1, 2, 5, 3, 7, 7], [PAD, PAD, 0, 0, 0, 0, 2, PAD, PAD]),
                ([7, 9, 1, 2, 7], [PAD, PAD, 1, 1, PAD]),
            ],
        ),
        (
            LATE[:4],
            [EOS],
            [
                ([7, 6, 1, 2, 5], [PAD, 0, 0, 0, 0]),
                ([7, 1, 2, 7, 7], [PAD, 1, 1, PAD, PAD]),
            ],
        ),
    ],
    ids=["after EOS", "after the domain token", "late", "late without a domain"],
)
def test_rows_by_hand(document, prefix, rows):
    found = rows_of([document], prefix)
    assert [one.slots.tolist() for one in found] == [[0]] * len(rows)
    shown = [(one.tokens[0].tolist(), one.labels[0].tolist()) for one in found]
    assert shown == rows


@pytest.mark.parametrize("prefix", [[EOS], [EOS, DOMAIN]])
def test_late_names_of_several_lengths(prefix):
    # A name of three tokens beside one of two: each is whole, and only once.
    long = [(6, 0), (1, 1), (2, 1), (4, 1), (3, 2)]
    named = {}
    for row in rows_of([LATE, long, JANE], prefix):
        at = row.labels[0] == 1
        if at.any():
            named[row.slots[0]] = row.tokens[0][at].tolist()
            assert at.argmax() == len(prefix)
            assert row.tokens[0][: len(prefix)].tolist() == prefix
    assert named == {0: [1, 2], 1: [1, 2, 4], 2: [1, 2]}


@pytest.mark.parametrize("wrong", [[DOMAIN, EOS], [EOS, 8]])
def test_another_prefix_is_refused(wrong):
    message = r"must begin with EOS and, .* the domain token, \[7, 9\]"
    with pytest.raises(ValueError, match=message):
        rows_of([JANE], [EOS, DOMAIN], opening=wrong)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([(3, 2), (1, 1)], "job comes before name in the document of person 1"),
        ([(1, 1), (3, 2), (4, 3)], "job comes before city in the document of person 1"),
    ],
)
def test_a_document_that_gives_a_piece_away_is_refused(document, message):
    with pytest.raises(ValueError, match=message):
        rows_of([[(1, 1), (4, 3), (3, 2)], document], [EOS])


def test_a_row_for_each_longer_value():
    longer = Longer({(3,): ((4, 6), (8,))}, whole=True)
    row, other, third = rows_of([JANE], [EOS, DOMAIN], _2=longer)
    assert row.tokens.tolist() == [[7, 9, 1, 2, 5, 3, 7, 7, 7]]
    assert row.labels.tolist() == [[PAD, PAD, 1, 1, 0, 2, PAD, PAD, PAD]]
    assert other.tokens.tolist() == [[7, 9, 1, 2, 5, 3, 4, 6, 7]]
    assert other.labels.tolist() == [[PAD, PAD, 0, 0, 0, 0, 2, 2, PAD]]
    assert third.tokens.tolist() == [[7, 9, 1, 2, 5, 3, 8, 7, 7]]
    assert [one.longer.tolist() for one in (row, other, third)] == [[0], [2], [2]]
    assert [one.slots.tolist() for one in (row, other, third)] == [[0], [0], [0]]


def test_a_late_name_is_told_as_a_longer_one_in_its_own_row():
    longer = Longer({(1, 2): ((4,),)}, whole=True)
    rows = rows_of([LATE], [EOS], _1=longer)
    found = [(x.tokens[0].tolist(), x.longer[0]) for x in rows]
    assert found[1:] == [([7, 1, 2, 7, 7], 0), ([7, 1, 2, 4, 7], 1)]


def test_a_value_whose_longer_ones_are_not_listed_pays_for_the_token_behind_it():
    longer = Longer({}, whole=False, unlisted=True)
    (row,) = rows_of([JANE], [EOS], _2=longer)
    assert row.tokens[0].tolist() == [7, 1, 2, 5, 3, 7, 7, 7, 7]
    assert row.labels[0].tolist() == [PAD, 1, 1, 0, 2, 2, PAD, PAD, PAD]
    (row,) = rows_of([[*JANE, (4, 0)]], [EOS], _2=longer)
    assert row.labels[0].tolist()[:6] == [PAD, 1, 1, 0, 2, 2]
