"""How every verb is carried out: what is printed where, and the exit code."""

import dataclasses

import jax
import pytest

from kscale.cli.flags import Flag
from kscale.cli.verb import Reply, Verb, carry_out

VERB = Verb(
    "work",
    "Does some work.",
    {"speed": Flag(1, "how fast")},
    plan=lambda command: Reply({"speed": command.flags.speed}, "It would be done."),
    run=lambda _: Reply({"done": True}, "It is done."),
    dry_run="say what would be done",
)


def carry(*argv, error=None, **changes):
    if error is not None:

        def run(_):
            raise error

        changes["run"] = run
    return carry_out(dataclasses.replace(VERB, **changes), argv)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "It is done."),
        (["--json"], '{"done": true}'),
        (["--dry_run"], "It would be done."),
        (["--dry_run", "--json", "--speed=2"], '{"speed": 2}'),
    ],
)
def test_a_reply_is_a_sentence_or_one_json_object(words, line, capsys):
    assert carry(*words) == 0
    assert capsys.readouterr() == (f"{line}\n", "")


def test_help_has_the_flags_of_the_verb_and_of_every_verb(capsys):
    assert carry("--help") == 0
    assert capsys.readouterr().out == (
        "Does some work.\n\nflags:\n"
        "  --debug              show where an error arose, not its message alone\n"
        "  --dry_run            say what would be done\n"
        "  --json               print the answer as one JSON object instead of a"
        " sentence\n"
        "  --speed=...          how fast [1]\n"
    )


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("two\n  lines"), "two lines"),
        (OSError(28, "No space left"), "[Errno 28] No space left"),
        (ValueError(), "ValueError"),
        (RuntimeError("cuDNN is not detected"), "cuDNN is not detected"),
        (OverflowError("too large"), "too large"),
        (MemoryError("9 GB"), "out of memory: ask for less at once (9 GB)"),
    ],
)
def test_errors_that_a_user_can_mend_are_one_line(error, line, capsys):
    assert carry(error=error) == 2
    assert capsys.readouterr() == ("", f"kscale work: {line}\n")
    assert carry("--debug", error=error) == 2
    assert "Traceback" in capsys.readouterr().err
    with pytest.raises(TypeError):
        carry(error=TypeError("a mistake in the library"))


def test_a_verb_may_depend_on_its_words(capsys):
    def adapt(argv):
        return dataclasses.replace(VERB, about=" ".join(argv), adapt=None)

    assert carry("--help", adapt=adapt) == 0
    assert capsys.readouterr().out.startswith("--help\n")


@pytest.mark.parametrize("error", [RuntimeError("no platform"), AssertionError()])
def test_a_device_that_is_not_there_is_refused(error, monkeypatch, capsys):
    def devices():
        raise error

    monkeypatch.setattr(jax.config, "update", lambda *_: None)
    monkeypatch.setattr(jax, "devices", devices)
    assert carry("--device=gpu", flags={"device": Flag("auto", "where")}) == 2
    said = "kscale work: --device=gpu: there is no such device here, or no JAX for it"
    assert capsys.readouterr().err == f"{said}{': ' * bool(str(error))}{error}\n"
    monkeypatch.setenv("JAX_PLATFORMS", "abacus")
    assert carry() == 2
    assert "JAX_PLATFORMS=abacus: there is no such device" in capsys.readouterr().err
