"""One person: facts, text with what counts, tokens, and the bits that a model holds."""

import json
import math
import re

import numpy as np
import pytest

from kscale import cli, configs, scores, tokenizers
from kscale.runs import folder, run
from kscale.runs.inspect import describe_person
from kscale.runs.task import prepare


@pytest.fixture(scope="module")
def task():
    return prepare(configs.load("mini:people=20"))


def test_what_is_shown_agrees_with_the_world(task):
    answer = describe_person(task, person=3, exposure=1)
    assert json.loads(json.dumps(answer)) == answer
    assert answer["facts"] == task.world.person(3)
    assert "".join(text for text, _ in answer["spans"]) == answer["text"]
    for name in ("name", "university", "employer", "employer_city"):
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
    task, params = folder.load(finished)
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
    monkeypatch.setattr(run, "score_params", lambda *_: table)
    answer = describe_person(task, 3, 0, params={})
    assert answer["bits"] == pytest.approx(answer["max_bits"])


def test_a_person_on_the_command_line(capsys):
    assert cli.main(["show", "--config=mini", "--person=3"]) == 0
    out = capsys.readouterr().out
    facts = prepare(configs.load("mini")).world.person(3)
    assert f"  name           {facts['name']}\n" in out
    assert f"[{facts['employer']}](employer)" in out
    assert out.splitlines()[-1] == "Of person 3 there are 38.3 bits to know."
    assert cli.main(["show", "--config=mini", "--person=3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["facts"] == facts


def test_a_person_of_a_run(finished, capsys):
    words = ["show", f"--workdir={finished}", "--person=11"]
    assert cli.main(words) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    most = math.log2(160_000 / 12) + 30.97
    said = rf"Of person 11 the model holds -?[\d.]+ of {most:.1f} bits\."
    assert re.fullmatch(said, last)
    assert cli.main([*words, "--dry_run", "--json"]) == 0
    assert "bits" not in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name either --config or --workdir"),
        (["--config=mini", "--workdir=runs"], "name either --config or --workdir"),
        (["--config=mini", "--person=1000"], "outside this world's 0..999"),
        (["--config=mini", "--person=-1"], "outside this world's 0..999"),
        (["--config=mini", "--person=x"], "--person=x"),
        (["--workdir=nowhere"], "nowhere/config.json is no readable config"),
        (["--config.model.layers=3", "--workdir=runs"], "no --config is given"),
    ],
)
def test_what_cannot_be_shown(words, message, capsys):
    assert cli.main(["show", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
