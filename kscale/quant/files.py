"""Rounded models in one small file."""

import contextlib
import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kscale.files import read_arrays, write_arrays
from kscale.quant.grid import packed_size
from kscale.quant.scheme import Scheme
from kscale.quant.weights import Quantized, is_quantized
from kscale.trees import leaves_by_path, map_by_path, nest

_FORMAT = "kscale quantized 1"
_PARTS = ("codes", "scales", "zeros")
_REST = {16: np.float16, 32: np.float32}


def cast_rest(tree: Any, rest: int = 16) -> Any:
    """Returns the model as `load_quantized` does, after `save_quantized` with `rest`.

    Leaves that are not rounded are float32 NumPy arrays of numbers that `rest` bits, 16
    or 32, can hold; a number that float16 cannot hold is a `ValueError`.
    """
    if rest not in _REST:
        raise ValueError(f"rest is {rest}, must be 16 or 32 bits.")

    def cast(path: str, leaf: Any) -> Any:
        if is_quantized(leaf):
            return leaf
        whole = np.asarray(leaf, np.float32)
        with np.errstate(over="ignore"):
            found = whole.astype(_REST[rest])
        if not np.array_equal(np.isfinite(found), np.isfinite(whole)):
            raise ValueError(
                f"{path} has numbers up to {np.abs(whole).max():g}, which float16"
                " cannot hold; save with rest=32."
            )
        return found.astype(np.float32)

    return map_by_path(cast, tree, is_leaf=is_quantized)


def save_quantized(
    path: Path | str, tree: Any, rest: int = 16, about: Mapping[str, Any] | None = None
) -> None:
    """Writes a rounded model to an `.npz` file, whole or not at all.

    The file takes about `stored_bits(tree, rest) / 8` bytes, and up to 1 KB for each
    leaf.

    Args:
      path: the file; replaced if it exists, its folder made if it does not.
      tree: from `quantize` or `quantize_gptq`.
      rest: bits of the numbers that are not rounded, 16 or 32; with 16 they are cast to
        float16, as usual beside GPTQ, and come back as float32.
      about: what else the file says, in JSON types; `load_about` reads it back.

    Raises:
      ValueError: as `cast_rest`; the file cannot be written (an old one is kept).
    """
    arrays: dict[str, Any] = {}
    rounded: dict[str, Any] = {}
    for name, leaf in leaves_by_path(cast_rest(tree, rest), is_quantized).items():
        if not is_quantized(leaf):
            arrays[name] = leaf.astype(_REST[rest])
            continue
        scheme = dataclasses.asdict(leaf.scheme)
        rounded[name] = {"shape": leaf.shape, "table": leaf.table, "scheme": scheme}
        arrays |= {f"{name}:{part}": getattr(leaf, part) for part in _PARTS}
    names = sorted(arrays)
    header = {"format": _FORMAT, "arrays": names, "quantized": rounded}
    header |= {"about": dict(about)} if about else {}
    text = np.array(json.dumps(header))
    write_arrays(Path(path), {"": text, **jax.device_get(arrays)})


def load_quantized(path: Path | str) -> dict[str, Any]:
    """Reads what `save_quantized` wrote: a nested dict as from `cast_rest`.

    Raises:
      ValueError: the file does not exist, is not whole, or is of another kind.
    """
    header, arrays = _read(path)
    with _reporting(path):
        if header["arrays"] != sorted(arrays):
            raise ValueError("its arrays are not those of its header")
        found = {
            name: _read_weight(arrays, name, fields)
            for name, fields in header["quantized"].items()
        }
    rest = {name: x.astype(np.float32) for name, x in arrays.items()}
    return nest(rest | found)


def load_about(path: Path | str) -> dict[str, Any]:
    """Returns `about` of `save_quantized`; errors as in `load_quantized`."""
    header, _ = _read(path)
    with _reporting(path):
        return dict(header.get("about", {}))


def _read(path: Path | str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Returns a file's header and its arrays."""
    arrays = read_arrays(Path(path), "Weights ")
    with _reporting(path):
        if "" not in arrays:
            raise ValueError("it has no header")
        header = json.loads(str(arrays.pop("")))
        if header["format"] != _FORMAT:
            raise ValueError(f"its format is {header['format']!r}, not {_FORMAT!r}")
        return header, arrays


@contextlib.contextmanager
def _reporting(path: Path | str) -> Iterator[None]:
    """Turns what fails in a damaged file into an error that names it."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{path} is no file of kscale quantize --save, or is damaged ({error}):"
            f" write it anew."
        ) from error


def _read_weight(
    arrays: dict[str, np.ndarray], name: str, fields: dict[str, Any]
) -> Quantized:
    """Takes the parts of a weight out of the arrays and checks their sizes."""
    leaves = tuple(fields["scheme"].pop("leaves"))
    scheme = Scheme(**fields["scheme"], leaves=leaves)
    shape, table = tuple(fields["shape"]), bool(fields["table"])
    parts = {part: arrays.pop(f"{name}:{part}") for part in _PARTS}
    *lead, inputs, outputs = shape if not table else (*shape[:-2], *shape[:-3:-1])
    groups = -(-inputs // (scheme.group or inputs))
    count = math.prod((*lead, groups, outputs))
    zeros = 0 if scheme.symmetric else packed_size(count, scheme.bits)
    expected = {
        "codes": (np.uint8, (packed_size(math.prod(shape), scheme.bits),)),
        "scales": (np.float16, (*lead, groups, outputs)),
        "zeros": (np.uint8, (zeros,)),
    }
    for part, (dtype, size) in expected.items():
        if parts[part].dtype != dtype or parts[part].shape != size:
            raise ValueError(f"{name}:{part} is not {np.dtype(dtype)} of shape {size}")
    arrays_ = {part: jnp.asarray(x) for part, x in parts.items()}
    return Quantized(**arrays_, shape=shape, table=table, scheme=scheme)
