"""One person: facts, text with what counts, tokens, and the bits that a model holds."""

import json
import math
import types

import numpy as np
import pytest

from kscale import configs, scores, tokenizers
from kscale.configs import grids
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


@pytest.mark.parametrize(
    "name",
    [
        "tiny:people=300",
        "bios:people=3000,exposures=3",
        "junk:people=2500,exposures=2,kind=repeated,domain=true",
    ],
)
def test_an_estimate_is_near_what_is_counted(name):
    config = configs.load(name)
    cost, counted = inspect.estimate_cost(config), inspect.plan_run(config)
    assert counted["counted"]
    assert counted["tokens"] == pytest.approx(cost["tokens"], rel=0.01)
    assert counted["steps"] == pytest.approx(cost["steps"], rel=0.02, abs=2)
    assert cost["parameters"] == counted["parameters"]["total"]
    assert cost["max_bits_per_param"] == pytest.approx(counted["max_bits_per_param"])


def test_ten_million_people_are_estimated():
    """20 layers of width 1024 for 1000 exposures: 8.5 days of 64 A100 in the paper."""
    config = configs.load("bios:people=10M,model=GPT2-20-16")
    row = inspect.plan_run(config, tflops=25.0)
    assert not row["counted"]
    assert row["vocabulary"] == grids.VOCABULARY
    assert row["tokens"] == pytest.approx(10**10 * 70.8, rel=0.01)
    # 6 P (all of it multiplies a token, the embedding as the output) + attention.
    each = 6 * 255.6e6 + 6 * 20 * 1024 * 512
    assert row["flops"] == pytest.approx(each * row["tokens"], rel=0.01)
    assert row["hours"] / 24 / 64 == pytest.approx(8.2, rel=0.05)
