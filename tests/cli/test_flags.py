"""The command line: overrides, help, and errors of one line."""

import dataclasses

import pytest

from kscale.cli.flags import CONFIG, Flag
from kscale.cli.train import VERB
from kscale.cli.verb import Reply, Stopped, carry_out
from kscale.configs.base import PartConfig

FLAGS = {**VERB.flags, "config": CONFIG._replace(default="demo")}


def call(*argv, main=None, **changes):
    """What the work was given, and the exit code."""
    seen = []

    def work(command):
        seen.append(command)
        return Reply({"of": "work"}, "of work")

    work = main or work
    values = {"about": "Train a model.", "flags": FLAGS, "run": work, "plan": work}
    code = carry_out(dataclasses.replace(VERB, **(values | changes)), argv)
    return (seen[0] if seen else None), code


def test_overrides_are_applied_to_the_named_config():
    command, code = call(
        "--config.model.layers=3", "--config=mini", "--config.train.seed", "5"
    )
    assert code == 0
    assert (command.config.name, command.config.model.layers) == ("mini", 3)
    assert command.config.train.seed == 5


def test_flags_have_their_defaults():
    command, _ = call()
    assert command.config.name == "demo"
    assert command.flags.device == "auto"
    assert not any((command.flags.resume, command.flags.overwrite, command.flags.json))
    assert command.flags.workdir is None


def test_two_command_lines_do_not_share_flags():
    assert call("--dry_run")[0].flags.dry_run
    assert not call()[0].flags.dry_run


def test_words_after_two_dashes_are_no_flags():
    command, _ = call("rest", "--", "--config.model.layers=3", words=True)
    assert command.arguments == ["rest", "--config.model.layers=3"]


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_lists_flags_and_named_configs(word, capsys):
    _, code = call(word)
    out = capsys.readouterr().out
    assert code == 0
    for text in ("Train a model.", "--dry_run", "demo_room", "bios:key=value"):
        assert text in out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--config=dmo"], "unknown config 'dmo': did you mean 'demo'?"),
        (["--config.model.layres=3"], "config.model.layres: did you mean 'layers'?"),
        (["--config.model.layers=x"], "config.model.layers='x' must be a whole number"),
        (["--config.model.layers"], "--config.model.layers needs a value"),
        (["--config.model.layers=0"], "ModelConfig.layers is 0, must be 1 or more."),
        (["--dry_rum"], "unknown flag --dry_rum: did you mean '--dry_run'?"),
        (["--device=abacus"], "flag --device=abacus"),
        (["--workdir"], "Missing value for flag --workdir"),
    ],
)
def test_a_wrong_word_is_one_line_and_exit_code_2(argv, message, capsys):
    command, code = call(*argv)
    err = capsys.readouterr().err
    assert (command, code) == (None, 2)
    assert err.startswith("kscale train: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("two\n  lines"), "kscale train: two lines\n"),
        (OSError(28, "No space left"), "kscale train: [Errno 28] No space left\n"),
        (ValueError(), "kscale train: ValueError\n"),
    ],
)
def test_errors_of_the_work_are_one_line(error, line, capsys):
    def main(_):
        raise error

    assert call(main=main)[1] == 2
    assert capsys.readouterr().err == line
    with pytest.raises(type(error)):
        call("--debug", main=main)


def test_other_errors_keep_their_traceback():
    def main(_):
        raise TypeError("a mistake in the library")

    with pytest.raises(TypeError):
        call(main=main)


def test_an_override_without_a_config_is_refused(capsys):
    assert call("--config.model.layers=3", flags={"config": CONFIG}) == (None, 2)
    assert "no --config is given" in capsys.readouterr().err


def test_what_is_stopped_says_so_and_has_an_exit_code(capsys):
    for error, code, line in (
        (Stopped("3 rows are kept", 143), 143, "kscale train: 3 rows are kept\n"),
        (KeyboardInterrupt(), 130, "kscale train: stopped\n"),
    ):

        def main(_, error=error):
            raise error

        assert call(main=main)[1] == code
        assert capsys.readouterr().err == line


def test_an_answer_is_a_sentence_or_one_json_object(capsys):
    call()
    assert capsys.readouterr().out == "of work\n"
    call("--json")
    assert capsys.readouterr().out == '{"of": "work"}\n'


def test_flags_have_the_types_of_their_defaults():
    kinds = {
        "switch": Flag(True, ""),
        "count": Flag(3, ""),
        "share": Flag(0.5, ""),
        "names": Flag(("a", "b"), ""),
        "choice": Flag("x", "", ("x", "y")),
        "text": Flag(None, ""),
    }
    words = ["--noswitch", "--count=4", "--share=2", "--names=c", "--choice=y"]
    command, _ = call(*words, "--text=1", flags=kinds)
    found = [command.flags[name].value for name in kinds]
    assert found == [False, 4, 2.0, ["c"], "y", "1"]
    command, _ = call(flags=kinds)
    found = [command.flags[name].value for name in kinds]
    assert found == [True, 3, 0.5, ["a", "b"], "x", None]


def test_parts_of_a_mixture_are_overridden_by_number():
    command, code = call(
        "--config=junk:people=20K",
        "--config.parts.0.people=5",
        "--config.parts.0.law.kind=zipf",
        "--config.world.law.exponent",
        "2",
    )
    assert code == 0
    (part,) = command.config.parts
    assert (part.people, part.weight, part.law.kind) == (5, 7.0, "zipf")
    assert command.config.world.law.exponent == 2.0


def test_the_next_part_is_added(capsys):
    added, code = call("--config=mini", "--config.parts.0.weight=3")
    assert code == 0
    assert added.config.parts == (PartConfig(weight=3.0),)
    two, _ = call("--config=junk", "--config.parts.1.name=new")
    assert [part.name for part in two.config.parts] == ["junk", "new"]
    assert call("--config=junk", "--config.parts.2.people=5") == (None, 2)
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "config.parts.2: the config has 1 parts, so the next one is config.p" in err
    assert call("--config=junk", "--config.parts=3") == (None, 2)
    err = capsys.readouterr().err
    assert "config.parts='3' holds groups of fields: write config.parts.0.FIELD" in err


def test_help_names_the_fields_of_parts_and_laws(capsys):
    call("--help")
    out = capsys.readouterr().out
    assert "--config.parts.0.FIELD=..., then parts.1, FIELD one of name, kind" in out
    assert "--config.world.law.FIELD=..., FIELD one of kind, exponent" in out
