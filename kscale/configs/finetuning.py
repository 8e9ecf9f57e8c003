"""Named configs that go on from a finished run.

tune     taught new people, by biographies or by questions (Pan et al. 2025)
extract  asked about its own people by adapters trained on half (Allen-Zhu & Li 2024)

Either takes as long as its exposures of the run that it goes on from.
"""

import dataclasses
from typing import Literal

from kscale.configs.base import (
    Config,
    MembersConfig,
    PartConfig,
    load_config,
    place_parts,
)
from kscale.models.config import NO_ADAPTERS, Lora


def tune(
    start: str,
    people: int = 1000,
    kind: Literal["biographies", "questions"] = "biographies",
    exposures: int = 100,
    share: float = 0.8,
    rate: float = 3e-5,
    *,
    before: Config | None = None,
) -> Config:
    """A finished run (of a population its first member) taught about new people.

    Old text is replayed. The run's parts are not read again; the new people are none of
    theirs. After an extraction its adapters alone are trained (`train.trainable`,
    `model.lora`).

    Args:
      start: the run's folder, or its fingerprint in a sweep.
      people: how many new ones.
      kind: "biographies" (continued pretraining) or "questions" (supervised).
      exposures: how often each new person is seen, as a biography or in a question
        about each attribute.
      share: of the visits of as many exposures of the old people, how many are read.
      rate: the peak learning rate; a tenth of the pretraining's is published.
      before: the run's config; None: read from its folder.

    Source: Pan et al. 2025, appendix F.2 (table 2, figure 8).
    """
    before = before or load_config(start)
    told = (before.world, *place_parts(before.parts, before.world))
    first = max(each.first + each.people for each in told) if before.parts else -1
    part = PartConfig("new", kind, people, first, exposures=exposures)
    return dataclasses.replace(
        before,
        name="tune",
        start=start,
        parts=(part,),
        members=MembersConfig(),
        data=dataclasses.replace(
            before.data, exposures=exposures, share=share, epochs=1
        ),
        train=dataclasses.replace(before.train, learning_rate=rate, warmup_steps=0),
    )


def extract(
    start: str,
    embedding: int = 8,
    attention: int = 4,
    exposures: int = 30,
    rate: float = 1e-3,
    batch: int = 0,
    *,
    before: Config | None = None,
) -> Config:
    """A finished run asked about its people: adapters learn from questions about half.

    The answers about the others tell what can be extracted, in the row's
    `parts["questions"]["held_out"]`; the run's own row tells what is memorized.

    Args:
      start, before: as in `tune`.
      embedding, attention: r' and r, the ranks of the adapters of the embedding and of
        queries and values, 0 for none; both 0: all parameters are trained.
      exposures: of each person of the half that is asked about in training, in a
        question about each attribute.
      rate: the peak learning rate, which falls to 0 in a line; the paper's is 1e-3.
      batch: windows a step; 0 as in the run, the paper's is 96.

    Raises:
      ValueError: a rank is negative.

    Source: Allen-Zhu & Li 2024, appendix A.2, Parameter 3 (decay 0.1, no warm-up).
    """
    for name, rank in {"embedding": embedding, "attention": attention}.items():
        if rank < 0:
            raise ValueError(f"{name}={rank} must be a rank, 0 or more")
    before = before or load_config(start)
    adapted = bool(embedding or attention)
    rules = tuple(f"*/attention/{x}:{attention}" for x in ("query", "value"))
    lora = Lora(rules=(*rules, f"embed/table:{embedding}")) if adapted else NO_ADAPTERS
    order, people = before.data, (before.world.people, before.world.first)
    asked = PartConfig("questions", "questions", *people, "odd", exposures)
    return dataclasses.replace(
        before,
        name="extract",
        start=start,
        parts=(asked,),
        members=MembersConfig(),
        data=dataclasses.replace(
            order, exposures=exposures, share=0.0, epochs=1, batch=batch or order.batch
        ),
        model=dataclasses.replace(before.model, lora=lora),
        train=dataclasses.replace(
            before.train,
            learning_rate=rate,
            weight_decay=0.1,
            schedule="linear",
            final_ratio=0.0,
            warmup_steps=0,
            warmup_ratio=0.0,
            trainable=("lora/*",) if adapted else ("*",),
        ),
    )
