"""Laws: literal weights, the sticks' closed form, files, and what is refused."""

import numpy as np
import pytest

from kscale import theory
from kscale.worlds import Law


def test_weights_by_hand():
    """1, 1/2, 1/3 of a whole of 11/6; with a bias of 1 and a = 2: 1/4, 1/9."""
    assert Law().frequencies(4, seed=0).tolist() == [0.25] * 4
    assert Law("zipf", exponent=0.0).frequencies(4, 0).tolist() == [0.25] * 4
    assert Law("zipf", exponent=1e6).frequencies(3, 0).tolist() == [1.0, 0.0, 0.0]
    assert Law("restaurant").frequencies(10, 0) is None  # it depends on the visits
    zipf = Law("zipf", exponent=1.0, bias=0.0)
    assert zipf.frequencies(3, 0) == pytest.approx([6 / 11, 3 / 11, 2 / 11])
    biased = Law("zipf", exponent=2.0, bias=1.0)
    assert biased.frequencies(2, 0) == pytest.approx([9 / 13, 4 / 13])


@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 1.5), (0.3, 1.0), (0.3, -0.2)])
def test_sticks_have_their_mean_weights(alpha, beta):
    """3000 sticks leave 1e-7 of the whole, so normalizing them shows nowhere."""
    law = Law("pitman_yor", discount=alpha, concentration=beta)
    drawn = np.array([law.frequencies(3000, seed)[:12] for seed in range(600)])
    mean = theory.pitman_yor.stick_weight(np.arange(1, 13), alpha, beta)
    error = drawn.std(axis=0) / np.sqrt(len(drawn))
    assert np.all(np.abs(drawn.mean(axis=0) - mean) < 4 * error)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.99, 1 - 1e-12])
def test_sticks_of_any_discount_are_weights(alpha):
    """Near 1 every stick underflows, and only the logarithms can be normalized."""
    law = Law("pitman_yor", discount=alpha, concentration=-alpha / 2 or 1.0)
    found = law.frequencies(2000, seed=5)
    assert found.sum() == pytest.approx(1)
    assert found.min() >= 0
    assert found.max() > 0
    assert np.array_equal(found, law.frequencies(2000, seed=5))
    assert not np.array_equal(found, law.frequencies(2000, seed=6))


def test_sticks_fall_like_the_power_law_of_the_discount():
    """The k-th largest of PYP(1/2) falls like k^-2."""
    found = -np.sort(-Law("pitman_yor").frequencies(100_000, 0))
    slope = np.polyfit(np.log([30, 3000]), np.log(found[[29, 2999]]), 1)[0]
    assert slope == pytest.approx(-2, abs=0.15)


def test_weights_of_a_file(tmp_path, monkeypatch):
    np.save(tmp_path / "weights.npy", np.array([3, 0, 1]))
    (tmp_path / "weights.txt").write_text("3\n0\n1e0\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in (tmp_path / "weights.npy", tmp_path / "weights.txt", "~/weights.txt"):
        assert Law("file", path=str(path)).frequencies(3, 0).tolist() == [0.75, 0, 0.25]
    (tmp_path / "weights.txt").write_text("1e308\n0\n1e308\n")
    huge = Law("file", path="~/weights.txt").frequencies(3, 0)
    assert huge.tolist() == [0.5, 0, 0.5]
    law = Law("file", path=str(tmp_path / "none.txt"))
    with pytest.raises(ValueError, match=r"law.path=.* must be a file of weights"):
        law.frequencies(3, 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.array([1, 2j, 3]), "be a .npy array: its numbers are complex128"),
        (np.array(["1", "2", "3"]), "be a .npy array: its numbers are <U1"),
        (np.array([1, np.nan, 3]), "but number 2 is nan"),
        (b"\x93NUMPY\x01\0\x04\0({'\n", "must hold one number a line or be a .npy"),
        (b"PK\x05\x06" + bytes(18), "must hold one number a line or be a .npy"),
        (b"", r"must hold one number a line or be a .npy"),
        ("1\n2\n", r"must hold people=3 weights, one each, but its shape is \(2,\)"),
        ("1\n-2\n3\n", "least 0 that are not all 0, but number 2 is -2.0"),
        ("0\n0\n0\n", "that are not all 0, but they all are"),
        ("1\ninf\n1\n", "must hold finite weights .* but number 2 is inf"),
        ("1\n1\nnan\n", "must hold finite weights .* but number 3 is nan"),
        ("", r"must hold people=3 weights, one each, but its shape is \(0,\)"),
        ("1\n2+1j\n3\n", "must hold one number a line or be a .npy array: could not"),
        ("1\ntwo\n3\n", "must hold one number a line or be a .npy array: could not"),
        ("1 2\n3 4\n5 6\n", r"its shape is \(3, 2\)"),
    ],
)
def test_files_that_are_no_weights(tmp_path, content, message):
    path = tmp_path / ("weights.txt" if isinstance(content, str) else "weights.npy")
    if isinstance(content, np.ndarray):
        np.save(path, content)
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ValueError, match=message):
        Law("file", path=str(path)).frequencies(3, 0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "uniform"}, "law.kind=uniform must be one of exact, zipf, pitman_y"),
        ({"exponent": -0.1}, "law.exponent=-0.1 must be at least 0"),
        ({"exponent": float("nan")}, "law.exponent=nan must be a finite number"),
        ({"bias": float("inf")}, "law.bias=inf must be a finite number"),
        ({"exponent": "2"}, "law.exponent='2' must be a finite number"),
        ({"bias": -1.0}, "law.bias=-1.0 must be above -1"),
        ({"discount": 1.0}, r"law.discount=1.0 must be in \[0, 1\)"),
        ({"concentration": -0.5}, "concentration=-0.5 must be above minus the disc"),
        ({"kind": "file"}, "law.path='' must be the file of the weights"),
    ],
)
def test_fields_out_of_range(fields, message):
    with pytest.raises(ValueError, match=message):
        Law(**fields)
