import jax
import jax.numpy as jnp
import numpy as np
from support.drawn import assert_close

from kscale.models.loss import cross_entropy, output_logits


def test_values_and_gradients_are_those_of_log_softmax():
    rng = np.random.default_rng(0)
    hidden = jnp.asarray(rng.normal(size=(9, 8)), jnp.float32)
    table = jnp.asarray(rng.normal(size=(31, 8)), jnp.float32)
    greedy = jnp.argmax(output_logits(hidden, table), axis=1)
    targets = jnp.asarray(rng.integers(0, 31, 9)).at[3].set(greedy[3])
    weights = jnp.arange(9.0)

    def ours(hidden, table):
        return weights @ cross_entropy(hidden, table, targets, "float32")[0]

    def theirs(hidden, table):
        log_probs = jax.nn.log_softmax(hidden @ table.T)
        return -weights @ log_probs[jnp.arange(9), targets]

    found, expected = (
        jax.value_and_grad(loss, (0, 1))(hidden, table) for loss in (ours, theirs)
    )
    assert_close(found, expected)
    correct = cross_entropy(hidden, table, targets, "float32")[1]
    np.testing.assert_array_equal(correct, greedy == targets)
    assert correct[3]
    nats = cross_entropy(1e4 * hidden, table, targets, "float32")[0]
    assert np.isfinite(nats).all()


def test_equal_logits_choose_the_lowest_token():
    targets = jnp.array([0, 1, 2])
    hidden, table = jnp.zeros((3, 4)), jnp.ones((3, 4))
    nats, correct = cross_entropy(hidden, table, targets, "float32")
    np.testing.assert_allclose(nats, np.log(3), rtol=1e-6)
    np.testing.assert_array_equal(correct, [True, False, False])


def test_known_token_costs_nothing_and_pulls_nothing():
    table, targets = jnp.eye(4) * 200, jnp.arange(4)
    nats, back = jax.vjp(
        lambda hidden: cross_entropy(hidden, table, targets, "float32")[0], jnp.eye(4)
    )
    np.testing.assert_array_equal(nats, 0)
    np.testing.assert_array_equal(back(jnp.ones(4))[0], 0)
