"""Scoring: a model's loss on every piece of knowledge of every person.

Axes: B rows, T positions, V vocabulary.
"""

import collections
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from kscale.data import TokenPool
from kscale.models import ModelConfig, Params, token_nats
from kscale.scores.documents import batches
from kscale.scores.table import ScoreTable, sum_by_label

Model = Callable[[np.ndarray], Any] | tuple[ModelConfig, Params]
_Evaluate = Callable[[np.ndarray], tuple[jax.Array, jax.Array]]
_Batch = TypeVar("_Batch")
_CACHE = 5e6  # logits that a CPU's cache holds next to the rest: measured, not exact
_AHEAD = 3  # batches that the device may hold while the host composes the next ones


def sample_people(population: int, size: int, seed: int) -> np.ndarray:
    """Some people of a world, without replacement: int64 [size], ascending.

    Args:
      population: N; time and memory do not depend on it.
      size: how many, 1 to N.
      seed: the same seed draws the same people.

    Raises:
      ValueError: size is out of range.
    """
    if not 1 <= size <= population:
        raise ValueError(
            f"a sample of {size} people of {population}: ask for 1 to {population}"
        )
    rng = np.random.default_rng(seed)
    return np.sort(rng.choice(population, size, replace=False, shuffle=False))


def chosen_people(
    corpus, people: np.ndarray | int | None, seed: int
) -> tuple[np.ndarray, int | None]:
    """Whom to score, ascending, and the seed if they were drawn.

    Args:
      corpus: from `kscale.corpora`.
      people: None is everybody the corpus tells of, a number is a random sample of that
        size, an array int [n] is these people.
      seed: of the sample.

    Returns:
      (people int64 [n], seed or None).

    Raises:
      ValueError: a person twice or not of the world, or nobody.
    """
    if people is None:
        return np.sort(corpus.people(np.arange(corpus.num_people))), None
    if isinstance(people, int | np.integer):
        index = sample_people(corpus.num_people, int(people), seed)
        return np.sort(corpus.people(index)), seed
    asked = np.sort(np.asarray(people, np.int64))
    inside = len(asked) and asked[0] >= 0 and asked[-1] < corpus.world.people
    if not inside or (np.diff(asked) == 0).any():
        raise ValueError(
            f"score: people must be distinct and lie in 0 to {corpus.world.people - 1};"
            f" got {len(asked)}"
            + (f" from {asked[0]} to {asked[-1]}" if len(asked) else "")
        )
    return asked, None


def score_corpus(
    model: Model,
    corpus,
    pool: TokenPool,
    people: np.ndarray | int | None = None,
    *,
    seed: int = 0,
    batch: int = 0,
    multiple: int = 16,
    context: int = 0,
    progress: Callable[[int], None] | None = None,
) -> ScoreTable:
    """Sums a model's losses over every person's name and values.

    Each person is scored in one document, `corpus.score_plan`, which begins with EOS
    and, where the pool has one, its domain token; neither is scored. Losses are
    computed in float32 on the device and summed in float64 on the host; no more than a
    few batches are held at a time.

    Args:
      model: (config, params) of `kscale.models`, or a function from tokens int32 [B, T]
        to logits [B, T, V] of the next tokens, in the dense ids of `pool`.
      corpus: from `kscale.corpora`.
      pool: the corpus as tokens.
      people: whom to score: None is everybody the corpus tells of, a number is a random
        sample of that size, an array int [n] is these people.
      seed: of the sample, recorded in the table, and of the texts: another seed scores
        people in other wordings.
      batch: B, rows scored at once; 0 chooses: on a CPU as many as keep the logits in
        the cache (8 to 64), elsewhere 256.
      multiple: rows are padded to a multiple of it; the model compiles once for each
        length.
      context: the most tokens that the model can take at once; 0 for no limit.
      progress: is called with the number of rows scored since its last call.

    Returns:
      The score table, people ascending.

    Raises:
      ValueError: a person twice or not of the world, a vocabulary of another corpus, a
        document longer than the context, told in an order that gives knowledge away, or
        a loss that is not a number.

    Example:
      >>> table = score_corpus((config, params), corpus, pool)
      >>> table.nats[:, 1].mean()   # p1, nats per name

    Source: paper 002, Definition 4.1 and remark 3.1.
    """
    if batch < 0 or multiple < 1:
        raise ValueError(
            f"score: batch={batch}, multiple={multiple}; at least 1 each, or batch=0"
        )
    people, sample_seed = chosen_people(corpus, people, seed)
    evaluate = _evaluator(model, pool)
    shape = (len(people), len(corpus.labels))
    nats, counts = np.zeros(shape), np.zeros(shape, np.int32)
    correct = np.ones(shape, bool)

    def size(width: int) -> int:
        return batch or _rows_at_once(width, pool.vocabulary.size)

    rows = batches(corpus, pool, people, size, multiple, context, seed)
    for one, (losses, right) in ahead((one, evaluate(one.tokens)) for one in rows):
        n = len(one.slots)
        marks = one.labels[:n, 1:]
        _check_numbers(losses[:n], marks < shape[1], people[one.slots])
        sums = sum_by_label(losses[:n], right[:n], marks, shape[1])
        np.add.at(nats, one.slots, sums[0])
        np.logical_and.at(correct, one.slots, sums[1])
        np.add.at(counts, one.slots, sums[2])
        if progress is not None:
            progress(n)
    return ScoreTable(
        people=people,
        nats=nats,
        correct=correct,
        counts=counts,
        labels=tuple(label.name for label in corpus.labels),
        population=corpus.num_people,
        sample_seed=sample_seed,
    )


def _rows_at_once(width: int, vocab: int) -> int:
    if jax.default_backend() != "cpu":
        return 256
    fit = max(1, int(_CACHE / (width * vocab)))
    return min(64, max(8, 2 ** (fit.bit_length() - 1)))


def ahead(
    batches: Iterable[tuple[_Batch, tuple[jax.Array, jax.Array]]],
) -> Iterator[tuple[_Batch, tuple[np.ndarray, np.ndarray]]]:
    """Fetches results late, the host composing ahead while the device computes.

    Args:
      batches: each with its results, dispatched as it is asked for.

    Yields:
      The same, the results on the host. No more than a few batches wait at a time.
    """
    running: collections.deque = collections.deque()
    for one in batches:
        running.append(one)
        if len(running) > _AHEAD:
            yield _fetch(*running.popleft())
    while running:
        yield _fetch(*running.popleft())


def _fetch(one, result):
    return one, (np.asarray(result[0]), np.asarray(result[1]))


def _evaluator(model: Model, pool: TokenPool) -> _Evaluate:
    """Rows [B, T+1] -> (nats, correct) [B, T], dispatched and not waited for."""
    vocab = pool.vocabulary.size
    if isinstance(model, tuple):
        config, params = model
        if config.vocab != vocab:
            raise ValueError(
                f"score: the model has {config.vocab} tokens, the corpus {vocab}: it "
                "was trained on another corpus or tokenizer"
            )
        return lambda tokens: _token_nats(config, params, tokens)

    def evaluate(tokens: np.ndarray) -> tuple[jax.Array, jax.Array]:
        logits = model(tokens[:, :-1])
        wanted = (tokens.shape[0], tokens.shape[1] - 1, vocab)
        if tuple(logits.shape) != wanted:
            raise ValueError(
                f"score: the model returned logits of shape {tuple(logits.shape)}; "
                f"rows, positions and vocabulary make {wanted}"
            )
        return _from_logits(jnp.asarray(logits, jnp.float32), tokens[:, 1:])

    return evaluate


@functools.partial(jax.jit, static_argnums=0)
def _token_nats(config: ModelConfig, params: Params, rows) -> tuple:
    nats, aux = token_nats(config, params, rows[:, :-1], rows[:, 1:])
    return nats, aux["correct_BT"]


@jax.jit
def _from_logits(logits_BTV: jax.Array, targets_BT: jax.Array) -> tuple:
    picked = jnp.take_along_axis(logits_BTV, targets_BT[..., None], axis=2)[..., 0]
    nats = jax.nn.logsumexp(logits_BTV, axis=2) - picked
    return nats, jnp.argmax(logits_BTV, axis=2) == targets_BT


def _check_numbers(nats: np.ndarray, counted: np.ndarray, people: np.ndarray) -> None:
    broken = (np.isnan(nats) & counted).any(axis=1)
    if broken.any():
        raise ValueError(
            f"score: the loss of person {people[broken.argmax()]} is not a number: the "
            "model's parameters or logits are broken"
        )


# What experts drop of the documents in which people are scored.
def dropped_share(
    model: tuple[ModelConfig, Params],
    corpus,
    pool: TokenPool,
    people: np.ndarray | int | None = None,
    *,
    seed: int = 0,
    multiple: int = 16,
) -> float:
    """Share of the tokens' choices of experts that find no room when scored.

    The rows are those of `score_corpus`, with the room that they have there. The
    padding that fills a row up to a multiple is routed as its text is, behind it, and
    counts here as tokens do; rows that fill a batch are left out.

    Args:
      model: (config, params) with experts.
      corpus, pool, people, seed, multiple: as in `score_corpus`.

    Returns:
      From 0 (all have room, and a row's padding changes nothing) to below 1.
    """
    config, params = model
    chosen, _ = chosen_people(corpus, people, seed)
    rows = batches(corpus, pool, chosen, lambda width: 1, multiple, 0, seed)
    sums = [_routing(config, params, one.tokens) for one in rows]
    total = np.asarray(jax.device_get(sums), np.float64).sum(axis=0)
    return float(total[0] / total[1])


@functools.partial(jax.jit, static_argnums=0)
def _routing(config: ModelConfig, params: Params, rows) -> tuple:
    _, aux = token_nats(config, params, rows[:, :-1], rows[:, 1:])
    return aux["routing"]["dropped"], aux["routing"]["choices"]
