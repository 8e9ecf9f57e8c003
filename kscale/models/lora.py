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

    The factor on the inputs is `N(0, 1/I)` and the other is zero; of a table,
    whose inputs are tokens, that of the tokens is zero and the other `N(0, 1/D)`.

    Args:
      config, params: the rules; the weights or their shapes.
      key: a factor depends on it and its own path only.

    Returns:
      `{"lora": ...}`, or an empty dict where no rule gives a rank.

    Source: Hu et al., "LoRA", section 4.1; loralib for tables.
    """
    shapes = _shapes_of_weights(config, params)
    rules = [
        (pattern, int(rank))
        for pattern, _, rank in (rule.rpartition(":") for rule in config.lora.rules)
    ]
    require_matches((pattern for pattern, _ in rules), shapes, "Lora.rules", "weight")
    lora = {}
    for path, shape in shapes.items():
        if rank := first_match([*rules, ("*", 0)], path, "Lora.rules"):
            lora[path] = _draw_factors(path, shape, rank, key)
    return {"lora": nest(lora)} if lora else {}


def merge_adapters(config: ModelConfig, params: Params) -> tuple[ModelConfig, Params]:
    """Merges the adapters into the weights: `W + alpha down up`.

    Returns:
      `(config, params)` without adapters, as given where there are none. Where only the
      input side of a tied table was adapted (`lora.tied`), the model is untied, its
      head the old table.

    Example:
      >>> config, params = merge_adapters(config, params)     # then quantized, or saved
    """
    plain = dataclasses.replace(config, lora=NO_ADAPTERS)
    if "lora" not in params:
        return plain, params
    # A leaf is a pair of factors; "up" is a matrix of the MLP too.
    lora = leaves_by_path(
        params["lora"], lambda x: not isinstance(x.get("up", {}), dict)
    )
    out = leaves_by_path({k: leaf for k, leaf in params.items() if k != "lora"})
    if config.tied and config.lora.tied == "input" and "embed/table" in lora:
        plain = dataclasses.replace(plain, tied=False)
        out["head/table"] = out["embed/table"]
    query, key, _ = _part_sizes(config)
    columns: dict[str, list[jax.Array]] = {}
    for path, factors in lora.items():
        # In float32, whatever the hardware would round.
        product = jnp.matmul(factors["down"], factors["up"], precision="highest")
        delta = config.lora.alpha * product
        parent, _, part = path.rpartition("/")
        if part not in _PARTS:
            out[path] = out[path] + delta
            continue
        fused = f"{parent}/qkv/kernel"
        if fused not in columns:
            columns[fused] = jnp.split(out[fused], [query, query + key], axis=-1)
        columns[fused][_PARTS.index(part)] += delta
    out |= {path: jnp.concatenate(x, axis=-1) for path, x in columns.items()}
    return plain, nest(out)


def select_adapters(params: Params) -> Params:
    """Returns the adapters alone, `{"lora": ...}`, to be saved without the weights."""
    if "lora" not in params:
        raise ValueError("The parameters have no adapters; set ModelConfig.lora.")
    return {"lora": params["lora"]}


def attach_adapters(config: ModelConfig, base: Params, found: Params) -> Params:
    """Puts adapters, from `select_adapters`, back beside their weights `base`.

    Raises:
      ValueError: the adapters are not those of the config.
    """
    drawn = jax.eval_shape(lambda: draw_adapters(config, base, jax.random.key(0)))
    wanted, have = (
        {path: jnp.shape(x) for path, x in leaves_by_path(tree).items()}
        for tree in (drawn, found)
    )
    for path in sorted(wanted.keys() | have.keys()):
        if wanted.get(path) != have.get(path):
            raise ValueError(
                f"Adapter {path} has shape {have.get(path, 'absent')}, the config "
                f"makes it {wanted.get(path, 'absent')}."
            )
    return base | found


def _shapes_of_weights(config: ModelConfig, params: Any) -> dict[str, tuple[int, ...]]:
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


def _draw_factors(
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
