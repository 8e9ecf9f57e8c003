"""Files that are whole or not there: text, JSON, result rows, named arrays."""

import contextlib
import hashlib
import io
import json
import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from kscale import locks

Row = dict[str, Any]
PARTIAL = ".partial"  # ends the name of a file that is being written
_APPEND_SECONDS = 60.0  # to wait for others that append

# What zipfile and numpy raise when an array's file is damaged, besides MemoryError for
# one that claims to be huge.
_DAMAGED = (
    *(OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, IndexError),
    *(RuntimeError, OverflowError, MemoryError, SyntaxError, tokenize.TokenError),
    *(struct.error, zipfile.BadZipFile, zlib.error),
)


@contextlib.contextmanager
def replace_file(path: Path) -> Iterator[BinaryIO]:
    """Opens a file that takes the place of `path` when all is written.

    Its folder is made if it does not exist. A link stays, and its target is replaced.

    Raises:
      OSError: the file cannot be written, or `path` is a device, a pipe or a folder;
        one that existed stays as it was.

    Example:
      >>> with replace_file(Path("visits.npy")) as file:
      ...     np.save(file, visits)
    """
    if path.exists() and not path.is_file():  # root could replace even /dev/null
        raise OSError(f"{path} is no file that could be replaced")
    path = path.resolve() if path.is_symlink() else path
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Makes names in a folder outlast a power cut, where the file system can."""
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def write_text(path: Path, text: str) -> None:
    """Writes a text in UTF-8; see `replace_file`."""
    with replace_file(path) as file:
        file.write(text.encode())


def write_json(path: Path, row: Row) -> None:
    """Writes a JSON object; see `replace_file`."""
    write_text(path, json.dumps(row, indent=2) + "\n")


def read_json(path: Path, what: str, remedy: str = "") -> Row:
    """Returns the JSON object in a file.

    Raises:
      ValueError: the file is absent or damaged, or holds anything else. `what` it
        should be, "result", and the `remedy` are in the message.
    """
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(row, dict):
            raise ValueError("it must hold a JSON object")
    except (OSError, ValueError, RecursionError) as error:
        remedy = remedy and f"; {remedy}"
        raise ValueError(f"{path} is no readable {what}: {error}{remedy}") from error
    return row


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Writes a JSONL file, a row a line; see `replace_file`."""
    write_text(path, "".join(json.dumps(row) + "\n" for row in rows))


def append_row(path: Path, row: Row, key: str = "") -> bool:
    """Appends a row to a JSONL file, making it and its folder if they are absent.

    Several processes may append to one file, also where there is no flock. A row that
    was cut short, by a kill or a full disk, makes way.

    Args:
      path: the file.
      row: JSON types.
      key: the row is left out if one there has the same value of it.

    Returns:
      Whether the row was appended.

    Raises:
      OSError: the row cannot be written; the rows before it stay as they were.
      locks.HeldError: another process has appended for a minute.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    line = (json.dumps(row, sort_keys=True) + "\n").encode()
    lock, new = path.with_name(f".{path.name}.lock"), not path.exists()
    with (
        locks.take(lock, path, "appended to", seconds=_APPEND_SECONDS),
        path.open("ab+", buffering=0) as file,
    ):
        file.seek(0)
        whole, _, tail = file.read().rpartition(b"\n")
        there = (_parse_row(text) or {} for text in (*whole.split(b"\n"), tail))
        if key and any(other.get(key) == row[key] for other in there):
            return False
        end = len(whole) + len(b"\n" if whole else b"")
        if _parse_row(tail) is not None:  # written by hand, without an end of line
            end, line = end + len(tail), b"\n" + line
        _write_at(file, end, line)
    if new:
        sync_folder(path.parent)
    return True


def append_bytes(path: Path, data: bytes) -> None:
    """Appends to a file, making it if it is absent; its only writer calls this.

    Raises:
      OSError: not all can be written; the file stays as it was.
    """
    with path.open("ab", buffering=0) as file:
        _write_at(file, file.seek(0, os.SEEK_END), data, sync=False)


def _write_at(file: Any, end: int, data: bytes, sync: bool = True) -> None:
    """Lets a file end with some bytes, or as before if they cannot be written."""
    file.truncate(end)
    try:
        while data:
            data = data[file.write(data) :]
        if sync:
            os.fsync(file.fileno())
    except OSError:
        file.truncate(end)
        raise


def read_rows(path: Path, needed: Mapping[str, Any] | None = None) -> list[Row]:
    """Returns the rows of a JSONL file; none if it is absent.

    A last line without its end that is no row is being written, or was when a process
    was killed: it is left out.

    Args:
      path: the file.
      needed: what every row must have, with its type or types.

    Raises:
      ValueError: another line is not a JSON object, or lacks what is needed.
    """
    if not path.exists():
        return []
    *lines, tail = path.read_bytes().split(b"\n")
    if _parse_row(tail) is not None:
        lines.append(tail)
    rows = []
    for number, line in enumerate(lines, 1):
        row, where = _parse_row(line), f"{path}, line {number}"
        if row is None:
            shown = line[:40].decode(errors="replace")
            raise ValueError(f"{where}: {shown!r} is not a row; remove the line")
        for name, types in (needed or {}).items():
            if not isinstance(row.get(name), types):
                found = str(row.get(name, "absent"))[:40]
                raise ValueError(f"{where}: {name!r} is {found}; remove the line")
        rows.append(row)
    return rows


def _parse_row(line: bytes) -> Row | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def digest(*parts: bytes) -> str:
    """Returns twelve hex digits of the SHA-256 of some bytes, one after another."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part)
    return total.hexdigest()[:12]


def to_json_types(value: Any) -> Any:
    """Returns a value in JSON types; a number that is not finite becomes None."""
    if isinstance(value, dict):
        return {name: to_json_types(item) for name, item in value.items()}
    if isinstance(value, np.ndarray):
        return to_json_types(value.tolist())
    if isinstance(value, list | tuple):
        return [to_json_types(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def write_arrays(
    path: Path, arrays: Mapping[str, Any], what: str = "", compress: bool = False
) -> None:
    """Writes named arrays to an `.npz` file; see `replace_file`.

    Raises:
      ValueError: the file cannot be written; one that existed stays as it was. `what`
        opens the message: "Weights ".
    """
    try:
        with replace_file(path) as file:
            (np.savez_compressed if compress else np.savez)(file, **arrays)
    except OSError as error:
        raise ValueError(f"{what}{path} cannot be written ({error}).") from error


def read_arrays(path: Path, what: str = "") -> dict[str, np.ndarray]:
    """Returns the arrays of an `.npz` file by name, each read to its end.

    Raises:
      ValueError: the file does not exist, is not whole, or holds anything but arrays.
        `what` opens the message: "Weights ".
    """
    try:
        with zipfile.ZipFile(path) as file:
            _require_entries(path, len(file.infolist()))
            return {
                name.removesuffix(".npy"): _parse_array(file.read(name))
                for name in file.namelist()
            }
    except _DAMAGED as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{what}{path} cannot be read ({reason}).") from error


def _require_entries(path: Path, found: int) -> None:
    """Checks how many files an archive without a comment lists against its last record.

    A changed length of an entry can hide those behind it.
    """
    with path.open("rb") as file:
        file.seek(-12, os.SEEK_END)
        count = int.from_bytes(file.read(2), "little")
    if found != count:
        raise zipfile.BadZipFile(f"it lists {found} files of {count}")


def _parse_array(data: bytes) -> np.ndarray:
    """Returns the array of a `.npy` file; its header must account for every byte."""
    file = io.BytesIO(data)
    array = np.lib.format.read_array(file, allow_pickle=False)
    if file.read(1):
        raise ValueError("an array ends before its data do")
    return array
