"""The house rules that a reader of the sources can check: imports, names, lengths.

Imports are read with ast, so nothing is run and an import inside a function counts.
"""

import ast
import functools
import pathlib

import pytest

import kscale

PACKAGE = pathlib.Path(kscale.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# What each entry of `kscale/` may import of the others, from the ground up: an entry
# stands above everything that it imports.
ROOMS: dict[str, set[str]] = {
    "trees": set(),
    "files": set(),
    "worlds": set(),
    "tokenizers": set(),
    "theory": set(),
    "corpora": {"worlds"},
    "data": {"corpora", "tokenizers", "worlds"},
    "models": {"trees", "files"},
    "quant": {"trees", "files", "models"},
    "report": {"files", "theory"},
    "train": {"trees", "files", "data", "models"},
    "scores": {"files", "worlds", "corpora", "data", "models"},
    "configs": {
        *("files", "trees", "worlds", "tokenizers", "corpora", "models", "data"),
        *("quant", "train"),
    },
    "runs": {
        *("files", "trees", "worlds", "tokenizers", "theory", "corpora", "models"),
        *("data", "quant", "train", "scores", "report", "configs"),
    },
    "cli": {
        *("files", "trees", "worlds", "tokenizers", "theory", "corpora", "models"),
        *("data", "quant", "train", "scores", "report", "configs", "runs"),
    },
    "__main__": {"cli"},
    "__init__": set(),
}
# What each topic of `kscale/theory/` may import of the others, likewise.
TOPICS: dict[str, set[str]] = {
    "checks": set(),
    "solver": {"checks"},
    "numerics": set(),
    "pitman_yor": {"numerics"},
    "data_scaling": {"numerics", "pitman_yor"},
    "model_scaling": {"numerics"},
    "fitting": {"numerics"},
    "concepts": {"numerics"},
    "skills": {"numerics", "concepts"},
    "coding": set(),
}
WITHOUT_JAX = ("files", "worlds", "corpora", "tokenizers", "data")
BANNED_NAMES = {"utils", "util", "common", "helpers", "misc"}
LONGEST_FILE, LONGEST_FUNCTION = 400, 60


def relative(path: pathlib.Path) -> str:
    return str(path.relative_to(PACKAGE))


def room_of(path: pathlib.Path) -> str:
    return relative(path).split("/")[0].removesuffix(".py")


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


def top(name: str) -> str:
    return name.split(".")[0]


def rooms_imported(path: pathlib.Path) -> set[str]:
    parts = [name.split(".") for name in imports(path)]
    return {p[1] for p in parts if p[0] == "kscale" and len(p) > 1}


def test_every_entry_has_a_rule():
    assert {room_of(path) for path in FILES} == set(ROOMS)


def test_an_entry_stands_above_what_it_imports():
    below: set[str] = set()
    for room, allowed in ROOMS.items():
        assert allowed <= below, room
        below.add(room)


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_rooms_import_in_one_direction(path):
    room = room_of(path)
    if room != "__init__":  # whose imports of rooms are for type checkers alone
        assert rooms_imported(path) - {room, "__version__"} <= ROOMS[room]


THEORY = PACKAGE / "theory"


def topics_imported(path: pathlib.Path) -> set[str]:
    parts = [name.split(".") for name in imports(path)]
    return {p[2] for p in parts if p[:2] == ["kscale", "theory"] and len(p) > 2}


def test_a_topic_of_the_theory_stands_above_what_it_imports():
    found = {path.stem for path in THEORY.iterdir() if path.suffix != ".pyc"}
    assert set(TOPICS) == found - {"__init__", "__pycache__"}
    below = {"checks", "solver"}
    for topic, allowed in TOPICS.items():
        assert allowed <= below, topic
        below.add(topic)


@pytest.mark.parametrize("path", sorted(THEORY.rglob("*.py")), ids=relative)
def test_topics_of_the_theory_import_in_one_direction(path):
    topic = path.relative_to(THEORY).parts[0].removesuffix(".py")
    if topic != "__init__":
        allowed = TOPICS[topic] | {topic, "checks", "solver"}
        assert topics_imported(path) <= allowed


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_jax_and_flax_stay_in_their_rooms(path):
    packages = {top(name) for name in imports(path)}
    if room_of(path) in WITHOUT_JAX or path == PACKAGE / "__init__.py":
        assert not packages & {"jax", "flax", "optax", "orbax"}
    if room_of(path) != "models":
        assert "flax" not in packages


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_the_library_stands_alone(path):
    """Neither experiments nor tools nor tests are part of the wheel."""
    packages = {top(name) for name in imports(path)}
    assert not packages & {"experiments", "tools", "tests"}
    assert not BANNED_NAMES & {path.stem, path.parent.name}


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
