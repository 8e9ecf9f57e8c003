"""Paper 002, figure 10: knowledge drawn out by questions, beside what is memorized.

Reproduces: a model that saw each person in many wordings answers questions about people
who were in no question of its fine-tuning, nearly as well as it goes on with their
biographies (appendix A.2). With one wording a person it does not (Part 3.1).

    kscale sweep capacity/figure10 --size=smoke    a minute: does it run?
    kscale sweep capacity/figure10 --size=small    20 minutes on two CPU cores, with
                                                   --part=0/2 and --part=1/2 side by
                                                   side
    kscale sweep capacity/figure10 --size=paper    weeks of one GPU

Low-rank adapters of the embedding (rank r') and of queries and values (r) learn from
questions about the people of odd number; the other half is asked. Every pair of ranks
is shown, the best is the result. Small: 400 people of 26 bits ("tiny") in a model of
two layers and width 64, met 600 times (in one wording also 1500 times), with adapters
and, beside them, with all parameters trained. Paper: batches of 96 and about as many
steps as published.
"""

import dataclasses
import pathlib

from kscale import configs, report
from kscale.configs import base as config_module
from kscale.configs import fields, finetuning, power_law
from kscale.configs.base import Config
from kscale.files import Row

# (r' of the embedding, r of queries and values), as published.
RANKS = (
    (8, 2),
    (16, 2),
    (8, 4),
    (32, 4),
    (8, 8),
    (32, 8),
    (128, 8),
    (32, 16),
    (128, 16),
)
# How people are told of, and how often; one wording a person is learnt more slowly.
BASES = (("bios", 600), ("bios_simple", 600), ("bios_simple", 1500))
PAPER_MODELS = ("GPT2-2-4", "GPT2-4-4", "GPT2-6-4", "GPT2-12-4")
PAPER_PEOPLE = (20_000, 50_000, 100_000, 200_000)


def runs(size: str) -> list[Config]:
    """Each model, then its fine-tunings."""
    if size == "paper":
        return [
            run
            for model in PAPER_MODELS
            for people in PAPER_PEOPLE
            for run in _with_answers(
                dataclasses.replace(
                    configs.bios(people, model),
                    name=f"bioS({people // 1000}K), {model}",
                ),
                RANKS,
                60_000_000 // people,
                batch=96,
            )
        ]
    if size == "smoke":
        return _with_answers(
            _told(power_law.tiny(12, 4, 8), "bios_simple"), RANKS[:1], 2
        )
    bases = [_told(power_law.tiny(400, times, 64), kind) for kind, times in BASES]
    return [run for base in bases for run in _with_answers(base, (*RANKS, (0, 0)), 30)]


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    report.draw_extraction(rows, path, "Paper 002, figure 10: extractable knowledge")


def _told(config: Config, kind: str) -> Config:
    return fields.override_all(config, {"corpus.kind": kind, "name": kind})


def _with_answers(
    base: Config, ranks: tuple[tuple[int, int], ...], exposures: int, batch: int = 0
) -> list[Config]:
    start = config_module.fingerprint(base)
    return [base] + [
        finetuning.extracted(base, start, embedding, attention, exposures, batch=batch)
        for embedding, attention in ranks
    ]
