"""The bench of experts: what its contenders compute and what it prints."""

import jax
import jax.numpy as jnp

from tools import bench_moe


def test_a_line_of_medians_and_ratios():
    turns = {"buffers": [4.0, 6.0, 5.0], "dense": [8.0, 6.0, 20.0], "all": [2.0] * 3}
    line = bench_moe.line("x", turns)
    assert line.endswith("buffers 5  dense 8  all 2  buffers: dense 0.50, all 2.50")


def test_contenders_meet_what_they_say():
    def size(layer):
        shapes = bench_moe.shapes(layer, jnp.zeros((1, 4, 64)))
        return sum(leaf.size for leaf in jax.tree.leaves(shapes))

    found = {k: size(layer) for k, layer in bench_moe.layers(2, 8, 2).items()}
    expert = 2 * (64 * 64 + 64)
    assert found["buffers"] == found["dropless"] == found["all"] == 8 * expert + 8 * 64
    assert found["dense"] == 64 * 128 + 128 + 128 * 64 + 64
