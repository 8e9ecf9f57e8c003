"""Named configs of skewed worlds and of junk.

pan     paper 000: 400,000 people met by a power law, its models and schedule
tiny    the same questions asked of a world of 26 bits a person, in a minute on a CPU
junk    paper 002, section 10: useful people among junk, a domain token in front or not
"""

from typing import Literal

from kscale import models
from kscale.configs.base import (
    Config,
    CorpusConfig,
    DataConfig,
    PartConfig,
    ScoreConfig,
    WorldConfig,
)
from kscale.configs.published import bios_setting
from kscale.train.config import TrainConfig
from kscale.worlds import Law

EXPONENTS = (0.0, 1.05, 1.2, 1.35, 1.5)  # of paper 000


def power_law(exponent: float, people: int) -> Law:
    """`p(i) ~ (i + bias)^-exponent` with paper 000's bias, 1000 for 400,000 people."""
    return Law(kind="zipf", exponent=exponent, bias=people / 400)


def pan(
    size: str = "s",
    exponent: float = 1.2,
    people: int = 400_000,
    exposures: int = 196,
    compute: Literal["float32", "bfloat16"] = "bfloat16",
) -> Config:
    """Paper 000: P(i) ~ (i + 1000)^-a over 400,000 people, four epochs (appendix F).

    Args:
      size: of the model, one of the paper's 31, such as "6xs2" or "base".
      exponent: a; 0 draws people uniformly.
      people: N; the bias is N / 400.
      exposures: of the average person, in four epochs; 196 make 5.8e9 tokens.
      compute: the paper trains in bfloat16.
    """
    return Config(
        name="pan",
        world=WorldConfig(people=people, law=power_law(exponent, people)),
        corpus=CorpusConfig(mask_documents=True),
        data=DataConfig(exposures=exposures, batch=128, epochs=4),
        model=models.from_name(f"modded-{size}", compute=compute),
        train=TrainConfig(
            learning_rate=3e-4,
            weight_decay=0.1,
            schedule="trapezoid",
            warmup_steps=0,
            warmup_ratio=0.05,
            warmdown_ratio=0.9,
            final_ratio=0.0,
        ),
        score=ScoreConfig(people=min(people, 40_000)),
    )


def tiny(
    people: int = 500,
    exposures: int = 300,
    width: int = 32,
    exponent: float | None = None,
    batch: int = 4,
    rate: float = 3e-3,
) -> Config:
    """A world of single tokens (26 bits a person) and a model of two layers.

    Args:
      people: N.
      exposures: of the average person.
      width: d, the width of the model, a multiple of 8 with heads of 8 to 24.
      exponent: of a power law with bias N / 400; None: everybody equally often.
      batch: windows of 64 tokens a step.
      rate: the peak learning rate.
    """
    law = Law() if exponent is None else power_law(exponent, people)
    head = width if width <= 24 else width // 2
    return Config(
        name="tiny",
        world=WorldConfig(people=people, lists="tiny", law=law),
        data=DataConfig(exposures=exposures, context=64, batch=batch),
        model=models.from_name(
            f"GPT2-2-{width // head}", head_size=head, init_std=0.08
        ),
        train=TrainConfig(
            learning_rate=rate,
            weight_decay=0.05,
            b2=0.99,
            clip=0.0,
            warmup_steps=1000,
            warmup_ratio=0.02,
            final_ratio=0.01,
        ),
    )


def junk(
    people: int = 50_000,
    model: str = "GPT2-2-4",
    exposures: int = 100,
    kind: Literal["none", "random", "repeated"] = "random",
    domain: bool = False,
) -> Config:
    """Useful people in an eighth of the tokens, junk in the rest (002, section 10).

    Args:
      people: N useful people.
      model: ARCHITECTURE-layers-heads.
      exposures: of each useful person.
      kind: of junk: "random" people of 100 million, "repeated" people of 1000.
      domain: put a special token in front of each useful biography.
    """
    decay, rates, batch = bios_setting(people, exposures, model)
    others = {"random": 100_000_000, "repeated": 1000}
    parts = (PartConfig(people=others[kind], weight=7.0),) if kind in others else ()
    return Config(
        name="junk",
        world=WorldConfig(people=people),
        corpus=CorpusConfig(domain="useful" if domain else ""),
        data=DataConfig(exposures=exposures, batch=batch),
        model=models.from_name(model, compute="bfloat16"),
        train=TrainConfig(learning_rate=rates[len(rates) // 2], weight_decay=decay),
        parts=parts,
    )
