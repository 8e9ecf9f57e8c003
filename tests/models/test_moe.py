"""Mixtures of experts against a dense reference, and what must not change them."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import drawn

from kscale.models import ModelConfig, apply, token_nats
from kscale.models import moe as experts_module
from kscale.models.moe import Experts, arrange
from kscale.models.routing import capacity, place_in_blocks, place_in_buffers, route

LAYER = ModelConfig(heads=1, head_size=8, mlp_width=1.5, experts=3)
TINY = ModelConfig(
    vocab=29, layers=2, heads=2, head_size=8, init_std=0.3, mlp_width=1.0, experts=4,
    top_k=2, capacity_factor=1.0, eval_capacity_factor=1.0, route_rows=2,
)  # fmt: skip
ARRANGEMENTS = {
    "buffers": place_in_buffers,
    "blocks": functools.partial(place_in_blocks, size=4),
}
TOKENS = drawn.draw_tokens(4, 12)


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


@pytest.mark.parametrize(
    ("arrangement", "top_k", "gated", "factor"),
    [
        ("buffers", 1, True, 0.0),
        ("buffers", 2, False, 1.0),
        ("blocks", 1, True, 1.0),
        ("blocks", 2, False, 0.0),
    ],
)
def test_equals_a_dense_reference(monkeypatch, arrangement, top_k, gated, factor):
    form = {"mlp": "gated", "activation": "silu", "bias": False} if gated else {}
    form |= {"top_k": top_k, "capacity_factor": factor, "route_rows": 2}
    config = dataclasses.replace(LAYER, **form)
    monkeypatch.setattr(experts_module, "arrange", ARRANGEMENTS[arrangement])
    x, direction = (drawn.draw(jnp.zeros((4, 6, 8)), seed, std=1.0) for seed in (1, 2))
    shapes = jax.eval_shape(Experts(config).init, jax.random.key(0), x)
    params = drawn.draw(shapes["params"], std=1.0)
    kept = kept_by_hand(config, params, x, capacity(config, 12, training=True))
    assert bool(kept.all()) == (factor == 0)

    def ours(params, x):
        out, counts = Experts(config, training=True).apply({"params": params}, x)
        return jnp.sum(out * direction), (out, counts["dropped"])

    def reference(params, x):
        out = dense(config, params, x, kept)
        return jnp.sum(out * direction), (out, jnp.sum(~kept))

    (found, gradient), (expected, right) = (
        drawn.jit(jax.value_and_grad(f, (0, 1), True))(params, x)
        for f in (ours, reference)
    )
    drawn.assert_near(found[1][0], expected[1][0])
    assert int(found[1][1]) == int(expected[1][1])
    drawn.assert_near(gradient, right)


def test_blocks_where_room_is_ample():
    routes = route(drawn.draw(jnp.zeros((4, 64, 8))), top_k=1)
    rooms = {2.0: False, 8.0: True, 0.0: True}
    for factor, blocks in rooms.items():
        config = dataclasses.replace(LAYER, experts=8, eval_capacity_factor=factor)
        places = arrange(routes, capacity(config, 64, training=False))
        assert (places.expert is not None) == blocks


@functools.partial(drawn.jit, static_argnums=(0, 3))
def nats_of(config, params, x, training=False):
    return token_nats(config, params, x, (x + 1) % 29, training=training)


def test_sums_and_balance_of_all_layers():
    _, aux = nats_of(TINY, drawn.draw_params(TINY), TOKENS, True)
    del aux["correct_BT"]
    sums = aux["routing"]
    assert (sums["tokens"], sums["choices"]) == (48 * 2, 48 * 2 * 2)
    np.testing.assert_array_equal(sums["load_LE"].sum(axis=1), [96, 96])
    assert {x.dtype for x in jax.tree.leaves(aux)} == {jnp.dtype("float32")}
    still = drawn.draw_params(TINY, std=0.0)
    _, aux = nats_of(TINY, still, TOKENS, True)
    # Even probabilities: a balance of 1 for each layer, ln 4 nats for each token.
    assert float(aux["balance"]) == 2
    np.testing.assert_allclose(aux["routing"]["entropy"], 96 * np.log(4), rtol=1e-5)
    # All choose experts 0 and 1, each with room for 12 of the 24 tokens of a group.
    assert float(aux["routing"]["dropped"]) == 96


def test_rows_are_scored_each_on_its_own_and_trained_in_groups():
    params, x = drawn.draw_params(TINY), TOKENS
    other = x.at[1].set((x[1] + 3) % 29)
    (scored, aux), (again, _) = (nats_of(TINY, params, y) for y in (x, other))
    assert float(aux["routing"]["dropped"]) > 0
    rest = jnp.array([0, 2, 3])
    np.testing.assert_array_equal(again[rest], scored[rest])
    alone, _ = nats_of(TINY, params, x[2:3])
    np.testing.assert_allclose(alone[0], scored[2], rtol=1e-5)
    (trained, _), (again, _) = (nats_of(TINY, params, y, True) for y in (x, other))
    swapped = x.at[jnp.array([0, 1])].set(x[jnp.array([1, 0])])
    np.testing.assert_array_equal(again[2:], trained[2:])
    turned, _ = nats_of(TINY, params, swapped, True)
    assert not np.allclose(turned[1], trained[0])


@pytest.mark.parametrize(("arrangement", "factor"), [("buffers", 1.0), ("blocks", 0.0)])
def test_padding_changes_no_row(monkeypatch, arrangement, factor):
    monkeypatch.setattr(experts_module, "arrange", ARRANGEMENTS[arrangement])
    config = dataclasses.replace(TINY, layers=1, eval_capacity_factor=factor)
    params, x = drawn.draw_params(config), TOKENS
    targets, lengths = (x + 1) % 29, np.array([12, 9, 4, 0])

    @drawn.jit
    def nats(params, x, y, counted):
        found, aux = token_nats(config, params, x, y, counted_BT=counted)
        return found, aux["routing"]

    def padded(width):
        fill = ((0, 0), (0, width - 12))
        counted = np.arange(width) < lengths[:, None]
        rows = (jnp.pad(y, fill, constant_values=3) for y in (x, targets))
        return nats(params, *rows, counted)

    (few, narrow), (many, wide) = padded(12), padded(20)
    drawn.assert_near(wide, narrow)
    counted = np.arange(12) < lengths[:, None]
    np.testing.assert_allclose(many[:, :12][counted], few[counted], rtol=1e-5)
    assert (float(narrow["dropped"]) > 0) == (factor > 0)
    assert float(narrow["choices"]) == 2 * lengths.sum()


def test_rows_that_groups_do_not_divide():
    params, x = drawn.draw_params(TINY), TOKENS[:3]
    with pytest.raises(ValueError, match=r"3 rows .*route_rows=2, which must divide"):
        jax.eval_shape(lambda: apply(TINY, params, x, training=True))
    assert jax.eval_shape(lambda: apply(TINY, params, x))[0].shape == (3, 12, 29)
