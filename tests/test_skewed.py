"""Named configs of skewed worlds, junk and fine-tuning say what their papers say."""

import dataclasses

import numpy as np
import pytest

from kscale import build, checks, config, configs, models, parts, skewed
from kscale.sources import PartConfig


@pytest.mark.parametrize("exponent", skewed.EXPONENTS)
def test_the_power_law_is_that_of_paper_000(exponent):
    people = 400_000
    found = skewed.power_law(exponent, people).frequencies(people, 0)
    # P(i) ~ (i + 1000)^-a, i from 1
    wanted = np.arange(1001.0, 401_001.0) ** -exponent
    np.testing.assert_allclose(found, wanted / wanted.sum(), rtol=1e-9)
    smaller = skewed.power_law(exponent, 400)
    assert smaller.bias == 1.0


def test_pan_takes_the_settings_of_paper_000():
    pan = configs.load("pan")
    assert (pan.world.people, pan.world.law.exponent) == (400_000, 1.2)
    assert (pan.data.batch, pan.data.context, pan.data.epochs) == (128, 512, 4)
    assert pan.corpus.mask_documents
    train = pan.train
    assert (train.learning_rate, train.weight_decay) == (3e-4, 0.1)
    assert (train.warmup_ratio, train.warmdown_ratio, train.final_ratio) == (
        0.05,
        0.9,
        0.0,
    )
    model = dataclasses.replace(pan.model, vocab=50304)
    assert models.parameter_counts(model).total == (
        12 * model.layers * model.width**2 + 50304 * model.width
    )
    assert configs.load("pan:exponent=0").world.law.exponent == 0
    assert checks.validate(pan).people == 400_000


@pytest.mark.parametrize("size", ["xxs", "6xs2", "base", "4-4x16"])
def test_pan_knows_the_papers_sizes(size):
    pan = configs.load(f"pan:size={size}")
    assert pan.model.mlp
    assert checks.validate(pan)


@pytest.mark.parametrize("width", [8, 16, 24, 32, 48])
def test_tiny_models_have_the_width_that_was_asked_for(width):
    tiny = configs.load(f"tiny:width={width},people=40")
    assert tiny.model.width == width
    assert tiny.model.heads * tiny.model.head_size == width
    assert tiny.world.law.kind == "exact"
    assert tiny.data.context == 64


def test_tiny_worlds_may_be_skewed():
    tiny = configs.load("tiny:people=200,exponent=1.35")
    law = tiny.world.law
    assert (law.kind, law.exponent, law.bias) == ("zipf", 1.35, 0.5)
    assert build.build(tiny).visits_of(0).sum() == 200 * tiny.data.exposures
    assert tiny.world.build().counts.value_bits == pytest.approx(26)


@pytest.mark.parametrize(
    ("kind", "people"), [("random", 100_000_000), ("repeated", 1000), ("none", None)]
)
def test_seven_eighths_are_junk(kind, people):
    junk = configs.load(f"junk:kind={kind},people=20K")
    assert checks.validate(junk).people == 20_000
    found = [(part.people, part.weight, part.domain) for part in junk.parts]
    assert found == ([(people, 7.0, "")] if people else [])
    marked = configs.load(f"junk:kind={kind},domain=true")
    assert marked.corpus.domain == "useful"
    assert [part.domain for part in marked.parts] == [""] * len(junk.parts)
    assert marked.train == configs.load("bios:people=50K,exposures=100").train


@pytest.fixture
def before(little, tmp_path):
    """The config of a finished run, and its folder."""
    settings = little(world__first=50, data__epochs=2, train__seed=4)
    config.save(settings, tmp_path / "config.json")
    return settings, tmp_path


def test_tuning_takes_over_what_the_run_was(before):
    settings, folder = before
    made = configs.load(f"tune:start={folder},people=5,exposures=9,told=questions")
    assert made == skewed.tuned(settings, str(folder), 5, "questions", 9)
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
    setup = build.build(made)
    assert (setup.parts[0].config.first, setup.visits_of(0).sum()) == (66, 115)
    assert setup.exposures == pytest.approx(7.2)


def test_what_was_new_or_junk_before_is_not_new_again(before):
    settings, folder = before
    once = skewed.tuned(settings, str(folder), 5, "biographies", 9)
    twice = skewed.tuned(once, str(folder), 5, "biographies", 9)
    firsts = [parts.placed(x.parts, x.world)[0].first for x in (once, twice)]
    assert firsts == [66, 71]
    junk = dataclasses.replace(settings, parts=(PartConfig(people=1000, weight=1.0),))
    (new,) = skewed.tuned(junk, str(folder), 5, "biographies", 9).parts
    assert new.first == 1066
    low = dataclasses.replace(junk.parts[0], first=0, people=10)
    (new,) = skewed.tuned(
        dataclasses.replace(junk, parts=(low,)), str(folder), 5, "biographies", 9
    ).parts
    assert new.first == 66


def test_of_a_population_one_model_is_tuned(before):
    settings, folder = before
    grid = config.MembersConfig(seeds=(1, 2), learning_rates=(1e-2, 1e-3))
    several = dataclasses.replace(settings, members=grid)
    made = skewed.tuned(several, str(folder), 5, "questions", 9)
    assert made.members == config.MembersConfig()
    assert len(config.members(made)) == 1
    assert "of a population its first member" in configs.describe()


def test_no_run_to_tune_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"config.json is no readable config"):
        configs.load(f"tune:start={tmp_path}")
