"""Rounded weights of a run: what is trained, what is measured, what is stored."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kscale import models, quant
from kscale.quant import Scheme
from kscale.runs import qat
from kscale.runs.evaluate import score
from kscale.runs.quantize import sample_windows

FOUR = {"qat__bits": 4}
LORA = {"model__lora__rules": ("*/attention/query:2", "embed/table:1")}


def params_of(task, seed=0):
    return models.init(task.config.model, jax.random.key(seed))


def same(one, other):
    leaves, others = jax.tree.leaves(one), jax.tree.leaves(other)
    return len(leaves) == len(others) and all(
        np.array_equal(x, y) for x, y in zip(leaves, others, strict=True)
    )


def batch_of(task):
    tokens, segments = sample_windows(task, 8)
    tokens = np.maximum(tokens, 0)
    return tokens[:, :-1], tokens[:, 1:], np.maximum(segments[:, :-1], 0)


def nats_of(task, params):
    token_nats = jax.jit(qat.build_objective(task.config).token_nats)
    return token_nats(params, *batch_of(task))[0]


def test_without_qat_the_problem_is_the_models(made):
    task = made()
    assert "qat" not in qat.build_objective(task.config).description
    params = params_of(task)
    assert same(qat.effective_params(task.config, params), params)


@pytest.mark.parametrize("symmetric", [True, False])
def test_the_loss_is_that_of_the_rounded_weights(made, symmetric):
    task = made(qat__symmetric=symmetric, qat__group=4, **FOUR)
    params = params_of(task)
    found = nats_of(task, params)
    used = qat.effective_params(task.config, params)
    np.testing.assert_allclose(found, nats_of(made(), used), rtol=1e-6)
    assert np.abs(found - nats_of(made(), params)).max() > 1e-3


def test_the_gradient_moves_what_is_beneath(made):
    task = made(**FOUR)
    params = params_of(task)

    def loss(task, params):
        return jnp.sum(nats_of(task, params))

    moved = jax.grad(loss, argnums=1)(task, params)
    at_rounded = jax.grad(loss, argnums=1)(
        made(), qat.effective_params(task.config, params)
    )
    for one, other in zip(
        jax.tree.leaves(moved), jax.tree.leaves(at_rounded), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    assert np.abs(moved["layer_0"]["mlp"]["up"]["kernel"]).max() > 0


def test_a_problem_is_told_from_others_by_its_scheme(made):
    told = qat.build_objective(made(**FOUR).config).description
    assert told["qat"] == {
        "bits": 4,
        "group": 0,
        "symmetric": True,
        "leaves": ["layer*/kernel"],
    }  # in JSON's types, as it is compared with what a checkpoint holds
    assert told.items() > qat.build_objective(made().config).description.items()


def test_a_pattern_that_names_no_weight_is_refused_before_anything(made):
    leaves, message = ("layer*/kernel", "nothing"), r"leaves has 'nothing', which match"
    with pytest.raises(ValueError, match=message):
        made(qat__leaves=leaves, **FOUR)
    with pytest.raises(ValueError, match=message):
        qat.check(params_of(made()), Scheme(bits=4, leaves=leaves))


def test_what_is_used_has_few_values(made):
    task = made(**FOUR)
    params = params_of(task)
    used = qat.effective_params(task.config, params)
    kernel = np.asarray(used["layer_0"]["mlp"]["up"]["kernel"])
    assert max(len(np.unique(column)) for column in kernel.T) <= 16
    assert used["embed"]["table"] is params["embed"]["table"]


def test_a_plain_model_has_no_adapters_and_scores_the_same(made):
    task = made(**LORA, **FOUR)
    params = params_of(task)
    down = params["lora"]["layer_0"]["attention"]["query"]
    down["up"] = jnp.full_like(down["up"], 0.1)
    plain, merged = qat.merge_adapters(task, qat.effective_params(task.config, params))
    assert "lora" not in merged
    assert plain.config.model.lora == models.NO_ADAPTERS
    assert plain.config.qat == quant.NO_ROUNDING
    assert same(qat.effective_params(plain.config, merged), merged)
    before = score(task, params).table
    after = score(plain, merged).table
    np.testing.assert_allclose(after.nats, before.nats, rtol=1e-5)


def test_stored_by_hand():
    kernel = {"layer_0": {"mlp": {"up": {"kernel": jnp.ones((8, 10))}}}}
    plain = qat.measure_storage(kernel, bits=640.0)
    assert plain == {"stored_bits": 1280, "bits_per_stored_bit": 0.5}
    four = qat.measure_storage(quant.quantize(kernel, Scheme(bits=4)), bits=240.0)
    assert four == {"stored_bits": 80 * 4 + 10 * 16, "bits_per_stored_bit": 0.5}


def test_only_a_model_of_few_bits_says_what_it_takes(made):
    params = params_of(made())
    assert qat.measure_trained_storage(made(), params, 100.0) == {}
    said = qat.measure_trained_storage(made(**FOUR), params, 100.0)
    counts = made().parameters
    kernels = sum(
        leaf.size
        for path, leaf in jax.tree.leaves_with_path(params)
        if path[-1].key == "kernel"
    )
    least = 4 * kernels + 16 * (counts.total - kernels)
    assert least < said["stored_bits"] < least * 1.2
    assert said["bits_per_stored_bit"] == 100.0 / said["stored_bits"]


def test_every_member_of_a_population_is_rounded_by_itself(made):
    task = made(members__seeds=(0, 1), **FOUR)
    ones = [params_of(task, seed) for seed in (0, 1)]
    both = jax.tree.map(lambda *leaves: jnp.stack(leaves), *ones)
    nats = jax.vmap(lambda params: nats_of(task, params))(both)
    for i in range(2):
        np.testing.assert_allclose(nats[i], nats_of(task, ones[i]), rtol=1e-5)
