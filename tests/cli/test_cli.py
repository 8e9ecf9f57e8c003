"""The command line from the outside: verbs, help, what every verb refuses."""

import subprocess
import sys

import pytest

from kscale import cli, configs

VERBS = tuple(cli.VERBS)
ON_RUNS = ("score", "ablate", "quantize")


def test_usage_lists_the_verbs(capsys):
    for words in ([], ["--help"], ["help"]):
        assert cli.main(words) == 0
        out = capsys.readouterr().out
        assert all(f"  {verb} " in out for verb in VERBS)
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("kscale 0.")


def test_usage_does_not_start_jax():
    code = (
        "import sys, kscale.cli; kscale.cli.main([]); assert 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_an_unknown_verb_is_answered_with_the_nearest(capsys):
    assert cli.main(["trian"]) == 2
    err = capsys.readouterr().err
    assert err == "kscale: unknown verb trian: did you mean 'train'?\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_help_lists_flags_and_the_configs_that_it_takes(verb, capsys):
    assert cli.main([verb, "--help"]) == 0
    out = capsys.readouterr().out
    named = configs.CONFIGS if verb in ("train", "show") else ()
    for text in ("--dry_run", "--json", "--debug", f"kscale {verb}", *named):
        assert text in out


@pytest.mark.parametrize(
    ("verb", "line"),
    [
        (
            "ablate",
            "--bits=...           of a rounded weight, one of 8, 6, 5, 4, 3, 2 [3]",
        ),
        ("quantize", "--bits=...           of a weight [8,6,5,4,3,2]"),
        ("quantize", "--method=...         <gptq|nearest>: GPTQ, or to the nearest"),
        ("quantize", "--damp=...           of GPTQ: added to the inputs' second mom"),
    ],
)
def test_help_of_numbers_says_which_and_what_they_do(verb, line, capsys):
    assert cli.main([verb, "--help"]) == 0
    assert f"\n  {line}" in capsys.readouterr().out


@pytest.mark.parametrize("verb", VERBS)
def test_a_stray_word_is_not_passed_over(verb, refuse):
    words = ["capacity/figure1", "x"] if verb == "sweep" else ["dry_run"]
    refuse([verb, *words], "")


def test_a_tilde_is_the_home(finished, capsys, monkeypatch):
    monkeypatch.setenv("HOME", str(finished.parent))
    assert cli.main(["score", "--workdir=~/run", "--dry_run"]) == 0
    assert "12 of 12 people" in capsys.readouterr().out


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
