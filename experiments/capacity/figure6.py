"""Allen-Zhu & Li 2024, figure 6: knowledge in fewer bits a weight.

Reproduces: models rounded to 8 bits hold what they held, to 4 bits less than half
(result 8, GPTQ from 1000 biographies; figures 14 and 15 are its parts). Asked besides,
since the paper leaves it open: what is left if a model is trained with rounded weights
(quantization-aware training), from its start or for a tenth of its exposures more?

    kscale sweep capacity/figure6 --size=smoke    a minute: does it run?
    kscale sweep capacity/figure6 --size=small    20 minutes on two cores (see --part)
    kscale sweep capacity/figure6 --size=paper    days of one GPU, besides figure 1's

Expect: the model at its limit (1.90 bits a parameter) keeps 99.9, 98, 91, 50 % at 8, 6,
5, 4 bits by GPTQ, and 66 % at 4 bits if it is trained with them.

Small: bioD models at their limit (two of width 24 and 48, the latter the demo's) and
with room to spare, bioS models ("tiny") likewise. Kernels alone are rounded, as in the
paper, or the embedding too; by GPTQ or to the nearest; 8, 6, 5, 4, 3 and 2 bits.
Paper: published models, N such that R_max is 2, after 1000 and 100 exposures; three
kinds of bioD, which are ours.
"""

import dataclasses
import pathlib
from typing import Any

from kscale import configs, models, report
from kscale.configs import grids, power_law
from kscale.configs.base import Config, fingerprint
from kscale.files import Row
from kscale.quant import Scheme
from kscale.runs.quantize import Choice, quantize_run
from kscale.scores import world_for_model

KERNELS = ("layer*/kernel",)
ALL = ("layer*/kernel", "*/table")
AWARE = (4, 3, 2)  # bits of what is trained with rounded weights
_MODELS = ("GPT2-2-4", "GPT2-6-4", "GPT2-16-4", "GPT2-16-8")
PAPER_MODELS = {1000: ("GPT2-2-1", *_MODELS), 100: _MODELS}  # by exposures
# bioD(K, C, D, L, T) with a string of ten, of a thousand, and long ones (figure 15)
PAPER_BIOD = ((20, 1, 10, 1, 20), (5, 2, 1000, 5, 20), (2, 10, 100, 20, 40))
PAPER_R = 2.0  # R_max of every one


def runs(size: str) -> list[Config | dict[str, Any]]:
    """Each model, what it is rounded to, and what is trained with rounded weights."""
    if size == "paper":
        bases = [
            _full_bios(model, exposures)
            for exposures, names in PAPER_MODELS.items()
            for model in names
        ]
        bases += [
            _full_biod(model, law)
            for law in PAPER_BIOD
            for model in ("GPT2-2-4", "GPT2-4-4")
        ]
        return [run for base in bases for run in _rounded(base, ("gptq",), (KERNELS,))]
    if size == "smoke":
        base = _named(power_law.tiny(12, 4, 8), "bioS, smoke")
        other = _named(configs.demo(12, 4), "bioD, smoke")
        return [
            *_rounded(base, ("gptq", "nearest"), (KERNELS,)),
            *_rounded(other, ("gptq",), (ALL,)),
            _aware(base, 4, exposures=2),
        ]
    model = {"bioD at its limit, d = 24": grids.narrow_model("GPT2", 2)}
    (narrow,) = grids.make_grid(configs.demo(450), model, (8e-3,))
    demo = _named(configs.demo_d48(), "bioD at its limit, d = 48")
    others = [
        _named(configs.demo_room(), "bioD with room to spare"),
        _named(power_law.tiny(500, 300, 32), "bioS, 300 exposures"),
        _named(power_law.tiny(400, 600, 64), "bioS with room to spare"),
    ]
    whole = dataclasses.replace(
        narrow, name=f"{narrow.name}: QAT from the start", qat=Scheme(bits=AWARE[0])
    )
    made = [
        run
        for base in (demo, narrow, *others)
        for run in _rounded(base, ("gptq", "nearest"), (KERNELS, ALL))
    ]
    tuned = [_aware(base, bits) for base in (demo, narrow) for bits in (0, *AWARE)]
    return [*made, whole, *tuned]


def of_kind(
    listed: list[Config | dict[str, Any]], kind: str
) -> list[Config | dict[str, Any]]:
    """The runs whose people are written as `kind`, with what goes on from them."""
    starts = {
        fingerprint(run)
        for run in listed
        if isinstance(run, Config) and run.world.kind == kind
    }
    return [
        run
        for run in listed
        if (run["start"] in starts if isinstance(run, dict) else run.world.kind == kind)
    ]


def compute(setting: dict[str, Any], folder: pathlib.Path) -> Row:
    """A trained model rounded to each number of bits."""
    choice = Choice(
        method=setting["method"], scheme=Scheme(leaves=tuple(setting["leaves"]))
    )
    return quantize_run(folder, choice)


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    title = "Allen-Zhu & Li 2024, figures 6, 14, 15: rounded weights"
    report.draw_quantization(rows, path, title)


def _full_bios(model: str, exposures: int) -> Config:
    """A model and as many people as it can hold at `PAPER_R` bits a parameter."""
    counts = configs.bios(1).world.build().counts
    people = world_for_model(counts, grids.bios_parameters(model), PAPER_R)
    name = f"bioS({people:,}), {model}, {exposures} exposures"
    return _named(configs.bios(people, model, exposures), name)


def _full_biod(model: str, law: tuple[int, int, int, int, int]) -> Config:
    """The same of bioD(K, C, D, L, T)."""
    config = configs.biod(1, *law, model=model)
    world = config.world.build()
    strings = {x for a in world.attributes for c in a.columns for x in c.strings}
    symbols = set(" ".join(strings).split())
    vocab = len(symbols) + max(config.world.name_parts) + 16  # and words of the texts
    size = models.count_parameters(dataclasses.replace(config.model, vocab=vocab)).total
    people = world_for_model(world.counts, size, PAPER_R)
    name = f"bioD({', '.join(map(str, (people, *law)))}), {model}"
    return _named(configs.biod(people, *law, model=model), name)


def _named(config: Config, name: str) -> Config:
    return dataclasses.replace(config, name=name)


def _rounded(
    base: Config, methods: tuple[str, ...], leaves: tuple[tuple[str, ...], ...]
) -> list[Config | dict[str, Any]]:
    start = {"start": fingerprint(base), "of": base.name}
    return [base] + [
        start | {"method": method, "leaves": list(which)}
        for method in methods
        for which in leaves
    ]


def _aware(base: Config, bits: int, exposures: int = 100) -> Config:
    """The model trained on with rounded weights; 0 bits: trained on as it was."""
    return dataclasses.replace(
        base,
        name=f"{base.name}: QAT",
        start=fingerprint(base),
        qat=Scheme(bits=bits),
        data=dataclasses.replace(base.data, exposures=exposures),
        train=dataclasses.replace(
            base.train,
            learning_rate=base.train.learning_rate / 3,
            warmup_steps=0,
            warmup_ratio=0.0,
        ),
    )
