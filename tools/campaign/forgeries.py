"""Files that are not what kscale expects: worlds, texts, runs, experiments, configs."""

import json
import pathlib
import shutil
from typing import Any

import numpy as np

from kscale import worlds

_TINY = pathlib.Path(worlds.__file__).parent / "lists" / "tiny"

# What a line of a list or of templates may become.
_LINES = (
    *("", " ", "a", "{", "}", "{name}", "{nobody}", "{{", "{0}", "{person}" * 3),
    *("\x00", "\x1b[2J", "\u2028", "\u200b", "é", "e\u0301", "🦒", "\ufeffx", "a\tb"),
    *("x" * 100_000, "<EOS>", "a,b", "# a", "\\n", '"', "'", "a|b", "a  b", "a "),
)
_BYTES = (b"", b"\n", b"\xff\xfe\x00", b"caf\xe9\n", b"\x00" * 100, b"\n" * 1000, b"a")

# What a value in a JSON file may become.
_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 2**63, 2**200, 0.5, 1e308, float("nan"), float("inf")),
    *("", "a", "é", "\x00", "/", [], [[]], [None], {}, {"a": 1}, [1] * 1000, "9" * 500),
)
_TEXTS = (
    *("", "[]", "null", '"x"', "3", "{", "{}", "[" * 100_000, '{"a": 1e999}', "\x00"),
    *('{"members": []}', '{"members": [1]}', '{"config": {}}', "NaN", "{}{}", "é"),
)


def forge_world(rng: np.random.Generator, folder: pathlib.Path) -> None:
    """Makes a world of lists, some of whose files were damaged."""
    shutil.copytree(_TINY, folder)
    for _ in range(1 + rng.integers(2)):
        paths = [path for path in folder.rglob("*") if path.is_file()]
        path = paths[rng.integers(len(paths))]
        how = rng.integers(7)
        if how == 0:
            path.unlink()
            if rng.random() < 0.5:
                path.mkdir()
        elif how == 1:
            path.write_bytes(_BYTES[rng.integers(len(_BYTES))])
        elif how == 2:
            name = (
                "x.txt",
                ".x.txt",
                "x.txt~",
                "1_x.txt",
                "a+b.txt",
                "é.txt",
                "name.txt",
            )
            shutil.copy(path, path.with_name(name[rng.integers(len(name))]))
        else:
            lines = path.read_text().split("\n")
            at = rng.integers(len(lines))
            line = _LINES[rng.integers(len(_LINES))]
            old = lines[at]
            lines[at] = (line, old + line, line + old)[rng.integers(3)]
            if how == 3:
                lines = lines[:at] + lines[at:][:1] * 3 + lines[at + 1 :]
            end = ("\n", "\r\n", "\r")[rng.integers(3)] if how == 4 else "\n"
            path.write_bytes(end.join(lines).encode())


def forge_texts(rng: np.random.Generator, path: pathlib.Path) -> None:
    """Makes a file of biographies, most of whose lines are none."""
    lines = []
    for _ in range(rng.integers(5)):
        row = {"id": int(rng.integers(3)), "text": "Ann Bee Cee was born."}
        if rng.random() < 0.7:
            key = ("id", "text", "more")[rng.integers(3)]
            row[key] = _VALUES[rng.integers(len(_VALUES))]
        lines.append(json.dumps(row))
        if rng.random() < 0.3:
            lines.append(_TEXTS[rng.integers(len(_TEXTS))])
    path.write_text("\n".join(lines))


def forge_config_file(rng: np.random.Generator, path: pathlib.Path) -> None:
    """Makes a Python file that should define get_config()."""
    bodies = (
        "",
        "def get_config(:",
        "def get_config():\n    return None",
        "def get_config():\n    return 1 / 0",
        "def get_config(n):\n    raise KeyError(n)",
        "get_config = 3",
        "import nothing_of_that_name",
        "from kscale import configs\ndef get_config():\n    return configs.Config",
        "from kscale import configs\ndef get_config():\n    return configs.load('')",
        "from kscale.configs.base import *\ndef get_config():\n"
        "    return Config(data=DataConfig(batch='4'))",
        "from kscale.configs.base import *\ndef get_config():\n"
        "    return Config(world=3, parts=[PartConfig()])",
        "from kscale.configs.base import *\ndef get_config():\n"
        "    return Config(data=DataConfig(exposures=float('nan')))",
        "\x00",
    )
    path.write_text(bodies[rng.integers(len(bodies))])


def forge_experiment(rng: np.random.Generator, path: pathlib.Path) -> None:
    """Makes an experiment whose runs() may give anything."""
    smoke = "configs.load('smoke')"
    values = (
        *("[]", "None", "[None]", "3", "[3]", f"[{smoke}] * 2", f"[{smoke}]", "['a']"),
        *("[{}]", "[{'a': 1}]", "[{'a': float('nan')}]", "[{'a': {1}}]", "[{1: 2}]"),
        *(f"[{smoke}, {{'a': 1}}]", "[{'start': 'x'}]", "1 / 0", "iter([{'a': 1}])"),
        "[fields.override(configs.load('smoke'), 'start', '0123456789ab')]",
        "[fields.override(configs.load('smoke'), 'members.seeds', '0,1')]",
        "[fields.override(configs.load('smoke'), 'world.people', -1)]",
    )
    body = values[rng.integers(len(values))]
    head = "from kscale import configs\nfrom kscale.configs import fields\n"
    runs = f"def runs(size):\n    return {body}\n"
    draw = "def draw(rows, path):\n    path.write_text('')\n"
    parts = [runs, draw] if rng.random() < 0.9 else [(runs, draw)[rng.integers(2)]]
    path.write_text(head + "\n\n".join(parts))
    if rng.random() < 0.3:
        rows = path.parent / "results" / "mine_smoke.jsonl"
        rows.parent.mkdir()
        rows.write_text(_TEXTS[rng.integers(len(_TEXTS))])


def forge_run(
    rng: np.random.Generator, finished: pathlib.Path, folder: pathlib.Path
) -> None:
    """Makes a copy of a finished run whose files were damaged; most without seals."""
    shutil.copytree(finished, folder)
    if rng.random() < 0.8:
        (folder / "checksums.json").unlink()
    for _ in range(rng.integers(3)):
        files = [path for path in folder.iterdir() if path.is_file()]
        path = files[rng.integers(len(files))]
        if path.suffix in (".json", ".jsonl"):
            _forge_json(rng, path)
        elif rng.random() < 0.2:
            path.unlink()
        else:
            data = bytearray(path.read_bytes())
            for _ in range(rng.integers(1, 4)):
                data[rng.integers(min(len(data), 400))] = rng.integers(256)
            path.write_bytes(data[: rng.integers(1, 2 * len(data))])


def _forge_json(rng: np.random.Generator, path: pathlib.Path) -> None:
    """Puts a value that is out of place into a JSON file, or another text."""
    if rng.random() < 0.3:
        path.write_text(_TEXTS[rng.integers(len(_TEXTS))])
        return
    first, *rest = (
        path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
    )
    try:
        row = json.loads(first)
    except ValueError:  # damaged before
        return
    node = row
    while isinstance(node, dict) and node:
        name = list(node)[rng.integers(len(node))]
        if isinstance(node[name], dict) and node[name] and rng.random() < 0.8:
            node = node[name]
            continue
        if rng.random() < 0.2:
            del node[name]
        else:
            node[name] = _VALUES[rng.integers(len(_VALUES))]
        break
    path.write_text("\n".join([json.dumps(row), *rest]) + "\n")
