"""Which tensors of Hugging Face's models hold which of our parameters.

Axes: D width, O outputs, H heads, S head size, E experts.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from kscale.models.config import ModelConfig

Arrays = list[np.ndarray]


class Piece(NamedTuple):
    """One of our parameters and the tensors that hold it.

    Attributes:
      path: of our parameter, such as `layer_0/attention/qkv/kernel`.
      names: of the tensors, such as `model.layers.0.self_attn.q_proj.weight`.
      split: our array to theirs, in the order of the names.
      join: their arrays to ours.
    """

    path: str
    names: tuple[str, ...]
    split: Callable[[np.ndarray], Arrays]
    join: Callable[[Arrays], np.ndarray]


_Form = tuple[Callable[[np.ndarray], Arrays], Callable[[Arrays], np.ndarray]]
_SAME: _Form = (lambda x: [x], lambda parts: parts[0])
_TRANSPOSED: _Form = (lambda x: [x.T], lambda parts: parts[0].T)


def pieces(config: ModelConfig, model_type: str) -> Iterator[Piece]:
    """Yields every parameter with its tensors in a model of a type, such as `gpt2`."""
    family = {"gpt2": _gpt2, "gpt_neox": _gpt_neox}.get(model_type, _llama)
    return family(config)


def _gpt2(config: ModelConfig) -> Iterator[Piece]:
    """Yields kernels [D, O] as ours: queries, keys and values one after the other."""
    yield from _outside("transformer.wte", "transformer.ln_f", "lm_head", config)
    for i in range(config.layers):
        there = f"transformer.h.{i}"
        yield from _norms(i, f"{there}.ln_1", f"{there}.ln_2", config)
        for ours, theirs in {
            "attention/qkv": "attn.c_attn",
            "attention/out": "attn.c_proj",
            "mlp/up": "mlp.c_fc",
            "mlp/down": "mlp.c_proj",
        }.items():
            yield from _linear(f"layer_{i}/{ours}", (f"{there}.{theirs}",), True, _SAME)


def _gpt_neox(config: ModelConfig) -> Iterator[Piece]:
    """Yields weights [O, D]; each head's query, key and value stand together."""
    outside = ("gpt_neox.embed_in", "gpt_neox.final_layer_norm", "embed_out")
    yield from _outside(*outside, config)
    for i in range(config.layers):
        there = f"gpt_neox.layers.{i}"
        norms = (f"{there}.input_layernorm", f"{there}.post_attention_layernorm")
        yield from _norms(i, *norms, config)
        for ours, theirs, form in (
            ("attention/qkv", "attention.query_key_value", _by_head(config.heads)),
            ("attention/out", "attention.dense", _TRANSPOSED),
            ("mlp/up", "mlp.dense_h_to_4h", _TRANSPOSED),
            ("mlp/down", "mlp.dense_4h_to_h", _TRANSPOSED),
        ):
            yield from _linear(f"layer_{i}/{ours}", (f"{there}.{theirs}",), True, form)


def _llama(config: ModelConfig) -> Iterator[Piece]:
    """Yields weights [O, D]; queries, keys and values are three, gate and up two."""
    yield from _outside("model.embed_tokens", "model.norm", "lm_head", config)
    groups = config.key_value_heads * config.head_size
    for i in range(config.layers):
        there = f"model.layers.{i}"
        norms = (f"{there}.input_layernorm", f"{there}.post_attention_layernorm")
        yield from _norms(i, *norms, config)
        names = tuple(f"{there}.self_attn.{x}_proj" for x in "qkv")
        heads = _cut(config.width, groups, groups)
        yield from _linear(f"layer_{i}/attention/qkv", names, config.bias, heads)
        out = (f"{there}.self_attn.o_proj",)
        yield from _linear(f"layer_{i}/attention/out", out, config.bias, _TRANSPOSED)
        if config.experts:
            yield from _mixtral_mlp(config, i)
            continue
        names = (f"{there}.mlp.gate_proj", f"{there}.mlp.up_proj")
        halves = _cut(config.hidden, config.hidden)
        yield from _linear(f"layer_{i}/mlp/up", names, config.bias, halves)
        down = (f"{there}.mlp.down_proj",)
        yield from _linear(f"layer_{i}/mlp/down", down, config.bias, _TRANSPOSED)


def _mixtral_mlp(config: ModelConfig, i: int) -> Iterator[Piece]:
    """Yields an MLP by Mixtral's names: of an expert gate w1, up w3 and down w2."""
    ours, there = f"layer_{i}/mlp", f"model.layers.{i}.block_sparse_moe"
    yield from _linear(f"{ours}/router", (f"{there}.gate",), False, _TRANSPOSED)
    experts = [f"{there}.experts.{e}" for e in range(config.experts)]
    names = tuple(f"{expert}.{w}" for expert in experts for w in ("w1", "w3"))
    both = _each(config.experts, _cut(config.hidden, config.hidden))
    yield from _linear(f"{ours}/up", names, False, both)
    names = tuple(f"{expert}.w2" for expert in experts)
    yield from _linear(f"{ours}/down", names, False, _each(config.experts, _TRANSPOSED))


def _outside(embed: str, norm: str, head: str, config: ModelConfig) -> Iterator[Piece]:
    yield Piece("embed/table", (f"{embed}.weight",), *_SAME)
    yield from _norm("final_norm", norm, config)
    if not config.tied:
        yield Piece("head/table", (f"{head}.weight",), *_SAME)


def _norms(i: int, first: str, second: str, config: ModelConfig) -> Iterator[Piece]:
    yield from _norm(f"layer_{i}/attention_norm", first, config)
    yield from _norm(f"layer_{i}/mlp_norm", second, config)


def _norm(ours: str, theirs: str, config: ModelConfig) -> Iterator[Piece]:
    yield Piece(f"{ours}/scale", (f"{theirs}.weight",), *_SAME)
    if config.norm_bias:
        yield Piece(f"{ours}/bias", (f"{theirs}.bias",), *_SAME)


def _linear(
    ours: str, theirs: tuple[str, ...], bias: bool, form: _Form
) -> Iterator[Piece]:
    yield Piece(f"{ours}/kernel", tuple(f"{x}.weight" for x in theirs), *form)
    if bias:  # a vector is its own transpose
        yield Piece(f"{ours}/bias", tuple(f"{x}.bias" for x in theirs), *form)


def _cut(*sizes: int) -> _Form:
    """Cuts outputs into parts, each transposed."""
    at = np.cumsum(sizes)[:-1]
    return (
        lambda x: [part.T for part in np.split(x, at, axis=-1)],
        lambda parts: np.concatenate([part.T for part in parts], axis=-1),
    )


def _by_head(heads: int) -> _Form:
    """Maps [D, (3 H S)] to [(H 3 S), D]; biases have no D."""

    def regroup(x: np.ndarray, first: int, second: int) -> np.ndarray:
        by = x.reshape(*x.shape[:-1], first, second, -1)
        return by.swapaxes(-3, -2).reshape(x.shape)

    return (
        lambda x: [regroup(x, 3, heads).T],
        lambda parts: regroup(parts[0].T, heads, 3),
    )


def _each(experts: int, form: _Form) -> _Form:
    """Maps [E, ...] to the parts of one expert after the other."""
    split, join = form

    def stack(parts: Arrays) -> np.ndarray:
        many = len(parts) // experts
        return np.stack([join(parts[e * many :][:many]) for e in range(experts)])

    return lambda x: [part for expert in x for part in split(expert)], stack
