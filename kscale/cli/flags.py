"""Flags and words of a command line, read into the config and the flags of a verb."""

import dataclasses
import math
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from absl import flags

from kscale import configs
from kscale.configs import fields
from kscale.configs.base import Config, PartConfig
from kscale.worlds import Law


class UsageError(ValueError):
    """A command line that makes no sense; the message says how to mend it."""


class HelpWanted(Exception):
    """The user asked for help; the message is the text to show."""


class Flag(NamedTuple):
    """A flag of a verb.

    Attributes:
      default: its value and its type: a switch, a number, a tuple of words separated by
        commas, or text; None is text that may be absent.
      help: what it means, in a few words.
      choices: the texts that are allowed; all, if there are none.
    """

    default: Any
    help: str
    choices: Sequence[str] = ()


CONFIG = Flag(
    None,
    "a named config, NAME:key=value,..., or a Python file with get_config();"
    " --config.model.layers=4 overrides one field",
)
# Of verbs that open a finished run and score it.
FINISHED = {
    "workdir": Flag(None, "the run's folder"),
    "people": Flag(0, "score a sample of so many; 0: all"),
    "member": Flag(0, "which member of a population"),
}


@dataclasses.dataclass(frozen=True)
class Command:
    """What a command line asked for.

    Attributes:
      flags: the verb's flags, as attributes.
      config: the named config with its overrides, None without --config.
      arguments: the positional words.
    """

    flags: flags.FlagValues
    config: Config | None
    arguments: list[str]

    @property
    def workdir(self) -> pathlib.Path:
        """The folder of the finished run that --workdir names."""
        if not self.flags.workdir:
            raise UsageError("--workdir is needed: the folder of a finished run")
        return expand_path(self.flags.workdir)


def parse(
    known: Mapping[str, Flag], argv: Sequence[str], about: str = "", words: bool = False
) -> Command:
    """Reads a command line; its config is built and overridden.

    Args:
      known: the verb's flags by name.
      argv: the words after the verb.
      about: what the verb does, for --help.
      words: whether positional words are allowed.

    Raises:
      HelpWanted: --help or -h is among the words.
      UsageError: an unknown flag or field (with the nearest name), a bad value, or a
        word that would go unheeded.

    Example:
      >>> parse({"config": CONFIG}, ["--config=demo", "--config.data.batch=3"]).config
    """
    flag_values = define(known)
    if any(word in ("--help", "-help", "-h", "--helpfull", "-?") for word in argv):
        raise HelpWanted(help_text(flag_values, about))
    overrides, rest = _split_overrides(argv)
    try:
        arguments = flag_values(["kscale", *rest])[1:]
    except flags.UnrecognizedFlagError as error:
        names = [f"--{name}" for name in flag_values if len(name) > 1]
        flag = f"--{error.flagname}"
        raise UsageError(fields.unknown("flag", flag, flag, names)) from None
    except flags.Error as error:
        raise UsageError(str(error)) from None
    for name in flag_values:
        value = flag_values[name].value
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"--{name}={value} must be a finite number")
    if arguments and not words:
        raise UsageError(
            f"{arguments[0]!r} is no flag: write --flag=value, such as --config=demo"
        )
    config = None
    if (spec := flag_values.config if "config" in flag_values else None) is not None:
        config = fields.override_all(configs.load(spec), overrides)
    elif overrides:
        raise UsageError(
            f"--config.{next(iter(overrides))} changes a config, but no --config is"
            f" given"
        )
    return Command(flag_values, config, arguments)


def define(known: Mapping[str, Flag]) -> flags.FlagValues:
    """Makes absl flags, each of the type of its default."""
    found = flags.FlagValues()
    for name, (default, meaning, choices) in known.items():
        if choices:
            flags.DEFINE_enum(name, default, choices, meaning, flag_values=found)
            continue
        make = {
            bool: flags.DEFINE_boolean,
            int: flags.DEFINE_integer,
            float: flags.DEFINE_float,
            tuple: flags.DEFINE_list,
        }.get(type(default), flags.DEFINE_string)
        default = list(default) if isinstance(default, tuple) else default
        make(name, default, meaning, flag_values=found)
    return found


def help_text(flag_values: flags.FlagValues, about: str = "") -> str:
    """Returns what --help shows: the verb, its flags, the named configs it takes."""
    lines = [about.strip(), "", "flags:"] if about else ["flags:"]
    for name in sorted(flag_values):
        flag = flag_values[name]
        if name != flag.name:
            continue  # a short name of another flag
        default = flag.default
        default = ",".join(default) if isinstance(default, list) else default
        shown = "" if default in (None, False) else f" [{default}]"
        value = "" if flag.boolean else "=..."
        lines.append(f"  --{name + value:<18} {flag.help}{shown}")
    if "config" in flag_values:
        # The fields of groups that a printed config may not show.
        laws = ", ".join(field.name for field in dataclasses.fields(Law))
        parts = ", ".join(field.name for field in dataclasses.fields(PartConfig))
        lines += [
            "",
            "named configs:",
            configs.describe(),
            "",
            "how often each person appears: --config.world.law.FIELD=..., FIELD one of"
            f" {laws}",
            f"what is mixed in: --config.parts.0.FIELD=..., then parts.1, FIELD one of"
            f" {parts}",
        ]
    return "\n".join(lines)


def expand_path(text: str) -> pathlib.Path:
    """Returns a path as it was typed; shells leave the ~ of --workdir=~/runs alone.

    Raises:
      UsageError: ~NAME stands for no user, or a URL was typed.
    """
    if re.match(r"\w+://", text):
        raise UsageError(f"{text}: files are read and written here: give a folder")
    try:
        return pathlib.Path(text).expanduser()
    except RuntimeError:
        raise UsageError(f"{text}: there is no such home; write the path out") from None


def _split_overrides(argv: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Separates overrides, --config.a.b=value or --config.a.b value, from the rest."""
    overrides: dict[str, str] = {}
    words: list[str] = []
    rest = iter(argv)
    for word in rest:
        match = re.fullmatch(r"--?config\.([^=]+)(?:=(.*))?", word, re.DOTALL)
        if match is None:
            words.append(word)
            if word == "--":
                words += rest
            continue
        path, value = match.groups()
        value = next(rest, None) if value is None else value
        if value is None:
            raise UsageError(f"--config.{path} needs a value: --config.{path}=...")
        overrides[path] = value
    return overrides, words
