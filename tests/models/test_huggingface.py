"""Our parameters under Hugging Face's names; test_oracle.py has the logits."""

import itertools
import json
import re

import jax
import numpy as np
import pytest
from support.drawn import assert_equal, shapes_of

from kscale.models import Lora, ModelConfig, Params, from_name, huggingface

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
    leaves, tree = jax.tree.flatten(shapes_of(config))
    ends = np.cumsum([leaf.size for leaf in leaves])
    numbers = np.split(np.arange(ends[-1], dtype=np.float32), ends[:-1])
    values = [x.reshape(leaf.shape) for x, leaf in zip(numbers, leaves, strict=True)]
    return jax.tree.unflatten(tree, values)


def stated(config: ModelConfig, **changes) -> dict[str, np.ndarray]:
    return huggingface.to_huggingface(config, numbered(config) | changes, context=5)


@pytest.mark.parametrize("name", SUPPORTED)
def test_there_and_back_is_exact_and_the_config_names_the_class(name):
    config = SUPPORTED[name]
    state = stated(config)
    assert_equal(huggingface.from_huggingface(config, state), numbered(config))
    there = [x for name, x in state.items() if name != "transformer.wpe.weight"]
    numbers = np.sort(np.concatenate([x.ravel() for x in there]))
    np.testing.assert_array_equal(numbers, np.arange(len(numbers)))
    fields = huggingface.huggingface_config(config, context=5)
    assert fields["model_type"] == name.split()[0]
    assert json.loads(json.dumps(fields)) == fields
    assert fields.get("num_hidden_layers", fields.get("n_layer")) == config.layers


# Names without the last word, biases at the end: shapes of weights, of biases.
GPT2 = """
transformer.wte 7,12             transformer.wpe 5,12       transformer.ln_f 12 12
transformer.h.{i}.ln_1 12 12     transformer.h.{i}.ln_2 12 12
transformer.h.{i}.attn.c_attn 12,36 36     transformer.h.{i}.attn.c_proj 12,12 12
transformer.h.{i}.mlp.c_fc 12,48 48        transformer.h.{i}.mlp.c_proj 48,12 12
"""
MIXTRAL = """
model.embed_tokens 7,16     model.norm 16     lm_head 7,16
model.layers.{i}.input_layernorm 16
model.layers.{i}.post_attention_layernorm 16
model.layers.{i}.self_attn.q_proj 16,16      model.layers.{i}.self_attn.k_proj 4,16
model.layers.{i}.self_attn.v_proj 4,16       model.layers.{i}.self_attn.o_proj 16,16
model.layers.{i}.block_sparse_moe.gate 3,16
model.layers.{i}.block_sparse_moe.experts.{e}.w1 56,16
model.layers.{i}.block_sparse_moe.experts.{e}.w2 16,56
model.layers.{i}.block_sparse_moe.experts.{e}.w3 56,16
"""


@pytest.mark.parametrize(("name", "table"), [("gpt2", GPT2), ("mixtral", MIXTRAL)])
def test_names_and_shapes(name, table):
    expected = {}
    for tensor, weight, bias in re.findall(r"([a-z]\S+) ([\d,]+)(?: ([\d,]+))?", table):
        for i, e in itertools.product(range(2), range(3)):
            whole = tensor.format(i=i, e=e)
            expected[f"{whole}.weight"] = weight
            expected |= {f"{whole}.bias": bias} if bias else {}
    state = stated(SUPPORTED[name])
    assert {n: ",".join(map(str, x.shape)) for n, x in state.items()} == expected
    assert not state.get("transformer.wpe.weight", np.zeros(1)).any()


def test_layouts_by_hand():
    # GPT-NeoX keeps each head's query, key and value together.
    config = from_name("GPT2-1-2", vocab=3, head_size=2, rotary_fraction=1.0)
    layer = numbered(config)["layer_0"]
    qkv = {"kernel": np.zeros((4, 12)), "bias": np.arange(12)}
    qkv["kernel"][1] = np.arange(12)  # q0 q0 q1 q1 k0 k0 k1 k1 v0 v0 v1 v1
    layer["attention"]["qkv"] = qkv
    state = stated(config, layer_0=layer)
    name = "gpt_neox.layers.0.attention.query_key_value"
    by_head = [0, 1, 4, 5, 8, 9, 2, 3, 6, 7, 10, 11]
    assert state[f"{name}.bias"].tolist() == by_head
    assert state[f"{name}.weight"][:, 1].tolist() == by_head
    assert not state[f"{name}.weight"][:, [0, 2, 3]].any()
    # LLaMA has the gate first, and turned.
    config = from_name("LLaMA-1-1", vocab=3, head_size=2, mlp_width=1.5)
    layer = numbered(config)["layer_0"]
    layer["mlp"]["up"]["kernel"] = np.outer([1, 10], [1, 2, 3, 4, 5, 6])
    state = stated(config, layer_0=layer)
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
        ("LLaMA-1-1", MOE | {"eval_capacity_factor": 8.0}, "eval.* is 8.0, must be 0"),
        ("LLaMA-1-1", {"lora": Lora(rules=("*:1",))}, "lora is .*merge the adapters"),
    ],
)
def test_a_config_without_counterpart_is_refused_by_field(name, fields, message):
    config = from_name(name, vocab=3, **fields)
    for use in (
        huggingface.huggingface_config,
        lambda config: huggingface.to_huggingface(config, {}),
        lambda config: huggingface.from_huggingface(config, {}),
    ):
        with pytest.raises(ValueError, match=rf"ModelConfig\.{message}"):
            use(config)


def test_tensors_that_do_not_fit_are_refused_by_name():
    config = SUPPORTED["llama tied"]
    state = stated(config)
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
    # What files hold twice or besides is left out, positions are refused.
    config = SUPPORTED["gpt2"]
    state = stated(config)
    state["lm_head.weight"] = state["transformer.wte.weight"]
    state["transformer.h.0.attn.bias"] = np.tril(np.ones((1, 1, 5, 5)))
    assert_equal(huggingface.from_huggingface(config, state), numbered(config))
    state["transformer.wpe.weight"][3, 2] = 0.1
    with pytest.raises(ValueError, match=r"wpe\.weight is not zero"):
        huggingface.from_huggingface(config, state)
