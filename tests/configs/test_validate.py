"""Contradictions in a config are found before any work starts."""

import dataclasses

import pytest

from kscale import configs
from kscale.configs import fields
from kscale.configs.base import Config, MembersConfig, PartConfig, WorldConfig
from kscale.configs.validate import (
    check_context,
    check_scored,
    require_read,
    validate,
)
from kscale.worlds import Law


def config_with(base="mini", **values):
    changes = {path.replace("__", "."): value for path, value in values.items()}
    return fields.override_all(configs.load(base), changes)


@pytest.mark.parametrize(
    ("base", "changes", "message"),
    [
        ("mini", {"world__people": "1M"}, "must be 1 to 160000"),
        ("mini", {"world__people": 0}, "world.people=0 must be at least 1"),
        ("mini", {"world__lists": "/nowhere"}, "/nowhere"),
        ("mini", {"data__batch": 0}, "data.batch=0 must be at least 1"),
        ("mini", {"data__exposures": -1}, "data.exposures=-1 must be at least 1"),
        ("mini", {"corpus__kind": "biod"}, "corpus.kind='biod' cannot tell"),
        ("demo", {"corpus__kind": "bios"}, "corpus.kind='bios' cannot tell"),
        ("demo", {"corpus__tokenizer": "gpt2"}, "'biod': take symbols"),
        ("mini", {"corpus__tokenizer": "symbols"}, "take gpt2 or sentencepiece"),
        ("mini", {"corpus__tokenizer": "sentencepiece"}, "must be at least 1"),
        ("mini", {"corpus__tokenizer_vocab": 99}, "must be 0 with corpus.tokenizer="),
        ("mini", {"corpus__kind": "bior"}, "corpus.path='' does not fit"),
        ("mini", {"corpus__path": "x"}, "does not fit corpus.kind='bios'"),
        ("bior:path=/nowhere", {}, "corpus.path='/nowhere' does not exist"),
        ("demo", {"world__diversity": 65, "world__symbols": 8}, "diversity=65"),
        ("mini", {"model__vocab": 50257}, "model.vocab=50257 must be 0"),
        ("mini", {"members__seeds": "1,1"}, "lists a value twice"),
        ("mini", {"members__learning_rates": "-1"}, "rates=-1.0 must be at least 0"),
        ("mini", {"members__seeds": 2**32}, "seeds=4294967296 must be at most 4,294,"),
        ("mini", {"data__epochs": 0}, "data.epochs=0 must be at least 1"),
        ("mini", {"data__epochs": 3}, "epochs=3 must divide data.exposures=200"),
        ("mini", {"data__share": 1.5}, r"data.share=1.5 must be 0 to 1, and above 0"),
        ("mini", {"data__share": -0.1}, "data.share=-0.1 must be 0 to 1"),
        ("mini", {"data__share": 0.0}, "above 0 unless there are parts to train on"),
        ("mini", {"score__classes": 0}, "score.classes=0 must be at least 1"),
        ("mini", {"score__times": -1}, "score.times=-1 must be at least 0"),
        ("mini", {"world__first": 159_999}, "people=1000: names are drawn without"),
        ("mini", {"world__law__bias": -2.0}, r"world.law: law.bias=-2.0 must be above"),
    ],
)
def test_contradictions_are_named(base, changes, message):
    with pytest.raises(ValueError, match=message):
        validate(config_with(base, **changes))


@pytest.mark.parametrize("context", [21, 42])
def test_windows_that_always_cut_at_the_same_place_are_refused(context):
    with pytest.raises(ValueError, match=f"take {context + 1}"):
        check_context(context, 21, 21)
    check_context(context, 20, 21)
    check_context(64, 21, 21)


def with_parts(*parts, **values):
    config = config_with("tiny:people=50,exposures=6", **values)
    return dataclasses.replace(config, parts=parts)


GOOD = PartConfig(people=5, exposures=1)
ASKED = PartConfig("asked", "questions", people=5, exposures=1)
ONE = dataclasses.replace(ASKED, people=1, which="even")


def test_sound_parts_pass():
    everything = dataclasses.replace(ASKED, which="even", answers_only=True, first=0)
    assert validate(with_parts(GOOD, everything, data__epochs=3)).people == 50
    assert validate(with_parts(GOOD, data__share=0.0)).people == 50
    assert validate(with_parts(PartConfig(people=1, weight=0.5), data__share=0.5))
    assert validate(with_parts(ASKED, corpus__kind="bior", corpus__path="."))
    for law in (Law("zipf", exponent=2.0, bias=0.0), Law("restaurant", discount=0.1)):
        assert validate(with_parts(dataclasses.replace(GOOD, law=law)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "^parts: name='' must not be empty: losses are"),
        ({"name": "asked"}, "name 'asked' is given 2 times: give each part its"),
        ({"people": 0}, "parts.1.people=0 must be at least 1"),
        ({"first": -2}, "parts.1.first=-2 must be at least -1"),
        ({"exposures": 0}, "exposures=0 and weight=0.0: set one of them above 0"),
        ({"weight": 2.0}, "exposures=1 and weight=2.0: set one of them above 0"),
        ({"exposures": -1}, "parts.1.exposures=-1 must be at least 0"),
        ({"exposures": 0, "weight": -3.0}, "parts.1.weight=-3.0 must be at least 0"),
        ({"exposures": 0, "weight": float("inf")}, "parts.1.weight=inf must be a n"),
        ({"exposures": 0, "weight": float("nan")}, "weight=nan must be a number"),
        ({"which": "odd"}, "'junk': which='odd' and .* are for kind='questions'"),
        ({"answers_only": True}, "'junk': .* and answers_only=True are for kind='que"),
        # What is made in Python is checked as what is read from JSON.
        ({"kind": "question"}, "config.parts.1.kind='question' must be one of biograp"),
        ({"weight": "2"}, "config.parts.1.weight='2' must be float, not text"),
        ({"people": 2.5}, "config.parts.1.people=2.5 must be a whole number"),
        ({"people": "5"}, "config.parts.1.people='5' must be int, not text"),
        ({"people": True}, "config.parts.1.people=True must be a whole number"),
        ({"domain": None}, "config.parts.1.domain=None must be str"),
        ({"answers_only": 1}, "config.parts.1.answers_only=1 must be true or false"),
        ({"law": "zipf"}, "config.parts.1.law='zipf' must be a group of fields"),
    ],
)
def test_parts_that_contradict_themselves_are_named(changes, message):
    part = dataclasses.replace(GOOD, **changes)
    with pytest.raises(ValueError, match=message):
        validate(with_parts(ASKED, part))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (Config(world=WorldConfig(people="5")), "world.people='5' must be int, not"),
        (Config(members=MembersConfig(seeds=("1",))), "seeds=.*'1'.* not text"),
        (Config(parts=(3,)), r"config.parts\[0\]=3 must be a group of fields"),
        (Config(parts=(Law(),)), r"config.parts\[0\]=Law.* must be a group of fields"),
    ],
)
def test_configs_made_in_python_are_checked(config, message):
    with pytest.raises(ValueError, match=message):
        validate(config)


@pytest.mark.parametrize(
    ("law", "message"),
    [
        (Law(exponent=2.0), "exponent=2.0 says nothing with .*.law.kind='exact': set"),
        (Law("zipf", path="w"), "law.path='w' says nothing .* to 'file', or leave"),
        (Law("zipf", discount=0.1), "kind to 'pitman_yor' or 'restaurant', or leave"),
        (Law("restaurant", bias=5.0), "law.bias=5.0 says nothing with .*='restaurant'"),
    ],
)
def test_what_a_law_does_not_read_is_refused(law, message):
    with pytest.raises(ValueError, match=rf"^world\..*{message}"):
        require_read(config_with(world__law=law))
    with pytest.raises(ValueError, match=rf"^parts\.1\..*{message}"):
        require_read(with_parts(ASKED, dataclasses.replace(GOOD, law=law)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"world__chunks": 3},
            "world.chunks=3 says nothing with world.kind='bios'",
        ),
        (
            {"corpus__style": "bare"},
            "corpus.style='bare' says nothing with corpus",
        ),
        (
            {"qat__leaves": ("*",)},
            r"qat.leaves=.* says nothing with qat.bits=0",
        ),
        (
            {"model__top_k": 2},
            "with model.experts=0: set model.experts, or",
        ),
        ({"model__lora__alpha": 2.0}, "says nothing with model.lora.rules=()"),
    ],
)
def test_what_no_field_reads_is_refused(changes, message):
    with pytest.raises(ValueError, match=message.replace("()", r"\(\)")):
        require_read(config_with(**changes))


def test_a_file_of_weights_must_be_there():
    law = Law("file", path="/no.txt")
    message = r"law\.path='/no\.txt' must be a file of weights"
    for config in (
        config_with(world__law=law),
        with_parts(dataclasses.replace(GOOD, law=law)),
    ):
        with pytest.raises(ValueError, match=message):
            validate(config)


@pytest.mark.parametrize(
    ("part", "changes", "message"),
    [
        (PartConfig(people=5, weight=2.0), {"data__share": 0.0}, "weight=2.0 is in wi"),
        (GOOD, {"corpus__kind": "bior", "corpus__path": "."}, "has texts of its own"),
        (ONE, {}, "which='even' of people=1 leaves nobody"),
    ],
)
def test_a_part_that_does_not_fit_the_run_is_refused(part, changes, message):
    with pytest.raises(ValueError, match=message):
        validate(with_parts(part, **changes))


def test_no_more_people_are_scored_than_are_told_of():
    check_scored(5, 5)
    check_scored(0, 5)
    for people in (-1, 6):
        with pytest.raises(ValueError, match=f"score.people={people} must be 1 to 5,"):
            check_scored(people, 5)
