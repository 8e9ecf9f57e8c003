"""Named configs of skewed worlds.

pan     Pan et al. 2025: 400,000 people seen by a power law, its models and schedule
tiny    the same questions asked of a world of 26 bits a person, in a minute on a CPU
"""

from typing import Literal

from kscale import models
from kscale.configs.base import (
    Config,
    CorpusConfig,
    DataConfig,
    ScoreConfig,
    WorldConfig,
)
from kscale.configs.small import narrow_training
from kscale.train.config import TrainConfig
from kscale.worlds import Law

EXPONENTS = (0.0, 1.05, 1.2, 1.35, 1.5)  # of Pan et al. 2025


def zipf_law(exponent: float, people: int) -> Law:
    """Returns `p(i) ~ (i + bias)^-exponent` with the published bias, N / 400."""
    return Law(kind="zipf", exponent=exponent, bias=people / 400)


def pan(
    size: str = "s",
    exponent: float = 1.2,
    people: int = 400_000,
    exposures: int = 196,
    compute: Literal["float32", "bfloat16"] = "bfloat16",
) -> Config:
    """Pan et al. 2025: P(i) ~ (i + 1000)^-a over 400,000 people, four epochs.

    Hours on an accelerator.

    Args:
      size: of the model, one of the paper's 31, such as "6xs2" or "base".
      exponent: a; 0 draws people uniformly.
      people: N; the bias is N / 400.
      exposures: of the average person, in four epochs; 196 make 5.8e9 tokens.
      compute: bfloat16 is the published one.

    Source: Pan et al. 2025, appendix F.
    """
    return Config(
        name="pan",
        world=WorldConfig(people=people, law=zipf_law(exponent, people)),
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
    law = Law() if exponent is None else zipf_law(exponent, people)
    head = width if width <= 24 else width // 2
    return Config(
        name="tiny",
        world=WorldConfig(people=people, lists="tiny", law=law),
        data=DataConfig(exposures=exposures, context=64, batch=batch),
        model=models.from_name(
            f"GPT2-2-{width // head}", head_size=head, init_std=0.08
        ),
        train=narrow_training(rate, warmup_steps=1000),
    )
