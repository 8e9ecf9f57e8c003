"""Named configs of Allen-Zhu & Li 2024: what a model of each size holds.

bios, bios_simple, bior   people in biographies: new texts, one text, rewritten ones
biod                      random strings of chosen diversity and length
junk                      useful people among junk, a domain token in front or not

The published figure: about 2 bits per parameter after 1000 exposures, 1 after 100. A
model of 100 million parameters takes hours on an accelerator, days on CPUs;
`configs.small` has what a laptop trains.
"""

import dataclasses
from typing import Literal

from kscale import models
from kscale.configs.base import (
    Config,
    CorpusConfig,
    DataConfig,
    MembersConfig,
    PartConfig,
    WorldConfig,
)
from kscale.configs.published import bios_setting, junk_setting
from kscale.train.config import TrainConfig


def bios(
    people: int = 10_000,
    model: str = "GPT2-2-1",
    exposures: int = 1000,
    rates: Literal["one", "all"] = "one",
    lists: str = "bios",
    compute: Literal["float32", "bfloat16"] = "bfloat16",
) -> Config:
    """bioS(N), new text at each exposure, trained as published (figure 1).

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
    attributes: int = WorldConfig.attributes,
    chunks: int = WorldConfig.chunks,
    diversity: int = WorldConfig.diversity,
    length: int = WorldConfig.length,
    symbols: int = WorldConfig.symbols,
    model: str = "GPT2-2-1",
    exposures: int = 1000,
) -> Config:
    """bioD(N, K, C, D, L, T), trained as published (figures 2, 12, 13)."""
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


def junk(
    people: int = 50_000,
    model: str = "GPT2-2-4",
    exposures: int = 100,
    kind: Literal["none", "random", "repeated"] = "random",
    domain: bool = False,
) -> Config:
    """Useful people in an eighth of the tokens, junk in the rest (figure 8).

    Args:
      people: N useful people.
      model: ARCHITECTURE-layers-heads.
      exposures: of each useful person.
      kind: of junk: "random" people of 100 million, "repeated" people of 1000.
      domain: put a special token in front of each useful biography.
    """
    others = {"random": 100_000_000, "repeated": 1000}
    config = bios(people, model, exposures)
    if kind in others:
        decay, rates, batch = junk_setting(people, exposures, kind, domain)
        train = dataclasses.replace(
            config.train, learning_rate=rates[len(rates) // 2], weight_decay=decay
        )
        data = dataclasses.replace(config.data, batch=batch)
        config = dataclasses.replace(config, train=train, data=data)
    return dataclasses.replace(
        config,
        name="junk",
        corpus=CorpusConfig(domain="useful" if domain else ""),
        parts=(PartConfig(people=others[kind], weight=7.0),) if kind in others else (),
    )
