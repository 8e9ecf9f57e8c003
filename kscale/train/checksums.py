"""The seal of a folder: the checksums of files that are finished.

seal(folder)
...
assert not find_broken(folder)
"""

import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

from kscale.files import read_json, write_json

SEAL = "checksums.json"


def seal(folder: Path, names: Iterable[str] | None = None) -> None:
    """Writes the CRC-32 of finished files into the `SEAL` of their folder.

    Args:
      folder: theirs.
      names: paths below the folder, whose checksums replace those before; None: all
        files below it.
    """
    if names is None:
        sums, names = {}, _list_files(folder)
    else:
        sums, names = _read_seal(folder), set(names)
    found = {name: _checksum(folder / name) for name in sorted(names)}
    write_json(folder / SEAL, sums | found)


def unseal(folder: Path, chosen: Callable[[str], bool]) -> None:
    """Takes files that are about to be written out of the seal, if there is one."""
    kept = {x: y for x, y in _read_seal(folder).items() if not chosen(x)}
    if kept:
        write_json(folder / SEAL, kept)
    else:
        (folder / SEAL).unlink(missing_ok=True)


def find_broken(folder: Path, names: Iterable[str] | None = None) -> list[str]:
    """Lists the files that are missing or were changed since they were sealed.

    None is broken in a folder without a seal, which a run that was killed may leave.

    Args:
      folder: theirs.
      names: those that are asked about; None: all that were sealed.

    Example:
      >>> find_broken(Path("checkpoints/100"))
      ['state/d/0f3c']
    """
    try:
        sums = _read_seal(folder)
    except ValueError:
        return [SEAL]
    asked = sums.keys() & set(sums if names is None else names)
    return sorted(name for name in asked if _checksum(folder / name) != sums[name])


def _read_seal(folder: Path) -> dict[str, int]:
    path = folder / SEAL
    remedy = "remove it, and nothing in the folder is compared with it"
    return read_json(path, "list of checksums", remedy) if path.exists() else {}


def _list_files(folder: Path) -> list[str]:
    return [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(SEAL)
    ]


def _checksum(path: Path) -> int | None:
    """Returns the CRC-32 of a file; None if it cannot be read."""
    value = 0
    try:
        with path.open("rb") as file:
            while block := file.read(2**20):
                value = zlib.crc32(block, value)
    except OSError:
        return None
    return value
