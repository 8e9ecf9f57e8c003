"""Final weights in one small file, for scoring."""

import contextlib
import os
import zipfile
from pathlib import Path
from typing import Any

import jax
import numpy as np

from kscale.models.paths import path_name


def save_params(path: Path | str, params: Any) -> None:
    """Writes parameters to an ``.npz`` file, whole or not at all.

    Args:
      path: the file; replaced if it exists, its folder made if it does not.
      params: nested dict of arrays; a leaf's name in the file is its path.

    Raises:
      ValueError: the file cannot be written; one that existed stays as it was.
    """
    path = Path(path)
    leaves, _ = jax.tree_util.tree_flatten_with_path(jax.device_get(params))
    arrays: dict[str, Any] = {path_name(key): np.asarray(leaf) for key, leaf in leaves}
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
        raise ValueError(f"Weights {path} cannot be written ({error}).") from error


def load_params(path: Path | str) -> dict[str, Any]:
    """Reads what ``save_params`` wrote.

    Args:
      path: the file.

    Returns:
      Nested dict of NumPy arrays.

    Raises:
      ValueError: the file does not exist, or is not whole.
    """
    params: dict[str, Any] = {}
    try:
        with Path(path).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            for name in file.files:
                *parents, leaf = name.split("/")
                level = params
                for parent in parents:
                    level = level.setdefault(parent, {})
                level[leaf] = file[name]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"Weights {path} cannot be read ({error}).") from error
    return params
