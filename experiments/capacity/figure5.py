"""Allen-Zhu & Li 2024, figure 5: from LLaMA back to GPT2, a change at a time.

Reproduces: of tied LLaMA models, those with a standard MLP hold more than those with a
gated one, and tiny ones more under GPT2's tokenizer than under LLaMA's, which cuts
years into digits (result 7); silu or gelu and biases in the norms do not matter
(appendix B.2). All after 100 exposures.

    kscale sweep capacity/figure5 --size=smoke    a minute: does it run?
    kscale sweep capacity/figure5 --size=small    15 minutes on two cores (see --part)
    kscale sweep capacity/figure5 --size=paper    weeks of one GPU

Expect: R under GPT2's tokens 0.144 (gated) and 0.120 (standard), within their spread;
under LLaMA's 0.066 and 0.042, 12 and 8 % of R_max: not trained far enough.

Small: 300 people of 26 bits ("tiny") and models of two layers and width 24, three
learning rates and three seeds each. LLaMA's tokenizer is a SentencePiece model of 600
tokens trained on the world, where the paper has LLaMA's own. Paper: as published, gated
models are tried at three learning rates and standard ones at GPT2's.
"""

import dataclasses
import pathlib

from kscale import report
from kscale.configs import fields, grids, power_law
from kscale.configs.base import Config
from kscale.files import Row

# name -> architecture, tokenizer; (a) to (d) are the figure's, the rest appendix B.2's.
VARIANTS = {
    "(a) gated, LLaMA tokens": ("LLaMA_tied", "sentencepiece"),
    "(b) plain, LLaMA tokens": ("LLaMA_tied_mlp", "sentencepiece"),
    "(c) gated, GPT2 tokens": ("LLaMA_tied", "gpt2"),
    "(d) plain, GPT2 tokens": ("LLaMA_tied_mlp", "gpt2"),
    "(c) untied": ("LLaMA", "gpt2"),
    "(c) untied, gelu": ("LLaMA_gelu", "gpt2"),
    "(c) untied, norm biases": ("LLaMA_bias", "gpt2"),
    "GPT2": ("GPT2", "gpt2"),
}
PAPER = tuple(VARIANTS)[:4]
PAPER_PEOPLE = (50_000, 100_000, 200_000, 500_000, 1_000_000)
PAPER_VOCAB = 8000  # the lists allow about 12,000, LLaMA has 32,000


def runs(size: str) -> list[Config]:
    """The runs of a size."""
    if size == "paper":
        return [
            _with_tokenizer(config, VARIANTS[name][1], PAPER_VOCAB, name)
            for name in PAPER
            for config in grids.published_grid((VARIANTS[name][0],), PAPER_PEOPLE, 100)
        ]
    people, exposures, rates, seeds = 300, 100, (2e-3, 4e-3, 8e-3), (0, 1, 2)
    shown = VARIANTS
    if size == "smoke":
        people, exposures, rates, seeds = 12, 2, (4e-3,), (0,)
        shown = {name: VARIANTS[name] for name in PAPER[:3:2]}
    world = power_law.tiny(people, exposures, 24, batch=2)
    return [
        _with_tokenizer(run, tokenizer, 600, name)
        for name, (architecture, tokenizer) in shown.items()
        for run in grids.make_grid(
            world, {name: grids.narrow_model(architecture, 2)}, rates, seeds
        )
    ]


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    title = "Allen-Zhu & Li 2024, figure 5: from LLaMA back to GPT2, 100 exposures"
    report.draw_comparison(rows, path, title, "(d) plain, GPT2 tokens")


def _with_tokenizer(config: Config, tokenizer: str, vocab: int, name: str) -> Config:
    config = dataclasses.replace(config, name=name)
    if tokenizer == "gpt2":
        return config
    return fields.override_all(
        config, {"corpus.tokenizer": tokenizer, "corpus.tokenizer_vocab": vocab}
    )
