"""Counts what the structure of a checkout can be judged by, read with `ast`.

    python -m tools.measure_structure [CHECKOUT ...]

prints a table with a column for each checkout: modules at the top of kscale/, its
entries, floors and imports that run upward (in the order of entries that has fewest),
short and long files, lines, private helpers with one caller, files that name a choice,
and public names that are defined twice.
"""

import ast
import collections
import pathlib
import re
import sys
from collections.abc import Sequence

Trees = dict[pathlib.Path, ast.Module]
Arrows = set[tuple[str, str]]


def measure(checkout: pathlib.Path) -> dict[str, float]:
    """Returns each count by its name."""
    package = checkout / "kscale"
    trees = {path: ast.parse(path.read_text()) for path in package.rglob("*.py")}
    arrows = find_arrows(package, trees)
    order = order_entries(arrows)
    lines = {path: len(path.read_text().splitlines()) for path in trees}
    short = [p for p, n in lines.items() if n < 60 and not p.name.startswith("__")]
    tests = sum(
        len(p.read_text().splitlines()) for p in (checkout / "tests").rglob("*.py")
    )
    code = sum(count_code_lines(path, tree) for path, tree in trees.items())
    helpers = sum(map(count_lone_helpers, trees.values()))
    return {
        "modules at the top": len(list(package.glob("*.py"))) - 1,
        "entries": len(order),
        "floors": count_floors(arrows, order),
        "imports between entries": len(arrows),
        "imports upward": count_upward(arrows, order),
        "files below 60 lines": len(short),
        "files above 400 lines": sum(n > 400 for n in lines.values()),
        "lines of source": sum(lines.values()),
        "lines of tests": tests,
        "tests per line of source": tests / sum(lines.values()),
        "helpers with one caller per 1,000 code lines": 1000 * helpers / code,
        **{
            f"files that name {word}": sum(names(tree, word) for tree in trees.values())
            for word in ("learning_rate", "exposures", "checkpoint")
        },
        "public names defined twice": count_doubles(trees.values()),
    }


def find_arrows(package: pathlib.Path, trees: Trees) -> Arrows:
    """Returns (importer, imported) for the entries of the package, but its face."""

    def entry(path: pathlib.Path) -> str:
        return path.relative_to(package).parts[0].removesuffix(".py")

    entries = {entry(path) for path in trees}
    arrows = set()
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                found = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            else:
                continue
            for name in found:
                parts = name.split(".")
                if parts[0] == "kscale" and len(parts) > 1 and parts[1] in entries:
                    arrows.add((entry(path), parts[1]))
    return {(a, b) for a, b in arrows if a != b and a != "__init__"}


def count_upward(arrows: Arrows, order: Sequence[str]) -> int:
    """Counts the imports of an entry by one that stands below it."""
    place = {entry: i for i, entry in enumerate(order)}
    return sum(place[a] < place[b] for a, b in arrows)


def order_entries(arrows: Arrows) -> list[str]:
    """Orders entries from the ground up, moving one at a time while that helps."""
    order = sorted({entry for arrow in arrows for entry in arrow})
    best, improved = count_upward(arrows, order), True
    while improved:
        improved = False
        for entry in list(order):
            rest = [other for other in order if other != entry]
            for i in range(len(order)):
                moved = [*rest[:i], entry, *rest[i:]]
                if (upward := count_upward(arrows, moved)) < best:
                    order, best, improved = moved, upward, True
    return order


def count_floors(arrows: Arrows, order: Sequence[str]) -> int:
    """Counts floors: an entry stands one above the highest that it imports."""
    floors: dict[str, int] = {}
    for entry in order:
        below = [floors[b] for a, b in arrows if a == entry and b in floors]
        floors[entry] = 1 + max(below, default=0)
    return max(floors.values())


def count_code_lines(path: pathlib.Path, tree: ast.Module) -> int:
    """Counts lines that are neither blank nor comment nor docstring."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            first = node.body[0]
            inside |= set(range(first.lineno, (first.end_lineno or 0) + 1))
    return sum(
        number not in inside and not re.match(r"\s*(#|$)", line)
        for number, line in enumerate(path.read_text().splitlines(), 1)
    )


def count_lone_helpers(tree: ast.Module) -> int:
    """Counts private functions and methods that their module names once."""
    named = collections.Counter(
        getattr(node, "id", None) or getattr(node, "attr", None)
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
    )
    return sum(
        named[node.name] == 1
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and re.match("_[^_]", node.name)
    )


def names(tree: ast.Module, word: str) -> bool:
    """Checks whether an identifier of a module contains a word."""
    fields = ("id", "attr", "arg", "name")
    found = (getattr(node, field, None) for node in ast.walk(tree) for field in fields)
    return any(isinstance(name, str) and word in name for name in found)


def count_doubles(trees: Sequence[ast.Module]) -> int:
    """Counts public functions and classes whose name two modules define."""
    found = collections.Counter(
        name
        for tree in trees
        for name in {
            node.name
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
        }
        if not name.startswith("_")
    )
    return sum(number > 1 for number in found.values())


def main(checkouts: Sequence[str]) -> None:
    """Prints the table."""
    columns = [measure(pathlib.Path(checkout)) for checkout in checkouts or ["."]]
    for name in columns[0]:
        numbers = [column[name] for column in columns]
        cells = "".join(
            f"{x:>10,}" if isinstance(x, int) else f"{x:>10.2f}" for x in numbers
        )
        print(f"{name:<46}{cells}")


if __name__ == "__main__":
    main(sys.argv[1:])
