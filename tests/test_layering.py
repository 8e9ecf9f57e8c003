"""The house rules that a reader of the sources can check: imports, names, lengths.

Imports are read with ast, so nothing is run and an import inside a function counts.
`python tests/test_layering.py` prints the picture of the floors for CONTRIBUTING.md.
"""

import ast
import functools
import pathlib
import textwrap

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / "kscale"
FILES = sorted(PACKAGE.rglob("*.py"))

# What each entry of `kscale/` imports of the others, from the ground up: an entry
# stands above everything that it imports. The name of a room alone (`kscale/__init__`)
# imports it when it is first used.
ROOMS = {
    "trees": "",
    "streams": "",
    "stopping": "",
    "locks": "stopping",
    "files": "locks",
    "worlds": "",
    "tokenizers": "",
    "theory": "",
    "corpora": "worlds",
    "data": "worlds tokenizers corpora",
    "models": "trees",
    "quant": "trees files models",
    "compression": "trees files tokenizers models quant",
    "report": "files theory",
    "train": "trees files locks streams stopping data models",
    "scores": "files worlds corpora data models",
    "configs": "files worlds corpora data models quant train",
    "runs": (
        "trees files locks streams stopping worlds tokenizers theory corpora data "
        "models quant compression report train scores configs"
    ),
    "cli": "files streams stopping worlds theory quant report configs runs",
    "__main__": "cli",
    "__init__": (
        "trees files worlds tokenizers theory corpora data models quant compression "
        "report train scores configs runs cli"
    ),
}
# What each topic of `kscale/theory/` imports of the others, likewise.
TOPICS = {
    "checks": "",
    "solver": "checks",
    "grid": "",
    "numerics": "solver",
    "pitman_yor": "checks solver numerics",
    "data_scaling": "checks solver numerics pitman_yor",
    "model_scaling": "checks solver numerics",
    "fitting": "checks solver numerics",
    "concepts": "checks solver numerics",
    "skills": "checks solver numerics concepts",
    "coding": "checks",
}
LIBRARIES = {"flax": "models", "constriction": "compression"}  # each in one room
WITHOUT_JAX = ("locks", "files", "worlds", "corpora", "tokenizers", "data")
BANNED_NAMES = {"utils", "util", "common", "helpers", "misc"}
LONGEST_FILE, LONGEST_FUNCTION = 400, 60


def picture() -> str:
    """The floors of the house, the highest first: entries, and what each imports."""
    floors: dict[str, int] = {}
    for entry, below in ROOMS.items():
        floors[entry] = 1 + max((floors[x] for x in below.split()), default=0)
    lines = []
    for entry in sorted(ROOMS, key=lambda x: (-floors[x], list(ROOMS).index(x))):
        lines += textwrap.wrap(
            ROOMS[entry] or "-",
            width=88,
            initial_indent=f"{floors[entry]}  {entry:<12}",
            subsequent_indent=" " * 15,
        )
    return "\n".join(lines) + "\n"


def relative(path: pathlib.Path) -> str:
    return str(path.relative_to(PACKAGE))


@functools.cache
def tree_of(path: pathlib.Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: pathlib.Path) -> set[str]:
    package = ["kscale", *path.relative_to(PACKAGE).parent.parts]
    return imported_names(tree_of(path), package)


def imported_names(tree: ast.Module, package: list[str]) -> set[str]:
    """The dotted names of every module and member that a module imports."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def packages(path: pathlib.Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


def graph(folder: pathlib.Path) -> dict[str, set[str]]:
    """What each file or folder in a folder imports of the others."""
    prefix = ["kscale", *folder.relative_to(PACKAGE).parts]
    depth = len(prefix)
    found: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*.py")):
        entry = path.relative_to(folder).parts[0].removesuffix(".py")
        names = [name.split(".") for name in imports(path)]
        inside = {x[depth] for x in names if x[:depth] == prefix and len(x) > depth}
        found[entry] = found.get(entry, set()) | (inside - {entry, "__version__"})
    return found


@pytest.mark.parametrize(
    ("folder", "table"), [(PACKAGE, ROOMS), (PACKAGE / "theory", TOPICS)]
)
def test_imports_are_those_of_the_table_and_run_one_way(folder, table):
    found = graph(folder)
    if folder != PACKAGE:  # a room's face names what is in it
        del found["__init__"]
    assert found == {entry: set(below.split()) for entry, below in table.items()}
    below: set[str] = set()
    for entry, imported in table.items():
        assert set(imported.split()) <= below, f"{entry} imports what stands above it"
        below.add(entry)


def test_the_picture_in_contributing_is_that_of_the_table():
    page = PACKAGE.parent / "CONTRIBUTING.md"
    assert f"```\n{picture()}```" in page.read_text(encoding="utf-8")


def test_libraries_stay_in_their_rooms():
    for path in FILES:
        entry = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if entry in (*WITHOUT_JAX, "__init__"):
            assert not packages(path) & {"jax", "flax", "optax", "orbax"}, path
        for library, room in LIBRARIES.items():
            assert entry == room or library not in packages(path), path


def test_the_library_stands_alone():
    """Neither experiments nor tools nor tests are part of the wheel."""
    for path in FILES:
        assert not packages(path) & {"experiments", "tools", "tests"}, path
        assert not BANNED_NAMES & {path.stem, path.parent.name}, path


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_files_and_functions_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1 - docstring_lines(node)
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"


def docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """A docstring is specification and may be long."""
    first = node.body[0]
    if ast.get_docstring(node) is None or first.end_lineno is None:
        return 0
    return first.end_lineno - first.lineno + 1


def test_relative_imports_are_read():
    source = "def f():\n    from . import loop\n    from ..data import packing\n"
    names = imported_names(ast.parse(source), ["kscale", "train"])
    assert names == {"kscale.train.loop", "kscale.data.packing"}


if __name__ == "__main__":
    print(picture(), end="")
