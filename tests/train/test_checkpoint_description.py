"""What tells runs apart."""

import dataclasses
import json

from standin import CONFIG, PROBLEM, batches

from kscale.models import from_name
from kscale.models.config import Lora
from kscale.train import Hyper, population, problem_of, solo
from kscale.train.checkpoint import describe, differences
from kscale.train.infeed import Chunks


def described(mesh, config=CONFIG, hyper=None):
    hyper = solo(config) if hyper is None else hyper
    chunks = Chunks(batches(), 0, config.steps_per_dispatch, hyper, mesh)
    return describe(PROBLEM, config, 9, ["text", "name"], hyper, chunks)


def test_a_description_is_json_and_equal_to_itself(mesh):
    run = described(mesh)
    assert json.loads(json.dumps(run)) == run
    assert run["batch"]["rows"] == 4
    assert differences(run, described(mesh)) == []


def test_the_rhythm_is_no_part_of_a_run(mesh):
    other = dataclasses.replace(CONFIG, log_every=3, checkpoint_every=2, keep=7)
    assert differences(described(mesh), described(mesh, other)) == []


def test_members_are_part_of_it(mesh):
    first, second = (population([Hyper(1e-3, 0.0, seed)]) for seed in (0, 1))
    found = differences(described(mesh, hyper=first), described(mesh, hyper=second))
    assert found == ["population.seed was [0], is [1]"]


def test_fields_may_come_and_go():
    found = differences({"a": {"b": 1}, "c": 2}, {"a": {"b": 3, "d": 4}})
    assert found == [
        "a.b was 1, is 3",
        "a.d was 'absent', is 4",
        "c was 2, is 'absent'",
    ]


def test_tuples_and_lists_are_the_same():
    assert differences({"a": [1, 2]}, {"a": (1, 2)}) == []


def test_later_fields_are_told_only_where_they_are_used(mesh):
    # A checkpoint of before there were such fields belongs to the same run.
    first = described(mesh)["train"].keys()
    assert {"learning_rate", "seed"} <= first
    assert not {"trainable", "balance_weight"} & first
    part = dataclasses.replace(CONFIG, trainable=("up/*",))
    found = differences(described(mesh), described(mesh, part))
    assert found == ["train.trainable was 'absent', is ['up/*']"]


def test_a_model_tells_what_it_is_in_json():
    plain = from_name("GPT2-1-1", vocab=9)
    told = problem_of(plain).description
    assert told["layers"] == 1
    assert not {"experts", "top_k", "lora", "route_rows"} & told.keys()
    lora = Lora(rules=("*/attention/query:2",))
    told = problem_of(dataclasses.replace(plain, lora=lora)).description
    rules = ["*/attention/query:2"]
    assert told["lora"] == {"rules": rules, "alpha": 4.0, "tied": "input"}
