"""The coding game: a predictor against an environment, round by round.

Nature draws theta from a prior and then n outcomes from P_theta; before each outcome
the player names a distribution and pays its log loss. What he pays beyond the entropy
of theta is the regret, and its mean over nature is the Bayes redundancy: never less
than the mutual information, and equal to it for the Bayes mixture.

Source: Pan et al. 2025, appendix A.2.2.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from kscale.theory import checks


class Game(NamedTuple):
    """Outcome of many games.

    Attributes:
      mean: [draws], mean cumulative regret after each round, nats.
      se: [draws], standard error of `mean`.
      games: how many were played.
      regret: [games, draws], every cumulative regret.
    """

    mean: np.ndarray
    se: np.ndarray
    games: int
    regret: np.ndarray


@checks.check_domain({"concentrations": "(0, inf) of [k]"})
def dirichlet_mixture(concentrations: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Returns the Bayes mixture of a Dirichlet prior, as a player.

    Its prediction after counts s is `(a_i + s_i)/(A + n)`: Laplace's rule for a = 1,
    the Krichevsky-Trofimov rule for a = 1/2.

    Returns:
      A function from counts, [games, outcomes], to probabilities of the next outcome.

    Example:
      >>> dirichlet_mixture([1.0, 1.0])(np.array([[2, 0]]))
      array([[0.75, 0.25]])

    Source: R. Krichevsky, V. Trofimov 1981; Pan et al. 2025, lemma A.3.
    """
    prior = np.asarray(concentrations, float)

    def player(counts: np.ndarray) -> np.ndarray:
        weights = counts + prior
        return weights / weights.sum(axis=-1, keepdims=True)

    return player


@checks.check_domain(
    {"draws": "integer [1, inf)", "games": "integer [2, inf)"}
    | {"nature": "(0, inf) of [k>=2]"}
)
def play_coding_game(
    rng: np.random.Generator,
    draws: int,
    games: int,
    nature: np.ndarray,
    player: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Game:
    """Plays the coding game with categorical outcomes and a Dirichlet nature.

    The regret of a round is taken in the mean over the outcome,
    `D_KL(P_theta || Q(. | history))`, which has the same expectation as
    `ln P_theta(x)/Q(x | history)` and less noise.

    Args:
      rng: the source of randomness.
      draws, games: n rounds of one game; how many games.
      nature: concentrations of the prior of theta, [outcomes].
      player: from counts so far, [games, outcomes], to probabilities, alike; the Bayes
        mixture of nature's prior by default, for which `Game.mean[n-1]` estimates
        `dirichlet_information(n, nature)`.

    Source: Pan et al. 2025, equation (8) and lemma A.3.
    """
    player = dirichlet_mixture(nature) if player is None else player
    theta = rng.dirichlet(np.asarray(nature, float), games)
    safe = np.where(theta > 0, theta, 1.0)
    upto = np.cumsum(theta, axis=1)
    counts = np.zeros_like(theta)
    regret = np.empty((games, draws))
    for turn in range(draws):
        prediction = player(counts)
        regret[:, turn] = (theta * np.log(safe / prediction)).sum(axis=1)
        point = rng.random((games, 1)) * upto[:, -1:]
        outcome = np.minimum((upto <= point).sum(axis=1), len(nature) - 1)
        counts[np.arange(games), outcome] += 1
    regret = regret.cumsum(axis=1)
    se = regret.std(axis=0, ddof=1) / games**0.5
    return Game(regret.mean(axis=0), se, games, regret)


@checks.check_domain(
    {
        "prior": "distribution of [k]",
        "laws": "distribution of [k, m]",
        "draws": "integer [1, inf)",
        "player": "distribution of [k]",
    }
)
def finite_game_regret(
    prior: np.ndarray, laws: np.ndarray, draws: int, player: np.ndarray | None = None
) -> float:
    """Returns the exact Bayes redundancy of a mixture over finitely many values.

    Every sequence of outcomes is enumerated: `outcomes**draws` of them, at most 1e6,
    else `ValueError`.

        sum_theta pi(theta) D_KL(P_theta^n || sum_theta' w(theta') P_theta'^n)

    With w = pi it is the mutual information of theta and the draws; any other w pays
    the divergence of the two mixtures on top.

    Args:
      prior: pi, [values].
      laws: P_theta, [values, outcomes].
      draws: n.
      player: w, [values]; pi by default.

    Returns:
      Nats over all draws; infinite where the player rules out what happens.

    Example:
      >>> finite_game_regret([0.5, 0.5], [[1.0, 0.0], [0.0, 1.0]], 3)  # ln 2
      0.6931471805599453

    Source: Pan et al. 2025, lemma A.3.
    """
    prior, laws = np.asarray(prior, float), np.asarray(laws, float)
    weights = prior if player is None else np.asarray(player, float)
    sequences = laws.shape[1] ** draws
    if sequences > 1e6:
        raise ValueError(f"outcomes**draws={sequences} must be at most 1e6: draw fewer")
    # P_theta of every sequence, one draw after another
    chance = np.ones((len(laws), 1))
    for _ in range(draws):
        chance = (chance[:, :, None] * laws[:, None, :]).reshape(len(laws), -1)
    mixture = weights @ chance
    if np.any((mixture == 0) & (prior @ chance > 0)):
        return float("inf")
    happens = (chance > 0) & (prior > 0)[:, None]
    ones = np.ones_like(chance)
    quotient = np.divide(chance, mixture[None, :], where=happens, out=ones)
    return float(prior @ (chance * np.log(quotient)).sum(axis=1))
