"""The published training settings, row by row where a choice is made."""

import pytest

from kscale.configs import capacity, grids
from kscale.configs.published import bios_setting, junk_setting


@pytest.mark.parametrize(
    ("people", "exposures", "setting"),
    [
        (10_000, 1000, (0.02, (1e-3,), 24)),
        (50_000, 100, (0.01, (1e-3,), 12)),
        (10_000_000, 100, (0.01, (2e-4, 3e-4, 5e-4), 1024)),
        (15_000, 1000, (0.02, (1e-3,), 48)),  # 20K is nearer by ratio
        (14_000, 1000, (0.02, (1e-3,), 24)),
        (100_000_000, 1000, (0.001, (3e-4,), 1536)),
        (100_000, 400, (0.02, (1e-3,), 192)),  # 1000 exposures are nearer than 100
        (100_000, 300, (0.01, (1e-3,), 24)),
        (5_000, 1000, (0.02, (1e-3,), 12)),  # below the table the steps stay
        (10, 1000, (0.02, (1e-3,), 1)),
    ],
)
def test_the_nearest_row_is_taken(people, exposures, setting):
    assert tuple(bios_setting(people, exposures)) == setting


@pytest.mark.parametrize(
    ("model", "people", "exposures", "setting"),
    [
        ("LLaMA-4-4", 50_000, 1000, (0.02, (5e-4, 1e-3, 2e-3), 96)),
        ("Mistral-4-4", 1_000_000, 1000, (0.01, (2e-4, 3e-4, 5e-4), 192)),
        ("LLaMA_tied-4-4", 10_000_000, 100, (0.01, (3e-4, 5e-4, 1e-3), 1536)),
        ("LLaMA_tied_mlp-4-4", 50_000, 100, (0.01, (1e-3,), 12)),
        ("GPT2_0-4-4", 500_000, 100, (0.01, (2e-4, 3e-4, 5e-4), 96)),
        ("GPT2_0-4-4", 500_000, 1000, (0.01, (5e-4,), 192)),
        ("GPT2_1/4-4-4", 200_000, 100, (0.01, (5e-4, 1e-3), 48)),
        ("GPT2_MoE-4-4", 20_000, 1000, (0.02, (1e-3, 2e-3), 48)),
        ("GPT2_MoE-4-4", 50_000, 100, (0.01, (1e-3, 2e-3, 5e-3), 12)),
        ("GPT2_MoE-4-4", 2_000_000, 100, (0.005, (5e-4, 1e-3), 192)),
        ("GPT2-2-20", 200_000, 100, (0.01, (5e-4,), 48)),  # one model's own
        ("GPT2-4-20", 200_000, 100, (0.01, (1e-3,), 48)),
        ("GPT2-2-20", 200_000, 1000, (0.02, (1e-3,), 192)),
    ],
)
def test_architectures_have_learning_rates_of_their_own(
    model, people, exposures, setting
):
    assert tuple(bios_setting(people, exposures, model)) == setting


# "About" so many thousand steps in the paper, at six biographies a window. Up to 200K
# people the paper's counts are twice what its own batches give.
@pytest.mark.parametrize(
    ("people", "thousands", "factor"),
    [
        (10_000, 140, 2),
        (20_000, 140, 2),
        (50_000, 175, 2),
        (100_000, 175, 2),
        (200_000, 349, 2),
        (500_000, 435, 1),
        (1_000_000, 870, 1),
        (2_000_000, 220, 1),
        (5_000_000, 540, 1),
        (10_000_000, 1000, 1),
    ],
)
def test_batches_give_the_step_counts_of_the_paper(people, thousands, factor):
    steps = people * 1000 / (6 * bios_setting(people, 1000).batch)
    assert factor * steps / 1000 == pytest.approx(thousands, rel=0.1)


@pytest.mark.parametrize(
    ("people", "exposures", "kind", "domain", "setting"),
    [
        (50_000, 100, "random", False, (0.01, (3e-4, 5e-4, 1e-3), 12)),
        (1_000_000, 100, "random", False, (0.005, (5e-5, 1e-4, 2e-4, 3e-4, 5e-4), 192)),
        (500_000, 600, "random", False, (0.002, (3e-4, 5e-4, 1e-3), 768)),
        (200_000, 1000, "random", False, (0.01, (5e-4, 1e-3), 1536)),
        (1_000_000, 100, "repeated", False, (0.01, (3e-4,), 192)),
        (200_000, 100, "random", True, (0.01, (2e-4, 3e-4, 5e-4, 1e-3), 96)),
        (500_000, 300, "random", True, (0.005, (3e-4, 5e-4, 1e-3), 384)),
        (25_000, 300, "random", True, (0.01, (3e-4, 5e-4, 1e-3), 48)),  # steps stay
    ],
)
def test_junk_has_settings_of_its_own(people, exposures, kind, domain, setting):
    assert tuple(junk_setting(people, exposures, kind, domain)) == setting
    config = capacity.junk(people, "GPT2-2-4", exposures, kind, domain)
    assert config.data.batch == setting[2]
    assert config.train.weight_decay == setting[0]
    assert config.train.learning_rate in setting[1]


def test_large_worlds_have_the_models_that_the_paper_names():
    named = {2: "16-8", 5: "6-20", 10: "20-16", 20: "25-20"}
    for millions, shape in named.items():
        assert grids.fitting_models("GPT2", millions * 10**6, 1000) == [f"GPT2-{shape}"]
    for model in grids.fitting_models("LLaMA", 100_000, 100):
        assert 0.5 <= grids.bios_full(100_000, model) <= 4
    with pytest.raises(ValueError, match="at least 1"):
        bios_setting(0, 1000)
