"""The command line from the outside: verbs, help, what every verb refuses."""

import json
import subprocess
import sys

import pytest

from kscale import cli, configs, scores

VERBS = tuple(cli.VERBS)
ON_RUNS = ("score", "ablate", "quantize")


def test_usage_lists_the_verbs(ask, capsys):
    for words in ([], ["--help"], ["help"]):
        out = ask(*words)
        assert all(f"  {verb} " in out for verb in VERBS)
    assert ask("--version").startswith("kscale 0.")
    assert cli.main(["trian"]) == 2
    err = capsys.readouterr().err
    assert err == "kscale: unknown verb trian: did you mean 'train'?\n"


def test_usage_does_not_start_jax():
    code = (
        "import sys, kscale.cli; kscale.cli.main([]); assert 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


HELP = {
    "ablate": ["--bits=...           of a rounded weight, one of 8, 6, 5, 4, 3, 2 [3]"],
    "quantize": [
        "--bits=...           of a weight [8,6,5,4,3,2]",
        "--method=...         <gptq|nearest>: GPTQ, or to the nearest",
        "--damp=...           of GPTQ: added to the inputs' second mom",
    ],
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_help_lists_flags_and_the_configs_that_it_takes(verb, ask):
    out = ask(verb, "--help")
    named = configs.CONFIGS if verb in ("train", "show") else ()
    for text in ("--dry_run", "--json", "--debug", f"kscale {verb}", *named):
        assert text in out
    assert all(f"\n  {line}" in out for line in HELP.get(verb, ()))


@pytest.mark.parametrize("verb", VERBS)
def test_a_stray_word_is_not_passed_over(verb, refuse):
    words = ["capacity/figure1", "x"] if verb == "sweep" else ["dry_run"]
    refuse([verb, *words], "")


def test_a_tilde_is_the_home(finished, ask, monkeypatch):
    monkeypatch.setenv("HOME", str(finished.parent))
    assert "12 of 12 people" in ask("score", "--workdir=~/run", "--dry_run")


@pytest.mark.parametrize(
    ("words", "said", "planned"),
    [
        ("score --people=5", "on 5 of 12 people", {"people": 5}),
        ("score", "on 12 of 12 people", {"people": 12, "population": 12}),
        (
            "ablate",
            "That is done 7 times: whole, without each of 1 layers, and with parts"
            " rounded to 3 bits.",
            {"people": 12, "scores": 7, "rounded_to": 3},
        ),
        (
            "quantize --bits=4,2",
            "It would be rounded to 4, 2 bits first.",
            {"people": 12},
        ),
    ],
)
def test_a_dry_run_scores_nothing(words, said, planned, finished, ask, monkeypatch):
    monkeypatch.setattr(scores, "score_corpus", None)
    words = [*words.split(), f"--workdir={finished}", "--dry_run"]
    out = ask(*words)
    assert said in out
    assert out.count("\n") == 1
    row = ask(*words, "--json")
    result = json.loads((finished / "result.json").read_text())
    assert row.items() >= planned.items()
    assert row["fingerprint"] == result["fingerprint"]
    assert "rows" not in row


@pytest.mark.parametrize("dry", [(), ("--dry_run",)])
@pytest.mark.parametrize("verb", ON_RUNS)
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--workdir is needed: the folder of a finished run"),
        (["--workdir=nowhere"], "nowhere/config.json is no readable config"),
        (["--workdir={run}", "--people=13"], "people=13 must be 1 to 12, the people"),
        (["--workdir={run}", "--people=-1"], "people=-1 must be 1 to 12, the people"),
        (["--workdir={run}", "--member=1"], "member=1: the run in"),
        (["--workdir={run}", "--member=-1"], "member=-1: the run in"),
    ],
)
def test_what_no_finished_run_can_be_asked(verb, words, message, dry, finished, refuse):
    words = [word.format(run=finished) for word in words]
    refuse([verb, *words, *dry], message)
