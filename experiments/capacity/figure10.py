"""Allen-Zhu & Li 2024, figure 10: knowledge that questions extract.

Reproduces: a model that saw each person in many wordings answers questions about people
who were in no question of its fine-tuning, nearly as well as it goes on with their
biographies (appendix A.2). With one wording a person it does not (Part 3.1).

    kscale sweep capacity/figure10 --size=smoke    a minute: does it run?
    kscale sweep capacity/figure10 --size=small    20 minutes on two cores (see --part)
    kscale sweep capacity/figure10 --size=paper    weeks of one GPU

Expect: all of it is memorized, and 53 % of the answers about people held out are right
with adapters, 63 % without; after one wording 5 and 6 %, as by guessing.

Low-rank adapters of the embedding (rank r') and of queries and values (r) learn from
questions about the people of odd number; the other half is asked. Every pair of ranks
is shown, the best is the result. Small: 400 people of 26 bits ("tiny") in a model of
two layers and width 64, seen 600 times (in one wording also 1500 times), with adapters
and, beside them, with all parameters trained. Paper: batches of 96 and about as many
steps as published.
"""

import dataclasses
import pathlib

from kscale import configs, report
from kscale.configs import fields, finetuning, grids, power_law
from kscale.configs.base import Config, fingerprint
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
# The kind of corpus, and exposures; one wording a person is learnt more slowly.
BASES = (("bios", 600), ("bios_simple", 600), ("bios_simple", 1500))
# by exposures; their models are those of figure 1
PAPER_PEOPLE = {
    1000: (10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000),
    100: (50_000, 100_000, 200_000, 500_000, 1_000_000),
}


def runs(size: str) -> list[Config]:
    """Each model, then its fine-tunings."""
    if size == "paper":
        return [
            run
            for exposures, some in PAPER_PEOPLE.items()
            for people in some
            for model in grids.fitting_models("GPT2", people, exposures)
            for run in _with_answers(
                dataclasses.replace(
                    configs.bios(people, model, exposures),
                    name=f"bioS({people // 1000}K), {model}, {exposures} exposures",
                ),
                RANKS,
                max(1, 60_000_000 // people),
                batch=96,
            )
        ]
    if size == "smoke":
        return _with_answers(
            _with_corpus(power_law.tiny(12, 4, 8), "bios_simple"), RANKS[:1], 2
        )
    bases = [
        _with_corpus(power_law.tiny(400, times, 64), kind) for kind, times in BASES
    ]
    return [run for base in bases for run in _with_answers(base, (*RANKS, (0, 0)), 30)]


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    title = "Allen-Zhu & Li 2024, figure 10: extractable knowledge"
    report.draw_extraction(rows, path, title)


def _with_corpus(config: Config, kind: str) -> Config:
    return fields.override_all(config, {"corpus.kind": kind, "name": kind})


def _with_answers(
    base: Config, ranks: tuple[tuple[int, int], ...], exposures: int, batch: int = 0
) -> list[Config]:
    start = fingerprint(base)
    return [base] + [
        finetuning.extract(
            start, embedding, attention, exposures, batch=batch, before=base
        )
        for embedding, attention in ranks
    ]
