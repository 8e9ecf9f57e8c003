"""The named configs: a literal table from name to function.

`--config=NAME` takes one as it is, `--config=NAME:key=value,key=value` gives arguments
to its function, `--config=path/to/file.py` calls the file's `get_config()`.

    small        demo, demo_100, demo_room, demo_d48, demo_d48_100,
                 demo_bindings, mini, smoke
    capacity     bios, bios_simple, bior, biod, junk (Allen-Zhu & Li 2024)
    power_law    pan (Pan et al. 2025), tiny: skewed worlds
    finetuning   tune, extract: a finished run trained further
"""

import inspect
import pathlib
import re
import runpy
import traceback
import typing
from collections.abc import Callable
from typing import Any, TypeVar

from kscale.configs import fields
from kscale.configs.base import Config
from kscale.configs.capacity import biod, bior, bios, bios_simple, junk
from kscale.configs.finetuning import extract, tune
from kscale.configs.power_law import pan, tiny
from kscale.configs.small import (
    demo,
    demo_100,
    demo_bindings,
    demo_d48,
    demo_d48_100,
    demo_room,
    mini,
    smoke,
)

T = TypeVar("T")
CONFIGS: dict[str, Callable[..., Config]] = {
    "demo": demo,
    "demo_100": demo_100,
    "demo_room": demo_room,
    "demo_d48": demo_d48,
    "demo_d48_100": demo_d48_100,
    "demo_bindings": demo_bindings,
    "smoke": smoke,
    "mini": mini,
    "bios": bios,
    "bios_simple": bios_simple,
    "bior": bior,
    "biod": biod,
    "junk": junk,
    "pan": pan,
    "tiny": tiny,
    "tune": tune,
    "extract": extract,
}


def load(spec: str) -> Config:
    """Returns the config that `--config=SPEC` means.

    Args:
      spec: "NAME", "NAME:key=value,key=value", or the same with the path of a Python
        file that defines `get_config()` in place of the name.

    Raises:
      ValueError: no such name, file or argument, with the nearest one; an argument of
        another type, or none where one is needed.

    Example:
      >>> load("bios:people=20K,model=GPT2-4-2").data.batch
      48
    """
    name, colon, arguments = spec.partition(":")
    if colon and not arguments:
        raise ValueError(f"{spec} must be {name}:key=value, or {name} alone")
    make = _from_file(name) if name.endswith(".py") else CONFIGS.get(name)
    if make is None:
        raise ValueError(fields.unknown("config", repr(name), name, CONFIGS))
    given = _arguments(make, name, arguments)
    config = call(spec, lambda: make(**given))
    if not isinstance(config, Config):
        raise ValueError(f"{name}: get_config() gave {config!r:.60}, not a Config")
    return config


def describe() -> str:
    """Lists the named configs for a --help: name and meaning, then the arguments."""
    lines = []
    for name, make in CONFIGS.items():
        lines.append(f"  {name:<14}{(make.__doc__ or '').partition(chr(10))[0]}")
        if keys := ", ".join(_parameters(make)):
            lines.append(f"{'':<16}{name}:key=value with {keys}")
    return "\n".join(lines)


def _from_file(path: str) -> Callable[..., Config]:
    if not pathlib.Path(path).is_file():
        raise ValueError(f"the config file {path!r} does not exist")
    names = call(path, lambda: runpy.run_path(path))
    if not callable(names.get("get_config")):
        raise ValueError(f"the config file {path!r} defines no get_config()")
    return names["get_config"]


def call(what: str, make: Callable[[], T]) -> T:
    """Returns what a file or a function makes; an error in it says where it is from.

    Args:
      what: the file or config, and after a colon what is done with it.
      make: makes it.
    """
    try:
        return make()
    except ValueError:
        raise
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        file = what.partition(":")[0]
        lines = [f", line {x.lineno}," for x in frames if x.filename == file]
        where, kind = f"{what}{(lines or [''])[-1]}", type(error).__name__
        raise ValueError(f"{where} fails with {kind}: {error}") from error


def _parameters(make: Callable[..., Config]) -> dict[str, inspect.Parameter]:
    """Returns the parameters that can be typed; those by keyword are for Python."""
    found = inspect.signature(make).parameters
    return {k: x for k, x in found.items() if x.kind is not x.KEYWORD_ONLY}


def _arguments(make: Callable[..., Config], name: str, text: str) -> dict[str, Any]:
    parameters = _parameters(make)
    hints = typing.get_type_hints(make)
    values = {}
    # Commas inside parentheses belong to a value.
    for item in re.split(r",(?![^(]*\))", text) if text else ():
        key, equals, value = item.partition("=")
        if not equals:
            raise ValueError(f"{name}:{item} must be {name}:key=value")
        if not parameters:
            raise ValueError(f"the config {name} takes no arguments: leave out {item}")
        if key not in parameters:
            raise ValueError(
                fields.unknown("argument", f"{name}:{key}", key, parameters)
            )
        values[key] = fields.read(value, hints.get(key, str), f"{name}:{key}")
    for key, parameter in parameters.items():
        if parameter.default is parameter.empty and key not in values:
            raise ValueError(
                f"the config {name} needs {key}: --config={name}:{key}=..."
            )
    return values
