import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kscale.models.loss import cross_entropy, output_logits


def plain(hidden, table, targets):
    log_probs = jax.nn.log_softmax(hidden @ table.T)
    return -jnp.take_along_axis(log_probs, targets[:, None], axis=1)[:, 0]


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    hidden = jnp.asarray(rng.normal(size=(9, 8)), jnp.float32)
    table = jnp.asarray(rng.normal(size=(31, 8)), jnp.float32)
    return hidden, table, jnp.asarray(rng.integers(0, 31, 9))


def test_values_and_gradients_are_those_of_log_softmax(problem):
    hidden, table, targets = problem
    weights = jnp.arange(9.0)

    def ours(hidden, table):
        return weights @ cross_entropy(hidden, table, targets, "float32")[0]

    def theirs(hidden, table):
        return weights @ plain(hidden, table, targets)

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5),
        jax.value_and_grad(ours, (0, 1))(hidden, table),
        jax.value_and_grad(theirs, (0, 1))(hidden, table),
    )


def test_correct_is_argmax(problem):
    hidden, table, targets = problem
    greedy = jnp.argmax(output_logits(hidden, table), axis=1)
    targets = targets.at[3].set(greedy[3]).at[5].set(greedy[5])
    correct = cross_entropy(hidden, table, targets, "float32")[1]
    np.testing.assert_array_equal(correct, greedy == targets)


def test_equal_logits_choose_the_lowest_token():
    targets = jnp.array([0, 1, 2])
    nats, correct = cross_entropy(
        jnp.zeros((3, 4)), jnp.ones((3, 4)), targets, "float32"
    )
    np.testing.assert_allclose(nats, np.log(3), rtol=1e-6)
    np.testing.assert_array_equal(correct, [True, False, False])


def test_large_logits_stay_finite(problem):
    hidden, table, targets = problem
    nats = cross_entropy(1e4 * hidden, table, targets, "float32")[0]
    assert np.isfinite(nats).all()


def test_known_token_costs_nothing_and_pulls_nothing():
    table = jnp.eye(4) * 200
    hidden = jnp.eye(4)
    nats, back = jax.vjp(
        lambda h: cross_entropy(h, table, jnp.arange(4), "float32")[0], hidden
    )
    np.testing.assert_array_equal(nats, 0)
    np.testing.assert_array_equal(back(jnp.ones(4))[0], 0)
