"""Worlds read from a folder of plain text: one value a line.

    names/1_first.txt 2_middle.txt ...     parts of a name, in file-name order
    values/birth_city.txt                  an attribute, one value a line
    values/employer+employer_city.txt      "value;fact": the second follows the first
    values/birth_date/1_month.txt ...      an attribute of several columns, and
    values/birth_date/join.txt             how they are written: "{month} {day}, {year}"
    values/pronoun+possessive.txt          "He;His": how sentences refer to a person
    templates/birth_city.txt               sentences, read by `kscale.corpora`
    order.txt                              the default order of the sentences

The number and the names of the attributes come from the folder alone.
"""

import difflib
import pathlib
import re

from kscale.worlds.frequency import EXACT, Law
from kscale.worlds.lines import list_files, read_lines, read_values, require_distinct
from kscale.worlds.world import Attribute, Column, Derived, World

LISTS = ("bios", "mini", "tiny")  # folders that ship with the package
_FOLDERS = ("names", "values", "templates", "questions")
_RESERVED = {"name", "value", "text"}  # words of templates and labels


def build_bios(
    people: int, seed: int = 0, lists: str = "bios", first: int = 0, law: Law = EXACT
) -> World:
    """Builds bioS(N): people with a pronoun, a birth date, a city, and so on.

    With the shipped lists "bios" (400 x 400 x 1000 names, 12 x 28 x 200 birth dates,
    200 cities, 300 universities, 100 majors, 263 employers) a person has 47.59 bits
    besides the name. The employer's city follows from the employer. "mini" is the same
    with shorter lists, for small models; "tiny" (64 x 64 x 64 names, a birth year for
    the date, 26 bits a person) has names, values and sentences of few tokens.

    Args:
      people: N, 1 to the name space (160 million in "bios").
      seed: of names and values.
      lists: "bios", "mini", "tiny", or the path of a folder of one's own.
      first, law: see `World`.

    Raises:
      ValueError: no such folder, or a file in it is empty or malformed; N is too large.

    Example:
      >>> round(build_bios(10).counts.value_bits, 6)
      47.591624

    Source: Allen-Zhu & Li 2024, section 2.2 and footnote 9.
    """
    if lists in LISTS:
        folder = pathlib.Path(__file__).parent / "lists" / lists
    else:
        folder = pathlib.Path(lists).expanduser()
        if not (folder / "values").is_dir() or not (folder / "names").is_dir():
            there = "it has not both" if folder.is_dir() else f"{folder} is none"
            raise ValueError(
                f"world.lists={lists!r} must be one of {', '.join(LISTS)} or a folder"
                f" that holds names/ and values/, and {there}"
            )
    names, attributes, order = _read_folder(folder)
    return World(
        people=people,
        seed=seed,
        name_columns=names,
        attributes=attributes,
        sentences=order,
        folder=str(folder),
        first=first,
        law=law,
    )


def _read_folder(folder: pathlib.Path):
    for path in folder.iterdir():
        near = difflib.get_close_matches(path.name, _FOLDERS, 1, 0.8)
        hidden = path.name.startswith(".")
        if near and path.name not in _FOLDERS and path.is_dir() and not hidden:
            raise ValueError(
                f"{path} is never used: did you mean {near[0]}? rename it, or move it"
                f" elsewhere"
            )
    names = tuple(_column(path) for path in list_files(folder / "names"))
    if not names:
        raise ValueError(f"{folder / 'names'} holds no .txt file: a name needs a list")
    attributes = []
    known: set[str] = set()
    for path in list_files(folder / "values"):
        attribute = _joined(path) if path.is_dir() else _listed(path)
        attributes.append(attribute)
        for name in (attribute.name, *(d.name for d in attribute.derived)):
            if name in known | _RESERVED:
                raise ValueError(f"{path}: the name {name!r} is taken; choose another")
            known.add(name)
    order = tuple(read_lines(folder / "order.txt"))
    for name in order:
        if name not in known or order.count(name) > 1:
            raise ValueError(
                f"{folder / 'order.txt'}: {name!r} must name a file of values/, once;"
                f" known are {sorted(known)}"
            )
    # Attributes without a sentence, such as the pronoun, come first.
    rank = {name: i for i, name in enumerate(order)}
    attributes.sort(key=lambda a: (rank.get(a.name, -1), a.name))
    return names, tuple(attributes), order


def _column(path: pathlib.Path) -> Column:
    if path.suffix != ".txt":
        raise ValueError(f"{path} is no .txt list: rename it or move it elsewhere")
    strings = tuple(read_values(path))
    require_distinct(path, strings)
    return Column(re.sub(r"^\d+_", "", path.stem), strings)


def _listed(path: pathlib.Path) -> Attribute:
    """Reads an attribute of one column, with the facts derived from it."""
    if path.suffix != ".txt":
        raise ValueError(
            f"{path} is neither a .txt list nor a folder of lists: rename it or move it"
            f" elsewhere"
        )
    first, *others = path.stem.split("+")
    rows = [[cell.strip() for cell in x.split(";")] for x in read_values(path)]
    for number, row in enumerate(rows, 1):
        if len(row) != 1 + len(others) or not all(row):
            raise ValueError(
                f"{path}, line {number}: {';'.join(row)!r} has {len(row)} columns;"
                f" its name promises {1 + len(others)}, separated by ';'"
            )
    values, *facts = zip(*rows, strict=True)
    require_distinct(path, values)
    derived = tuple(Derived(n, f) for n, f in zip(others, facts, strict=True))
    return Attribute(first, (Column(first, values),), ("",), derived)


def _joined(path: pathlib.Path) -> Attribute:
    """Reads an attribute of several columns, and how its values are written."""
    files = [file for file in list_files(path) if file.name != "join.txt"]
    columns = tuple(_column(file) for file in files)
    if not columns:
        raise ValueError(f"{path} holds no .txt list of a column: write one, or more")
    pattern, *others = read_lines(path / "join.txt")
    if others:
        raise ValueError(
            f"{path / 'join.txt'}, line 2: {others[0]!r} is never used, as"
            f" line 1 says how all values are written: remove it"
        )
    names = [column.name for column in columns]
    *joins, tail = re.split(r"\{[^{}]*\}", pattern)
    found = re.findall(r"\{([^{}]*)\}", pattern)
    if found != names or tail or set("".join(joins)) & set("{}"):
        raise ValueError(
            f"{path / 'join.txt'}: {pattern!r} must name the columns {names} once, in"
            f" this order, and end with the last, as"
            f" {' '.join(f'{{{name}}}' for name in names)}"
        )
    return Attribute(path.name, columns, tuple(joins))
