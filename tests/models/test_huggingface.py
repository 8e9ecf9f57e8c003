"""Our parameters under Hugging Face's names; test_oracle.py has the logits."""

import json

import jax
import numpy as np
import pytest

from kscale.models import ModelConfig, Params, from_name, huggingface, init
from kscale.models.config import Lora

SMALL = {"vocab": 7, "head_size": 4}
MOE = {"experts": 3, "top_k": 2, "capacity_factor": 0.0, "eval_capacity_factor": 0.0}
SUPPORTED = {
    "gpt2": from_name("GPT2-2-3", rotary_fraction=0.0, **SMALL),
    "gpt2 untied": from_name("GPT2-2-1", rotary_fraction=0.0, tied=False, **SMALL),
    "gpt_neox": from_name("GPT2-2-3", rotary_fraction=0.5, **SMALL),
    "gpt_neox quarter": from_name("GPT2_1/4-1-2", rotary_fraction=1.0, **SMALL),
    "llama": from_name("LLaMA-2-2", **SMALL),
    "llama tied": from_name("LLaMA-2-2", tied=True, **SMALL),
    "llama bias": from_name("LLaMA-1-2", bias=True, kv_heads=1, **SMALL),
    "mistral": from_name("Mistral-2-4", **SMALL),
    "mixtral": from_name("Mistral-2-4", **MOE, **SMALL),
}


def numbered(config: ModelConfig) -> Params:
    """Parameters of which no two numbers are the same."""
    shapes = jax.eval_shape(lambda: init(config, jax.random.key(0)))
    leaves, tree = jax.tree.flatten(shapes)
    starts = np.cumsum([0] + [leaf.size for leaf in leaves])
    values = [
        np.arange(start, start + leaf.size, dtype=np.float32).reshape(leaf.shape)
        for start, leaf in zip(starts, leaves, strict=False)
    ]
    return jax.tree.unflatten(tree, values)


@pytest.mark.parametrize("config", SUPPORTED.values(), ids=SUPPORTED.keys())
def test_there_and_back_is_exact(config):
    params = numbered(config)
    state = huggingface.to_huggingface(config, params, context=5)
    back = huggingface.from_huggingface(config, state)
    assert jax.tree.structure(back) == jax.tree.structure(params)
    jax.tree.map(np.testing.assert_array_equal, back, params)
    there = [x for name, x in state.items() if name != "transformer.wpe.weight"]
    numbers = np.sort(np.concatenate([x.ravel() for x in there]))
    np.testing.assert_array_equal(numbers, np.arange(len(numbers)))


@pytest.mark.parametrize("name", SUPPORTED)
def test_the_config_names_the_class(name):
    fields = huggingface.huggingface_config(SUPPORTED[name], context=5)
    assert fields["model_type"] == name.split()[0]
    assert json.loads(json.dumps(fields)) == fields
    assert fields.get("num_hidden_layers", fields.get("n_layer")) == (
        SUPPORTED[name].layers
    )


def test_names_and_shapes_of_gpt2():
    config = SUPPORTED["gpt2"]
    state = huggingface.to_huggingface(config, numbered(config), context=5)
    layer = {
        "ln_1.weight": (12,),
        "ln_1.bias": (12,),
        "ln_2.weight": (12,),
        "ln_2.bias": (12,),
        "attn.c_attn.weight": (12, 36),
        "attn.c_attn.bias": (36,),
        "attn.c_proj.weight": (12, 12),
        "attn.c_proj.bias": (12,),
        "mlp.c_fc.weight": (12, 48),
        "mlp.c_fc.bias": (48,),
        "mlp.c_proj.weight": (48, 12),
        "mlp.c_proj.bias": (12,),
    }
    assert {name: x.shape for name, x in state.items()} == {
        "transformer.wte.weight": (7, 12),
        "transformer.wpe.weight": (5, 12),
        "transformer.ln_f.weight": (12,),
        "transformer.ln_f.bias": (12,),
    } | {f"transformer.h.{i}.{name}": layer[name] for i in (0, 1) for name in layer}
    assert not state["transformer.wpe.weight"].any()


def test_names_and_shapes_of_mixtral():
    config = SUPPORTED["mixtral"]
    state = huggingface.to_huggingface(config, numbered(config))
    layer = {
        "input_layernorm.weight": (16,),
        "post_attention_layernorm.weight": (16,),
        "self_attn.q_proj.weight": (16, 16),
        "self_attn.k_proj.weight": (4, 16),
        "self_attn.v_proj.weight": (4, 16),
        "self_attn.o_proj.weight": (16, 16),
        "block_sparse_moe.gate.weight": (3, 16),
    }
    for e in range(3):
        expert = f"block_sparse_moe.experts.{e}"
        layer |= {f"{expert}.{w}.weight": (56, 16) for w in ("w1", "w3")}
        layer |= {f"{expert}.w2.weight": (16, 56)}
    assert {name: x.shape for name, x in state.items()} == {
        "model.embed_tokens.weight": (7, 16),
        "model.norm.weight": (16,),
        "lm_head.weight": (7, 16),
    } | {f"model.layers.{i}.{name}": layer[name] for i in (0, 1) for name in layer}


def test_gpt_neox_keeps_each_heads_query_key_and_value_together():
    config = from_name("GPT2-1-2", vocab=3, head_size=2, rotary_fraction=1.0)
    params = numbered(config)
    qkv = {"kernel": np.zeros((4, 12)), "bias": np.arange(12)}
    qkv["kernel"][1] = np.arange(12)  # q0 q0 q1 q1 k0 k0 k1 k1 v0 v0 v1 v1
    params["layer_0"]["attention"]["qkv"] = qkv
    state = huggingface.to_huggingface(config, params)
    name = "gpt_neox.layers.0.attention.query_key_value"
    by_head = [0, 1, 4, 5, 8, 9, 2, 3, 6, 7, 10, 11]
    assert state[f"{name}.bias"].tolist() == by_head
    assert state[f"{name}.weight"][:, 1].tolist() == by_head
    assert not state[f"{name}.weight"][:, [0, 2, 3]].any()


def test_llama_has_the_gate_first_and_turned():
    config = from_name("LLaMA-1-1", vocab=3, head_size=2, mlp_width=1.5)
    params = numbered(config)
    up = np.array([[1, 2, 3, 4, 5, 6], [10, 20, 30, 40, 50, 60]])
    params["layer_0"]["mlp"]["up"]["kernel"] = up
    state = huggingface.to_huggingface(config, params)
    mlp = "model.layers.0.mlp"
    assert state[f"{mlp}.gate_proj.weight"].tolist() == [[1, 10], [2, 20], [3, 30]]
    assert state[f"{mlp}.up_proj.weight"].tolist() == [[4, 40], [5, 50], [6, 60]]


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("GPT2_0-1-1", {}, "mlp is 'none', must be 'plain' in .*GPTNeoXForCausalLM"),
        ("modded-1-1", {}, "qk_norm is True, must be False"),
        ("GPT2-1-2", {"kv_heads": 1}, "kv_heads is 1, must be 0"),
        ("GPT2-1-2", {"bias": False}, "bias is False, must be True"),
        ("GPT2-1-1", {"norm_bias": False}, "norm_bias is False, must be True"),
        ("LLaMA-1-1", {"norm_scale": False}, "norm_scale is False, must be True"),
        ("LLaMA-1-1", {"norm_bias": True}, "norm_bias is True, must be False"),
        ("LLaMA-1-1", {"rotary_fraction": 0.5}, "rotary_fraction is 0.5, must be 1.0"),
        ("LLaMA-1-1", {"mlp": "plain"}, "mlp is 'plain', must be 'gated'"),
        ("LLaMA-1-1", MOE | {"top_k": 1}, "top_k is 1, must be 2 in .*MixtralFor"),
        ("LLaMA-1-1", MOE | {"bias": True}, "bias is True, must be False"),
        ("GPT2-1-1", MOE, "experts is 3, must be 0"),
        (
            "LLaMA-1-1",
            MOE | {"eval_capacity_factor": 8.0},
            "eval_capacity_factor is 8.0, must be 0",
        ),
        ("LLaMA-1-1", {"lora": Lora(rules=("*:1",))}, "lora is .*merge the adapters"),
    ],
)
def test_a_config_without_counterpart_is_refused_by_field(name, fields, message):
    config = from_name(name, vocab=3, **fields)
    with pytest.raises(ValueError, match=rf"ModelConfig\.{message}"):
        huggingface.huggingface_config(config)
    with pytest.raises(ValueError, match=rf"ModelConfig\.{message}"):
        huggingface.to_huggingface(config, {})
    with pytest.raises(ValueError, match=rf"ModelConfig\.{message}"):
        huggingface.from_huggingface(config, {})


def test_tensors_that_do_not_fit_are_refused_by_name():
    config = SUPPORTED["llama tied"]
    state = huggingface.to_huggingface(config, numbered(config))
    norm, table = "model.norm.weight", "model.embed_tokens.weight"
    less = {name: x for name, x in state.items() if name != norm}
    for changed, message in (
        (less, f"{norm} is absent, must be \\(8,\\)"),
        (state | {"odd": np.zeros(3)}, r"odd is \(3,\), must be absent"),
        (state | {norm: np.zeros(9)}, rf"{norm} is \(9,\), must be \(8,\)"),
        (state | {"lm_head.weight": state[table] + 1}, "must be tied=False"),
        ({}, "is absent"),
    ):
        with pytest.raises(ValueError, match=message):
            huggingface.from_huggingface(config, changed)


def test_what_files_hold_twice_or_besides_is_left_out():
    config = SUPPORTED["gpt2"]
    params = numbered(config)
    state = huggingface.to_huggingface(config, params)
    state["lm_head.weight"] = state["transformer.wte.weight"]
    state["transformer.h.0.attn.bias"] = np.tril(np.ones((1, 1, 5, 5)))
    back = huggingface.from_huggingface(config, state)
    assert jax.tree.all(jax.tree.map(np.array_equal, back, params))


def test_learned_positions_are_refused_unless_zero():
    config = SUPPORTED["gpt2"]
    state = huggingface.to_huggingface(config, numbered(config))
    state["transformer.wpe.weight"][3, 2] = 0.1
    with pytest.raises(ValueError, match=r"wpe\.weight is not zero"):
        huggingface.from_huggingface(config, state)
