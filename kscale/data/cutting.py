"""Tokens end to end, cut into windows that share a token with their neighbours."""

import numpy as np


def require_windows(first: int, count: int) -> None:
    """Refuses windows that cannot be: a first below 0, or none of them."""
    if first < 0 or count < 1:
        raise ValueError(
            f"first={first} must be at least 0 and count={count} at least 1"
        )


def cut(array: np.ndarray, size: int, fill: int) -> np.ndarray:
    """The first `size` entries, filled up at the end."""
    if len(array) >= size:
        return array[:size]
    return np.concatenate([array, np.full(size - len(array), fill, array.dtype)])


def overlap(array: np.ndarray, count: int, context: int) -> np.ndarray:
    """[count * T + 1] -> [count, T + 1], neighbours sharing one token."""
    windows = np.empty((count, context + 1), array.dtype)
    windows[:, :-1] = array[:-1].reshape(count, context)
    windows[:, -1] = array[context::context]
    return windows
