"""The command line that all verbs share: absl flags, configs and one-line errors.

    flag_values = absl.flags.FlagValues()
    define_run(flag_values, config="demo")
    command = parse(flag_values, ["--config=demo", "--config.model.layers=3"])
    command.config.model.layers     # 3
    command.flags.dry_run           # False

A verb is a function of a Command; `run` calls it and turns errors that a user can mend
into one line and exit code 2.
"""

import dataclasses
import pathlib
import re
import sys
from collections.abc import Callable, Sequence

from absl import flags

from kscale import configs
from kscale.configs import fields
from kscale.configs.base import Config, PartConfig
from kscale.worlds import Law

USAGE = 2  # the exit code of a command that could not be carried out as given
DEVICES = ("auto", "cpu", "gpu", "tpu")


class UsageError(ValueError):
    """A command line that makes no sense; the message says how to mend it."""


class HelpWanted(Exception):
    """The user asked for help; the message is the text to show."""


@dataclasses.dataclass(frozen=True)
class Command:
    """What a command line asked for.

    Attributes:
      flags: the verb's flags, as attributes.
      config: the named config with its overrides, None where the verb takes none or
        none was given.
      overrides: the overridden fields, path to text.
      arguments: what is no flag.
    """

    flags: flags.FlagValues
    config: Config | None
    overrides: dict[str, str]
    arguments: list[str]


def define_config(flag_values: flags.FlagValues, default: str | None = None) -> None:
    """Define --config, to which --config.a.b=value overrides belong."""
    flags.DEFINE_string(
        "config",
        default,
        "a named config, NAME:key=value,..., or a Python file with get_config();"
        " --config.model.layers=4 overrides one field",
        flag_values=flag_values,
    )


def define_run(flag_values: flags.FlagValues, default: str | None = None) -> None:
    """Define what verbs that train or score have in common."""
    define_config(flag_values, default)
    folder = "the run's folder; nothing is written outside it"
    flags.DEFINE_string("workdir", None, folder, flag_values=flag_values)
    switches = {
        "overwrite": "throw away what is in the run's folder and start anew",
        "resume": "go on from the last checkpoint in the run's folder",
        "dry_run": "print the config, parameters, bits and steps, and stop",
    }
    for name, meaning in switches.items():
        flags.DEFINE_boolean(name, False, meaning, flag_values=flag_values)
    where = "where to compute; auto: the fastest there is"
    flags.DEFINE_enum("device", "auto", DEVICES, where, flag_values=flag_values)
    define_output(flag_values)


def define_finished(flag_values: flags.FlagValues) -> None:
    """Define what verbs that score a finished run have in common."""
    flags.DEFINE_string("workdir", None, "the run's folder", flag_values=flag_values)
    numbers = {
        "people": "score a sample of so many; 0: all",
        "member": "which member of a population",
    }
    for name, meaning in numbers.items():
        flags.DEFINE_integer(name, 0, meaning, flag_values=flag_values)
    flags.DEFINE_boolean(
        "dry_run", False, "say what would be scored", flag_values=flag_values
    )
    define_output(flag_values)


def define_output(flag_values: flags.FlagValues) -> None:
    """Define how answers are given."""
    switches = {
        "json": "print the answer as one JSON object instead of a sentence",
        "debug": "show where an error arose, not its message alone",
    }
    for name, meaning in switches.items():
        flags.DEFINE_boolean(name, False, meaning, flag_values=flag_values)


def parse(
    flag_values: flags.FlagValues, argv: Sequence[str], about: str = ""
) -> Command:
    """Read a command line.

    Args:
      flag_values: the verb's flags, not parsed yet.
      argv: the words after the verb.
      about: what the verb does, for --help.

    Returns:
      The command, its config built and overridden.

    Raises:
      HelpWanted: --help or -h is among the words.
      UsageError: an unknown flag or field (with the nearest name), or a bad value.
    """
    if any(word in ("--help", "-help", "-h", "--helpfull", "-?") for word in argv):
        raise HelpWanted(help_text(flag_values, about))
    overrides, words = _split(argv)
    try:
        arguments = flag_values(["kscale", *words])[1:]
    except flags.UnrecognizedFlagError as error:
        known = [f"--{name}" for name in flag_values if len(name) > 1]
        flag = f"--{error.flagname}"
        raise UsageError(fields.unknown("flag", flag, flag, known)) from None
    except flags.Error as error:
        raise UsageError(str(error)) from None
    return Command(flag_values, _config(flag_values, overrides), overrides, arguments)


def folder(text: str) -> pathlib.Path:
    """A folder as it was typed; shells leave the ~ of --workdir=~/runs alone."""
    return pathlib.Path(text).expanduser()


def finished(command: Command) -> pathlib.Path:
    """The folder of the finished run that a command of `define_finished` names.

    Raises:
      UsageError: it names none, or has another word besides.
    """
    refuse_arguments(command)
    if command.flags.workdir is None:
        raise UsageError("--workdir is needed: the folder of a finished run")
    return folder(command.flags.workdir)


def refuse_arguments(command: Command) -> None:
    """For verbs that take flags alone.

    Raises:
      UsageError: there is another word, which would go unheeded.
    """
    if command.arguments:
        raise UsageError(
            f"{command.arguments[0]!r} is no flag: write --flag=value, such as"
            f" --config=demo"
        )


def help_text(flag_values: flags.FlagValues, about: str = "") -> str:
    """What --help shows: the verb, its flags, and the named configs if it takes one."""
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
        lines += ["", "named configs:", configs.describe(), "", *_groups()]
    return "\n".join(lines)


def _groups() -> list[str]:
    """Lines of a --help about fields that a printed config may not show."""
    laws = ", ".join(field.name for field in dataclasses.fields(Law))
    parts = ", ".join(field.name for field in dataclasses.fields(PartConfig))
    return [
        f"who is met how often: --config.world.law.FIELD=..., FIELD one of {laws}",
        f"what is mixed in: --config.parts.0.FIELD=..., then parts.1, FIELD one of"
        f" {parts}",
    ]


def run(
    verb: str,
    main: Callable[[Command], int | None],
    define: Callable[[flags.FlagValues], None],
    argv: Sequence[str],
    about: str = "",
) -> int:
    """Carry out a verb and give its exit code.

    Errors that a user can mend (ValueError, OSError) become one line on standard error
    and exit code 2; with --debug they keep their traceback. Ctrl-C is exit code 130.

    Args:
      verb: its name, "train".
      main: does the work; None is exit code 0.
      define: adds the verb's flags.
      argv: the words after the verb.
      about: what the verb does, for --help; by default the docstring of `main`.
    """
    flag_values = flags.FlagValues()
    define(flag_values)
    try:
        return main(parse(flag_values, argv, about or main.__doc__ or "")) or 0
    except HelpWanted as text:
        sys.stdout.write(f"{text}\n")
        return 0
    except KeyboardInterrupt:
        sys.stderr.write(f"kscale {verb}: stopped\n")
        return 130
    except (ValueError, OSError) as error:
        if "--debug" in argv:
            raise
        sys.stderr.write(f"kscale {verb}: {one_line(error)}\n")
        return USAGE


def one_line(error: BaseException) -> str:
    """An error's message in one line; its type where it has none."""
    text = " ".join(str(error).split())
    return text or type(error).__name__


def _split(argv: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Overrides, --config.a.b=value or --config.a.b value, apart from other words."""
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


def _config(flag_values: flags.FlagValues, overrides: dict[str, str]) -> Config | None:
    spec = flag_values.config if "config" in flag_values else None
    if spec is None:
        if overrides:
            path = next(iter(overrides))
            raise UsageError(
                f"--config.{path} changes a config, but no --config is given"
            )
        return None
    return fields.override_all(configs.load(spec), overrides)


def use_device(device: str) -> None:
    """Compute on the CPU, GPU or TPU from now on; "auto" leaves the choice to JAX.

    Raises:
      UsageError: there is no such device, or JAX has chosen already.
    """
    if device == "auto":
        return
    import jax

    jax.config.update("jax_platforms", {"gpu": "cuda"}.get(device, device))
    try:
        jax.devices()
    except RuntimeError as error:
        raise UsageError(f"--device={device}: {one_line(error)[:120]}") from error
