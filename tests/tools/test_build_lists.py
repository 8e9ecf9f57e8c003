"""What tools/build_lists.py computes; its sources are not needed."""

import importlib
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        yield importlib.import_module("build_lists")
    finally:
        sys.path.remove(str(ROOT / "tools"))


def test_lists_are_sorted_thinned_and_shortened(tool):
    weights = {"Bea": 1.0, "Al": 1.0, "Cy": 2.0, "Anne-Marie": 9.0, "Zoë": 9.0}
    assert tool.sort_names(weights) == ["Cy", "Al", "Bea"]
    assert tool.spread("abcdefgh", 4) == list("aceg")
    assert tool.spread("abc", 3) == list("abc")
    with pytest.raises(ValueError, match="4 items asked of a list of 3"):
        tool.spread("abc", 4)
    assert tool.drop_extensions(["A B", "A B C", "A BC", "A", "D", "D-E"]) == [
        *("A", "D", "D-E")
    ]
    assert tool.drop_extensions(["A B", "A B C D"]) == ["A B"]
    assert tool.shortest(["ccc", "bb", "a", "aa", "a"], 3) == ["a", "aa", "bb"]


def test_values_that_are_plain(tool):
    for value in ("AT&T", "Lowe's", "D. R. Horton", "L3", "A, TX"):
        assert tool.is_plain(value)
    for value in ("Apple Inc.", "Nestlé", "A  B", " A", "A;B", "{A}"):
        assert not tool.is_plain(value)


def test_names_are_simplified(tool):
    universities = {
        "Yale University": "Yale University",
        "The University of La Verne": "University of La Verne",
        "University of Michigan - Ann Arbor": "University of Michigan",
        "Monash University": None,
        "University of Texas - Tyler": None,
        "Boston College": None,
    }
    assert {x: tool.simplify_university(x) for x in universities} == universities
    firms = {
        "Apple Inc.": "Apple",
        "Nasdaq, Inc.": "Nasdaq",
        "The Coca-Cola Company": "Coca-Cola",
        "Eli Lilly and Company": "Eli Lilly",
        "Incyte": "Incyte",
    }
    assert {x: tool.simplify_firm(x) for x in firms} == firms


def test_the_city_and_the_revenue_of_a_firm(tool):
    states = {"New York": "NY", "Texas": "TX"}
    place = tool.firm_city("New York City, New York", "200 West, New York City", states)
    assert place == "New York, NY"
    assert tool.firm_city("Irving, Texas", "Irving, Texas , U.S.", states)
    assert tool.firm_city("Irving, Texas", "Spring, Texas , U.S.", states) is None
    assert tool.firm_city("Dublin, Ireland", "Dublin , Ireland", states) is None
    assert tool.revenue("US$ 24.9 billion (2025)") == pytest.approx(24_900)
    assert tool.revenue("US$1,234.5 million") == pytest.approx(1_234.5)
    assert tool.revenue("n/a") == 0.0


def test_the_largest_firms_of_each_kind_are_chosen(tool):
    firms = {f"Home {i:03}": ("New York, NY", float(i)) for i in range(30)}
    firms |= {f"Away {i:03}": ("Reno, NV", float(i)) for i in range(300)}
    lines = tool.choose_firms(firms)
    assert len(lines) == 263
    assert lines == sorted(lines)
    home = [line for line in lines if line.endswith(";New York, NY")]
    assert home == [f"Home {i:03};New York, NY" for i in range(12, 30)]


def test_mini_is_selected_from_bios(tool):
    """What is selected needs no source, so it is compared with what is shipped."""
    lists = ROOT / "kscale" / "worlds" / "lists"
    full = tool.read_folder(lists / "bios")
    for path, lines in tool.select_lists(full).items():
        tool.compare_file(lists / "mini" / path, lines)


def test_lists_are_verified_written_and_compared(tool, tmp_path):
    tool.verify({"a": ["1", "2"]}, {"a": 2})
    with pytest.raises(ValueError, match="a has 1 distinct of 2 lines, expected 2"):
        tool.verify({"a": ["1", "1"]}, {"a": 2})
    path = tmp_path / "values" / "x.txt"
    tool.write_file(path, ["a", "b"])
    assert path.read_bytes() == b"a\nb\n"
    tool.compare_file(path, ["a", "b"])
    with pytest.raises(ValueError, match="differs from its source"):
        tool.compare_file(path, ["a"])
