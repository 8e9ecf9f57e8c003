"""Solvers of the theory by blocks of one size: their tests share compiled programs."""

import inspect

import jax
import numpy as np

from kscale.theory import concepts, data_scaling, model_scaling, skills


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


compute_optimal = in_blocks(concepts.compute_optimal, 32)
isoflop = in_blocks(concepts.isoflop, 32)
spurious_optimum = in_blocks(concepts.spurious_optimum, 32)
printed_law = in_blocks(concepts.printed_law, 256)
corrected_law = in_blocks(concepts.corrected_law, 256)
threshold = in_blocks(concepts.threshold, 256)
density_evolution = in_blocks(concepts.density_evolution, 256)
matching_bound = in_blocks(concepts.matching_bound, 256)
accuracy_curve = in_blocks(skills.accuracy_curve, 100)
known_weights = in_blocks(data_scaling.known_weights_information_power_law, 16)
power_law = in_blocks(data_scaling.data_redundancy_power_law, 64)
distinct = in_blocks(data_scaling.expected_distinct_power_law, 64)
infinite_allocation = in_blocks(model_scaling.infinite_allocation)
infinite_contribution = in_blocks(model_scaling.infinite_contribution)
infinite_onset_capacity = in_blocks(model_scaling.infinite_onset_capacity)
infinite_redundancy_constant = in_blocks(model_scaling.infinite_redundancy_constant)
