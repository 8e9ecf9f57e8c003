"""Solvers of the theory by blocks of one size: their tests share compiled programs."""

import inspect

import jax
import numpy as np


def in_blocks(solver, size=64):
    """The solver, called with blocks of `size` numbers whatever shape it is given.

    A solver is compiled for every combination of shapes; so called, a static setting
    costs one compilation in all tests that use the same size.
    """
    signature = inspect.signature(solver)

    def call(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        rest = dict(bound.arguments)
        names = [name for name in solver.scalars if rest[name] is not None]
        arrays = np.broadcast_arrays(*(np.asarray(rest.pop(n), float) for n in names))
        shape, count = arrays[0].shape, arrays[0].size
        starts = range(0, count, size)
        blocks = [
            np.minimum(np.arange(start, start + size), count - 1) for start in starts
        ]
        found = [
            solver(
                **rest, **{n: a.ravel()[b] for n, a in zip(names, arrays, strict=True)}
            )
            for b in blocks
        ]

        def join(*parts):
            whole = np.concatenate(parts)[:count]
            return whole.reshape(shape + whole.shape[1:])[()]

        return jax.tree.map(join, *found)

    return call
