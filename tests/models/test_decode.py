"""Decoding with a cache against decoding without: every prefix run through `apply`."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.drawn import draw_tokens, jit, logits_of, shapes_of, together

from kscale.models import decode, extend, from_name, generate, init_cache
from kscale.models.kv_cache import Cache, attend_cache, write_cache

VOCAB, ROWS, WIDTH, STEPS = 29, 5, 7, 6
LENGTHS = np.array([7, 1, 4, 2, 6])
PROMPTS = np.asarray(draw_tokens(ROWS, WIDTH, seed=1))
WHOLE = np.asarray(draw_tokens(ROWS, WIDTH + STEPS, seed=1))


# Rows scored whole without a cache drop no tokens either.
sized = functools.partial(from_name, vocab=VOCAB, head_size=8, eval_capacity_factor=0.0)
KINDS = {
    "GPT2": sized("GPT2-2-4"),
    "GPT2_0 without positions": sized("GPT2_0-1-2", rotary_fraction=0.0),
    "modded": sized("modded-1-4"),
    "LLaMA, 2 of 6 heads, 1 expert": sized("LLaMA-1-6", kv_heads=2, experts=4),
    "2 experts": sized("GPT2_MoE-1-4", experts=4, top_k=2, capacity_factor=0.5),
}
every_kind = pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)


def noisy(config, seed=0):
    """Parameters far from their start, so that tokens differ and no logits tie."""
    rng = np.random.default_rng(seed)

    def draw(path, leaf):
        std = {"kernel": 0.3, "bias": 0.1}.get(path[-1].key, 1.0)
        return jnp.asarray(std * rng.normal(size=leaf.shape), jnp.float32)

    return jax.tree_util.tree_map_with_path(draw, shapes_of(config))


forward = jit(extend, static_argnums=0)


def without_cache(config, params, prompts, lengths, steps, eos=-1):
    rows = np.arange(len(prompts))
    line = np.pad(prompts, ((0, 0), (0, steps)))
    over = np.zeros(len(prompts), bool)
    out = []
    for i in range(steps):
        logits = np.asarray(logits_of(config, params, line))
        token = logits[rows, lengths + i - 1].argmax(axis=1)
        line[rows, lengths + i] = token = np.where(over, eos, token)
        over |= token == eos
        out.append(token)
    return np.stack(out, axis=1)


@every_kind
def test_tokens_and_logits_are_those_without_cache(config):
    params = noisy(config)
    found = np.asarray(generate(config, params, PROMPTS, LENGTHS, STEPS))
    expected = without_cache(config, params, PROMPTS, LENGTHS, STEPS)
    np.testing.assert_array_equal(found, expected)
    assert len({tuple(row) for row in found}) > 1
    # A token that some rows give halfway ends those, and only those.
    eos = int(found[0, 2])
    ended = np.asarray(generate(config, params, PROMPTS, LENGTHS, STEPS, eos))
    expected = without_cache(config, params, PROMPTS, LENGTHS, STEPS, eos)
    np.testing.assert_array_equal(ended, expected)
    assert (ended[0, 2:] == eos).all()
    whole = logits_of(config, params, WHOLE)
    cache = init_cache(config, *WHOLE.shape)
    parts, past = [], 0
    for length in (WIDTH, *[1] * STEPS):
        new = WHOLE[:, past : past + length]
        logits, cache = forward(config, params, new, cache, jnp.full(ROWS, past))
        parts.append(logits)
        past += length
    np.testing.assert_allclose(jnp.concatenate(parts, axis=1), whole, atol=1e-4)


def test_rows_go_on_from_their_own_positions():
    config = KINDS["modded"]
    params, x, rows = noisy(config), WHOLE, np.arange(ROWS)
    cache = init_cache(config, *x.shape)
    _, cache = forward(config, params, x[:, :WIDTH], cache, jnp.zeros(ROWS, int))
    past = np.array([7, 5, 2, 7, 0])  # three rows forget some tokens
    logits, _ = forward(config, params, x[:, WIDTH : WIDTH + 1], cache, past)
    shorter = x.copy()
    shorter[rows, past] = x[:, WIDTH]
    expected = logits_of(config, params, shorter)[rows, past]
    np.testing.assert_allclose(logits[:, 0], expected, atol=1e-4)


@pytest.mark.parametrize("name", ["GPT2-1-4", "modded-1-4"])
def test_bfloat16_steps_are_within_rounding(name):
    """To 1/32 of the largest logit, where each factor is rounded to 1/512 of itself."""
    config = sized(name, compute="bfloat16")
    params, x = jax.tree.map(lambda x: x / 2, noisy(config)), draw_tokens(4, 8, seed=1)
    whole = logits_of(config, params, x)
    tolerance = float(jnp.abs(whole).max()) / 32
    cache = init_cache(config, 4, 8)
    assert {x.dtype for x in jax.tree.leaves(cache)} == {jnp.dtype("bfloat16")}
    for t in range(8):
        past = jnp.full(4, t)
        logits, cache = forward(config, params, x[:, t : t + 1], cache, past)
        np.testing.assert_allclose(logits[:, 0], whole[:, t], atol=tolerance)
    found = generate(config, params, x, np.full(4, 8), 1)[:, 0]
    best = jnp.take_along_axis(whole[:, -1], found[:, None], axis=1)[:, 0]
    assert (best >= whole[:, -1].max(axis=1) - 2 * tolerance).all()


def test_other_contents_do_not_compile_again_nor_matter_to_a_row():
    config = KINDS["GPT2"]
    params = noisy(config)
    found = generate(config, params, PROMPTS, LENGTHS, STEPS)
    before = decode._generate._cache_size()
    padding = np.arange(WIDTH) >= LENGTHS[:, None]
    other = np.where(padding, (PROMPTS + 1) % VOCAB, PROMPTS)
    again = generate(config, params, other, LENGTHS, STEPS)
    np.testing.assert_array_equal(again, found)
    # Among equal logits the lowest token is chosen.
    still = jax.tree.map(jnp.zeros_like, params)
    lowest = generate(config, still, other, LENGTHS[::-1].copy(), STEPS, 4)
    np.testing.assert_array_equal(lowest, np.zeros((ROWS, STEPS)))
    assert decode._generate._cache_size() == before
    alone = generate(config, params, PROMPTS[2:3, :4], LENGTHS[2:3], STEPS)
    np.testing.assert_array_equal(alone[0], found[2])


def test_under_jit_and_for_the_members_of_a_population():
    config = KINDS["GPT2"]
    members = [noisy(config, seed) for seed in (0, 1)]

    @jax.jit
    @functools.partial(jax.vmap, in_axes=(0, None, None))
    def run(params, prompts, lengths):
        return generate(config, params, prompts, lengths, STEPS)

    many = run(together(members), PROMPTS, LENGTHS)
    for found, params in zip(many, members, strict=True):
        alone = generate(config, params, PROMPTS, LENGTHS, STEPS)
        np.testing.assert_array_equal(found, alone)


@pytest.mark.parametrize(
    ("lengths", "steps", "message"),
    [
        (LENGTHS[:4], 3, r"lengths of shape \(4,\); they must be \[B, T\] and \[B\]"),
        (LENGTHS, 0, "steps=0, must be 1 or more"),
        (LENGTHS - 1, 3, "row 1 has length 0, must be 1 to 7"),
        (LENGTHS + 1, 3, "row 0 has length 8, must be 1 to 7"),
    ],
)
def test_refusals(lengths, steps, message):
    with pytest.raises(ValueError, match=message):
        generate(KINDS["GPT2"], {}, PROMPTS, lengths, steps)


def test_rows_are_written_behind_their_own_past():
    cache = Cache(jnp.zeros((2, 1, 5, 2)), jnp.zeros((2, 1, 5, 2)))
    new = jnp.arange(1.0, 5.0).reshape(2, 1, 2, 1) * jnp.ones((1, 1, 1, 2))
    cache = write_cache(cache, new, -new, jnp.array([0, 3]))
    np.testing.assert_array_equal(cache.values, -cache.keys)
    one = jnp.full((2, 1, 1, 2), 9.0)
    cache = write_cache(cache, one, one, jnp.array([1, 2]))
    first = cache.keys[:, 0, :, 0]
    np.testing.assert_array_equal(first, [[1, 9, 0, 0, 0], [0, 0, 9, 3, 4]])
    assert cache.capacity == 5


def test_equal_keys_average_the_values_up_to_the_query():
    values = jnp.arange(4.0)[None, None, :, None] * jnp.ones((2, 1, 4, 2))
    cache = Cache(jnp.zeros((2, 1, 4, 2)), values)
    out = attend_cache(cache, jnp.ones((2, 1, 2, 2)), jnp.array([[0, 1], [2, 3]]))
    np.testing.assert_allclose(out[:, 0, :, 0], [[0, 0.5], [1, 1.5]], rtol=1e-6)
