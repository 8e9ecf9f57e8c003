"""The named configs: a literal table from name to function.

`--config=NAME` takes one as it is, `--config=NAME:key=value,key=value` gives arguments
to its function, `--config=path/to/file.py` calls the file's `get_config()`.

    demo, demo_100, demo_room, demo_d48, demo_d48_100   tiny bioD worlds, on two cores
    smoke, mini                                         bioS with short lists, on CPUs
    bios, bios_simple, bior, biod, junk                 the settings of paper 002
    pan                                                 the settings of paper 000
    tiny                                                skewed worlds in a minute
    tune, extract                                       a finished run taught more
"""

import dataclasses
import inspect
import pathlib
import re
import runpy
import typing
from collections.abc import Callable
from typing import Any, Literal

from kscale import models
from kscale.configs import fields, finetuning, power_law
from kscale.configs.base import (
    Config,
    CorpusConfig,
    DataConfig,
    MembersConfig,
    ScoreConfig,
    WorldConfig,
)
from kscale.configs.published import bios_setting
from kscale.train.config import TrainConfig


def bios(
    people: int = 10_000,
    model: str = "GPT2-2-1",
    exposures: int = 1000,
    rates: Literal["one", "all"] = "one",
    lists: str = "bios",
    compute: Literal["float32", "bfloat16"] = "bfloat16",
) -> Config:
    """bioS(N), new text at each exposure, trained as in paper 002 (figure 1).

    Args:
      people: N.
      model: ARCHITECTURE-layers-heads.
      exposures: E; 1000 and 100 are the published ones.
      rates: "one" trains at the published learning rate (the middle one of several),
        "all" at all that were tried, as a population.
      lists: the world's lists.
      compute: the paper trains in 16 bits; on CPUs float32 is faster.
    """
    decay, tried, batch = bios_setting(people, exposures, model)
    middle = tried[len(tried) // 2]
    return Config(
        name="bios",
        world=WorldConfig(people=people, lists=lists),
        data=DataConfig(exposures=exposures, batch=batch),
        model=models.from_name(model, compute=compute),
        train=TrainConfig(learning_rate=middle, weight_decay=decay),
        members=MembersConfig(learning_rates=tried if rates == "all" else ()),
    )


def bios_simple(
    people: int = 10_000, model: str = "GPT2-2-1", exposures: int = 1000
) -> Config:
    """bioS-simple(N), one text per person, trained as bioS (figure 11)."""
    return dataclasses.replace(
        bios(people, model, exposures),
        name="bios_simple",
        corpus=CorpusConfig(kind="bios_simple"),
    )


def bior(
    path: str, people: int = 10_000, model: str = "GPT2-2-1", exposures: int = 1000
) -> Config:
    """bioR(N), rewritten biographies from JSONL files, trained as bioS (figure 11)."""
    return dataclasses.replace(
        bios(people, model, exposures),
        name="bior",
        corpus=CorpusConfig(kind="bior", path=path),
    )


def biod(
    people: int = 10_000,
    attributes: int = 1,
    chunks: int = 1,
    diversity: int = 10,
    length: int = 1,
    symbols: int = 20,
    model: str = "GPT2-2-1",
    exposures: int = 1000,
) -> Config:
    """bioD(N, K, C, D, L, T), trained as in paper 002 (figures 2, 12, 13)."""
    return Config(
        name="biod",
        world=WorldConfig(
            kind="biod",
            people=people,
            attributes=attributes,
            chunks=chunks,
            diversity=diversity,
            length=length,
            symbols=symbols,
        ),
        corpus=CorpusConfig(kind="biod", tokenizer="symbols"),
        data=DataConfig(exposures=exposures, batch=192),
        model=models.from_name(model, compute="bfloat16"),
        train=TrainConfig(learning_rate=5e-4, weight_decay=0.01),
    )


def demo(
    people: int = 750,
    exposures: int = 1000,
    heads: int = 2,
    diversity: int = 32,
    batch: int = 2,
    rate: float = 3e-3,
) -> Config:
    """A model at its limit: 1000 exposures of bioD(750, K=2, C=8, D=T=32, L=1)."""
    return Config(
        name="demo",
        world=WorldConfig(
            kind="biod",
            people=people,
            attributes=2,
            chunks=8,
            diversity=diversity,
            length=1,
            symbols=diversity,
            name_parts=(64, 64),
        ),
        corpus=CorpusConfig(kind="biod", style="bare", tokenizer="symbols"),
        data=DataConfig(exposures=exposures, context=64, batch=batch),
        model=models.from_name(f"GPT2-2-{heads}", head_size=16, init_std=0.08),
        # Warm-up in absolute steps is what makes or breaks 100 exposures.
        train=TrainConfig(
            learning_rate=rate,
            weight_decay=0.05,
            b2=0.99,
            clip=0.0,
            warmup_steps=2500,
            warmup_ratio=0.02,
            final_ratio=0.01,
        ),
    )


def demo_100() -> Config:
    """The demo's world and model after 100 exposures."""
    return dataclasses.replace(demo(exposures=100), name="demo_100")


def demo_room() -> Config:
    """A model with room to spare: the demo with 420 people, R = R_max."""
    return dataclasses.replace(demo(people=420), name="demo_room")


def demo_d48(exposures: int = 1000, rate: float = 1.5e-3, batch: int = 3) -> Config:
    """A wider model at its limit: d = 48, 1450 people, D = 64."""
    wide = demo(1450, exposures, heads=3, diversity=64, batch=batch, rate=rate)
    return dataclasses.replace(wide, name="demo_d48")


def demo_d48_100() -> Config:
    """The wider model after 100 exposures."""
    return dataclasses.replace(demo_d48(100, rate=2e-3, batch=2), name="demo_d48_100")


def mini(
    people: int = 1000, exposures: int = 200, heads: int = 4, batch: int = 4
) -> Config:
    """bioS with short lists and a narrow model, minutes to an hour on two CPU cores."""
    return Config(
        name="mini",
        world=WorldConfig(people=people, lists="mini"),
        data=DataConfig(exposures=exposures, context=128, batch=batch),
        model=models.from_name(f"GPT2-2-{heads}", head_size=16),
        train=TrainConfig(learning_rate=2e-3, weight_decay=0.02),
    )


def smoke() -> Config:
    """Every step of a run in a few seconds; what it measures means nothing."""
    tiny = mini(people=24, exposures=8, heads=1)
    rhythm = TrainConfig(learning_rate=3e-3, warmup_steps=10)
    return dataclasses.replace(tiny, name="smoke", train=rhythm, score=ScoreConfig())


CONFIGS: dict[str, Callable[..., Config]] = {
    "demo": demo,
    "demo_100": demo_100,
    "demo_room": demo_room,
    "demo_d48": demo_d48,
    "demo_d48_100": demo_d48_100,
    "smoke": smoke,
    "mini": mini,
    "bios": bios,
    "bios_simple": bios_simple,
    "bior": bior,
    "biod": biod,
    "junk": power_law.junk,
    "pan": power_law.pan,
    "tiny": power_law.tiny,
    "tune": finetuning.tune,
    "extract": finetuning.extract,
}


def load(spec: str) -> Config:
    """The config that `--config=SPEC` means.

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
    name, _, arguments = spec.partition(":")
    make = _from_file(name) if name.endswith(".py") else CONFIGS.get(name)
    if make is None:
        raise ValueError(fields.unknown("config", repr(name), name, CONFIGS))
    config = make(**_arguments(make, name, arguments))
    if not isinstance(config, Config):
        raise ValueError(f"{name}: get_config() gave {config!r:.60}, not a Config")
    return config


def describe() -> str:
    """The named configs for a --help: name and meaning, then the arguments."""
    lines = []
    for name, make in CONFIGS.items():
        lines.append(f"  {name:<14}{(make.__doc__ or '').partition(chr(10))[0]}")
        if keys := ", ".join(inspect.signature(make).parameters):
            lines.append(f"{'':<16}{name}:key=value with {keys}")
    return "\n".join(lines)


def _from_file(path: str) -> Callable[..., Config]:
    if not pathlib.Path(path).is_file():
        raise ValueError(f"the config file {path!r} does not exist")
    names = runpy.run_path(path)
    if "get_config" not in names:
        raise ValueError(f"the config file {path!r} defines no get_config()")
    return names["get_config"]


def _arguments(make: Callable[..., Config], name: str, text: str) -> dict[str, Any]:
    parameters = inspect.signature(make).parameters
    hints = typing.get_type_hints(make)
    values = {}
    # Commas inside parentheses belong to a value.
    for item in re.split(r",(?![^(]*\))", text) if text else ():
        key, equals, value = item.partition("=")
        if not equals:
            raise ValueError(f"{name}:{item} must be {name}:key=value")
        if key not in parameters:
            raise ValueError(fields.unknown("argument", f"{name}:{key}", key, hints))
        values[key] = fields.read(value, hints.get(key, str), f"{name}:{key}")
    for key, parameter in parameters.items():
        if parameter.default is parameter.empty and key not in values:
            raise ValueError(
                f"the config {name} needs {key}: --config={name}:{key}=..."
            )
    return values
