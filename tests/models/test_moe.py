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
from support.drawn import (
    assert_bfloat16_step,
    assert_near,
    draw,
    draw_params,
    draw_tokens,
    jit,
    together,
)

from kscale.models import ModelConfig, apply, token_nats
from kscale.models import moe as experts_module
from kscale.models.moe import Experts
from kscale.models.routing import capacity, place_in_blocks, place_in_buffers

LAYER = ModelConfig(heads=1, head_size=8, mlp_width=1.5, experts=3)
TINY = ModelConfig(
    vocab=29, layers=2, heads=2, head_size=8, init_std=0.3, mlp_width=1.0, experts=4,
    top_k=2, capacity_factor=1.0, eval_capacity_factor=1.0, route_rows=2,
)  # fmt: skip
ARRANGEMENTS = {
    "buffers": place_in_buffers,
    "blocks": functools.partial(place_in_blocks, size=4),
}
TOKENS = draw_tokens(4, 12)


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
    out = jnp.zeros_like(x)
    for e in range(config.experts):
        up, down = ({k: w[e] for k, w in params[y].items()} for y in ("up", "down"))
        hidden = x @ up["kernel"] + up.get("bias", jnp.zeros(1))[None, None]
        if config.mlp == "gated":
            hidden, other = jnp.split(hidden, 2, axis=-1)
            hidden = jax.nn.silu(hidden) * other
        else:
            hidden = jax.nn.gelu(hidden)
        y = hidden @ down["kernel"] + down.get("bias", jnp.zeros(1))[None, None]
        weight = jnp.sum(jnp.where(kept & (chosen == e), gates, 0.0), axis=-1)
        out = out + weight[..., None] * y
    return out


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
@pytest.mark.parametrize(("top_k", "gated"), [(1, True), (2, False)])
@pytest.mark.parametrize("factor", [0.0, 1.0])
def test_equals_a_dense_reference(monkeypatch, arrangement, top_k, gated, factor):
    form = {"mlp": "gated", "activation": "silu", "bias": False} if gated else {}
    config = dataclasses.replace(
        LAYER, top_k=top_k, capacity_factor=factor, route_rows=2, **form
    )
    monkeypatch.setattr(experts_module, "arrange", ARRANGEMENTS[arrangement])
    x = draw(jnp.zeros((4, 6, config.width)), seed=1, std=1.0)
    shapes = jax.eval_shape(Experts(config).init, jax.random.key(0), x)
    params = draw(shapes["params"], std=1.0)
    kept = kept_by_hand(config, params, x, capacity(config, 12, training=True))
    assert bool(kept.all()) == (factor == 0)
    direction = draw(x, seed=2, std=1.0)

    def ours(params, x):
        out, counts = Experts(config, training=True).apply({"params": params}, x)
        return jnp.sum(out * direction), (out, counts["dropped"])

    def reference(params, x):
        out = dense(config, params, x, kept)
        return jnp.sum(out * direction), (out, jnp.sum(~kept))

    ((_, found), gradient), ((_, expected), right) = (
        jit(jax.value_and_grad(f, (0, 1), True))(params, x) for f in (ours, reference)
    )
    assert_near(found[0], expected[0])
    assert int(found[1]) == int(expected[1])
    assert_near(gradient, right)


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
    members = [draw_params(config, seed) for seed in range(2)]
    run = functools.partial(loss_and_gradient, config)
    many = jax.vmap(run, in_axes=(0, None))(together(members), TOKENS)
    losses = many[0][0]
    assert losses.shape == (2,)
    assert losses[0] != losses[1]
    for i, member in enumerate(members):
        assert_near(jax.tree.map(lambda x, i=i: x[i], many), run(member, TOKENS))


def test_sums_and_balance_of_all_layers():
    _, aux = loss_and_gradient(TINY, draw_params(TINY), TOKENS)[0]
    sums = aux["routing"]
    assert (sums["tokens"], sums["choices"]) == (48 * 2, 48 * 2 * 2)
    np.testing.assert_array_equal(sums["load_LE"].sum(axis=1), [96, 96])
    assert {x.dtype for x in jax.tree.leaves(aux)} == {jnp.dtype("float32")}
    still = draw_params(TINY, std=0.0)
    _, aux = loss_and_gradient(TINY, still, TOKENS)[0]
    # Even probabilities: a balance of 1 for each layer, ln 4 nats for each token.
    assert float(aux["balance"]) == 2
    np.testing.assert_allclose(aux["routing"]["entropy"], 96 * np.log(4), rtol=1e-5)
    # All choose experts 0 and 1, each with room for 12 of the 24 tokens of a group.
    assert float(aux["routing"]["dropped"]) == 96


def test_bfloat16_is_close_and_keeps_float32_outside():
    config = dataclasses.replace(TINY, layers=1)
    half = dataclasses.replace(config, compute="bfloat16")
    steps = [loss_and_gradient(x, draw_params(x), TOKENS) for x in (half, config)]
    assert_bfloat16_step(*steps)
    loads = [aux["routing"]["load_LE"] for (_, aux), _ in steps]
    np.testing.assert_array_equal(*loads)


@functools.partial(jit, static_argnums=(0, 3))
def nats_of(config, params, x, training=False):
    nats, aux = token_nats(config, params, x, (x + 1) % 29, training=training)
    return nats, aux["routing"]["dropped"]


def test_rows_are_scored_each_on_its_own_and_trained_in_groups():
    params, x = draw_params(TINY), TOKENS
    other = x.at[1].set((x[1] + 3) % 29)
    (scored, dropped), (again, _) = (nats_of(TINY, params, y) for y in (x, other))
    assert float(dropped) > 0
    rest = jnp.array([0, 2, 3])
    np.testing.assert_array_equal(again[rest], scored[rest])
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
    params, x = draw_params(config), TOKENS
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
    assert_near(wide, narrow)
    for row, length in enumerate(lengths[:3]):
        np.testing.assert_allclose(many[row, :length], few[row, :length], rtol=1e-5)
    assert (float(narrow["dropped"]) > 0) == (factor > 0)
    assert float(narrow["choices"]) == 2 * lengths.sum()


def test_rows_that_groups_do_not_divide():
    params, x = draw_params(TINY), TOKENS[:3]
    with pytest.raises(ValueError, match=r"3 rows .*route_rows=2, which must divide"):
        jax.eval_shape(lambda: apply(TINY, params, x, training=True))
    assert jax.eval_shape(lambda: apply(TINY, params, x))[0].shape == (3, 12, 29)


CODE = """
import dataclasses, json, sys
import jax, numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from support.drawn import draw_params, jit
from kscale.models import ModelConfig, token_nats

assert len(jax.devices()) == 2
mesh = jax.make_mesh((2,), ("expert",), axis_types=(AxisType.Auto,))
x = np.arange(48).reshape(4, 12) ** 2 % 29
fields = {"vocab": 29, "layers": 1, "heads": 2, "head_size": 8, "experts": 4}
worst = []
for factor in (1.0, 0.0):
    config = ModelConfig(**fields, top_k=2, capacity_factor=factor)
    params = draw_params(config)
    def place(path, leaf):
        cut = "expert" if path[-2].key in ("up", "down") else None
        return jax.device_put(leaf, NamedSharding(mesh, PartitionSpec(cut)))
    cut = jax.tree_util.tree_map_with_path(place, params)
    kernel = cut["layer_0"]["mlp"]["up"]["kernel"]
    assert kernel.addressable_shards[0].data.shape[0] == 2
    run = jit(jax.value_and_grad(
        lambda p: token_nats(config, p, x, x, training=True)[0].mean()))
    one, two = jax.device_get((run(params), run(cut)))
    gaps = jax.tree.map(lambda a, b: float(abs(a - b).max()), one, two)
    worst.append(max(jax.tree.leaves(gaps)))
print(json.dumps(worst))
"""


@pytest.mark.slow
def test_experts_on_two_devices_equal_one():
    env = os.environ | {"JAX_NUM_CPU_DEVICES": "2", "JAX_PLATFORMS": "cpu"}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert max(json.loads(done.stdout)) < 1e-5
