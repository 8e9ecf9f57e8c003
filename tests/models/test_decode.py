"""Decoding with a cache against decoding without: every prefix run through `apply`."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kscale.models import apply, decode, from_name, generate, init
from kscale.models.transformer import extend, init_cache

# Compiling is most of these tests' time; optimized or not, the arithmetic is the same.
jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
VOCAB, ROWS, WIDTH, STEPS = 29, 5, 7, 6
LENGTHS = np.array([7, 1, 4, 2, 6])


def kinds():
    # Rows scored whole without a cache drop no tokens either.
    sizes = {"vocab": VOCAB, "head_size": 8, "eval_capacity_factor": 0.0}
    configs = {"GPT2": from_name("GPT2-2-4", **sizes)}
    for name in ("GPT2_0", "LLaMA", "Mistral", "modded"):
        configs[name] = from_name(f"{name}-1-4", **sizes)
    two = {"experts": 4, "top_k": 2, "capacity_factor": 0.5}
    configs["2 experts"] = from_name("GPT2_MoE-1-4", **sizes, **two)
    configs["1 expert"] = from_name("GPT2_MoE-1-4", **sizes, experts=4)
    configs["2 of 6 heads"] = from_name("LLaMA-1-6", **sizes, kv_heads=2)
    configs["no positions"] = from_name("GPT2-1-2", **sizes, rotary_fraction=0.0)
    return configs


every_kind = pytest.mark.parametrize("config", kinds().values(), ids=kinds())


def noisy(config, seed=0):
    """Parameters far from their start, so that tokens differ and no logits tie."""
    shapes = jax.eval_shape(lambda key: init(config, key), jax.random.key(0))
    rng = np.random.default_rng(seed)

    def draw(path, leaf):
        std = {"kernel": 0.3, "bias": 0.1}.get(path[-1].key, 1.0)
        return jnp.asarray(std * rng.normal(size=leaf.shape), jnp.float32)

    return jax.tree_util.tree_map_with_path(draw, shapes)


def tokens(rows=ROWS, width=WIDTH, seed=1):
    return np.random.default_rng(seed).integers(0, VOCAB, (rows, width)).astype("i4")


@functools.partial(jit, static_argnums=0)
def logits_of(config, params, x):
    return apply(config, params, x)[0]


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
def test_tokens_are_those_of_decoding_without_cache(config):
    params, prompts = noisy(config), tokens()
    found = np.asarray(generate(config, params, prompts, LENGTHS, STEPS))
    expected = without_cache(config, params, prompts, LENGTHS, STEPS)
    np.testing.assert_array_equal(found, expected)
    assert len({tuple(row) for row in found}) > 1
    # A token that some rows give halfway ends those, and only those.
    eos = int(found[0, 2])
    ended = np.asarray(generate(config, params, prompts, LENGTHS, STEPS, eos))
    expected = without_cache(config, params, prompts, LENGTHS, STEPS, eos)
    np.testing.assert_array_equal(ended, expected)
    assert (ended[0, 2:] == eos).all()


@every_kind
def test_logits_of_cached_steps_are_those_of_the_whole_row(config):
    params, x = noisy(config), tokens(ROWS, WIDTH + STEPS)
    whole = logits_of(config, params, x)
    cache = init_cache(config, *x.shape)
    parts, past = [], 0
    for length in (WIDTH, *[1] * STEPS):
        new = x[:, past : past + length]
        logits, cache = forward(config, params, new, cache, jnp.full(ROWS, past))
        parts.append(logits)
        past += length
    np.testing.assert_allclose(jnp.concatenate(parts, axis=1), whole, atol=1e-4)


def test_rows_go_on_from_their_own_positions():
    config = kinds()["modded"]
    params, x = noisy(config), tokens(ROWS, WIDTH + STEPS)
    cache = init_cache(config, *x.shape)
    _, cache = forward(config, params, x[:, :WIDTH], cache, jnp.zeros(ROWS, int))
    past = np.array([7, 5, 2, 7, 0])  # three rows forget some tokens
    logits, _ = forward(config, params, x[:, WIDTH : WIDTH + 1], cache, past)
    shorter = x.copy()
    shorter[np.arange(ROWS), past] = x[:, WIDTH]
    expected = logits_of(config, params, shorter)[np.arange(ROWS), past]
    np.testing.assert_allclose(logits[:, 0], expected, atol=1e-4)


@pytest.mark.parametrize("name", ["GPT2-1-4", "modded-1-4"])
def test_bfloat16_steps_are_within_rounding(name):
    """To 1/32 of the largest logit, where each factor is rounded to 1/512 of itself."""
    config = from_name(name, vocab=VOCAB, head_size=8, compute="bfloat16")
    params, x = jax.tree.map(lambda x: x / 2, noisy(config)), tokens(4, 8)
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


def test_padding_and_company_do_not_matter():
    config = kinds()["GPT2"]
    params, prompts = noisy(config), tokens()
    found = generate(config, params, prompts, LENGTHS, STEPS)
    padding = np.arange(WIDTH) >= LENGTHS[:, None]
    other = np.where(padding, (prompts + 1) % VOCAB, prompts)
    np.testing.assert_array_equal(
        generate(config, params, other, LENGTHS, STEPS), found
    )
    alone = generate(config, params, prompts[2:3, :4], LENGTHS[2:3], STEPS)
    np.testing.assert_array_equal(alone[0], found[2])


def test_other_contents_do_not_compile_again():
    config = kinds()["GPT2"]
    generate(config, noisy(config), tokens(), LENGTHS, STEPS)
    before = decode._generate._cache_size()
    generate(config, noisy(config, 5), tokens(seed=3), LENGTHS[::-1].copy(), STEPS, 4)
    assert decode._generate._cache_size() == before


def test_under_jit_and_for_the_members_of_a_population():
    config = kinds()["GPT2"]
    members, prompts = [noisy(config, seed) for seed in (0, 1)], tokens()

    @jax.jit
    @functools.partial(jax.vmap, in_axes=(0, None, None))
    def run(params, prompts, lengths):
        return generate(config, params, prompts, lengths, STEPS)

    stacked = jax.tree.map(lambda *x: jnp.stack(x), *members)
    together = run(stacked, prompts, LENGTHS)
    for found, params in zip(together, members, strict=True):
        alone = generate(config, params, prompts, LENGTHS, STEPS)
        np.testing.assert_array_equal(found, alone)


def test_equal_logits_give_the_lowest_token():
    config = from_name("GPT2-1-1", vocab=VOCAB, head_size=8)
    params = jax.tree.map(jnp.zeros_like, noisy(config))
    found = generate(config, params, tokens(), LENGTHS, 3)
    np.testing.assert_array_equal(found, np.zeros((ROWS, 3)))


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
    config = kinds()["GPT2"]
    with pytest.raises(ValueError, match=message):
        generate(config, {}, tokens(), lengths, steps)
