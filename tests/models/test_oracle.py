"""Our models beside Hugging Face's: the same weights give the same logits.

Run by `make test-oracle`, which installs torch and transformers; skipped without them.
"""

import importlib.util
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kscale.models import apply, count_parameters, from_name, huggingface, init

_MISSING = [x for x in ("torch", "transformers") if importlib.util.find_spec(x) is None]
pytestmark = [
    pytest.mark.oracle,
    pytest.mark.skipif(
        bool(_MISSING), reason=f"{_MISSING} not installed: make test-oracle"
    ),
    pytest.mark.filterwarnings("default"),  # those of torch are not ours to mend
]

CONTEXT = 24
TOKENS = np.random.default_rng(0).integers(0, 97, (2, CONTEXT))
SMALL = {"vocab": 97, "head_size": 16}
MOE = {"experts": 4, "top_k": 2, "capacity_factor": 0.0, "eval_capacity_factor": 0.0}
MODELS = {
    "GPT2 without rotation": from_name("GPT2-2-4", rotary_fraction=0.0, **SMALL),
    "GPT2": from_name("GPT2-2-4", **SMALL),
    "GPT2_1/4": from_name("GPT2_1/4-2-4", **SMALL),
    "GPT2 untied": from_name("GPT2-2-2", tied=False, rotary_base=500.0, **SMALL),
    "GPT2 silu": from_name("GPT2-2-2", activation="silu", **SMALL),
    "LLaMA": from_name("LLaMA-2-4", **SMALL),
    "LLaMA tied": from_name("LLaMA-2-4", tied=True, **SMALL),
    "LLaMA bias": from_name("LLaMA-2-4", bias=True, kv_heads=2, **SMALL),
    "LLaMA gelu": from_name("LLaMA-2-2", activation="gelu", norm_eps=1e-3, **SMALL),
    "Mistral": from_name("Mistral-2-4", **SMALL),
    "Mixtral": from_name("Mistral-2-4", **MOE, **SMALL),
    "Mixtral one head": from_name("LLaMA-2-2", mlp_width=2.0, **MOE, **SMALL),
}


def assert_same(config, params, model, name):
    import torch

    ours = np.asarray(apply(config, params, jnp.asarray(TOKENS, jnp.int32))[0])
    with torch.no_grad():
        theirs = model(torch.from_numpy(TOKENS)).logits.numpy()
    print(f"{name}: largest logit difference {np.abs(ours - theirs).max():.1e}")
    assert np.abs(ours).max() > 0.1
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_our_weights_in_their_model(name, tmp_path):
    import transformers
    from safetensors.numpy import save_file

    config, rng = MODELS[name], np.random.default_rng(1)
    params = jax.tree.map(  # large enough that every one of them moves the logits
        lambda x: x + rng.normal(0, 0.1, x.shape).astype(np.float32),
        init(config, jax.random.key(0)),
    )
    fields = huggingface.huggingface_config(config, context=CONTEXT)
    (tmp_path / "config.json").write_text(json.dumps(fields))
    state = huggingface.to_huggingface(config, params, context=CONTEXT)
    save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    model, unused = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path, attn_implementation="eager", output_loading_info=True
    )
    assert not any(unused.values()), unused
    assert fields["architectures"] == [type(model).__name__]
    assert_same(config, params, model.eval(), name)


@pytest.mark.parametrize("name", MODELS)
def test_their_weights_in_our_model_and_as_many(name, tmp_path):
    import torch
    import transformers
    from safetensors.numpy import load_file

    config = MODELS[name]
    torch.manual_seed(0)
    fields = huggingface.huggingface_config(config, context=CONTEXT)
    settings = transformers.AutoConfig.for_model(**fields)
    model = transformers.AutoModelForCausalLM.from_config(
        settings, attn_implementation="eager"
    ).eval()
    sizes = {path: weight.numel() for path, weight in model.named_parameters()}
    positions = sizes.pop("transformer.wpe.weight", 0)
    assert positions == (CONTEXT * config.width if "without" in name else 0)
    assert sum(sizes.values()) == count_parameters(config).total
    with torch.no_grad():  # norms and biases start at one and zero: move them
        for path, weight in model.named_parameters():
            weight += 0.1 * torch.randn_like(weight)
            if path == "transformer.wpe.weight":
                weight.zero_()
    model.save_pretrained(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    params = huggingface.from_huggingface(config, state)
    assert_same(config, params, model, name)
