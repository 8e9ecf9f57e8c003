"""Configs that go on from a finished run: what they take over and what they change."""

import dataclasses

import pytest

from kscale import configs
from kscale.configs import base, finetuning
from kscale.configs.base import PartConfig, place_parts
from kscale.runs.task import prepare


@pytest.fixture
def before(little, tmp_path):
    """The config of a finished run, and its folder."""
    settings = little(world__first=50, data__epochs=2, train__seed=4)
    base.save_config(settings, tmp_path / "config.json")
    return settings, tmp_path


def test_tuning_takes_over_what_the_run_was(before):
    settings, folder = before
    made = configs.load(f"tune:start={folder},people=5,exposures=9,kind=questions")
    assert made == finetuning.tune_config(settings, str(folder), 5, "questions", 9)
    assert (made.name, made.start) == ("tune", str(folder))
    assert (made.model, made.world, made.corpus) == (
        settings.model,
        settings.world,
        settings.corpus,
    )
    assert (made.data.exposures, made.data.share, made.data.epochs) == (9, 0.8, 1)
    assert (made.train.learning_rate, made.train.warmup_steps) == (3e-5, 0)
    part = PartConfig("new", "questions", people=5, exposures=9)
    assert made.parts == (part,)
    task = prepare(dataclasses.replace(made, start=""))
    assert (task.parts[0].config.first, task.order.visits().sum()) == (66, 115)
    assert task.order.exposures == pytest.approx(7.2)


def test_what_was_new_or_junk_before_is_not_new_again(before):
    settings, folder = before
    once = finetuning.tune_config(settings, str(folder), 5, "biographies", 9)
    twice = finetuning.tune_config(once, str(folder), 5, "biographies", 9)
    firsts = [place_parts(x.parts, x.world)[0].first for x in (once, twice)]
    assert firsts == [66, 71]
    junk = dataclasses.replace(settings, parts=(PartConfig(people=1000, weight=1.0),))
    (new,) = finetuning.tune_config(junk, str(folder), 5, "biographies", 9).parts
    assert new.first == 1066
    low = dataclasses.replace(junk.parts[0], first=0, people=10)
    (new,) = finetuning.tune_config(
        dataclasses.replace(junk, parts=(low,)), str(folder), 5, "biographies", 9
    ).parts
    assert new.first == 66


def test_of_a_population_one_model_is_tuned(before):
    settings, folder = before
    grid = base.MembersConfig(seeds=(1, 2), learning_rates=(1e-2, 1e-3))
    several = dataclasses.replace(settings, members=grid)
    made = finetuning.tune_config(several, str(folder), 5, "questions", 9)
    assert made.members == base.MembersConfig()
    assert len(base.list_members(made)) == 1
    assert "of a population its first member" in configs.describe()


def test_no_run_to_tune_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"config.json is no readable config"):
        configs.load(f"tune:start={tmp_path}")


def test_extraction_asks_about_half_of_the_runs_own_people(before):
    settings, folder = before
    made = configs.load(f"extract:start={folder},embedding=16,attention=2,exposures=9")
    assert made == finetuning.extract_config(settings, str(folder), 16, 2, 9)
    assert made.data.share == 0
    (part,) = made.parts
    assert (part.kind, part.which, part.exposures) == ("questions", "odd", 9)
    assert (part.first, part.people) == (settings.world.first, settings.world.people)
    assert dataclasses.replace(made.model, lora=settings.model.lora) == settings.model
    assert made.model.lora.rules == (
        "*/attention/query:2",
        "*/attention/value:2",
        "embed/table:16",
    )
    assert (made.train.trainable, made.train.schedule) == (("lora/*",), "linear")
    then = finetuning.tune_config(made, str(folder), 5, "biographies", 9)  # goes on so
    assert (then.train.trainable, then.model) == (("lora/*",), made.model)
    task = prepare(dataclasses.replace(made, start=""))
    odd, even = task.parts[0].corpus, task.parts[0].held_out
    assert odd.num_people + even.num_people == settings.world.people
    whole = finetuning.extract_config(settings, str(folder), 0, 0, 9)
    assert (whole.model, whole.train.trainable) == (settings.model, ("*",))


@pytest.mark.parametrize("name", ["embedding", "attention"])
def test_a_rank_that_is_none_is_named(before, name):
    with pytest.raises(ValueError, match=f"{name}=-1 must be a rank, 0 or more"):
        configs.load(f"extract:start={before[1]},{name}=-1")
