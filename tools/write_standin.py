"""Writes a stand-in for bioR: varied biographies by a grammar, as JSONL.

    python -m tools.write_standin --lists=mini --people=1000 --output=standin.jsonl

Each line is {"id": person, "text": biography}, which kscale.corpora.Rewrites reads. No
language model is asked (tools/write_rewrites.py asks one). 5,000 texts a second, half a
kilobyte each; the file has its name only when it is whole.
"""

import pathlib
import sys
from collections.abc import Sequence

from absl import flags

from kscale import files, worlds
from kscale.corpora import standin
from tools.texts import build_world, define_world, format_record, run_tool


def write(
    world: worlds.World,
    output: pathlib.Path,
    texts: int = 40,
    seed: int = 0,
    overwrite: bool = False,
) -> int:
    """Writes the biographies of everybody, one person after the other.

    Args:
      world: from `worlds.build_bios`.
      output: the file.
      texts: biographies of each person.
      seed: of the wording.
      overwrite: replace a file that is there.

    Returns:
      The number of bytes.

    Raises:
      ValueError: the file is there and may not be replaced, its folder is not there,
        or the lists have no words for this world.
    """
    if output.exists() and not overwrite:
        raise ValueError(f"{output} exists already: pass --overwrite or another name")
    if not output.parent.is_dir():
        raise ValueError(f"{output.parent} is no folder: make it first")
    with files.replace_file(output) as file:
        for person in range(world.people):
            for text in standin.write_biographies(world, person, texts, seed):
                file.write(format_record(person, text).encode())
    return output.stat().st_size


def define_flags() -> flags.FlagValues:
    """Defines the tool's flags."""
    values = flags.FlagValues()
    define_world(values)
    flags.DEFINE_integer("wording_seed", 0, "of the texts", flag_values=values)
    flags.DEFINE_bool("overwrite", False, "replace the file", flag_values=values)
    return values


def write_from_flags(values: flags.FlagValues) -> str:
    """Writes what the flags ask for and returns a line about it."""
    if not values.output:
        raise ValueError("--output must name the file to write: --output=FILE.jsonl")
    output = pathlib.Path(values.output).expanduser()
    world = build_world(values)
    size = write(world, output, values.texts, values.wording_seed, values.overwrite)
    return (
        f"{output}: {world.people * values.texts:,} texts of {world.people:,} people,"
        f" {size / 1e6:,.1f} MB, a stand-in for bioR"
    )


def main(argv: Sequence[str]) -> int:
    """Runs the tool and returns the exit code."""
    tool = write_from_flags
    return run_tool("write_standin", tool, define_flags(), argv, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
