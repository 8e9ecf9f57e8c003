"""Configs that go on from a finished run: what they take over and what they change."""

import dataclasses
import functools

import pytest

from kscale import configs
from kscale.configs import base
from kscale.configs.base import PartConfig, place_parts
from kscale.runs.task import prepare

new_people = functools.partial(configs.tune, "0" * 12, 5, "biographies", 9)


@pytest.fixture
def before(little, tmp_path):
    """The config of a finished run, and its folder."""
    settings = little(world__first=50, data__epochs=2, train__seed=4)
    base.save_config(settings, tmp_path / "config.json")
    return settings, tmp_path


def test_tuning_takes_over_what_the_run_was(before):
    settings, folder = before
    made = configs.load(f"tune:start={folder},people=5,exposures=9,kind=questions")
    assert made == configs.tune(str(folder), 5, "questions", 9, before=settings)
    assert (made.name, made.start) == ("tune", str(folder))
    for same in ("model", "world", "corpus"):
        assert getattr(made, same) == getattr(settings, same)
    assert (made.data.exposures, made.data.share, made.data.epochs) == (9, 0.8, 1)
    assert (made.train.learning_rate, made.train.warmup_steps) == (3e-5, 0)
    assert made.parts == (PartConfig("new", "questions", people=5, exposures=9),)
    task = prepare(dataclasses.replace(made, start=""))
    assert (task.parts[0].config.first, task.order.visits().sum()) == (66, 115)
    assert task.order.exposures == pytest.approx(7.2)
    with pytest.raises(ValueError, match=r"is no readable config"):
        configs.load(f"tune:start={folder / 'nowhere'}")
    with pytest.raises(ValueError, match="unknown argument tune:before"):
        configs.load(f"tune:start={folder},before=3")


def test_what_was_new_or_junk_before_is_not_new_again(before):
    settings, _ = before
    once = new_people(before=settings)
    twice = new_people(before=once)
    firsts = [place_parts(x.parts, x.world)[0].first for x in (once, twice)]
    assert firsts == [66, 71]
    for junk, first in (
        (PartConfig(people=1000, weight=1.0), 1066),
        (PartConfig(people=10, first=0, weight=1.0), 66),
    ):
        mixed = dataclasses.replace(settings, parts=(junk,))
        assert new_people(before=mixed).parts[0].first == first


def test_of_a_population_one_model_is_tuned(before):
    grid = base.MembersConfig(seeds=(1, 2), learning_rates=(1e-2, 1e-3))
    several = dataclasses.replace(before[0], members=grid)
    made = new_people(before=several)
    assert len(base.list_members(made)) == 1
    assert made.members == base.MembersConfig()
    assert "of a population its first member" in configs.describe()


def test_extraction_asks_about_half_of_the_runs_own_people(before):
    settings, folder = before
    made = configs.load(f"extract:start={folder},embedding=16,attention=2,exposures=9")
    assert made == configs.extract(str(folder), 16, 2, 9, before=settings)
    assert made.data.share == 0
    (part,) = made.parts
    assert (part.kind, part.which, part.exposures) == ("questions", "odd", 9)
    assert (part.first, part.people) == (settings.world.first, settings.world.people)
    assert dataclasses.replace(made.model, lora=settings.model.lora) == settings.model
    ranks = {"*/attention/query": 2, "*/attention/value": 2, "embed/table": 16}
    assert made.model.lora.rules == tuple(f"{k}:{rank}" for k, rank in ranks.items())
    assert (made.train.trainable, made.train.schedule) == (("lora/*",), "linear")
    then = new_people(before=made)  # goes on so
    assert (then.train.trainable, then.model) == (("lora/*",), made.model)
    task = prepare(dataclasses.replace(made, start=""))
    odd, even = task.parts[0].corpus, task.parts[0].held_out
    assert odd.num_people + even.num_people == settings.world.people
    whole = configs.extract(str(folder), 0, 0, 9)
    assert (whole.model, whole.train.trainable) == (settings.model, ("*",))
    for name in ("embedding", "attention"):
        with pytest.raises(ValueError, match=f"{name}=-1 must be a rank, 0 or more"):
            configs.load(f"extract:start={folder},{name}=-1")
