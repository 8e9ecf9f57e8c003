"""Named configs of skewed worlds, junk and fine-tuning say what their papers say."""

import dataclasses

import numpy as np
import pytest

from kscale import configs, models, worlds
from kscale.configs import power_law, validate
from kscale.runs.task import prepare


@pytest.mark.parametrize("exponent", power_law.EXPONENTS)
def test_the_power_law_is_the_published_one(exponent):
    people = 400_000
    found = power_law.zipf_law(exponent, people).frequencies(people, 0)
    # P(i) ~ (i + 1000)^-a, i from 1
    wanted = np.arange(1001.0, 401_001.0) ** -exponent
    np.testing.assert_allclose(found, wanted / wanted.sum(), rtol=1e-9)
    assert power_law.zipf_law(exponent, 400).bias == 1.0
    assert power_law.zipf_law(1.2, people) == worlds.Law("zipf")


def test_pan_takes_the_published_settings():
    pan = configs.load("pan")
    assert (pan.world.people, pan.world.law.exponent) == (400_000, 1.2)
    assert (pan.data.batch, pan.data.context, pan.data.epochs) == (128, 512, 4)
    assert pan.corpus.mask_documents
    train = pan.train
    assert (train.learning_rate, train.weight_decay) == (3e-4, 0.1)
    ratios = (train.warmup_ratio, train.warmdown_ratio, train.final_ratio)
    assert ratios == (0.05, 0.9, 0.0)
    model = dataclasses.replace(pan.model, vocab=50304)
    assert models.count_parameters(model).total == (
        12 * model.layers * model.width**2 + 50304 * model.width
    )
    assert configs.load("pan:exponent=0").world.law.exponent == 0
    for each in (pan, *(configs.pan(size) for size in ("xxs", "6xs2", "4-4x16"))):
        assert validate.validate(each).people == 400_000


@pytest.mark.parametrize("width", [8, 16, 24, 32, 48])
def test_tiny_models_have_the_width_that_was_asked_for(width):
    tiny = configs.load(f"tiny:width={width},people=40")
    assert tiny.model.heads * tiny.model.head_size == tiny.model.width == width
    assert tiny.world.law.kind == "exact"
    assert tiny.data.context == 64


def test_tiny_worlds_may_be_skewed():
    tiny = configs.load("tiny:people=200,exponent=1.35")
    law = tiny.world.law
    assert (law.kind, law.exponent, law.bias) == ("zipf", 1.35, 0.5)
    assert prepare(tiny).order.visits().sum() == 200 * tiny.data.exposures
    assert tiny.world.build().counts.value_bits == pytest.approx(26)


@pytest.mark.parametrize(
    ("kind", "people"), [("random", 100_000_000), ("repeated", 1000), ("none", None)]
)
def test_seven_eighths_are_junk(kind, people):
    junk = configs.load(f"junk:kind={kind},people=20K")
    assert validate.validate(junk).people == 20_000
    found = [(part.people, part.weight, part.domain) for part in junk.parts]
    assert found == ([(people, 7.0, "")] if people else [])
    marked = configs.load(f"junk:kind={kind},domain=true")
    assert marked.corpus.domain == "useful"
    assert [part.domain for part in marked.parts] == [""] * len(junk.parts)
    plain = configs.load("bios:people=50K,exposures=100").train
    assert (marked.train.learning_rate == plain.learning_rate) == (kind == "none")
