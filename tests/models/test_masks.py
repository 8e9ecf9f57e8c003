"""Documents packed in one window do not know of each other, to the last bit."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kscale.models import apply, attention, from_name, init, token_nats

LENGTH, VOCAB = 300, 40
BOUNDS = (0, 70, 200, 290, 300)  # the second and third document cross blocks of 128
SEGMENTS = np.repeat(np.arange(4), np.diff(BOUNDS))[None]
MODDED, GROUPED = "modded-2-2x8", "LLaMA-1-4x8"
BOTH = [(MODDED, "blocks"), (MODDED, "reference")]


def model(name, how):
    fields = {"vocab": VOCAB, "attention": how, "residual_init": "plain"}
    config = from_name(name, tied=False, **fields)
    if name == GROUPED:
        config = dataclasses.replace(config, kv_heads=2)
    params = init(config, jax.random.key(0))
    return config, jax.tree.map(lambda x: 5 * x, params)


def window(changed=()):
    """Tokens 0 to 19 where the document is even, 20 to 39 where it is odd.

    Documents in `changed` have other tokens than they have for `changed=()`.
    """
    tokens = np.random.default_rng(0).integers(0, 20, (1, LENGTH))
    tokens = np.where(np.isin(SEGMENTS, changed), (tokens + 7) % 20, tokens)
    return tokens + 20 * (SEGMENTS % 2)


@functools.partial(jax.jit, static_argnums=0)
def logits_of(config, params, tokens, segments):
    return apply(config, params, tokens, segments_BT=segments)[0]


@pytest.mark.parametrize(
    ("name", "how"), [*BOTH, ("GPT2-1-2x8", "blocks"), (GROUPED, "blocks")]
)
def test_logits_change_with_the_neighbors_only_without_segments(name, how):
    assert BOUNDS[1] < attention._BLOCK < BOUNDS[2] < 2 * attention._BLOCK < BOUNDS[3]
    config, params = model(name, how)
    before = np.asarray(logits_of(config, params, window(), SEGMENTS))
    for document in range(4):
        others = [i for i in range(4) if i != document]
        inside = np.isin(SEGMENTS, document)
        for changed in (others[:1], others[-1:], others):
            after = np.asarray(logits_of(config, params, window(changed), SEGMENTS))
            assert (after[inside] == before[inside]).all()
            rest = np.isin(SEGMENTS, changed)
            assert not np.isclose(after[rest], before[rest]).all(axis=1).any()
    if name != MODDED:
        return
    # Without segments they change, of later documents.
    before, after = (
        np.asarray(logits_of(config, params, window(x), None)) for x in ((), (1,))
    )
    changed = [~np.isclose(after, before)[i == SEGMENTS].all() for i in range(4)]
    assert changed == [False, True, True, True]
    assert (after[SEGMENTS == 0] == before[SEGMENTS == 0]).all()


@pytest.mark.parametrize(("name", "how"), [(GROUPED, "blocks"), *BOTH])
def test_gradients_do_not_reach_the_neighbors(name, how):
    """The documents beside the third have tokens of their own, which get exactly 0."""
    config, params = model(name, how)
    tokens = window()
    asked = jnp.asarray((SEGMENTS[:, :-1] == 2) & (SEGMENTS[:, 1:] == 2))

    @functools.partial(jax.jit, static_argnames="segmented")
    def gradient(params, segmented):
        def loss(params):
            segments = SEGMENTS[:, :-1] if segmented else None
            nats, _ = token_nats(
                config, params, tokens[:, :-1], tokens[:, 1:], segments_BT=segments
            )
            return (nats * asked).sum()

        return jax.grad(loss)(params)["embed"]["table"]

    apart = np.asarray(gradient(params, segmented=True))
    assert (apart[20:] == 0).all()  # documents 1 and 3
    assert apart[:20].any(axis=1).all()
    together = np.asarray(gradient(params, segmented=False))
    assert together[20:].any(axis=1).all()
