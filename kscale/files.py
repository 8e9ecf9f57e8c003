"""Files that are whole or not there: text, JSON, result rows, named arrays."""

import contextlib
import fcntl
import hashlib
import json
import math
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

Row = dict[str, Any]
PARTIAL = ".partial"  # ends the name of a file that is being written


@contextlib.contextmanager
def replace_file(path: Path) -> Iterator[BinaryIO]:
    """Opens a file that takes the place of `path` when all is written.

    Its folder is made if it does not exist.

    Raises:
      OSError: the file cannot be written; one that existed stays as it was.

    Example:
      >>> with replace_file(Path("visits.npy")) as file:
      ...     np.save(file, visits)
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Writes a text in UTF-8; see `replace_file`."""
    with replace_file(path) as file:
        file.write(text.encode())


def write_json(path: Path, row: Row) -> None:
    """Writes a JSON object; see `replace_file`."""
    write_text(path, json.dumps(row, indent=2) + "\n")


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Writes a JSONL file, a row a line; see `replace_file`."""
    write_text(path, "".join(json.dumps(row) + "\n" for row in rows))


def append_row(path: Path, row: Row) -> None:
    """Appends a row to a JSONL file, making it and its folder if they are absent.

    Several processes may append to one file. A row that was cut short, by a kill or a
    full disk, makes way.

    Raises:
      OSError: the row cannot be written; the rows before it stay as they were.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    line = (json.dumps(row, sort_keys=True) + "\n").encode()
    with path.open("ab+", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed
        file.seek(0)
        whole, _, tail = file.read().rpartition(b"\n")
        end = len(whole) + len(b"\n" if whole else b"")
        if _parse_row(tail) is not None:  # written by hand, without an end of line
            end, line = end + len(tail), b"\n" + line
        file.truncate(end)
        try:
            while line:
                line = line[file.write(line) :]
            os.fsync(file.fileno())
        except OSError:
            file.truncate(end)
            raise


def read_rows(path: Path) -> list[Row]:
    """Returns the rows of a JSONL file; none if it is absent.

    A last line without its end that is no row is being written, or was when a process
    was killed: it is left out.

    Raises:
      ValueError: another line is not a JSON object.
    """
    if not path.exists():
        return []
    *lines, tail = path.read_text(encoding="utf-8").split("\n")
    if _parse_row(tail) is not None:
        lines.append(tail)
    rows = []
    for number, line in enumerate(lines, 1):
        row = _parse_row(line)
        if row is None:
            raise ValueError(
                f"{path}, line {number}: {line[:40]!r} is not a row; remove the line"
            )
        rows.append(row)
    return rows


def _parse_row(line: str | bytes) -> Row | None:
    try:
        row = json.loads(line)
    except ValueError:
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
    """Returns the arrays of an `.npz` file by name.

    Raises:
      ValueError: the file does not exist, is not whole, or holds anything but arrays.
        `what` opens the message: "Weights ".
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{what}{path} cannot be read ({error}).") from error
