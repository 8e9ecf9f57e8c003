"""`kscale show`: one person as text, with the bits that a run's model holds."""

import json
import math
import re

import pytest

from kscale import cli, configs
from kscale.runs.task import prepare


def test_a_person_of_a_config(capsys):
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
def test_what_cannot_be_shown(words, message, refuse):
    refuse(["show", *words], message)
