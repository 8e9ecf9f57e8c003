"""Writes a stand-in for bioR: varied biographies by a grammar, as JSONL.

    python -m tools.write_standin --lists=mini --people=1000 --output=standin.jsonl

Each line is {"id": person, "text": biography}, which kscale.corpora.Rewrites reads. No
language model is asked (tools/write_rewrites.py asks one). 5,000 texts a second, half a
kilobyte each; the file has its name only when it is whole.
"""

import os
import pathlib
import sys
from collections.abc import Sequence

from absl import flags

from kscale import worlds
from kscale.corpora import standin
from tools import texts as shared


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
        or the grammar cannot tell of this world.
    """
    if output.exists() and not overwrite:
        raise ValueError(f"{output} exists already: pass --overwrite or another name")
    if not output.parent.is_dir():
        raise ValueError(f"{output.parent} is no folder: make it first")
    part = output.with_name(f"{output.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            for person in range(world.people):
                for text in standin.write_biographies(world, person, texts, seed):
                    file.write(shared.record(person, text))
        size = part.stat().st_size
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
    return size


def define() -> flags.FlagValues:
    """The tool's flags."""
    found = flags.FlagValues()
    shared.define_world(found)
    flags.DEFINE_integer("wording_seed", 0, "of the texts", flag_values=found)
    flags.DEFINE_bool("overwrite", False, "replace the file", flag_values=found)
    return found


def work(found: flags.FlagValues) -> str:
    """Writes what the flags ask for and says so."""
    if not found.output:
        raise ValueError("say where to: --output=FILE.jsonl")
    output = pathlib.Path(found.output).expanduser()
    world = shared.world_of(found)
    size = write(world, output, found.texts, found.wording_seed, found.overwrite)
    return (
        f"{output}: {world.people * found.texts:,} texts of {world.people:,} people,"
        f" {size / 1e6:,.1f} MB, a stand-in for bioR"
    )


def main(argv: Sequence[str]) -> int:
    """The exit code."""
    return shared.run("write_standin", work, define(), argv, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
