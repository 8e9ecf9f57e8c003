"""Mixtures of experts against a dense reference, and what must not change them."""

import dataclasses
import functools
import json
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kscale.models import ModelConfig, apply, init, token_nats
from kscale.models import moe as experts_module
from kscale.models.moe import Experts
from kscale.models.routing import capacity, place_in_blocks, place_in_buffers

# Compiling is most of these tests' time; optimized or not, the arithmetic is the same.
jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
LAYER = ModelConfig(heads=1, head_size=8, mlp_width=1.5, experts=3)
TINY = ModelConfig(
    vocab=29, layers=2, heads=2, head_size=8, init_std=0.3, mlp_width=1.0, experts=4,
    top_k=2, capacity_factor=1.0, eval_capacity_factor=1.0, route_rows=2,
)  # fmt: skip
ARRANGEMENTS = {
    "buffers": place_in_buffers,
    "blocks": functools.partial(place_in_blocks, size=4),
}
every_arrangement = pytest.mark.parametrize("arrangement", ARRANGEMENTS)


def noisy(shapes, seed=0, std=1.0):
    """Drawn without compiling, biases not at their start."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda x: jnp.asarray(std * rng.normal(size=x.shape), jnp.float32), shapes
    )


def started(config, seed=0):
    shapes = jax.eval_shape(lambda key: init(config, key), jax.random.key(0))
    return noisy(shapes, seed, std=0.3)


def layer_of(config):
    """Parameters of the layer and inputs [4, 6, 8]."""
    x = noisy(jnp.zeros((4, 6, config.width)), seed=1)
    shapes = jax.eval_shape(Experts(config).init, jax.random.key(0), x)
    return noisy(shapes["params"]), x


def kept_by_hand(config, params, x_BTD, room):
    """Whether each choice [B, T, K] has room, in groups of `route_rows` rows."""
    logits = np.asarray(x_BTD @ params["router"]["kernel"])
    order = np.argsort(-logits, axis=-1, kind="stable")[..., : config.top_k]
    kept = np.zeros(order.shape, bool)
    for start in range(0, len(order), config.route_rows):
        taken = [0] * config.experts
        for choice in range(config.top_k):
            for row in range(start, start + config.route_rows):
                for t in range(order.shape[1]):
                    expert = order[row, t, choice]
                    kept[row, t, choice] = taken[expert] < room
                    taken[expert] += 1
    return jnp.asarray(kept)


def dense(config, params, x, kept):
    """Every expert of every token, weighted with its gate where it was kept."""
    probabilities = jax.nn.softmax(x @ params["router"]["kernel"])
    gates, chosen = jax.lax.top_k(probabilities, config.top_k)
    if config.top_k == 2:
        gates = gates / gates.sum(-1, keepdims=True)
    up, down = params["up"], params["down"]
    out = jnp.zeros_like(x)
    for e in range(config.experts):
        hidden = x @ up["kernel"][e]
        if config.bias:
            hidden = hidden + up["bias"][e][None, None]
        if config.mlp == "gated":
            hidden, other = jnp.split(hidden, 2, axis=-1)
            hidden = jax.nn.silu(hidden) * other
        else:
            hidden = jax.nn.gelu(hidden)
        y = hidden @ down["kernel"][e]
        if config.bias:
            y = y + down["bias"][e][None, None]
        weight = jnp.sum(jnp.where(kept & (chosen == e), gates, 0.0), axis=-1)
        out = out + weight[..., None] * y
    return out


def close(found, expected, tolerance=1e-5):
    """All leaves are within `tolerance` of the largest entry of any."""
    scale = max(float(jnp.abs(x).max()) for x in jax.tree.leaves(expected))
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance * scale, rtol=0)


@every_arrangement
@pytest.mark.parametrize(("top_k", "gated"), [(1, True), (2, False)])
@pytest.mark.parametrize("factor", [0.0, 1.0])
def test_equals_a_dense_reference(monkeypatch, arrangement, top_k, gated, factor):
    form = {"mlp": "gated", "activation": "silu", "bias": False} if gated else {}
    config = dataclasses.replace(
        LAYER, top_k=top_k, capacity_factor=factor, route_rows=2, **form
    )
    monkeypatch.setattr(experts_module, "arrange", ARRANGEMENTS[arrangement])
    params, x = layer_of(config)
    kept = kept_by_hand(config, params, x, capacity(config, 12, training=True))
    assert bool(kept.all()) == (factor == 0)
    direction = noisy(x, seed=2)

    def ours(params, x):
        out, counts = Experts(config, training=True).apply({"params": params}, x)
        return jnp.sum(out * direction), (out, counts["dropped"])

    def reference(params, x):
        out = dense(config, params, x, kept)
        return jnp.sum(out * direction), (out, jnp.sum(~kept))

    (_, found), gradient = jit(jax.value_and_grad(ours, (0, 1), True))(params, x)
    (_, expected), right = jit(jax.value_and_grad(reference, (0, 1), True))(params, x)
    close(found[0], expected[0])
    assert int(found[1]) == int(expected[1])
    close(gradient, right)


def test_blocks_where_room_is_ample(monkeypatch):
    used = []
    arrange = experts_module.arrange

    def spy(routes, room):
        used.append(arrange(routes, room).expert is not None)
        return arrange(routes, room)

    monkeypatch.setattr(experts_module, "arrange", spy)
    x = jax.ShapeDtypeStruct((4, 64, 8), jnp.float32)
    for factor in (2.0, 8.0, 0.0):
        config = dataclasses.replace(LAYER, experts=8, eval_capacity_factor=factor)
        jax.eval_shape(Experts(config).init, jax.random.key(0), x)
    assert used == [False, True, True]


def tokens(rows=4, length=12, seed=0):
    return jnp.asarray(np.random.default_rng(seed).integers(0, 29, (rows, length)))


@functools.partial(jit, static_argnums=0)
def loss_and_gradient(config, params, x):
    def loss(params):
        nats, aux = token_nats(config, params, x, (x + 1) % 29, training=True)
        del aux["correct_BT"]
        return nats.mean() + 0.01 * aux["balance"], aux

    return jax.value_and_grad(loss, has_aux=True)(params)


@pytest.mark.parametrize("factor", [1.0, 0.0])
def test_members_of_a_population_equal_solo_runs(factor):
    config = dataclasses.replace(TINY, layers=1, capacity_factor=factor)
    members = [started(config, seed) for seed in range(2)]
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *members)
    run = functools.partial(loss_and_gradient, config)
    together = jax.vmap(run, in_axes=(0, None))(stacked, tokens())
    losses = together[0][0]
    assert losses.shape == (2,)
    assert losses[0] != losses[1]
    for i, member in enumerate(members):
        close(jax.tree.map(lambda x, i=i: x[i], together), run(member, tokens()))


def test_sums_and_balance_of_all_layers():
    _, aux = loss_and_gradient(TINY, started(TINY), tokens())[0]
    sums = aux["routing"]
    assert (sums["tokens"], sums["choices"]) == (48 * 2, 48 * 2 * 2)
    np.testing.assert_array_equal(sums["load_LE"].sum(axis=1), [96, 96])
    assert {x.dtype for x in jax.tree.leaves(aux)} == {jnp.dtype("float32")}
    still = jax.tree.map(jnp.zeros_like, started(TINY))
    _, aux = loss_and_gradient(TINY, still, tokens())[0]
    # Even probabilities: a balance of 1 for each layer, ln 4 nats for each token.
    assert float(aux["balance"]) == 2
    np.testing.assert_allclose(aux["routing"]["entropy"], 96 * np.log(4), rtol=1e-5)
    # All choose experts 0 and 1, each with room for 12 of the 24 tokens of a group.
    assert float(aux["routing"]["dropped"]) == 96


def test_bfloat16_is_close_and_keeps_float32_outside():
    config = dataclasses.replace(TINY, layers=1)
    half = dataclasses.replace(config, compute="bfloat16")
    params = started(config)
    (loss, aux), gradient = loss_and_gradient(half, params, tokens())
    (expected, right), reference = loss_and_gradient(config, params, tokens())
    np.testing.assert_allclose(loss, expected, rtol=0.01)
    np.testing.assert_array_equal(
        aux["routing"]["load_LE"], right["routing"]["load_LE"]
    )
    for a, b in zip(jax.tree.leaves(gradient), jax.tree.leaves(reference), strict=True):
        assert a.dtype == jnp.float32
        assert jnp.linalg.norm(a - b) <= 0.05 * jnp.linalg.norm(b) + 1e-3


@functools.partial(jit, static_argnums=(0, 3))
def nats_of(config, params, x, training=False):
    nats, aux = token_nats(config, params, x, (x + 1) % 29, training=training)
    return nats, aux["routing"]["dropped"]


def test_rows_are_scored_each_on_its_own_and_trained_in_groups():
    params, x = started(TINY), tokens()
    other = x.at[1].set((x[1] + 3) % 29)
    (scored, dropped), (again, _) = (nats_of(TINY, params, y) for y in (x, other))
    assert float(dropped) > 0
    np.testing.assert_array_equal(
        again[jnp.array([0, 2, 3])], scored[jnp.array([0, 2, 3])]
    )
    alone, _ = nats_of(TINY, params, x[2:3])
    np.testing.assert_allclose(alone[0], scored[2], rtol=1e-5)
    (trained, _), (again, _) = (nats_of(TINY, params, y, True) for y in (x, other))
    swapped = x.at[jnp.array([0, 1])].set(x[jnp.array([1, 0])])
    np.testing.assert_array_equal(again[2:], trained[2:])
    turned, _ = nats_of(TINY, params, swapped, True)
    assert not np.allclose(turned[1], trained[0])


@pytest.mark.parametrize(
    ("arrangement", "factor"), [("buffers", 1.0), ("blocks", 1.0), ("blocks", 0.0)]
)
def test_padding_changes_no_row(monkeypatch, arrangement, factor):
    monkeypatch.setattr(experts_module, "arrange", ARRANGEMENTS[arrangement])
    config = dataclasses.replace(TINY, layers=1, eval_capacity_factor=factor)
    params, x = started(config), tokens()
    targets, lengths = (x + 1) % 29, np.array([12, 9, 4, 0])

    @jit
    def nats(params, x, y, counted):
        found, aux = token_nats(config, params, x, y, counted_BT=counted)
        return found, aux["routing"]

    def padded(width):
        fill = ((0, 0), (0, width - 12))
        counted = np.arange(width) < lengths[:, None]
        rows = (jnp.pad(y, fill, constant_values=3) for y in (x, targets))
        return nats(params, *rows, counted)

    (few, narrow), (many, wide) = padded(12), padded(20)
    close(wide, narrow)
    for row, length in enumerate(lengths[:3]):
        np.testing.assert_allclose(many[row, :length], few[row, :length], rtol=1e-5)
    assert (float(narrow["dropped"]) > 0) == (factor > 0)
    assert float(narrow["choices"]) == 2 * lengths.sum()


def test_rows_that_groups_do_not_divide():
    def logits(training):
        params = started(TINY)
        return jax.eval_shape(
            lambda p: apply(TINY, p, tokens(3), training=training)[0], params
        )

    with pytest.raises(ValueError, match=r"3 rows .*route_rows=2, which must divide"):
        logits(training=True)
    assert logits(training=False).shape == (3, 12, 29)


CODE = """
import dataclasses, json, sys
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from kscale.models import ModelConfig, init, token_nats

assert len(jax.devices()) == 2
mesh = jax.make_mesh((2,), ("expert",), axis_types=(AxisType.Auto,))
x = np.arange(48).reshape(4, 12) ** 2 % 29
fields = {"vocab": 29, "layers": 1, "heads": 2, "head_size": 8, "experts": 4}
rng, worst = np.random.default_rng(0), []
for factor in (1.0, 0.0):
    config = ModelConfig(**fields, top_k=2, capacity_factor=factor)
    shapes = jax.eval_shape(lambda: init(config, jax.random.key(0)))
    params = jax.tree.map(
        lambda x: jnp.asarray(0.3 * rng.normal(size=x.shape), "float32"), shapes)
    def place(path, leaf):
        cut = "expert" if path[-2].key in ("up", "down") else None
        return jax.device_put(leaf, NamedSharding(mesh, PartitionSpec(cut)))
    cut = jax.tree_util.tree_map_with_path(place, params)
    kernel = cut["layer_0"]["mlp"]["up"]["kernel"]
    assert kernel.addressable_shards[0].data.shape[0] == 2
    run = jax.jit(jax.value_and_grad(
        lambda p: token_nats(config, p, x, x, training=True)[0].mean()),
        compiler_options={"xla_backend_optimization_level": 0})
    one, two = jax.device_get((run(params), run(cut)))
    gaps = jax.tree.map(lambda a, b: float(abs(a - b).max()), one, two)
    worst.append(max(jax.tree.leaves(gaps)))
print(json.dumps(worst))
"""


@pytest.mark.slow
def test_experts_on_two_devices_equal_one():
    env = os.environ | {"JAX_NUM_CPU_DEVICES": "2", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert max(json.loads(done.stdout)) < 1e-5
