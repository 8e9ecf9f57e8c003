"""The bioD world: random strings as values (Allen-Zhu & Li 2024, Definition 2.2)."""

import math
from collections.abc import Sequence

import numpy as np

from kscale.worlds.counter_rng import derive_key
from kscale.worlds.frequency import EXACT, Law
from kscale.worlds.world import Attribute, Column, World

PUBLISHED_NAME_PARTS = (400, 400, 1000)


def build_biod(
    people: int,
    attributes: int = 1,
    chunks: int = 1,
    diversity: int = 10,
    length: int = 1,
    symbols: int = 20,
    name_parts: Sequence[int] = PUBLISHED_NAME_PARTS,
    seed: int = 0,
    first: int = 0,
    law: Law = EXACT,
) -> World:
    """Builds bioD(N, K, C, D, L, T): K attributes of C chunks of L symbols.

    Each attribute has D distinct strings of L symbols out of T, drawn without
    replacement; each chunk of each value is one of them, drawn uniformly. The world
    holds `log2 binom(N0, N) + N K C log2 D + K log2 binom(T^L, D)` bits at most
    (Proposition 2.3). With N C below D some strings never occur, and the formula still
    credits them.

    Args:
      people: N; each count is at least 1.
      attributes: K; called "ID 1" to "ID K".
      chunks, length: C, L.
      diversity: D, at most T^L.
      symbols: T; they are written "s0" to "s{T-1}".
      name_parts: the length of the list of each part of a name. Lists are "n0", "n1",
        ... and shared between parts, so a symbol's token is shared, too.
      seed: of names, strings and values.
      first, law: see `World`.

    Raises:
      ValueError: a count is below 1, D is above T^L, or N above the name space.

    Example:
      >>> world = build_biod(people=5, attributes=2, chunks=3, diversity=4, symbols=4)
      >>> world.counts.value_bits  # K C log2 D
      12.0
    """
    sizes = {
        "attributes": attributes,
        "chunks": chunks,
        "diversity": diversity,
        "length": length,
        "symbols": symbols,
        "name_parts": min(name_parts, default=0),
    }
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"bioD: {name}={size} must be at least 1")
    if diversity > symbols**length:
        raise ValueError(
            f"bioD: diversity={diversity} must be at most {symbols}^{length}="
            f"{symbols**length}, the number of strings of {length} symbols: raise"
            f" symbols or length, or lower diversity"
        )
    columns = []
    for k in range(attributes):
        rng = np.random.default_rng(derive_key(seed, "strings", k))
        drawn = _draw_distinct(rng, diversity, length, symbols)
        strings = tuple(" ".join(f"s{symbol}" for symbol in row) for row in drawn)
        columns.append(Column(f"ID {k + 1}", strings))
    parts = [
        Column(f"name {i + 1}", tuple(f"n{j}" for j in range(size)))
        for i, size in enumerate(name_parts)
    ]
    joins = ("",) + (" ",) * (chunks - 1)
    return World(
        people=people,
        seed=seed,
        name_columns=tuple(parts),
        attributes=tuple(Attribute(c.name, (c,) * chunks, joins) for c in columns),
        sentences=tuple(column.name for column in columns),
        diversity=diversity,
        string_bits=length * math.log2(symbols),
        first=first,
        law=law,
    )


def _draw_distinct(rng, diversity: int, length: int, symbols: int) -> np.ndarray:
    """Draws `diversity` distinct rows of `length` symbols without replacement."""
    if symbols**length <= 2**20:
        codes = rng.choice(symbols**length, diversity, replace=False)
        places = symbols ** np.arange(length)[::-1]
        return codes[:, None] // places % symbols
    # The first D distinct strings of an endless uniform sequence are such a draw.
    rows: dict[tuple[int, ...], None] = {}
    while len(rows) < diversity:
        for row in rng.integers(symbols, size=(diversity, length)):
            rows.setdefault(tuple(row.tolist()))
            if len(rows) == diversity:
                break
    return np.array(list(rows))
