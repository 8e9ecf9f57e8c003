"""What is said of a row besides its bits."""

import json
import os

from kscale.runs import rows
from kscale.runs.rows import answer, explain_negative, list_findings

ALIKE = {"fewest": 5, "most": 5, "never": 0, "total": 50}
SKEWED = {"fewest": 0, "most": 1234, "never": 3, "total": 4000}
CLASSES = [{"accuracy": 0.9, "loss_bits": 1.25}, {"accuracy": 0.1, "loss_bits": 26.0}]
ROW = {"visits": ALIKE, "classes": CLASSES, "config": {"start": ""}}


def test_of_visits_who_is_known_and_how_often_seen_unless_all_are_alike():
    nobody = {"fewest": 0, "most": 0, "never": 10, "total": 0}
    assert list_findings(ROW) == list_findings(ROW | {"visits": nobody}) == []
    assert list_findings(ROW | {"normalized_forms": True}) == []
    (line,) = list_findings(ROW | {"normalized_forms": False})
    assert "forms of two of its values begin with one token" in line
    assert list_findings(ROW | {"visits": SKEWED}) == [
        "People were seen 0 to 1,234 times, 3 never; visits.npy has each.",
        "Values right by class of frequency, the most frequent first: 90%, 10%; bits"
        " lost a person: 1.2, 26.0.",
    ]


def test_of_parts_what_is_known_and_of_a_start_where_it_was():
    parts = {
        "junk": {"accuracy": 0.125},
        "asked": {"trained": {"accuracy": 1.0}, "held_out": {"accuracy": 0.25}},
        "all": {"trained": {"accuracy": 0.5}},
    }
    row = ROW | {"parts": parts, "config": {"start": "runs/before"}}
    assert list_findings(row) == [
        "It went on from runs/before; counts are of this run.",
        "Part junk: 12% of values right.",
        "Part asked: 100% of answers right, 25% about the people held out.",
        "Part all: 50% of answers right.",
    ]


def test_where_not_all_is_trained_what_was():
    for trained, said in (
        (["*"], []),
        (["*/mlp/*", "head/*"], ["Only */mlp/*, head/* was trained."]),
    ):
        row = ROW | {"config": {"start": "", "train": {"trainable": trained}}}
        assert list_findings(row) == said


def test_of_experts_what_they_drop_when_scored():
    assert list_findings(ROW | {"dropped_when_scored": 0.0}) == []
    assert list_findings(ROW | {"dropped_when_scored": 0.000123}) == [
        "When scored, experts dropped 0.012% of the choices;"
        " model.eval_capacity_factor=0 drops none."
    ]


def test_parts_below_zero_are_explained():
    bits = {"name": -0.04, "value": 3.0, "diversity": -2.0, "total": 0.96}
    assert explain_negative([bits, bits | {"diversity": 1.0}]) == [
        "Negative bits of diversity: what a value begins with costs the model more than"
        " it is worth to know which strings there are; nothing is cut off at 0."
    ]
    (line,) = explain_negative([bits | {"name": -3.0, "diversity": 0.0}])
    assert line.startswith("Negative bits of name: names cost the model more than an")
    assert explain_negative([{"total": -1.0}]) == []


def test_an_answer_below_zero_says_why():
    row = {"name": "mine", "model": "2-1", "parameters": 10, "exposures": 1}
    row |= {"bits_max": {"total": 900.0}, "max_bits_per_param": 90.0}
    good = answer([row | {"bits": {"total": 30.0}, "bits_per_param": 3.0}])
    assert good.endswith("3.000 bits per parameter (at most 90.000).")
    bad = answer([row | {"bits": {"total": -30.0}, "bits_per_param": -3.0}])
    assert bad.endswith(
        "mine (2-1, 10 parameters) holds -30 of 900 bits after 1 exposures: -3.000 bits"
        " per parameter (at most 90.000); below 0, the truth costs more than an even"
        " guess from the lists."
    )


def test_an_answer_says_how_many_members_diverged():
    row = {"name": "mine", "model": "2-1", "parameters": 10, "exposures": 1}
    row |= {"bits_max": {"total": 900.0}, "max_bits_per_param": 90.0}
    good = row | {"bits": {"total": 30.0}, "bits_per_param": 3.0}
    lost = row | {"diverged": 7, "bits": {"total": None}, "bits_per_param": None}
    said = answer([lost, good, good])
    assert said.startswith("mine (2-1, 10 parameters, the best of 3) holds 30 of 900 ")
    assert said.endswith("(at most 90.000). 1 of 3 members diverged.")
    only = "mine (2-1, 10 parameters) diverged at step 7: nothing was scored."
    assert answer([lost]) == answer([lost, lost]) == only


def test_provenance_says_how_a_row_was_made(monkeypatch):
    row = rows.provenance()
    assert json.loads(json.dumps(row)) == row
    assert "core" in row["device"]
    assert row["time"].endswith("+00:00")
    assert row["versions"]["python"].startswith("3.")
    assert "unknown" not in row["versions"].values()
    assert row["commit"] == "unknown" or len(row["commit"].rstrip("+")) == 12
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert "core" in rows.device()
