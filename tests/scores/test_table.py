"""Score tables: sums by label, files, and what is refused."""

import numpy as np
import pytest

from kscale.scores import ScoreTable
from kscale.scores.table import sum_by_label

LABELS = ("text", "name", "city")


def make(people, population=10, seed=None):
    n = len(people)
    nats = np.arange(3.0 * n).reshape(n, 3)
    counts = np.ones((n, 3), np.int32)
    return ScoreTable(
        np.array(people), nats, nats % 2 == 0, counts, LABELS, population, seed
    )


def equal(a, b):
    arrays = ("people", "nats", "correct", "counts")
    return all(np.array_equal(getattr(a, k), getattr(b, k)) for k in arrays) and (
        (a.labels, a.population, a.sample_seed)
        == (b.labels, b.population, b.sample_seed)
    )


def test_sums_by_hand():
    nats = np.array([[1.0, 2.0, 4.0, 8.0], [0.5, 0.25, 0.125, 9.0]], np.float32)
    correct = np.array([[True, True, False, True], [True, True, True, False]])
    labels = np.array([[0, 1, 1, 2], [1, 1, 2, 255]], np.uint8)
    sums, right, counts = sum_by_label(nats, correct, labels, 3)
    np.testing.assert_array_equal(sums, [[1, 6, 8], [0, 0.75, 0.125]])
    np.testing.assert_array_equal(right, [[True, False, True], [True, True, True]])
    np.testing.assert_array_equal(counts, [[1, 2, 1], [0, 2, 1]])


def test_sums_are_float64():
    nats = np.full((1, 3), 0.1, np.float32)
    nats[0, 0] = 2e7  # a float32 sum would lose the rest
    sums, _, _ = sum_by_label(nats, nats > 0, np.ones((1, 3), np.uint8), 2)
    assert sums[0, 1] == 2e7 + 2 * float(np.float32(0.1))


@pytest.mark.parametrize("seed", [None, 7])
def test_a_table_is_read_as_it_was_written(tmp_path, seed):
    table = make([2, 3, 9], seed=seed)
    table.save(tmp_path / "scores.npz")
    assert equal(ScoreTable.load(tmp_path / "scores.npz"), table)
    assert [path.name for path in tmp_path.iterdir()] == ["scores.npz"]


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"PK\x03\x04broken"])
def test_a_broken_file_is_refused(tmp_path, content):
    (tmp_path / "scores.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"Scores .*scores\.npz cannot be read"):
        ScoreTable.load(tmp_path / "scores.npz")
    np.savez(tmp_path / "scores.npz", people=np.arange(3))
    with pytest.raises(ValueError, match=r"scores\.npz is not a score table"):
        ScoreTable.load(tmp_path / "scores.npz")


def test_refused_tables():
    with pytest.raises(ValueError, match="not strictly ascending"):
        make([3, 1])
    with pytest.raises(ValueError, match="11 people from 0 on are not among the 10"):
        make(range(11))
    with pytest.raises(ValueError, match="2 people from -1 on are not among the 10"):
        make([-1, 3])
    assert len(make([3, 10]).people) == 2  # of a corpus that skips some of its world
    t = make([1, 2])
    with pytest.raises(ValueError, match=r"nats has shape \(1, 3\).*need \(2, 3\)"):
        ScoreTable(t.people, t.nats[:1], t.correct, t.counts, LABELS, 10)
