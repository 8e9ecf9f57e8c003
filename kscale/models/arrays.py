"""Named arrays in one file, whole or not at all."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


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
