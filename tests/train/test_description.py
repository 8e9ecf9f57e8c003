"""What tells runs apart."""

import dataclasses
import json

from standin import CONFIG, PROBLEM, batches

from kscale.train import Hyper, population, solo
from kscale.train.chunks import Chunks
from kscale.train.description import describe, differences


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
