import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.drawn import assert_close, draw_params, jit, logits_of

from kscale.models import attention, from_name, token_nats
from kscale.models.attention import attend, visible_keys


def heads(shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def test_mask_is_causal_within_documents():
    segments = jnp.array([[0, 0, 0, 1, 1, 2]])
    np.testing.assert_array_equal(
        visible_keys(slice(0, 6), 6, segments)[0].astype(int),
        [
            [1, 0, 0, 0, 0, 0],
            [1, 1, 0, 0, 0, 0],
            [1, 1, 1, 0, 0, 0],
            [0, 0, 0, 1, 0, 0],
            [0, 0, 0, 1, 1, 0],
            [0, 0, 0, 0, 0, 1],
        ],
    )
    np.testing.assert_array_equal(
        visible_keys(slice(2, 4), 4, None)[0].astype(int), [[1, 1, 1, 0], [1, 1, 1, 1]]
    )


def test_equal_keys_average_values_and_large_scores_stay_finite():
    k = jnp.zeros((1, 1, 4, 2))
    v = jnp.arange(4.0)[None, None, :, None] * jnp.ones((1, 1, 1, 2))
    out = attend(heads((1, 1, 4, 2)), k, v)
    np.testing.assert_allclose(out[0, 0, :, 0], [0, 0.5, 1, 1.5], rtol=1e-6)
    q = 1e3 * heads((1, 1, 32, 8))
    out, grad = jax.value_and_grad(lambda q: attend(q, q, q).sum())(q)
    assert np.isfinite(out)
    assert np.isfinite(grad).all()


@pytest.mark.parametrize(
    ("length", "packed"), [(1, True), (16, False), (40, False), (40, True)]
)
def test_blocks_equal_reference(length, packed, monkeypatch):
    monkeypatch.setattr(attention, "_BLOCK", 16)
    q, weights = heads((2, 6, length, 8)), heads((2, 6, length, 8), 3)
    k, v = heads((2, 2, length, 8), 1), heads((2, 2, length, 8), 2)
    segments = jnp.arange(length)[None] // jnp.array([[5], [9]]) if packed else None

    def run(how):
        def loss(q, k, v):
            return jnp.sum(attend(q, k, v, segments, how) * weights)

        return jit(jax.value_and_grad(loss, (0, 1, 2)))(q, k, v)

    assert_close(run("blocks"), run("reference"))


@pytest.mark.parametrize("how", ["reference", "blocks"])
def test_grouped_heads_equal_repeated_heads(how):
    q = heads((2, 6, 20, 8))
    k, v = heads((2, 2, 20, 8), 1), heads((2, 2, 20, 8), 2)
    grouped = attend(q, k, v, None, how)
    repeated = attend(q, jnp.repeat(k, 3, 1), jnp.repeat(v, 3, 1), None, how)
    np.testing.assert_allclose(grouped, repeated, atol=1e-6)


LENGTH = 300
BOUNDS = (0, 70, 200, 290, 300)  # the second and third document cross blocks of 128
SEGMENTS = np.repeat(np.arange(4), np.diff(BOUNDS))[None]


def window(changed=()):
    """Tokens 0 to 19 in even documents, 20 to 39 in odd ones; other ones if changed."""
    tokens = np.random.default_rng(0).integers(0, 20, (1, LENGTH))
    tokens = np.where(np.isin(SEGMENTS, changed), (tokens + 7) % 20, tokens)
    return tokens + 20 * (SEGMENTS % 2)


@functools.partial(jit, static_argnums=0)
def table_gradient(config, params, tokens, segments):
    """The gradient of the third document's loss."""
    asked = (SEGMENTS[:, :-1] == 2) & (SEGMENTS[:, 1:] == 2)

    def loss(params):
        inputs, targets = tokens[:, :-1], tokens[:, 1:]
        nats, _ = token_nats(config, params, inputs, targets, segments_BT=segments)
        return (nats * asked).sum()

    return jax.grad(loss)(params)["embed"]["table"]


@pytest.mark.parametrize(
    ("name", "groups", "how"),
    [
        ("modded-2-2x8", 2, "blocks"),
        ("modded-2-2x8", 2, "reference"),
        ("LLaMA-1-4x8", 2, "blocks"),
    ],
)
def test_documents_of_a_window_do_not_know_of_each_other_to_the_last_bit(
    name, groups, how
):
    assert BOUNDS[1] < attention._BLOCK < BOUNDS[2] < 2 * attention._BLOCK < BOUNDS[3]
    fields = {"tied": False, "residual_init": "plain", "attention": how}
    config = from_name(name, vocab=40, kv_heads=groups, **fields)
    params = draw_params(config)

    def logits(changed=(), segments=SEGMENTS):
        return np.asarray(logits_of(config, params, window(changed), segments))

    before = logits()
    for document in range(4):
        others = [i for i in range(4) if i != document]
        inside = np.isin(SEGMENTS, document)
        for changed in (others[:1], others[-1:], others):
            after, rest = logits(changed), np.isin(SEGMENTS, changed)
            assert (after[inside] == before[inside]).all()
            assert not np.isclose(after[rest], before[rest]).all(axis=1).any()
    # The documents beside the third have tokens of their own.
    gradient = np.asarray(table_gradient(config, params, window(), SEGMENTS[:, :-1]))
    assert (gradient[20:] == 0).all()
    assert gradient[:20].any(axis=1).all()
    if (name, how) == ("modded-2-2x8", "blocks"):  # without segments both change
        before, after = logits(segments=None), logits((1,), None)
        same = np.isclose(after, before)[0].all(axis=1)
        assert [same[SEGMENTS[0] == i].all() for i in range(4)] == [True] + [False] * 3
        assert (after[SEGMENTS == 0] == before[SEGMENTS == 0]).all()
        gradient = np.asarray(table_gradient(config, params, window(), None))
        assert gradient[20:].any(axis=1).all()
