"""The command line: overrides, help, and errors of one line."""

import pytest

from kscale.cli import flags
from kscale.configs.base import PartConfig


def define(flag_values):
    flags.define_run(flag_values, default="demo")


def call(*argv, main=None):
    """What `main` was given, and the exit code."""
    seen = []
    code = flags.run("train", main or seen.append, define, argv, "Train a model.")
    return (seen[0] if seen else None), code


def test_overrides_are_applied_to_the_named_config():
    command, code = call(
        "--config.model.layers=3", "--config=mini", "--config.train.seed", "5", "rest"
    )
    assert code == 0
    assert (command.config.name, command.config.model.layers) == ("mini", 3)
    assert command.config.train.seed == 5
    assert command.overrides == {"model.layers": "3", "train.seed": "5"}
    assert command.arguments == ["rest"]


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
    assert call("--", "--config.model.layers=3")[0].arguments == [
        "--config.model.layers=3"
    ]


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
    code = flags.run("show", print, flags.define_config, ["--config.model.layers=3"])
    assert code == 2
    assert "no --config is given" in capsys.readouterr().err


def test_the_exit_code_is_what_main_returns():
    assert call(main=lambda _: 3)[1] == 3
    assert call(main=lambda _: (_ for _ in ()).throw(KeyboardInterrupt))[1] == 130


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
