"""Contradictions in a config are found before any work starts."""

import pytest

from kscale import configs, fields
from kscale.checks import check_context, validate


def config_with(base="mini", **values):
    changes = {path.replace("__", "."): value for path, value in values.items()}
    return fields.override_all(configs.load(base), changes)


def test_a_sound_config_gives_its_world():
    assert validate(config_with(world__people=100)).people == 100


@pytest.mark.parametrize(
    ("base", "changes", "message"),
    [
        ("mini", {"world__people": "1M"}, "must be 1 to 160000"),
        ("mini", {"world__people": 0}, "world.people=0 must be at least 1"),
        ("mini", {"world__lists": "/nowhere"}, "/nowhere"),
        ("mini", {"data__batch": 0}, "data.batch=0 must be at least 1"),
        ("mini", {"data__exposures": -1}, "data.exposures=-1 must be at least 1"),
        ("mini", {"score__people": 9999}, r"must be 0 \(all\) to world.people=1000"),
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
        ("mini", {"members__learning_rates": "-1"}, "must all be 0 or more"),
    ],
)
def test_contradictions_are_named(base, changes, message):
    with pytest.raises(ValueError, match=message):
        validate(config_with(base, **changes))


@pytest.mark.parametrize(("context", "short", "long"), [(64, 21, 21), (42, 20, 21)])
def test_windows_that_cut_documents_anywhere_pass(context, short, long):
    check_context(context, short, long)


@pytest.mark.parametrize("context", [21, 42])
def test_windows_that_always_cut_at_the_same_place_are_refused(context):
    with pytest.raises(ValueError, match=f"take {context + 1}"):
        check_context(context, 21, 21)
