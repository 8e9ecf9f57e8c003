"""Pure helpers of tools/build_lists.py; its sources are not needed."""

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


def test_by_weight_sorts_and_keeps_plain_names(tool):
    weights = {"Bea": 1.0, "Al": 1.0, "Cy": 2.0, "Anne-Marie": 9.0, "Zoë": 9.0}
    assert tool.by_weight(weights) == ["Cy", "Al", "Bea"]


def test_spread(tool):
    assert tool.spread("abcdefgh", 4) == list("aceg")
    assert tool.spread("abc", 3) == list("abc")
    with pytest.raises(ValueError, match="4 items asked of a list of 3"):
        tool.spread("abc", 4)


def test_without_extensions(tool):
    values = ["A B", "A B C", "A BC", "A", "D", "D-E"]
    assert tool.without_extensions(values) == ["A", "D", "D-E"]
    assert tool.without_extensions(["A B", "A B C D"]) == ["A B"]


def test_shortest(tool):
    assert tool.shortest(["ccc", "bb", "a", "aa", "a"], 3) == ["a", "aa", "bb"]


@pytest.mark.parametrize("value", ["AT&T", "Lowe's", "D. R. Horton", "L3", "A, TX"])
def test_plain_values(tool, value):
    assert tool.is_plain(value)


@pytest.mark.parametrize("value", ["Apple Inc.", "Nestlé", "A  B", " A", "A;B", "{A}"])
def test_values_that_are_not_plain(tool, value):
    assert not tool.is_plain(value)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Yale University", "Yale University"),
        ("The University of La Verne", "University of La Verne"),
        ("University of Michigan - Ann Arbor", "University of Michigan"),
        ("Monash University", None),
        ("University of Texas - Tyler", None),
        ("Boston College", None),
    ],
)
def test_plain_university(tool, name, plain):
    assert tool.plain_university(name) == plain


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Apple Inc.", "Apple"),
        ("Nasdaq, Inc.", "Nasdaq"),
        ("The Coca-Cola Company", "Coca-Cola"),
        ("Eli Lilly and Company", "Eli Lilly"),
        ("Incyte", "Incyte"),
    ],
)
def test_plain_firm(tool, name, plain):
    assert tool.plain_firm(name) == plain


def test_firm_city_needs_both_fields(tool):
    states = {"New York": "NY", "Texas": "TX"}
    place = tool.firm_city("New York City, New York", "200 West, New York City", states)
    assert place == "New York, NY"
    assert tool.firm_city("Irving, Texas", "Irving, Texas , U.S.", states)
    assert tool.firm_city("Irving, Texas", "Spring, Texas , U.S.", states) is None
    assert tool.firm_city("Dublin, Ireland", "Dublin , Ireland", states) is None


def test_revenue(tool):
    assert tool.revenue("US$ 24.9 billion (2025)") == pytest.approx(24_900)
    assert tool.revenue("US$1,234.5 million") == pytest.approx(1_234.5)
    assert tool.revenue("n/a") == 0.0


def test_choose_firms_takes_the_largest_of_each_kind(tool):
    firms = {f"Home {i:03}": ("New York, NY", float(i)) for i in range(30)}
    firms |= {f"Away {i:03}": ("Reno, NV", float(i)) for i in range(300)}
    lines = tool.choose_firms(firms)
    assert len(lines) == 263
    assert lines == sorted(lines)
    home = [line for line in lines if line.endswith(";New York, NY")]
    assert home == [f"Home {i:03};New York, NY" for i in range(12, 30)]
    small = tool.small_employers(lines)
    assert len(small) == 26
    assert sum(line in home for line in small) == 2


def test_small_templates_are_the_shortest_simple_ones(tool):
    lines = [
        "{name} is {value}.",
        "{pronoun} is {value} now.",
        "{pronoun} was once {value}.",
        "{possessive} is {value}.",
        "{pronoun} is {value}.",
    ]
    assert tool.small_templates(lines) == [lines[4], lines[3], lines[2]]


def test_verify_names_the_list(tool):
    tool.verify({"a": ["1", "2"]}, {"a": 2})
    with pytest.raises(ValueError, match="a has 1 distinct of 2 lines, expected 2"):
        tool.verify({"a": ["1", "1"]}, {"a": 2})


def test_mini_regenerates_from_bios(tool):
    """What is selected from `bios` needs no source, so it is compared here."""
    lists = ROOT / "kscale" / "worlds" / "lists"
    full = tool.read_folder(lists / "bios")
    for path, lines in tool.small_lists(full).items():
        tool.compare_file(lists / "mini" / path, lines)
        assert (lists / "mini" / path).read_text().splitlines() == list(lines)


def test_write_and_compare(tool, tmp_path):
    path = tmp_path / "values" / "x.txt"
    tool.write_file(path, ["a", "b"])
    assert path.read_bytes() == b"a\nb\n"
    tool.compare_file(path, ["a", "b"])
    with pytest.raises(ValueError, match="differs from its source"):
        tool.compare_file(path, ["a"])


def test_small_questions_are_the_shortest(tool):
    lines = [f"{'x' * n} {{name}}?" for n in (9, 3, 8, 1, 7, 2, 6)]
    shortest = [lines[i] for i in (3, 5, 1, 6, 4, 2)]
    assert tool.small_questions(lines) == shortest
