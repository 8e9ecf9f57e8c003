"""Command lines that make no sense, or nearly none, drawn at random."""

import dataclasses
import functools
import pathlib
import typing
from typing import Any

import numpy as np

from kscale.cli import VERBS
from kscale.cli.solvers import SOLVERS
from kscale.configs.base import Config, PartConfig
from kscale.quant import BITS
from tools.campaign import forgeries

# Values at which programs break.
ODD = (
    *("", " ", "0", "-0", "1", "-1", "2", "3", "0.1", "-0.5", "1.5", "1e-308", "1e308"),
    *("-1e308", "1e309", "nan", "inf", "-inf", "1e9", "1e12", "1e18", "-9e18", "1e30"),
    *("2147483647", "2147483648", "4294967295", "4294967296", "9223372036854775807"),
    *("18446744073709551616", "1" * 400, "0x10", "1_000", "1K", "2.5M", "1B", "10KK"),
    *("true", "False", "None", "null", "[]", "()", "(1,2)", "(1,)", "1,2,3", ",", "{}"),
    *("a", "A b", "é", "日本", "🦒", "a\u2028b", "a\x00b", "\x1b[31m", "a\nb"),
    *("\ud800", "../../x", "/", "/dev/null", "/nowhere/x", "~nosuchuser/x", "~", "."),
    *("-", "--"),
    *("%s", "{a}", "{", "*", "gs://bucket/x", "x" * 5000, "@", "@/dev/null", "1:2:3"),
)
_DRY = "--dry_run"
_NAMED = ("smoke", "smoke", "smoke", "smoke", "tiny", "mini", "demo", "biod", "bios")
_WORDS = ("people", "exposures", "heads", "model", "batch", "rate", "chunks", "width")
# Flags of verbs that open a finished run, with values that mean something.
_FINISHED = {
    "score": ("people=5", "member=0", "weights={}/quantized_nearest_4.npz"),
    "show": ("person=3", "exposure=1", "member=0"),
    "ablate": ("people=5", "member=0", *(f"bits={bits}" for bits in BITS)),
    "compress": ("input={}/result.json", "input={}/params.npz", "member=0"),
    "decompress": ("input={}/small.ksc", "input={}/params.npz", "member=0"),
    "quantize": (
        *("people=5", "bits=4,2", "leaves=layer*", "method=nearest", "group=4"),
        *("sample=10", "damp=0.1", "block=16", "act_order", "nosequential"),
    ),
}


def draw_words(
    rng: np.random.Generator, place: pathlib.Path, finished: pathlib.Path
) -> tuple[str, list[str]]:
    """Draws a command line and makes the files that it names.

    Args:
      rng: from which it is drawn.
      place: an empty folder for the files.
      finished: a run, copies of which are damaged.

    Returns:
      Its kind, and the words after `kscale`.
    """
    kinds = {
        "config": (0.42, _draw_config),
        "world": (0.1, _draw_world),
        "texts": (0.04, _draw_texts),
        "file": (0.03, _draw_file),
        "run": (0.13, functools.partial(_draw_run, finished=finished)),
        "theory": (0.18, _draw_theory),
        "sweep": (0.05, _draw_sweep),
        "nonsense": (0.05, _draw_nonsense),
    }
    shares = [share for share, _ in kinds.values()]
    kind = str(rng.choice(list(kinds), p=shares))
    return kind, kinds[kind][1](rng, place)


def _pick(rng: np.random.Generator, several: Any) -> Any:
    several = list(several)
    return several[rng.integers(len(several))]


def _draw_config(rng: np.random.Generator, place: pathlib.Path) -> list[str]:
    """Draws a named config with one to three fields at or beyond their borders."""
    name = _pick(rng, _NAMED)
    if rng.random() < 0.15:
        values = [_draw_value(rng, int) for _ in range(2)]
        name += ":" + ",".join(f"{_pick(rng, _WORDS)}={value}" for value in values)
    words = [f"--config={name}", *_draw_overrides(rng, 1 + int(rng.integers(3)))]
    if rng.random() < 0.1:
        words.append(f"--tflops={_pick(rng, ODD)}")
    if rng.random() < 0.1:
        words.append("--json")
    if rng.random() < 0.15:
        person = _pick(rng, ODD) if rng.random() < 0.5 else rng.integers(30)
        return ["show", *[x for x in words if "tflops" not in x], f"--person={person}"]
    if rng.random() < 0.1:
        words.append(f"--workdir={_pick(rng, ODD)}")
    return ["train", *words, _DRY]


def _draw_overrides(rng: np.random.Generator, count: int) -> list[str]:
    drawn = {}
    while len(drawn) < count:
        path, annotation, ends = _pick(rng, _list_fields())
        if path == "corpus.path" or (path == "start" and rng.random() < 0.9):
            continue
        drawn[path] = _draw_value(rng, annotation, ends)
    return [f"--config.{path}={value}" for path, value in drawn.items()]


@functools.cache
def _list_fields() -> list[tuple[str, Any, tuple[float, float] | None]]:
    """Lists the fields of a config: path, type, and the ends of its range, if any."""
    config = dataclasses.replace(Config(), parts=(PartConfig(),))
    found = []

    def walk(node: Any, where: str) -> None:
        hints = typing.get_type_hints(type(node), include_extras=True)
        for field in dataclasses.fields(node):
            value, hint = getattr(node, field.name), hints[field.name]
            if dataclasses.is_dataclass(value):
                walk(value, f"{where}{field.name}.")
            elif field.name == "parts":
                walk(value[0], f"{where}parts.0.")
            else:
                ends = getattr(hint, "__metadata__", (None,))[0]
                plain = typing.get_type_hints(type(node))[field.name]
                found.append((where + field.name, plain, ends))

    walk(config, "")
    return found


def _draw_value(
    rng: np.random.Generator, annotation: Any, ends: tuple[float, float] | None = None
) -> str:
    """Draws a value: odd, at a border of its range or within, or one of its choices."""
    if rng.random() < 0.35:
        return _pick(rng, ODD)
    if choices := typing.get_args(annotation):
        if typing.get_origin(annotation) is typing.Literal:
            return str(_pick(rng, choices))
        if choices[0] in (int, float):
            inner = [_draw_value(rng, choices[0], ends) for _ in range(rng.integers(4))]
            return ",".join(inner)
    if annotation is bool:
        return _pick(rng, ("true", "false"))
    if ends and annotation is int:
        low, high = map(int, ends)
        inside = int(low + min(high - low, 10 ** rng.uniform(0, 6)))
        return str(_pick(rng, (low, high, low - 1, high + 1, inside, inside)))
    if ends:
        low, high = ends
        inside = low + min(high - low, 10 ** rng.uniform(-6, 3))
        return repr(_pick(rng, (float(low), float(high), inside, inside)))
    if annotation is int:
        return str(rng.integers(0, 100))
    if annotation is float:
        return repr(10 ** rng.uniform(-4, 2))
    return _pick(rng, ODD)


def _draw_world(rng: np.random.Generator, place: pathlib.Path) -> list[str]:
    forgeries.forge_world(rng, place / "world")
    words = ["--config=smoke", f"--config.world.lists={place / 'world'}"]
    if rng.random() < 0.3:
        words += [f"--config.corpus.kind={_pick(rng, ('bios', 'bios_simple'))}"]
    if rng.random() < 0.3:
        words += ["--config.parts.0.kind=questions", "--config.parts.0.people=10"]
        words += ["--config.parts.0.exposures=3"]
    return [*_pick(rng, (["train", _DRY], ["show"], ["train", _DRY])), *words]


def _draw_texts(rng: np.random.Generator, place: pathlib.Path) -> list[str]:
    forgeries.forge_texts(rng, place / "texts.jsonl")
    words = [f"--config.corpus.path={place / 'texts.jsonl'}"]
    words += ["--config.corpus.kind=bior", "--config.world.lists=tiny"]
    words += [f"--config.corpus.skip_unfound={_pick(rng, ('true', 'false'))}"]
    return ["train", _DRY, "--config=smoke", "--config.world.people=3", *words]


def _draw_file(rng: np.random.Generator, place: pathlib.Path) -> list[str]:
    forgeries.forge_config_file(rng, place / "mine.py")
    return ["train", _DRY, f"--config={place / 'mine.py'}"]


def _draw_run(
    rng: np.random.Generator, place: pathlib.Path, finished: pathlib.Path
) -> list[str]:
    """Draws a look at a finished run that was damaged, or with flags that are odd."""
    run, verb = place / "run", _pick(rng, _FINISHED)
    forgeries.forge_run(rng, finished, run)
    words = [verb, f"--workdir={run}"]
    for _ in range(rng.integers(3)):
        flag = _pick(rng, _FINISHED[verb])
        if rng.random() < 0.3:
            flag = f"{flag.partition('=')[0]}={_pick(rng, ODD)}"
        words.append(f"--{flag.replace('{}', str(run))}")
    return [*words, *([_DRY] if rng.random() < 0.9 else [])]


def _draw_theory(rng: np.random.Generator, place: pathlib.Path) -> list[str]:
    """Draws a call of a solver with some of its arguments odd."""
    name = _pick(rng, SOLVERS)
    words = []
    for word in SOLVERS[name].example:
        flag, _, value = word.partition("=")
        if rng.random() < 0.4:
            value = _pick(rng, ODD)
        if rng.random() < 0.1:
            value = _pick(rng, ("1:1e308:5", "1:10:1e9", "0:1:+1e-9", "1,nan", "5:1:3"))
        if rng.random() < 0.95:
            words.append(f"{flag}={value}")
    if rng.random() < 0.1:
        plot = _pick(rng, (*ODD, "x.png", "a/b.png"))
        words.append(f"--plot={place / 'x.png' if plot == 'x.png' else plot}")
    return ["theory", name, *words, *_pick(rng, ([], [], ["--json"], [_DRY]))]


def _draw_sweep(rng: np.random.Generator, place: pathlib.Path) -> list[str]:
    forgeries.forge_experiment(rng, place / "mine.py")
    words = ["sweep", str(place / "mine.py"), f"--results={place / 'results'}"]
    if rng.random() < 0.3:
        words.append(f"--part={_pick(rng, (*ODD, '0/2', '2/2', '1/0', '-1/3'))}")
    if rng.random() < 0.3:
        words.append(f"--size={_pick(rng, (*ODD, 'small', 'full'))}")
    return [*words, *_pick(rng, ([_DRY], [_DRY], ["--draw_only"]))]


def _draw_nonsense(rng: np.random.Generator, place: pathlib.Path) -> list[str]:
    """Draws words that are no command line: verbs, flags and values mixed up."""
    flags = ("config", "workdir", "people", "bits", "member", "size", "list", "weights")
    words = []
    for _ in range(rng.integers(4)):
        flag = _pick(rng, (*flags, "confg", "config.x", "config.model", "device"))
        value = _pick(rng, ODD)
        words += _pick(
            rng, ([f"--{flag}={value}"], [f"--{flag}", value], [f"--{flag}"], [value])
        )
    verb = _pick(rng, (*VERBS, *VERBS, *ODD))
    return [verb, *words, *([] if verb in ("theory", "show") else [_DRY])]
