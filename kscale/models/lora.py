"""Low-rank adapters: what is drawn beside the weights, and merged into them.

Axes: I inputs, O outputs, R rank, V vocabulary, D width, E experts.

`params["lora"]` is a nested dict by the path of the weight:

    lora/layer_i/attention/{query, key, value}/{down [D, R], up [R, O]}
    lora/layer_i/mlp/up/kernel/{down [I, R], up [R, O]}      experts: [E, I, R], ...
    lora/embed/table/{down [V, R], up [R, D]}
"""

import dataclasses
import zlib
from typing import Any

import jax
import jax.numpy as jnp

from kscale.models.config import NO_ADAPTERS, ModelConfig
from kscale.trees import first_match, leaves_by_path, nest, require_matches

Params = dict[str, Any]
_PARTS: tuple[str, ...] = ("query", "key", "value")


def draw_adapters(config: ModelConfig, params: Any, key: jax.Array) -> Params:
    """Draws adapters for the weights that `config.lora` names; their product is zero.

    The factor that meets the inputs is `N(0, 1/I)` and the other zero; of a table,
    whose inputs are tokens, that of the tokens is zero and the other `N(0, 1/D)`.

    Args:
      config: gives the rules.
      params: the weights or their shapes.
      key: a typed PRNG key; a factor depends on it and its own path only.

    Returns:
      `{"lora": ...}`, or an empty dict where no rule gives a rank.

    Raises:
      ValueError: a rule matches no weight.

    Source: Hu et al., "LoRA", section 4.1; loralib for tables.
    """
    shapes = _weights(config, params)
    ranks = _ranks(config, shapes)
    lora = nest(
        {path: _factors(path, shapes[path], rank, key) for path, rank in ranks.items()}
    )
    return {"lora": lora} if lora else {}


def merge_adapters(config: ModelConfig, params: Params) -> tuple[ModelConfig, Params]:
    """Merges the adapters into the weights: `W + alpha down up`.

    Args:
      config: gives alpha and which use of a tied table is changed.
      params: with adapters or without.

    Returns:
      `(config, params)` without adapters. Where only the input side of a tied table
      was adapted (`lora.tied`), the model is untied, its head the old table.

    Example:
      >>> config, params = merge_adapters(config, params)     # then quantized, or saved
    """
    plain = dataclasses.replace(config, lora=NO_ADAPTERS)
    if "lora" not in params:
        return plain, params
    lora = params["lora"]
    out = {name: leaf for name, leaf in params.items() if name != "lora"}
    table = out["embed"]["table"]
    for name, part in lora.items():
        out[name] = _added(config, out[name], part)
    if config.tied and config.lora.tied == "input" and "embed" in lora:
        plain = dataclasses.replace(plain, tied=False)
        out["head"] = {"table": table}
    return plain, out


def select_adapters(params: Params) -> Params:
    """Returns the adapters alone, `{"lora": ...}`: the small part of a model to save.

    Raises:
      ValueError: there are none.
    """
    if "lora" not in params:
        raise ValueError("The parameters have no adapters; set ModelConfig.lora.")
    return {"lora": params["lora"]}


def attach_adapters(config: ModelConfig, base: Params, found: Params) -> Params:
    """Puts adapters that were saved apart back beside their weights.

    Args:
      config: with the rules of the adapters.
      base: the weights that they were trained beside.
      found: from `select_adapters`.

    Raises:
      ValueError: the adapters are not those of the config; the message names one.
    """
    key = jax.random.key(0)
    wanted = _shapes(jax.eval_shape(lambda: draw_adapters(config, base, key)))
    have = _shapes(found)
    for path in sorted(wanted.keys() | have.keys()):
        if wanted.get(path) != have.get(path):
            raise ValueError(
                f"Adapter {path} has shape {have.get(path, 'absent')}, the config "
                f"makes it {wanted.get(path, 'absent')}."
            )
    return base | found


def _weights(config: ModelConfig, params: Any) -> dict[str, tuple[int, ...]]:
    """Returns shapes of what can be adapted, by path; queries, keys, values apart."""
    found: dict[str, tuple[int, ...]] = {}
    for path, leaf in leaves_by_path(params).items():
        *parents, last = path.split("/")
        if parents[-1] == "qkv" and last == "kernel":
            for part, size in zip(_PARTS, _part_sizes(config), strict=True):
                found["/".join([*parents[:-1], part])] = (*leaf.shape[:-1], size)
        elif last in ("kernel", "table"):
            found[path] = leaf.shape
    return found


def _part_sizes(config: ModelConfig) -> tuple[int, int, int]:
    """Returns the columns of queries, keys and values in the fused matrix."""
    key_value = config.key_value_heads * config.head_size
    return config.width, key_value, key_value


def _ranks(config: ModelConfig, weights: dict[str, Any]) -> dict[str, int]:
    """Returns the rank of each weight that has an adapter."""
    rules = [
        (pattern, int(rank))
        for pattern, _, rank in (rule.rpartition(":") for rule in config.lora.rules)
    ]
    require_matches((pattern for pattern, _ in rules), weights, "Lora.rules", "weight")
    rules.append(("*", 0))
    ranks = {path: first_match(rules, path, "Lora.rules") for path in weights}
    return {path: rank for path, rank in ranks.items() if rank}


def _factors(
    path: str, shape: tuple[int, ...], rank: int, key: jax.Array
) -> dict[str, jax.Array]:
    *experts, inputs, outputs = shape
    down, up = (*experts, inputs, rank), (*experts, rank, outputs)
    own = jax.random.fold_in(key, zlib.crc32(f"lora/{path}".encode()))
    if path.endswith("table"):
        drawn = jax.random.normal(own, up, jnp.float32) * outputs**-0.5
        return {"down": jnp.zeros(down, jnp.float32), "up": drawn}
    drawn = jax.random.normal(own, down, jnp.float32) * inputs**-0.5
    return {"down": drawn, "up": jnp.zeros(up, jnp.float32)}


def _added(config: ModelConfig, weights: Any, lora: Any) -> Any:
    """Adds the products of adapters to their weights, down one branch of the tree."""
    if "down" in lora and not isinstance(lora["down"], dict):
        return weights + _delta(config, lora)
    out = dict(weights)
    for name, part in lora.items():
        if name not in _PARTS:
            out[name] = _added(config, weights[name], part)
    if parts := [name for name in _PARTS if name in lora]:
        query, key, _ = _part_sizes(config)
        kernel = weights["qkv"]["kernel"]
        columns = dict(
            zip(_PARTS, jnp.split(kernel, [query, query + key], axis=-1), strict=True)
        )
        for name in parts:
            columns[name] = columns[name] + _delta(config, lora[name])
        fused = jnp.concatenate([columns[name] for name in _PARTS], axis=-1)
        out["qkv"] = weights["qkv"] | {"kernel": fused}
    return out


def _delta(config: ModelConfig, factors: Any) -> jax.Array:
    """Computes `alpha down up` in float32, whatever the hardware would round."""
    product = jnp.matmul(factors["down"], factors["up"], precision="highest")
    return config.lora.alpha * product


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    return {path: jnp.shape(x) for path, x in leaves_by_path(tree).items()}
