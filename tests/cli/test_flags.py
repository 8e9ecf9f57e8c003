"""Command lines: flags by their defaults, overrides of a config, help."""

import pytest

from kscale.cli import train
from kscale.cli.flags import CONFIG, Flag, HelpWanted, UsageError, expand_path, parse
from kscale.configs.base import PartConfig

FLAGS = {**train.VERB.flags, "config": CONFIG._replace(default="demo")}


def config_of(*argv):
    return parse(FLAGS, argv).config


def test_overrides_are_applied_to_the_named_config():
    words = ["--config.model.layers=3", "--config=mini", "--config.train.seed", "5"]
    config = config_of(*words)
    assert (config.name, config.model.layers, config.train.seed) == ("mini", 3, 5)
    with pytest.raises(UsageError, match="but no --config is given"):
        parse({"config": CONFIG}, words[:1])


def test_flags_have_the_types_of_their_defaults():
    known = {
        "switch": Flag(True, ""),
        "count": Flag(3, ""),
        "share": Flag(0.5, ""),
        "names": Flag(("a", "b"), ""),
        "choice": Flag("x", "", ("x", "y")),
        "text": Flag(None, ""),
    }
    words = ["--noswitch", "--count=4", "--share=2", "--names=c", "--choice=y"]
    for argv, wanted in (
        ([*words, "--text", "1"], [False, 4, 2.0, ["c"], "y", "1"]),
        ([], [True, 3, 0.5, ["a", "b"], "x", None]),
    ):
        found = parse(known, argv).flags
        assert [found[name].value for name in known] == wanted  # none is shared


def test_words_after_two_dashes_are_no_flags():
    words = ["rest", "--", "--config.model.layers=3"]
    assert parse(FLAGS, words, words=True).arguments == ["rest", words[-1]]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--config=dmo"], "unknown config 'dmo': did you mean 'demo'?"),
        (["--config.model.layres=3"], "config.model.layres: did you mean 'layers'?"),
        (["--config.model.layers"], "--config.model.layers needs a value"),
        (["--config.model.layers=0"], "config.model.layers=0 must be at least 1"),
        (["--tflops=nan"], "--tflops=nan must be a finite number"),
        (["--resme"], "unknown flag --resme: did you mean '--resume'?"),
        (["--device=abacus"], "flag --device=abacus"),
        (["--workdir"], "Missing value for flag --workdir"),
        (["dry_run"], "'dry_run' is no flag: write --flag=value, such as"),
        (["--config=junk", "--config.parts.2.people=5"], "config.parts.2: the config"),
    ],
)
def test_a_wrong_word_is_refused_with_the_way_out(argv, message):
    with pytest.raises(UsageError if "--config" not in argv[0] else ValueError) as said:
        parse(FLAGS, argv)
    assert message in str(said.value)


def test_parts_of_a_mixture_are_overridden_or_added_by_number():
    law = ["--config.parts.0.law.kind=zipf", "--config.world.law.exponent", "2"]
    config = config_of("--config=junk:people=20K", "--config.parts.0.people=5", *law)
    (part,) = config.parts
    assert (part.people, part.weight, part.law.kind) == (5, 7.0, "zipf")
    assert config.world.law.exponent == 2.0
    one = config_of("--config=mini", "--config.parts.0.weight=3")
    assert one.parts == (PartConfig(weight=3.0),)
    two = config_of("--config=junk", "--config.parts.1.name=new")
    assert [part.name for part in two.parts] == ["junk", "new"]


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_lists_flags_configs_and_fields_of_groups(word):
    with pytest.raises(HelpWanted) as said:
        parse(FLAGS, [word], "Train a model.")
    for text in (
        "Train a model.",
        "  --device=...         <auto|cpu|gpu|tpu>: where to compute",
        "demo_room",
        "bios:key=value",
        "--config.parts.0.FIELD=..., then parts.1, FIELD one of name, kind",
        "--config.world.law.FIELD=..., FIELD one of kind, exponent",
    ):
        assert text in str(said.value)


def test_paths_are_of_folders_that_there_can_be():
    with pytest.raises(UsageError, match="gs://bucket/x: files are read and written h"):
        expand_path("gs://bucket/x")
    with pytest.raises(UsageError, match="~nosuchuser/x: there is no such home; write"):
        expand_path("~nosuchuser/x")
