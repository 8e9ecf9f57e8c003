"""One person: facts, text with what counts, tokens, and the bits that a model holds."""

import json
import math
import types

import numpy as np
import pytest

from kscale import configs, scores, tokenizers
from kscale.runs import inspect
from kscale.runs.inspect import describe_person
from kscale.runs.task import open_run, prepare


@pytest.fixture(scope="module")
def task():
    return prepare(configs.load("mini:people=20"))


def test_what_is_said_agrees_with_the_world(task):
    answer = describe_person(task, person=3, exposure=1)
    assert json.loads(json.dumps(answer)) == answer
    assert answer["facts"] == task.world.person(3)
    assert "".join(text for text, _ in answer["spans"]) == answer["text"]
    for name in ("name", "university", "employer"):
        (marked,) = [text for text, label in answer["spans"] if label == name]
        assert marked.strip() == answer["facts"][name]
    tokens = tokenizers.load_gpt2()
    assert answer["tokens"][0] == tokens.eos
    assert tokens.decode(answer["tokens"][1:]) == answer["text"]
    most = answer["max_bits"]
    assert most["pronoun"] == 1
    assert 20 * sum(most.values()) == pytest.approx(task.world.bits_max().total)


def test_each_exposure_tells_it_anew(task):
    texts = {describe_person(task, 3, exposure)["text"] for exposure in range(5)}
    assert len(texts) == 5
    assert describe_person(task, 3, 1)["text"] in texts


def test_the_bits_of_all_people_are_the_bits_of_the_run(finished):
    task, params = open_run(finished)
    held = [describe_person(task, i, 0, params)["bits"] for i in range(12)]
    table = scores.ScoreTable.load(finished / "scores.npz")
    known = scores.measure_capacity(task.world.counts, task.corpus.labels, table, 1)
    # The formula takes the mean of the losses; it is affine in them.
    total = sum(sum(bits.values()) for bits in held)
    name = sum(bits["name"] for bits in held)
    assert name == pytest.approx(known.bits.name, rel=1e-4)
    assert total == pytest.approx(known.bits.total, rel=1e-4)


def test_a_model_that_knows_all_holds_the_most_there_is(task, monkeypatch):
    people = np.array([3])
    labels = tuple(label.name for label in task.corpus.labels)
    nats = np.zeros((1, len(labels)))
    nats[0, 1] = math.log(20)  # which of the 20 it is remains to be said
    ones = np.ones(nats.shape)
    table = scores.ScoreTable(
        people, nats, ones.astype(bool), ones.astype(np.int32), labels, 20
    )
    known = types.SimpleNamespace(table=table)
    monkeypatch.setattr(inspect, "score", lambda *_: known)
    answer = describe_person(task, 3, 0, params={})
    assert answer["bits"] == pytest.approx(answer["max_bits"])
