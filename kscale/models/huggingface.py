"""Our models in the form of Hugging Face's transformers, and back, with NumPy alone.

    state = huggingface.to_huggingface(config, params)
    folder.joinpath("config.json").write_text(
        json.dumps(huggingface.huggingface_config(config)))
    safetensors.numpy.save_file(state, folder / "model.safetensors")
    AutoModelForCausalLM.from_pretrained(folder)        # the same logits

    GPT2, GPT2_1/4, no rotary positions        GPT2LMHeadModel, its positions zero
    GPT2, GPT2_1/4, rotary_fraction > 0        GPTNeoXForCausalLM
    LLaMA                                      LlamaForCausalLM
    LLaMA with grouped heads, Mistral          MistralForCausalLM
    LLaMA with experts, top_k 2, dropless      MixtralForCausalLM

Sizes, tying and activation are free. GPT2_0 and the modded model have no counterpart.
"""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from kscale.models.config import NO_ADAPTERS, ModelConfig, require_vocab
from kscale.models.huggingface_names import pieces
from kscale.models.transformer import Params, init
from kscale.trees import leaves_by_path, nest

_CLASSES = {
    "gpt2": "GPT2LMHeadModel",
    "gpt_neox": "GPTNeoXForCausalLM",
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "mixtral": "MixtralForCausalLM",
}
_ACTIVATIONS = {"gelu": "gelu_new", "silu": "silu", "relu2": "relu2"}
_POSITIONS = "transformer.wpe.weight"
# Masks and wavelengths that older files hold beside the weights.
_CONSTANTS = (".attn.bias", ".masked_bias", ".attention.bias", ".rotary_emb.inv_freq")


def to_huggingface(
    config: ModelConfig, params: Params, *, context: int = 512
) -> dict[str, np.ndarray]:
    """Returns the tensors of the same model in Hugging Face's files.

    Args:
      config: the model, its vocabulary set.
      params: from `init`, adapters merged.
      context: positions that the other model has room for.

    Returns:
      Float32 arrays by name. A tied output layer is left out; GPT-2's learned positions
      are zeros [context, D].

    Raises:
      ValueError: no class there computes what the config says.
    """
    model_type = _model_type(config)
    ours, state = leaves_by_path(params), {}
    for piece in pieces(config, model_type):
        parts = piece.split(np.asarray(ours[piece.path]))
        for name, part in zip(piece.names, parts, strict=True):
            state[name] = np.ascontiguousarray(part, np.float32)
    if model_type == "gpt2":
        state[_POSITIONS] = np.zeros((context, config.width), np.float32)
    return state


def from_huggingface(config: ModelConfig, state: Mapping[str, np.ndarray]) -> Params:
    """Returns our parameters from the tensors of Hugging Face's model.

    Args:
      config: the model, its sizes those of the tensors.
      state: arrays by the names of Hugging Face's files, of any float dtype.

    Returns:
      Float32 NumPy arrays, nested as `init` gives them for the config.

    Raises:
      ValueError: the config has no counterpart; a tensor is missing, unknown or of
        another shape; learned positions are not zero; the output layer of a tied
        config is not its table.
    """
    model_type = _model_type(config)
    wanted = list(pieces(config, model_type))
    _require_tensors(config, _weights(config, model_type, state), wanted)

    params = {}
    for piece in wanted:
        parts = [np.asarray(state[name], np.float32) for name in piece.names]
        params[piece.path] = np.ascontiguousarray(piece.join(parts))
    return nest(params)


def huggingface_config(config: ModelConfig, *, context: int = 512) -> dict[str, Any]:
    """Returns the fields of Hugging Face's `config.json` for the same model.

    `json` can write them and `AutoConfig.for_model(**fields)` takes them; arguments and
    errors as in `to_huggingface`.
    """
    model_type = _model_type(config)
    fields: dict[str, Any] = {
        "model_type": model_type,
        "architectures": [_CLASSES[model_type]],
        "vocab_size": require_vocab(config),
        "tie_word_embeddings": config.tied,
        "initializer_range": config.init_std,
        "bos_token_id": None,
        "eos_token_id": None,
    }
    if model_type == "gpt2":
        return fields | {
            "n_embd": config.width,
            "n_inner": config.hidden,
            "n_layer": config.layers,
            "n_head": config.heads,
            "n_positions": context,
            "activation_function": _ACTIVATIONS[config.activation],
            "layer_norm_epsilon": config.norm_eps,
            "attn_pdrop": 0.0,
            "embd_pdrop": 0.0,
            "resid_pdrop": 0.0,
        }
    fields |= {
        "hidden_size": config.width,
        "intermediate_size": config.hidden,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "max_position_embeddings": context,
        "hidden_act": _ACTIVATIONS[config.activation],
        "attention_dropout": 0.0,
    }
    if model_type == "gpt_neox":
        return fields | {
            "use_parallel_residual": False,
            "rotary_pct": config.rotary_fraction,
            "rotary_emb_base": config.rotary_base,
            "layer_norm_eps": config.norm_eps,
            "hidden_dropout": 0.0,
        }
    return fields | _llama_fields(config, model_type)


def _llama_fields(config: ModelConfig, model_type: str) -> dict[str, Any]:
    fields = {
        "head_dim": config.head_size,
        "num_key_value_heads": config.key_value_heads,
        "rope_theta": config.rotary_base,
        "rms_norm_eps": config.norm_eps,
    }
    if model_type == "llama":
        return fields | {"attention_bias": config.bias, "mlp_bias": config.bias}
    fields |= {"sliding_window": None}
    if model_type == "mixtral":
        fields |= {
            "num_local_experts": config.experts,
            "num_experts_per_tok": config.top_k,
        }
    return fields


def _model_type(config: ModelConfig) -> str:
    """Returns the family that computes the same; refuses a config that none does."""
    common = {"qk_norm": False, "norm_scale": True, "lora": NO_ADAPTERS}
    if config.norm == "layer":
        model_type = "gpt_neox" if config.rotary_fraction else "gpt2"
        needs = {"mlp": "plain", "experts": 0, "bias": True, "norm_bias": True}
        needs |= {"kv_heads": 0 if config.kv_heads != config.heads else config.heads}
    else:
        shared = config.key_value_heads < config.heads and not config.bias
        model_type = "mistral" if shared else "llama"
        needs = {"mlp": "gated", "rotary_fraction": 1.0, "norm_bias": False}
        if config.experts:
            model_type = "mixtral"
            needs |= {"bias": False, "top_k": 2, "eval_capacity_factor": 0}
    for field, need in (common | needs).items():
        if getattr(config, field) != need:
            raise ValueError(
                f"ModelConfig.{field} is {getattr(config, field)!r}, must be {need!r}"
                f" in Hugging Face's {_CLASSES[model_type]}"
                + ("; merge the adapters first." if field == "lora" else ".")
            )
    return model_type


def _weights(
    config: ModelConfig, model_type: str, state: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Returns the tensors that are parameters of ours; refuses what would be lost."""
    weights = {k: x for k, x in state.items() if not k.endswith(_CONSTANTS)}
    if model_type == "gpt2" and np.any(weights.pop(_POSITIONS, 0)):
        raise ValueError(
            f"{_POSITIONS} is not zero: our models have no learned positions; train"
            " with rotary_fraction, or load a model without positions."
        )
    heads = {"lm_head.weight", "embed_out.weight"} & weights.keys()
    for head in heads if config.tied else ():
        table = next(pieces(config, model_type)).names[0]
        if not np.array_equal(weights.pop(head), weights.get(table, [])):
            raise ValueError(
                f"{head} is not {table}, so the config must be tied=False."
            )
    return weights


def _require_tensors(config, weights, wanted) -> None:
    """Checks that no tensor is missing, unknown or of another shape."""
    ours = leaves_by_path(jax.eval_shape(lambda: init(config, jax.random.key(0))))
    expected = {}
    for piece in wanted:
        parts = piece.split(np.broadcast_to(np.float32(0), ours[piece.path].shape))
        expected |= zip(piece.names, map(np.shape, parts), strict=True)
    for name in sorted(expected.keys() | weights.keys()):
        found = np.shape(weights[name]) if name in weights else "absent"
        wants = expected.get(name, "absent")
        if found != wants:
            raise ValueError(
                f"Tensor {name} is {found}, must be {wants} for this config."
            )
