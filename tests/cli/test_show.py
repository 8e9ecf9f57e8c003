"""`kscale show`: one person as text, with the bits that a run's model holds."""

import math
import re

import pytest

from kscale import configs
from kscale.runs.task import prepare


def test_a_person_of_a_config(ask):
    out = ask("show", "--config=mini", "--person=3")
    facts = prepare(configs.load("mini")).world.person(3)
    assert f"  name           {facts['name']}\n" in out
    assert f"[{facts['employer']}](employer)" in out
    assert out.splitlines()[-1] == "Of person 3 there are 38.3 bits to know."
    assert ask("show", "--config=mini", "--person=3", "--json")["facts"] == facts


def test_a_person_of_a_run(finished, ask):
    words = ["show", f"--workdir={finished}", "--person=11"]
    held = ask(*words, "--json")["bits"]
    said = "  below 0: the truth costs the model more than an even guess\n"
    assert (said in ask(*words)) == (min(held.values()) < 0)
    most = math.log2(160_000 / 12) + 30.97
    said = rf"Of person 11 the model holds -?[\d.]+ of {most:.1f} bits\."
    assert re.fullmatch(said, ask(*words).splitlines()[-1])
    assert "bits" not in ask(*words, "--dry_run", "--json")


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
def test_what_cannot_be_shown(words, message, refuse):
    refuse(["show", *words], message)
