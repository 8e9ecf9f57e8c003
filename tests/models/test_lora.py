"""Adapters: literal products, which columns they meet, saving them apart."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import drawn

from kscale import models
from kscale.models.lora import draw_adapters
from kscale.trees import leaves_by_path

RULES = ("*/query:2", "*/value:3", "embed/table:2", "*/down/kernel:1", "*:0")
PLAIN = models.from_name("Mistral-2-4x8", vocab=19)
MODEL = dataclasses.replace(PLAIN, lora=models.Lora(rules=RULES))
TIED = models.from_name("GPT2-1-2x8", vocab=19)
EXPERTS = dataclasses.replace(TIED, experts=4, mlp_width=1.0)
TOKENS = drawn.draw_tokens(2, 6, vocab=19)
close = functools.partial(np.testing.assert_allclose, atol=1e-5)


def with_rules(config, *rules, **options):
    return dataclasses.replace(config, lora=models.Lora(rules=rules, **options))


def base_of(params):
    return {name: leaf for name, leaf in params.items() if name != "lora"}


@functools.partial(drawn.jit, static_argnums=0)
def other_uses(config, params, x):
    """Losses, logits with a cache, what is generated."""
    cache, past = models.init_cache(config, 2, 6), jnp.zeros(2, jnp.int32)
    return (
        models.token_nats(config, params, x, x)[0],
        models.extend(config, params, x, cache, past)[0],
        models.generate(config, params, x, jnp.asarray([6, 3]), 2),
    )


def adapters_of(config):
    """The shapes of a config's adapters by path."""
    lora = drawn.shapes_of(config).get("lora", {})
    return {path: x.shape for path, x in leaves_by_path(lora).items()}


def test_shapes_by_hand():
    layer = {
        "attention/query/down": (32, 2),
        "attention/query/up": (2, 32),
        "attention/value/down": (32, 3),
        "attention/value/up": (3, 8),
        "mlp/down/kernel/down": (112, 1),
        "mlp/down/kernel/up": (1, 32),
    }
    assert adapters_of(MODEL) == {
        "embed/table/down": (19, 2),
        "embed/table/up": (2, 32),
    } | {f"layer_{i}/{name}": shape for i in (0, 1) for name, shape in layer.items()}


def test_the_first_rule_that_matches_decides_and_rank_0_is_none():
    config = with_rules(TIED, "layer_0/attention/key:0", "*/attention/*:2")
    found = adapters_of(config)
    names = "query/down", "value/down", "out/kernel/down"
    downs = {f"layer_0/attention/{name}": (16, 2) for name in names}
    assert {path: x for path, x in found.items() if "down" in path} == downs
    for config in (with_rules(TIED, "*:0"), TIED):
        assert "lora" not in drawn.shapes_of(config)


def test_rules_that_match_nothing_and_an_alpha_that_is_no_number_are_refused():
    message = r"matches no weight; the nearest is 'layer_[01]/attention/query'"
    for rule in ("*/attention/qvery:2", "layer_2/attention/query:2"):
        with pytest.raises(ValueError, match=message):
            drawn.shapes_of(with_rules(models.from_name("GPT2-2-1", vocab=9), rule))
    for alpha in (np.nan, np.inf, -np.inf):
        with pytest.raises(ValueError, match=f"Lora.alpha is {alpha}, must be finite"):
            models.Lora(rules=RULES, alpha=alpha)


def test_new_adapters_change_nothing_bit_for_bit_and_start_by_their_width():
    base = drawn.draw_params(PLAIN)
    params = base | draw_adapters(MODEL, base, jax.random.key(5))
    assert params.keys() == base.keys() | {"lora"}
    expected = drawn.logits_of(PLAIN, base, TOKENS)
    np.testing.assert_array_equal(drawn.logits_of(MODEL, params, TOKENS), expected)
    wide = models.from_name("GPT2-1-4", vocab=500, head_size=64)
    config = with_rules(wide, "*/query:16", "*table:16")
    lora = draw_adapters(config, drawn.shapes_of(wide), jax.random.key(0))["lora"]
    query, table = lora["layer_0"]["attention"]["query"], lora["embed"]["table"]
    assert not np.any(query["up"])
    assert not np.any(table["down"])
    np.testing.assert_allclose(np.std(query["down"]), 256**-0.5, rtol=0.05)
    np.testing.assert_allclose(np.std(table["up"]), 256**-0.5, rtol=0.05)


def test_queries_keys_and_values_get_their_own_columns():
    # Four query heads of eight, one head of keys, one of values.
    config = with_rules(MODEL, "layer_0/attention/key:1", "layer_0/*/value:2")
    params = drawn.draw_params(config)
    kernel = params["layer_0"]["attention"]["qkv"]["kernel"]
    factors = params["lora"]["layer_0"]["attention"]
    expected = np.array(kernel, np.float64)
    assert expected.shape == (32, 48)
    for name, columns in {"key": slice(32, 40), "value": slice(40, 48)}.items():
        down, up = (np.asarray(factors[name][x], np.float64) for x in ("down", "up"))
        expected[:, columns] += 4 * down @ up
    after, out = models.merge_adapters(config, params)
    assert after == PLAIN
    found = out["layer_0"]["attention"]["qkv"]["kernel"]
    close(found, expected, atol=1e-6)
    np.testing.assert_array_equal(found[:, :32], kernel[:, :32])
    rest = out["layer_1"]["attention"]["qkv"]["kernel"]
    np.testing.assert_array_equal(rest, params["layer_1"]["attention"]["qkv"]["kernel"])


@pytest.mark.parametrize("tied", ["input", "both"])
def test_a_tied_table(tied):
    config = with_rules(TIED, "embed/table:2", tied=tied, alpha=2.0)
    params = drawn.draw_params(config)
    factors = params["lora"]["embed"]["table"]
    old = params["embed"]["table"]
    new = old + 2 * factors["down"] @ factors["up"]
    untied = dataclasses.replace(TIED, tied=False)
    by_hand = base_of(params) | {
        "embed": {"table": new},
        "head": {"table": old if tied == "input" else new},
    }
    expected = drawn.logits_of(untied, by_hand, TOKENS)
    close(drawn.logits_of(config, params, TOKENS), expected)
    assert models.merge_adapters(config, params)[0].tied == (tied == "both")


def test_merged_weights_compute_the_same():
    params = drawn.draw_params(MODEL)
    after, out = models.merge_adapters(MODEL, params)
    assert "lora" not in out
    expected = drawn.logits_of(MODEL, params, TOKENS)
    close(drawn.logits_of(after, out, TOKENS), expected)
    before = drawn.logits_of(after, base_of(params), TOKENS)
    assert np.max(np.abs(before - expected)) > 0.01
    uses = other_uses(MODEL, params, TOKENS), other_uses(after, out, TOKENS)
    jax.tree.map(close, *uses)


def test_every_expert_has_its_own_adapter():
    config = with_rules(EXPERTS, "*mlp*:2")
    params = drawn.draw_params(config)
    factors = params["lora"]["layer_0"]["mlp"]["up"]["kernel"]
    assert factors["down"].shape == (4, 16, 2)
    _, out = models.merge_adapters(config, params)
    before, after = (tree["layer_0"]["mlp"]["up"]["kernel"] for tree in (params, out))
    for e in range(4):
        expected = before[e] + 4 * factors["down"][e] @ factors["up"][e]
        close(after[e], expected, atol=1e-6)


def test_adapters_are_saved_apart_and_attached_again():
    params = drawn.draw_params(MODEL)
    small = models.select_adapters(params)
    assert small.keys() == {"lora"}
    assert sum(x.size for x in jax.tree.leaves(small)) < 0.1 * sum(
        x.size for x in jax.tree.leaves(params)
    )
    whole = models.attach_adapters(MODEL, base_of(params), small)
    drawn.assert_equal(whole, params)
    other = with_rules(MODEL, "*/query:3")
    message = r"lora/embed/table/down has shape \(19, 2\), the config .* absent"
    with pytest.raises(ValueError, match=message):
        models.attach_adapters(other, base_of(params), small)
    with pytest.raises(ValueError, match="have no adapters"):
        models.select_adapters(base_of(params))


def test_counts_and_that_a_token_uses_the_adapters_of_its_experts():
    for config in (MODEL, with_rules(TIED, "embed/*:4", "*out*:1")):
        counts = models.count_parameters(config)
        base = models.count_parameters(with_rules(config))
        found = adapters_of(config).values()
        assert counts.adapters == sum(np.prod(shape) for shape in found)
        assert counts.total - base.total == counts.adapters
        assert counts.active == counts.total
        assert counts.embedding == base.embedding
        assert base.adapters == 0
    counts = models.count_parameters(with_rules(EXPERTS, "*mlp*:2"))
    # Two matrices of 16 x 16 in each of four experts, a router of 16 x 4.
    assert counts.adapters == 2 * 4 * 2 * (16 + 16) + 2 * (16 + 4)
    idle = 3 * 2 * 2 * (16 + 16)
    before = models.count_parameters(EXPERTS)
    assert counts.active - before.active == counts.adapters - idle
