"""Named configs that two CPU cores train in minutes, and what to expect of them.

demo_d48, demo_d48_100    at the limit after 1000 and 100 exposures: R = 1.90, 0.95
demo_room                 with room to spare: R = 1.21 of 1.22
demo_bindings             bits that are who has what: R = 1.13 of 1.77, 68 % right
demo, demo_100            a smaller model at its limit
mini                      bioS with short lists
smoke                     every step of a run in seconds
"""

import dataclasses

from kscale import models
from kscale.configs.base import Config, CorpusConfig, DataConfig, WorldConfig
from kscale.train.config import TrainConfig


def narrow_training(rate: float, warmup_steps: int) -> TrainConfig:
    """Returns how models of narrow layers are trained, in windows of 64 tokens."""
    return TrainConfig(
        learning_rate=rate,
        weight_decay=0.05,
        b2=0.99,
        clip=0.0,
        warmup_steps=warmup_steps,
        warmup_ratio=0.02,
        final_ratio=0.01,
    )


def demo(
    people: int = 750,
    exposures: int = 1000,
    heads: int = 2,
    diversity: int = 32,
    batch: int = 2,
    rate: float = 3e-3,
) -> Config:
    """A model at its limit: 1000 exposures of bioD(750, K=2, C=8, D=T=32, L=1).

    R_max is 2.16; two CPU cores take two minutes.

    Args:
      people: N.
      exposures: E.
      heads: of 16 dimensions, in each of two layers.
      diversity: D and T, the number of strings and of symbols.
      batch: windows of 64 tokens a step.
      rate: the peak learning rate.
    """
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
        train=narrow_training(rate, warmup_steps=2500),
    )


def demo_100() -> Config:
    """The demo's world and model after 100 exposures."""
    return dataclasses.replace(demo(exposures=100), name="demo_100")


def demo_room() -> Config:
    """A model with room to spare: the demo with 420 people, R = 1.21 of 1.22.

    One to two minutes on two CPU cores.
    """
    return dataclasses.replace(demo(people=420), name="demo_room")


def demo_d48(exposures: int = 1000, rate: float = 1.5e-3, batch: int = 3) -> Config:
    """A wider model at its limit: d = 48, 1450 people, D = 64; R = 1.90 of 2.25.

    About three minutes on two CPU cores.
    """
    wide = demo(1450, exposures, heads=3, diversity=64, batch=batch, rate=rate)
    return dataclasses.replace(wide, name="demo_d48")


def demo_d48_100() -> Config:
    """The wider model after 100 exposures: R = 0.95; half a minute."""
    return dataclasses.replace(demo_d48(100, rate=2e-3, batch=2), name="demo_d48_100")


def demo_bindings(
    people: int = 300,
    exposures: int = 1000,
    heads: int = 1,
    rate: float = 4e-3,
    rotary: float = 1.0,
) -> Config:
    """A world in which bits are bindings: bioD(300, K=8, C=1, D=T=64, L=1).

    A value is one of 64 strings, so what a model holds is who has which. R = 1.13 of
    1.77, with 68 % of the values right; two to three minutes of a CPU core.

    Args:
      people, exposures, heads, rate: as in `demo`.
      rotary: the share of a head that is rotated. With a quarter of 16 dimensions R
        is 0.70 to 1.33 from seed to seed, with all of them 1.10 to 1.13.
    """
    config = demo(people, exposures, heads, diversity=64, rate=rate)
    names = (64, 64) if people <= 64 * 64 else (256, 256)
    return dataclasses.replace(
        config,
        name="demo_bindings",
        world=dataclasses.replace(
            config.world, attributes=8, chunks=1, name_parts=names
        ),
        model=dataclasses.replace(config.model, rotary_fraction=rotary),
    )


def mini(
    people: int = 1000, exposures: int = 200, heads: int = 4, batch: int = 4
) -> Config:
    """bioS with short lists and a narrow model, minutes to an hour on two CPU cores.

    Models of fewer than 3 heads stay on a plateau: R is about 0.1 with 1 head.

    Args:
      people: N.
      exposures: E.
      heads: of 16 dimensions, in each of two layers.
      batch: windows of 128 tokens a step.
    """
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
    train = TrainConfig(learning_rate=3e-3, warmup_steps=10)
    return dataclasses.replace(tiny, name="smoke", train=train)
