"""Models beside each other: one world, several learning rates and seeds of each.

    runs = grids.make_grid(configs.demo(), {"GPT2": ..., "LLaMA": ...}, RATES, SEEDS)

Runs of one model differ in rate and seed alone, so a sweep trains them as one
population. `report.choose_rates` takes each model's best rate.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from kscale import models, worlds
from kscale.configs.base import Config, WorldConfig
from kscale.configs.capacity import bios
from kscale.configs.published import bios_setting
from kscale.configs.small import demo_bindings
from kscale.models import ModelConfig

# Models of one head of 16 dimensions and about 9,000 parameters: architecture, layers,
# fields, and how many people of a world of bindings give each R_max = 1.77.
NARROW: dict[str, tuple[str, int, dict[str, Any], int]] = {
    "GPT2": ("GPT2", 2, {}, 300),
    "GPT2_1/4": ("GPT2_1/4", 4, {}, 308),
    "GPT2_0": ("GPT2_0", 6, {}, 305),
    "LLaMA": ("LLaMA", 2, {}, 364),
    "LLaMA_tied": ("LLaMA_tied", 2, {}, 288),
    "Mistral": ("Mistral", 2, {}, 407),
    "GPT2, one layer": ("GPT2", 1, {"head": 22}, 313),
    "4 experts": ("GPT2_MoE", 2, {"experts": 4}, 308),
    "4 experts, (2, 1)": (
        *("GPT2_MoE", 2),
        {"experts": 4, "top_k": 2, "capacity_factor": 1.0},
        308,
    ),
    "4 experts, (2, 2)": ("GPT2_MoE", 2, {"experts": 4, "top_k": 2}, 308),
    "4 experts, dropless": (
        *("GPT2_MoE", 2),
        {"experts": 4, "capacity_factor": 0.0},
        308,
    ),
    "dense, equal active": ("GPT2_1/4", 2, {}, 190),
}
ARCHITECTURES = tuple(NARROW)[:6]  # of Allen-Zhu & Li 2024, figures 3 and 4
RATES, SEEDS = (4e-3, 8e-3), (0, 1)  # that each is trained at
# Layers and heads in the text of Allen-Zhu & Li 2024 (appendix A; its figures' dots are
# not told), and between them, from 1M parameters on, some of ours.
NAMED_SHAPES = (
    *("16-4", "2-20", "16-8", "3-20", "4-20", "12-12", "6-20", "20-16", "24-16"),
    *("25-20", "28-20", "12-32", "36-20"),
)
SHAPES = ("2-1", "4-1", "2-2", "2-4", "4-4", "6-4", "12-4", "8-8", *NAMED_SHAPES)
# GPT-2 tokens that texts of the lists "bios" can have, EOS among them.
VOCABULARY = 3624


def make_grid(
    config: Config,
    models: Mapping[str, ModelConfig],
    rates: Sequence[float] | Mapping[str, Sequence[float]],
    seeds: Sequence[int] = (0,),
) -> list[Config]:
    """Returns every model at every learning rate and seed, named after the model.

    Args:
      config: all that the runs have in common.
      models: by name; the solo runs of a model come one after another.
      rates: peak learning rates, of all models or of each.
      seeds: of the initial parameters.
    """
    return [
        dataclasses.replace(
            config,
            name=name,
            model=model,
            train=dataclasses.replace(config.train, learning_rate=rate, seed=seed),
        )
        for name, model in models.items()
        for rate in (rates[name] if isinstance(rates, Mapping) else rates)
        for seed in seeds
    ]


def published_grid(
    names: Sequence[str],
    people: Sequence[int],
    exposures: int,
    shapes: Sequence[str] = SHAPES,
) -> list[Config]:
    """Returns bioS(N) on architectures of the paper's shapes, at every published rate.

    Args:
      names: of architectures, such as "LLaMA".
      people: N, each of them; its models are those of `fitting_models`.
      exposures: 1000 or 100.
      shapes: "layers-heads" each.

    Source: Allen-Zhu & Li 2024, figures 1, 3, 4 and 16, Parameters 1, 2 and 6 to 9.
    """
    runs = []
    for name in names:
        for many in people:
            for model in fitting_models(name, many, exposures, shapes):
                config = bios(many, model, exposures)
                rates = bios_setting(many, exposures, model).learning_rates
                runs += make_grid(config, {name: config.model}, rates)
    return runs


def fitting_models(
    name: str, people: int, exposures: int, shapes: Sequence[str] = SHAPES
) -> list[str]:
    """Returns the models of an architecture that are tried on bioS(N): R_max 1/2 to 4.

    At 1000 exposures N from 2M on has one, as published: that whose R_max is nearest to
    2. Of GPT2's named shapes these are GPT2-16-8, 6-20, 20-16 and 25-20 at 2M, 5M, 10M
    and 20M, the published ones.

    Source: Allen-Zhu & Li 2024, appendix A (model sizes for N of at least 2M).
    """
    full = {f"{name}-{shape}": bios_full(people, f"{name}-{shape}") for shape in shapes}
    if exposures == 1000 and people >= 2_000_000:
        return [min(full, key=lambda model: abs(math.log(full[model] / 2)))]
    return [model for model, most in full.items() if 0.5 <= most <= 4]


def bios_full(people: int, model: str) -> float:
    """Returns R_max of a model that knows all of bioS(N), in bits per parameter."""
    counts = dataclasses.replace(_bios_counts(), people=people)
    return counts.bits_max().total / bios_parameters(model)


@functools.lru_cache(256)
def bios_parameters(model: str) -> int:
    """Returns P of a model of the lists "bios" under GPT-2's tokens."""
    return models.count_parameters(models.from_name(model, vocab=VOCABULARY)).total


@functools.lru_cache(1)
def _bios_counts() -> worlds.Counts:
    return WorldConfig(people=1).build().counts


def narrow_grid(
    exposures: int,
    names: Sequence[str],
    rates: Sequence[float],
    seeds: Sequence[int],
    people: int = 0,
) -> list[Config]:
    """Returns narrow models of about equal size in worlds of bindings that fill them.

    The worlds are those of `demo_bindings`, with R_max = 1.77.

    Args:
      exposures: E.
      names: out of `NARROW`.
      rates, seeds: as in `make_grid`.
      people: N; 0: as many as fill each model.
    """
    runs = []
    for name in names:
        architecture, layers, fields, many = NARROW[name]
        config = demo_bindings(people or many, exposures)
        model = narrow_model(architecture, layers, **{"head": 16, "heads": 1} | fields)
        runs += make_grid(config, {name: model}, rates, seeds)
    return runs


def narrow_model(
    name: str, layers: int, head: int = 12, heads: int = 2, **fields: Any
) -> ModelConfig:
    """Returns an architecture with heads of few dimensions, started as the demo's.

    Heads rotate whole in all of them. A quarter of 64 dimensions is 8 wavelengths, but
    of 12 it would be one or two, too few to tell positions apart: GPT2 then holds half
    as much after 100 exposures, which has nothing to do with its other parts.
    """
    whole = {"init_std": 0.08, "rotary_fraction": 1.0}
    return models.from_name(f"{name}-{layers}-{heads}x{head}", **(whole | fields))
