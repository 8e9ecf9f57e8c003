"""Checksums of a folder's files, to notice what its reader would not notice quietly."""

import json
import zlib
from pathlib import Path

from kscale import files

SEAL = "checksums.json"
_BLOCK = 2**20


def seal(folder: Path) -> None:
    """Writes the CRC-32 of every file below a folder into its `checksums.json`.

    Args:
      folder: complete, and not to be changed any more.

    Raises:
      OSError: a file cannot be read or the seal cannot be written.
    """
    files.write_json(folder / SEAL, _compute_checksums(folder))


def find_broken(folder: Path) -> list[str]:
    """Lists the files that are missing or were changed since the folder was sealed.

    Args:
      folder: sealed, or not: a run may be killed between its last checkpoint and the
        seal.

    Returns:
      Relative paths in order; none where all are as they were, or without a seal.

    Example:
      >>> find_broken(Path("checkpoints/100"))
      ['state/d/0f3c']
    """
    path = folder / SEAL
    if not path.exists():
        return []
    try:
        sealed = json.loads(path.read_text())
        found = _compute_checksums(folder)
    except (OSError, ValueError):
        return [SEAL]
    return sorted(name for name in sealed if found.get(name) != sealed[name])


def _compute_checksums(folder: Path) -> dict[str, int]:
    checksums = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith(SEAL):
            value = 0
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    value = zlib.crc32(block, value)
            checksums[path.relative_to(folder).as_posix()] = value
    return checksums
