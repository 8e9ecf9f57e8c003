"""The coding game: its mean regret is the mutual information, exactly."""

import numpy as np
import pytest
from scipy import stats

from kscale.theory.coding import game as coding_game
from kscale.theory.data_scaling import bayes


def test_the_mixture_pays_the_information():
    nature = [0.5, 1.0, 2.0]
    game = coding_game.play_coding_game(np.random.default_rng(0), 30, 4000, nature)
    assert game.regret.shape == (4000, 30)
    assert game.games == 4000
    for turn in (1, 5, 30):
        exact = bayes.dirichlet_information(turn, nature)
        assert abs(game.mean[turn - 1] - exact) < 4 * game.se[turn - 1]
    assert np.all(np.diff(game.regret, axis=1) >= -1e-12)


def test_another_player_pays_more():
    nature, prior = [0.3, 0.3], [3.0, 3.0]
    player = coding_game.dirichlet_mixture(prior)
    rng = np.random.default_rng(1)
    game = coding_game.play_coding_game(rng, 20, 4000, nature, player)
    exact = bayes.dirichlet_regret(20, nature, prior)
    assert abs(game.mean[-1] - exact) < 4 * game.se[-1]
    assert exact > bayes.dirichlet_information(20, nature) + 10 * game.se[-1]


def test_laplace_rule():
    player = coding_game.dirichlet_mixture([1.0, 1.0])
    got = player(np.array([[0, 0], [3, 1]]))
    np.testing.assert_allclose(got, [[0.5, 0.5], [4 / 6, 2 / 6]], rtol=1e-15)


def test_finite_families_exactly():
    prior = np.array([0.2, 0.5, 0.3])
    laws = np.array([[0.1, 0.9], [0.5, 0.5], [0.8, 0.2]])
    for draws in (1, 4, 9):
        # binomial counts carry all the information
        ones = np.arange(draws + 1)
        joint = prior[:, None] * stats.binom.pmf(ones[None, :], draws, laws[:, :1])
        marginal = joint.sum(axis=0)
        exact = (joint * np.log(joint / (prior[:, None] * marginal[None, :]))).sum()
        got = coding_game.finite_game_regret(prior, laws, draws)
        assert got == pytest.approx(exact, rel=1e-12)
        assert got < -(prior * np.log(prior)).sum()
        other = coding_game.finite_game_regret(prior, laws, draws, [0.6, 0.2, 0.2])
        assert other > got
    # a player that rules out the truth
    laws = [[1.0, 0.0], [0.0, 1.0]]
    assert coding_game.finite_game_regret([0.5, 0.5], laws, 2, [1.0, 0.0]) == np.inf
