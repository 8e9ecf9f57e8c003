"""Numbers, lists, ranges and files as arguments of a solver."""

from collections.abc import Callable

import numpy as np
import pytest

from kscale.cli import theory_arguments


def law(n, alpha: float, kind="exact", bound=False, size: int = 3, p=None):
    """A solver to read arguments for."""


law.static = ("size",)  # type: ignore[attr-defined]


def simulation(
    size: int,
    rng: np.random.Generator,
    player: Callable[[int], int] | None = None,
    shape: tuple[int, ...] = (),
):
    """A simulator to read arguments for."""


def read(**texts):
    return theory_arguments.read(law, {"n": "1", "alpha": "0.5"} | texts)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1e6", 1e6),
        ("-0.25", -0.25),
        ("1,10,1e2", [1, 10, 100]),
        ("4,", [4]),
        ("1:1000:4", [1, 10, 100, 1000]),
        ("1000:1:4", [1000, 100, 10, 1]),
        ("1:4:+1", [1, 2, 3, 4]),
        ("-1:0:+0.5", [-1, -0.5, 0]),
    ],
)
def test_numbers(text, value):
    np.testing.assert_allclose(read(n=text)["n"], value, rtol=1e-14)


def test_kinds_follow_the_parameter():
    got = read(kind="paper", bound="true", size="1e3")
    assert got == {"n": 1, "alpha": 0.5, "kind": "paper", "bound": True, "size": 1000}
    assert type(got["size"]) is int
    assert type(got["n"]) is int
    assert type(got["alpha"]) is float
    assert theory_arguments.read(simulation, {"size": "5", "seed": "7"}) == {
        "size": 5,
        "seed": 7,
    }


@pytest.mark.parametrize("name", ["p.npy", "p.txt"])
def test_files(name, tmp_path):
    path = tmp_path / name
    np.save(path, [0.25, 0.75]) if name == "p.npy" else path.write_text("0.25\n0.75\n")
    assert read(p=f"@{path}")["p"].tolist() == [0.25, 0.75]
    np.save(path, []) if name == "p.npy" else path.write_text("")
    with pytest.raises(ValueError, match="there is no number"):
        read(p=f"@{path}")
    np.save(tmp_path / "c.npy", [1j])
    with pytest.raises(ValueError, match="numbers are needed, the file has complex128"):
        read(p=f"@{tmp_path / 'c.npy'}")
    for data in (b"", b"\x93NUMPY\x01\0\x04\0({'\n", b"PK\x05\x06" + bytes(18)):
        (tmp_path / "cut.npy").write_bytes(data)
        with pytest.raises(ValueError, match=r"cut\.npy"):
            read(p=f"@{tmp_path / 'cut.npy'}")


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"aplha": "1"}, "unknown argument --aplha: did you mean 'alpha'"),
        ({"n": "many"}, "--n=many: could not convert string to float"),
        ({"n": "0:10:3"}, "--n=0:10:3: LOW:HIGH:COUNT needs LOW, HIGH > 0"),
        ({"n": "1:10:1"}, "COUNT > 1"),
        ({"n": "4:1:+1"}, "needs LOW <= HIGH"),
        ({"n": "1,x"}, "--n=1,x: could not convert"),
        ({"bound": "maybe"}, "--bound=maybe: write true or false"),
        ({"p": "@/nowhere.txt"}, "--p=@/nowhere.txt: .*not found"),
        ({"n": ","}, "--n=,: could not convert string to float"),
        ({"n": "1,,2"}, "--n=1,,2: could not convert"),
        ({"n": "true"}, "--n=true: could not convert"),
        ({"n": "1:1e12:+1"}, r"at most 10,000,000 points, got 1e\+12"),
        ({"n": "1:1e9:99999999999"}, "at most 10,000,000 points"),
        ({"n": "1:inf:5"}, "LOW, HIGH > 0"),
        ({"n": "0:inf:+1"}, "needs LOW <= HIGH"),
        ({"size": "10,20"}, "--size=10,20: give one value"),
    ],
)
def test_what_cannot_be_read_is_named(texts, message):
    with pytest.raises(ValueError, match=message):
        read(**texts)


@pytest.mark.parametrize("seed", ["-1", "1.5", "1,2", "x"])
def test_seeds_are_whole_numbers(seed):
    with pytest.raises(ValueError, match=f"--seed={seed}: "):
        theory_arguments.read(simulation, {"size": "3", "seed": seed})


def test_functions_and_shapes_are_not_typed_and_missing_arguments_are_named():
    assert list(theory_arguments.parameters(simulation)) == ["size", "seed"]
    with pytest.raises(ValueError, match="law needs --n and --alpha"):
        theory_arguments.read(law, {"size": "3"})
    with pytest.raises(ValueError, match="simulation needs --size"):
        theory_arguments.read(simulation, {})
