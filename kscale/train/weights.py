"""Final weights in one small file, for scoring."""

import zipfile
from pathlib import Path
from typing import Any

import jax
import numpy as np

from kscale.models.arrays import write_arrays
from kscale.models.paths import nested, path_name


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
    write_arrays(path, arrays, "Weights ")


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
            return nested({name: file[name] for name in file.files})
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"Weights {path} cannot be read ({error}).") from error
