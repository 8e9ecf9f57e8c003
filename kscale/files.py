"""Results as rows: what was run, on what, and what came out, one JSON line each."""

import contextlib
import fcntl
import json
import math
import os
import pathlib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from kscale.trees import leaves_by_path, nest

Row = dict[str, Any]


def write_json(path: pathlib.Path, row: Row) -> None:
    """Writes a JSON object, whole or not at all."""
    write_text(path, json.dumps(row, indent=2) + "\n")


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a file, whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def finite(value: Any) -> Any:
    """JSON types; a number that is not finite becomes None."""
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [finite(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def append_row(path: pathlib.Path, row: Row) -> None:
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
        if _row(tail) is not None:  # written by hand, without an end of line
            end, line = end + len(tail), b"\n" + line
        file.truncate(end)
        try:
            while line:
                line = line[file.write(line) :]
            os.fsync(file.fileno())
        except OSError:
            file.truncate(end)
            raise


def read_rows(path: pathlib.Path) -> list[Row]:
    """The rows of a JSONL file; none if it is absent.

    A last line without its end that is no row is being written, or was when a process
    was killed: it is left out.

    Raises:
      ValueError: another line is not a JSON object.
    """
    if not path.exists():
        return []
    *lines, tail = path.read_text(encoding="utf-8").split("\n")
    if _row(tail) is not None:
        lines.append(tail)
    rows = []
    for number, line in enumerate(lines, 1):
        row = _row(line)
        if row is None:
            raise ValueError(
                f"{path}, line {number}: {line[:40]!r} is not a row; remove the line"
            )
        rows.append(row)
    return rows


def _row(line: str | bytes) -> Row | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


# Named arrays in one file, whole or not at all.
def write_arrays(path: Path, arrays: Mapping[str, Any], what: str = "") -> None:
    """Writes an ``.npz`` file; one that was there stays until the new one is whole.

    Args:
      path: the file; its folder is made if it does not exist.
      arrays: by name.
      what: the file is, for the error: "Weights ".

    Raises:
      ValueError: the file cannot be written; one that existed stays as it was.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise ValueError(f"{what}{path} cannot be written ({error}).") from error


# Final weights in one small file, for scoring.
def save_params(path: Path | str, params: Any) -> None:
    """Writes parameters to an ``.npz`` file, whole or not at all.

    Args:
      path: the file; replaced if it exists, its folder made if it does not.
      params: nested dict of arrays; a leaf's name in the file is its path.

    Raises:
      ValueError: the file cannot be written; one that existed stays as it was.
    """
    path = Path(path)
    write_arrays(path, leaves_by_path(jax.device_get(params)), "Weights ")


def load_params(path: Path | str) -> dict[str, Any]:
    """Reads what ``save_params`` wrote.

    Args:
      path: the file.

    Returns:
      Nested dict of NumPy arrays.

    Raises:
      ValueError: the file does not exist, or is not whole.
    """
    try:
        with Path(path).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return nest({name: file[name] for name in file.files})
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"Weights {path} cannot be read ({error}).") from error
