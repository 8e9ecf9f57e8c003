"""Models beside each other: who is compared, at what size, rate and seed."""

import pytest

from kscale import configs, models
from kscale.configs import grids, published
from kscale.runs.experiment import group_runs
from kscale.runs.task import prepare

RATES, SEEDS = (1e-3, 2e-3, 5e-3), (0, 1)


def sizes(runs):
    """Parameters and R_max of each model's task."""
    found = {}
    for config in runs:
        if config.name not in found:
            task = prepare(config)
            most = task.world.bits_max().total / task.parameters.total
            found[config.name] = (task.parameters, most)
    return found


def test_every_model_at_every_rate_and_seed_or_at_rates_of_its_own():
    two = {name: grids.narrow_model(name, 1) for name in ("GPT2", "LLaMA")}
    runs = grids.make_grid(configs.demo(40), two, RATES, SEEDS)
    assert [(r.name, r.train.learning_rate, r.train.seed) for r in runs] == [
        (name, rate, seed) for name in two for rate in RATES for seed in SEEDS
    ]
    assert {run.name: run.model for run in runs} == two
    assert [len(group) for group in group_runs(runs)] == [6, 6]  # populations
    rates = {"GPT2": (1e-3,), "LLaMA": (2e-3, 5e-3)}
    runs = grids.make_grid(configs.demo(40), two, rates)
    found = [(run.name, run.train.learning_rate, run.train.seed) for run in runs]
    assert found == [("GPT2", 1e-3, 0), ("LLaMA", 2e-3, 0), ("LLaMA", 5e-3, 0)]


def test_architectures_are_about_equal_and_equally_full():
    found = sizes(grids.architecture_grid(100, (1e-3,), (0,)))
    assert found.keys() == grids.ARCHITECTURES.keys()
    small = found["GPT2"][0].total
    for counts, most in found.values():
        assert 0.85 * small < counts.total < 1.3 * small
        assert 2.1 < most < 2.3
    (run,) = grids.architecture_grid(10, (1e-3,), (0,), 30, ("GPT2_0",))
    assert (run.world.people, run.model.mlp, run.data.exposures) == (30, "none", 10)


def test_experts_beside_dense_models_of_equal_total_and_active_size():
    runs = grids.expert_grid(100, RATES, SEEDS)
    assert len(runs) == 3 * len(RATES) * len(SEEDS)
    found = sizes(runs)
    mixture, most = found.pop("8 experts")
    total, active = found["dense, equal total"][0], found["dense, equal active"][0]
    assert (mixture.total, mixture.active) == pytest.approx((12_900, 5_300), rel=0.02)
    assert total.total == pytest.approx(mixture.total, rel=0.1)
    assert active.total == pytest.approx(mixture.active, rel=0.1)
    assert total.active == total.total
    for each in (most, *(ratio for _, ratio in found.values())):
        assert 2.1 < each < 2.35


def test_narrow_models_rotate_whole_heads():
    for name in grids.ARCHITECTURES:
        model = grids.narrow_model(name, 3)
        assert (model.layers, model.width, model.heads) == (3, 24, 2)
        assert (model.rotary_fraction, model.init_std) == (1.0, 0.08)
    changed = grids.narrow_model("GPT2", 1, 8, rotary_fraction=0.25)
    assert (changed.head_size, changed.rotary_fraction) == (8, 0.25)


def test_published_runs_have_the_published_rates():
    runs = grids.published_grid(("GPT2", "LLaMA"), (50_000, 2_000_000), 1000, ("2-4",))
    told = [(r.name, r.world.people, r.train.learning_rate) for r in runs]
    assert told == [
        (name, people, rate)
        for name in ("GPT2", "LLaMA")
        for people in (50_000, 2_000_000)
        for rate in published.bios_setting(people, 1000, f"{name}-2-4").learning_rates
    ]
    assert len(told) == 8  # three of each of LLaMA's, one of GPT2's
    assert runs[-1].model == models.from_name("LLaMA-2-4", compute="bfloat16")
