"""The training settings of Allen-Zhu & Li 2024, as tables.

Where several learning rates were tried for one size, its figures show the best.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple


class Setting(NamedTuple):
    """Weight decay, learning rates and batch (windows of 512 tokens)."""

    weight_decay: float
    learning_rates: tuple[float, ...]
    batch: int


# bioS on GPT2: exposures -> people -> setting (Parameters 1 and 2).
BIOS: dict[int, dict[int, Setting]] = {
    1000: {
        10_000: Setting(0.02, (1e-3,), 24),
        20_000: Setting(0.02, (1e-3,), 48),
        50_000: Setting(0.02, (1e-3,), 96),
        100_000: Setting(0.02, (1e-3,), 192),
        200_000: Setting(0.02, (1e-3,), 192),
        500_000: Setting(0.01, (5e-4,), 192),
        1_000_000: Setting(0.01, (5e-4,), 192),
        2_000_000: Setting(0.005, (3e-4,), 1536),
        5_000_000: Setting(0.002, (3e-4,), 1536),
        10_000_000: Setting(0.001, (3e-4,), 1536),
    },
    100: {
        50_000: Setting(0.01, (1e-3,), 12),
        100_000: Setting(0.01, (1e-3,), 24),
        200_000: Setting(0.01, (1e-3,), 48),
        500_000: Setting(0.01, (5e-4,), 96),
        1_000_000: Setting(0.01, (5e-4,), 192),
        2_000_000: Setting(0.01, (3e-4, 5e-4, 1e-3), 384),
        5_000_000: Setting(0.01, (3e-4, 5e-4), 768),
        10_000_000: Setting(0.01, (2e-4, 3e-4, 5e-4), 1024),
        20_000_000: Setting(0.002, (2e-4, 3e-4, 5e-4), 1536),
    },
}

# What was tried for other architectures, where it differs from GPT2's row: kind ->
# exposures -> people -> fields of the setting (Parameters 6 to 9).
_LOW, _MIDDLE, _HIGH = (2e-4, 3e-4, 5e-4), (3e-4, 5e-4, 1e-3), (5e-4, 1e-3, 2e-3)


def _rates(rates: tuple[float, ...], *people: int, **others: float) -> dict[int, dict]:
    return {number: {"learning_rates": rates, **others} for number in people}


_SMALL, _LARGE = (50_000, 100_000, 200_000), (500_000, 1_000_000)
_MILLIONS = (2_000_000, 5_000_000, 10_000_000)
_MLP_FREE = _rates(_MIDDLE, *_SMALL) | _rates(_LOW, *_LARGE)
OTHERS: dict[str, dict[int, dict[int, dict]]] = {
    "gated": {
        1000: _rates(_HIGH, 10_000, 20_000, *_SMALL)
        | _rates(_LOW, *_LARGE)
        | _rates(_MIDDLE, *_MILLIONS),
        100: _MLP_FREE
        | _rates(_MIDDLE, *_MILLIONS, 20_000_000)
        | _rates(_MIDDLE, 10_000_000, batch=1536),
    },
    "GPT2_0": {1000: {}, 100: _MLP_FREE},
    "GPT2_1/4": {
        1000: {},
        100: _rates((5e-4, 1e-3), *_SMALL) | _rates((3e-4, 5e-4), *_LARGE),
    },
    "experts": {
        1000: _rates((1e-3, 2e-3), 10_000, 20_000, *_SMALL)
        | _rates((5e-4, 1e-3), *_LARGE)
        | _rates((2e-3,), 2_000_000)
        | _rates((5e-4,), 5_000_000, 10_000_000),
        100: _rates((1e-3, 2e-3, 5e-3), *_SMALL)
        | _rates((1e-3, 2e-3), 500_000)
        | _rates(_HIGH, 1_000_000)
        | _rates((5e-4, 1e-3), 2_000_000, weight_decay=0.005, batch=192)
        | _rates(_MIDDLE, 5_000_000, weight_decay=0.005, batch=384),
    },
}
# Useful people among junk: (junk, a domain token) -> exposures -> people -> setting
# (Parameter 10, figure 8 (b) to (h)). Without junk they have the settings above.
JUNK: dict[tuple[str, bool], dict[int, dict[int, Setting]]] = {
    ("random", False): {
        100: {
            50_000: Setting(0.01, _MIDDLE, 12),
            100_000: Setting(0.01, _MIDDLE, 24),
            200_000: Setting(0.01, _MIDDLE, 48),
            500_000: Setting(0.005, (5e-5, 1e-4, *_LOW), 192),
            1_000_000: Setting(0.005, (5e-5, 1e-4, *_LOW), 192),
        },
        300: {
            50_000: Setting(0.01, _MIDDLE, 96),
            100_000: Setting(0.01, _MIDDLE, 192),
            200_000: Setting(0.01, _MIDDLE, 192),
            500_000: Setting(0.01, _MIDDLE, 192),
        },
        600: {
            50_000: Setting(0.01, _MIDDLE, 384),
            100_000: Setting(0.01, _MIDDLE, 384),
            200_000: Setting(0.01, _MIDDLE, 384),
            500_000: Setting(0.002, _MIDDLE, 768),
        },
        1000: {
            50_000: Setting(0.01, (5e-4, 1e-3), 384),
            100_000: Setting(0.01, (5e-4, 1e-3), 768),
            200_000: Setting(0.01, (5e-4, 1e-3), 1536),
        },
    },
    ("repeated", False): {
        100: {
            50_000: Setting(0.01, (3e-4, 5e-4), 12),
            100_000: Setting(0.01, (3e-4, 5e-4), 24),
            200_000: Setting(0.01, _MIDDLE, 96),
            500_000: Setting(0.01, (3e-4, 5e-4), 192),
            1_000_000: Setting(0.01, (3e-4,), 192),
        },
    },
    ("random", True): {
        100: {
            50_000: Setting(0.01, _MIDDLE, 12),
            100_000: Setting(0.01, _MIDDLE, 24),
            200_000: Setting(0.01, (2e-4, *_MIDDLE), 96),
            500_000: Setting(0.005, _LOW, 192),
            1_000_000: Setting(0.005, _LOW, 192),
        },
        300: {
            50_000: Setting(0.01, _MIDDLE, 96),
            100_000: Setting(0.01, _MIDDLE, 192),
            200_000: Setting(0.01, _MIDDLE, 192),
            500_000: Setting(0.005, _MIDDLE, 384),
        },
    },
}
# Architectures by the kind of their settings; those that are not here have GPT2's.
_KINDS = {
    "LLaMA": "gated",
    "LLaMA_tied": "gated",
    "LLaMA_gelu": "gated",
    "LLaMA_bias": "gated",
    "Mistral": "gated",
    "GPT2_0": "GPT2_0",
    "GPT2_1/4": "GPT2_1/4",
    "GPT2_MoE": "experts",
}


def bios_setting(people: int, exposures: int, model: str = "") -> Setting:
    """Returns the published setting for bioS(N): the nearest row of the table.

    The table's half is the one nearest to `exposures`, the row the one nearest to
    `people`, both by ratio. Below the first row the batch shrinks with `people`, so
    that the number of steps stays: models need them "regardless of batch size".

    Args:
      people, exposures: N and E, at least 1.
      model: ARCHITECTURE-layers-heads. Architectures have learning rates of their own,
        and GPT2-2-20 has one at 200K people and 100 exposures.

    Example:
      >>> bios_setting(12_000, 1000)
      Setting(weight_decay=0.02, learning_rates=(0.001,), batch=24)

    Source: Allen-Zhu & Li 2024, appendix A.1, Parameters 1, 2, 6 to 9, Remark A.2.
    """
    half = _nearest(exposures, BIOS)
    setting, row = _nearest_row(BIOS[half], people)
    kind = _KINDS.get(model.partition("-")[0], "")
    own = OTHERS[kind][half].get(row, {}) if kind else {}
    setting = setting._replace(**own)
    if (model, row, half) == ("GPT2-2-20", 200_000, 100):
        setting = setting._replace(learning_rates=(5e-4,))
    return setting


def junk_setting(people: int, exposures: int, junk: str, domain: bool) -> Setting:
    """Returns the published setting for useful people among junk, as `bios_setting`.

    Args:
      people, exposures: of the useful people, at least 1.
      junk: "random" or "repeated".
      domain: a special token opens useful text. Repeated junk with one was not
        published, and has the settings without.

    Example:
      >>> junk_setting(100_000, 1000, "random", False)
      Setting(weight_decay=0.01, learning_rates=(0.0005, 0.001), batch=768)

    Source: Allen-Zhu & Li 2024, figure 8, Parameter 10.
    """
    table = JUNK.get((junk, domain)) or JUNK[junk, False]
    return _nearest_row(table[_nearest(exposures, table)], people)[0]


def _nearest_row(rows: dict[int, Setting], people: int) -> tuple[Setting, int]:
    """Returns the row nearest to `people`, with as many steps, and its own people."""
    row = _nearest(people, rows)
    setting = rows[row]
    if people < min(rows):
        setting = setting._replace(batch=max(1, setting.batch * people // row))
    return setting, row


def _nearest(value: int, known: Iterable[int]) -> int:
    if value < 1:
        raise ValueError(f"people or exposures={value} must be at least 1")
    return min(known, key=lambda k: abs(math.log(k / value)))
