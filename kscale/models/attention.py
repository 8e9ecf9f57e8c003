"""Causal attention within documents.

Axes: B rows, T positions (queries), S positions (keys), H query heads, G key and value
heads, D head size.
"""

import jax
import jax.numpy as jnp

_BLOCKS = 8
_SMALLEST_BLOCK = 64


def causal_mask(
    queries: slice, keys: slice, segments_BT: jax.Array | None
) -> jax.Array:
    """Which key each query may see: not later, and of the same document.

    Args:
      queries: range of query positions.
      keys: range of key positions.
      segments_BT: document of each position, or None for one document a row.

    Returns:
      Boolean [B or 1, T, S].
    """
    t = jnp.arange(queries.start, queries.stop)[:, None]
    s = jnp.arange(keys.start, keys.stop)[None, :]
    mask = (s <= t)[None]
    if segments_BT is None:
        return mask
    return mask & (segments_BT[:, queries, None] == segments_BT[:, None, keys])


def attend(
    q_BTHD: jax.Array,
    k_BSGD: jax.Array,
    v_BSGD: jax.Array,
    segments_BT: jax.Array | None = None,
    implementation: str = "auto",
) -> jax.Array:
    """``softmax(q k / sqrt(D)) v`` over earlier positions of the same document.

    Args:
      q_BTHD: queries, any float dtype.
      k_BSGD: keys; G divides H and query head h reads key head ``h // (H / G)``.
      v_BSGD: values.
      segments_BT: document of each position, or None for one document a row.
      implementation: ``"reference"`` (whole score matrix), ``"blocks"`` (skips blocks
        of keys later than all their queries), ``"cudnn"`` (NVIDIA's kernel, bfloat16
        only) or ``"auto"``: ``"cudnn"`` for bfloat16 on a GPU, else ``"blocks"``.

    Returns:
      [B, T, H, D] in the queries' dtype; softmax is computed in float32.
    """
    if implementation == "auto":
        cudnn = jax.default_backend() == "gpu" and q_BTHD.dtype == jnp.bfloat16
        implementation = "cudnn" if cudnn else "blocks"
    if implementation == "cudnn":
        return _cudnn(q_BTHD, k_BSGD, v_BSGD, segments_BT)
    length = q_BTHD.shape[1]
    block = length
    if implementation == "blocks":
        block = max(_SMALLEST_BLOCK, -(-length // _BLOCKS))
    outputs = []
    for start in range(0, length, block):
        queries = slice(start, min(start + block, length))
        keys = slice(0, queries.stop)
        mask_BTS = causal_mask(queries, keys, segments_BT)
        out = _softmax(q_BTHD[:, queries], k_BSGD[:, keys], v_BSGD[:, keys], mask_BTS)
        outputs.append(out)
    return outputs[0] if len(outputs) == 1 else jnp.concatenate(outputs, axis=1)


def _softmax(q_BTHD, k_BSGD, v_BSGD, mask_BTS):
    groups, size = k_BSGD.shape[2:]
    batch, length, heads = q_BTHD.shape[:3]
    q = q_BTHD.reshape(batch, length, groups, heads // groups, size)
    scores = jnp.einsum(
        "btghd,bsgd->bghts", q, k_BSGD, preferred_element_type=jnp.float32
    )
    scores = scores * size**-0.5
    scores = jnp.where(mask_BTS[:, None, None], scores, -jnp.inf)
    probabilities = jax.nn.softmax(scores, axis=-1).astype(q.dtype)
    out = jnp.einsum("bghts,bsgd->btghd", probabilities, v_BSGD)
    return out.reshape(q_BTHD.shape)


def _cudnn(q_BTHD, k_BSGD, v_BSGD, segments_BT):
    mask = None
    if segments_BT is not None:
        same = segments_BT[:, :, None] == segments_BT[:, None, :]
        mask = same[:, None]
    return jax.nn.dot_product_attention(
        q_BTHD, k_BSGD, v_BSGD, mask=mask, is_causal=True, implementation="cudnn"
    )
