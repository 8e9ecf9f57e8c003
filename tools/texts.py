"""Flags of a world and one-line errors, for the tools that write biographies."""

import json
import sys
from collections.abc import Callable, Sequence

from absl import flags

from kscale import worlds
from kscale.cli.flags import help_text

USAGE = 2  # the exit code of a command that could not be carried out as given


def define_world(flag_values: flags.FlagValues) -> None:
    """Defines --lists, --people, --seed, --texts and --output."""
    flags.DEFINE_string(
        "lists",
        "bios",
        f"one of {', '.join(worlds.LISTS)}, or a folder",
        flag_values=flag_values,
    )
    flags.DEFINE_integer("people", 1000, "N of the world", 1, flag_values=flag_values)
    flags.DEFINE_integer("seed", 0, "of the world", flag_values=flag_values)
    flags.DEFINE_integer(
        "texts", 40, "biographies of each person", 1, flag_values=flag_values
    )
    flags.DEFINE_string(
        "output", None, "the JSONL file to write", flag_values=flag_values
    )


def build_world(values: flags.FlagValues) -> worlds.World:
    """Builds the world that the flags ask for."""
    return worlds.build_bios(values.people, values.seed, lists=values.lists)


def format_record(person: int, text: str) -> str:
    """Formats a line of JSONL as `kscale.corpora.Rewrites` reads it."""
    return json.dumps({"id": person, "text": text}) + "\n"


def run_tool(
    name: str,
    main: Callable[[flags.FlagValues], str],
    flag_values: flags.FlagValues,
    argv: Sequence[str],
    about: str = "",
) -> int:
    """Runs a tool: prints its last line, or one line that says what to mend.

    Args:
      name: of the tool, for the error.
      main: does the work and returns a line about it.
      flag_values: the tool's flags, not parsed yet.
      argv: the words after the name.
      about: what the tool does, for --help.

    Returns:
      The exit code: 0, or 2 after an error that a user can mend.
    """
    if "--help" in argv:
        print(help_text(flag_values, about))
        return 0
    try:
        words = flag_values([name, *argv])[1:]
        if words:
            raise ValueError(f"{words[0]!r} is no flag: write --flag=value")
        print(main(flag_values))
    except (ValueError, OSError, flags.Error) as error:
        sys.stderr.write(f"{name}: {' '.join(str(error).split())}\n")
        return USAGE
    return 0
