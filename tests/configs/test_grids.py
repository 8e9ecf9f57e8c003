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


def test_narrow_models_are_about_equal_and_equally_full():
    found = sizes(grids.narrow_grid(1000, tuple(grids.NARROW), (1e-3,), (0,)))
    assert found.keys() == grids.NARROW.keys()
    small, mixture = found["GPT2"][0], found["4 experts"][0]
    active = found.pop("dense, equal active")[0]
    assert active.total == active.active == pytest.approx(mixture.active, rel=0.03)
    for counts, most in found.values():
        assert 0.95 * small.total < counts.total < 1.4 * small.total
        assert most == pytest.approx(1.77, abs=0.02)
    assert mixture.total == pytest.approx(small.total, rel=0.03)
    (run,) = grids.narrow_grid(10, ("GPT2_0",), (1e-3,), (0,), 30)
    assert (run.world.people, run.model.mlp, run.data.exposures) == (30, "none", 10)


def test_narrow_models_rotate_whole_heads():
    for name in ("GPT2", "LLaMA"):
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
