"""A model's losses on the documents in which people are scored.

Axes: B rows, T positions, V vocabulary.
"""

import collections
import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from kscale.corpora import TEXT, Corpus
from kscale.data import Forms, TokenPool
from kscale.models import ModelConfig, Params, token_nats
from kscale.scores.documents import Batch, batches, choose_people
from kscale.scores.table import ScoreTable, sum_by_label

Model = Callable[[np.ndarray], Any] | tuple[ModelConfig, Params]
_Batch = TypeVar("_Batch")
_CACHE = 5e6  # logits that a CPU's cache holds next to the rest: measured, not exact
_ROUNDING = 1e-3  # by which probabilities may sum to more than 1
_RESOLVED = 1e-6  # what float32 can tell from 0 in 1 less a probability
_AHEAD = 3  # batches that the device may hold while the host composes the next ones


def score_corpus(
    model: Model,
    corpus: Corpus,
    pool: TokenPool,
    people: np.ndarray | int | None = None,
    *,
    seed: int = 0,
    batch: int = 0,
    normalized: bool = False,
) -> ScoreTable:
    """Sums a model's losses over every person's name and values.

    Each person is scored in one document, `corpus.score_plan`, which begins with EOS
    and, where the pool has one, its domain token; neither is scored. A value that has
    several forms (He, His) costs `-ln` of the probability of its forms over that of the
    forms of all values, at the first token of the first use: which form is used is
    wording. A value that begins others ("Art", "Art History") costs

        -ln p(its tokens) - ln(1 - sum over the longer values of p(their rest | it))

    whatever comes behind it; the model reads the rests in rows of their own. That is
    -ln of the probability that the value is said and none of the longer ones. As no two
    values share such a text, it is the value's length in a code, never less than -ln
    p(value) of the model's own distribution over the values told (1 - sum counts as
    1e-6 at least). Losses are computed in float32 on the device, with products at full
    precision whatever the model was trained in, and summed in float64 on the host; no
    more than a few batches are held at a time.

    Args:
      model: (config, params) of `kscale.models`, or a function from tokens int32 [B, T]
        to logits [B, T, V] of the next tokens, in the dense ids of `pool`, at the
        precision of its own.
      normalized: the function returns log-probabilities, in nats, over a vocabulary of
        its own of which the corpus' tokens are a part; they count as they are. False:
        they are normalized over the corpus' tokens, which gives back to them what the
        model says of others.
      corpus: from `kscale.corpora`.
      pool: the corpus as tokens.
      people: who is scored: None is everybody in the corpus, a number is a random
        sample of that size, an array int [n] is these people.
      seed: of the sample, recorded in the table, and of the texts: another seed scores
        people in other wordings.
      batch: B, rows scored at once; 0 chooses: on a CPU as many as keep the logits in
        the cache (8 to 64), elsewhere 256.

    Returns:
      The score table, people ascending.

    Raises:
      ValueError: a person twice or not of the world, a vocabulary of another corpus, a
        document in an order that gives knowledge away, or a loss that is not a number.

    Example:
      >>> table = score_corpus((config, params), corpus, pool)
      >>> table.nats[:, 1].mean()   # p1, nats per name

    Source: Allen-Zhu & Li 2024, Definition 4.1 and remark 3.1.
    """
    if batch < 0:
        raise ValueError(f"score: batch={batch} must be at least 1, or 0 to choose")
    people, sample_seed = choose_people(corpus, people, seed)
    evaluate = _evaluator(model, pool, normalized)
    shape = (len(people), len(corpus.labels))
    nats, counts = np.zeros(shape), np.zeros(shape, np.int32)
    correct, odds = np.ones(shape, bool), np.zeros(shape)

    def size(width: int) -> int:
        if batch or jax.default_backend() != "cpu":
            return batch or 256
        fit = max(1, int(_CACHE / (width * pool.vocabulary.size)))
        return min(64, max(8, 2 ** (fit.bit_length() - 1)))

    rows = batches(corpus, pool, people, size, seed)
    for one, (losses, right) in fetch_late((one, evaluate(one)) for one in rows):
        n = len(one.slots)
        sums = sum_by_label(losses[:n], right[:n], one.labels[:n, 1:], shape[1])
        check_losses(sums[0], people[one.slots])
        own = one.longer == TEXT
        np.add.at(nats, one.slots[own], sums[0][own])
        np.logical_and.at(correct, one.slots[own], sums[1][own])
        np.add.at(counts, one.slots[own], sums[2][own])
        longer = np.flatnonzero(~own), one.longer[~own]
        cells = one.slots[~own], one.longer[~own]
        np.add.at(odds, cells, np.exp(-sums[0][longer]))
        np.logical_and.at(correct, cells, ~sums[1][longer])
    nats -= np.log(np.maximum(1 - odds, _RESOLVED))
    return ScoreTable(
        people=people,
        nats=nats,
        correct=correct,
        counts=counts,
        labels=tuple(label.name for label in corpus.labels),
        population=corpus.num_people,
        sample_seed=sample_seed,
    )


def dropped_share(
    model: tuple[ModelConfig, Params],
    corpus: Corpus,
    pool: TokenPool,
    people: np.ndarray | int | None = None,
    *,
    seed: int = 0,
) -> float:
    """Returns the share of the tokens' choices of experts that find no room in scoring.

    The rows are the documents of `score_corpus`, not those that ask for longer values,
    with the room that they have there, which is that of a document's own length:
    padding chooses no expert.

    Args:
      model: (config, params) with experts.
      corpus, pool, people, seed: as in `score_corpus`.

    Returns:
      From 0 (all have room) to below 1.
    """
    config, params = model
    chosen, _ = choose_people(corpus, people, seed)
    rows = batches(corpus, pool, chosen, lambda width: 1, seed)
    exact = full_precision(config)
    sums = [
        _routing(exact, params, one.tokens, one.counted)
        for one in rows
        if one.longer[0] == TEXT
    ]
    dropped, choices = np.asarray(jax.device_get(sums), np.float64).sum(axis=0)
    return float(dropped / choices)


def fetch_late(
    batches: Iterable[tuple[_Batch, tuple[jax.Array, jax.Array]]],
) -> Iterator[tuple[_Batch, tuple[np.ndarray, np.ndarray]]]:
    """Yields batches, results on the host, while the device computes later ones.

    Args:
      batches: each with its results, dispatched as it is asked for. No more than a few
        wait at a time.
    """
    running: collections.deque = collections.deque()
    for batch in batches:
        running.append(batch)
        if len(running) > _AHEAD:
            one, (nats, right) = running.popleft()
            yield one, (np.asarray(nats), np.asarray(right))
    for one, (nats, right) in running:
        yield one, (np.asarray(nats), np.asarray(right))


class BrokenModelError(ValueError):
    """A model whose losses are no numbers; the message names a person."""


def check_losses(nats: np.ndarray, people: np.ndarray) -> None:
    """Checks that the losses [n, ...] of n people are numbers."""
    broken = np.isnan(nats).any(axis=1)
    if broken.any():
        raise BrokenModelError(
            f"the loss of person {people[broken.argmax()]} is not a number: the "
            "model's parameters or logits are broken"
        )


def full_precision(config: ModelConfig) -> ModelConfig:
    """Returns the same model with float32 products, whatever it was trained in.

    Beside it `jax.default_matmul_precision("highest")` keeps devices from rounding the
    factors, as GPUs and TPUs do with float32 ones.
    """
    attention = "auto" if config.attention == "cudnn" else config.attention
    return dataclasses.replace(config, compute="float32", attention=attention)


def _evaluator(
    model: Model, pool: TokenPool, normalized: bool
) -> Callable[[Batch], tuple[jax.Array, jax.Array]]:
    """Rows [B, T+1] -> (nats, correct) [B, T], dispatched and not waited for."""
    vocab, forms = pool.vocabulary.size, pool.forms
    if isinstance(model, tuple):
        config, params = model
        if config.vocab != vocab:
            raise ValueError(
                f"score: the model has {config.vocab} tokens, the corpus {vocab}: it "
                "was trained on another corpus or tokenizer"
            )
        exact = full_precision(config)
        return lambda rows: _token_nats(
            exact, forms, params, rows.tokens, rows.labels, rows.counted
        )

    def evaluate(rows: Batch) -> tuple[jax.Array, jax.Array]:
        tokens = rows.tokens
        logits = model(tokens[:, :-1])
        shape = (tokens.shape[0], tokens.shape[1] - 1, vocab)
        if tuple(logits.shape) != shape:
            raise ValueError(
                f"score: the model returned logits of shape {tuple(logits.shape)}; "
                f"rows, positions and vocabulary make {shape}"
            )
        logits = jnp.asarray(logits, jnp.float32)
        if normalized:
            most = float(jnp.exp(jnp.max(jax.nn.logsumexp(logits, axis=2))))
            if most > 1 + _ROUNDING:
                raise ValueError(
                    f"score: the model's probabilities sum to {most:.4g} somewhere; "
                    "of log-probabilities it is 1 at most: leave normalized out for "
                    "logits"
                )
        labels = rows.labels[:, 1:]
        return _from_logits(forms, normalized, logits, tokens[:, 1:], labels)

    return evaluate


@functools.partial(jax.jit, static_argnums=(0, 1))
def _token_nats(
    config: ModelConfig, forms: Forms | None, params: Params, rows, labels, counted
) -> tuple[jax.Array, jax.Array]:
    beside = forms.tokens if forms else ()
    nats, aux = _apply(config, params, rows, counted, beside)
    correct = aux["correct_BT"]
    if forms is None:
        return nats, correct
    return _choose_forms(
        forms, nats, correct, aux["logits_BTF"], rows[:, 1:], labels[:, 1:]
    )


@functools.partial(jax.jit, static_argnums=(0, 1))
def _from_logits(
    forms: Forms | None,
    normalized: bool,
    logits_BTV: jax.Array,
    targets_BT: jax.Array,
    labels_BT: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    picked = jnp.take_along_axis(logits_BTV, targets_BT[..., None], axis=2)[..., 0]
    sums = 0.0 if normalized else jax.nn.logsumexp(logits_BTV, axis=2)
    nats, correct = sums - picked, jnp.argmax(logits_BTV, axis=2) == targets_BT
    if forms is None:
        return nats, correct
    logits_BTF = logits_BTV[..., np.array(forms.tokens)]
    return _choose_forms(forms, nats, correct, logits_BTF, targets_BT, labels_BT)


def _choose_forms(
    forms: Forms,
    nats_BT: jax.Array,
    correct_BT: jax.Array,
    logits_BTF: jax.Array,
    targets_BT: jax.Array,
    labels_BT: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """Replaces what a form costs by what its value costs among all values' forms.

    Args:
      logits_BTF: of the forms' tokens; F forms.
    """
    tokens, values = (np.array(x)[None, None] for x in forms[1:])
    said_BTF = targets_BT[..., None] == tokens
    value_BT = jnp.sum(said_BTF * values, axis=2)
    masked = (
        jnp.where(values == value, logits_BTF, -jnp.inf)
        for value in range(values.max() + 1)
    )
    sums_BTK = jnp.stack([jax.nn.logsumexp(x, axis=2) for x in masked], axis=2)
    true_BT = jnp.take_along_axis(sums_BTK, value_BT[..., None], axis=2)[..., 0]
    here_BT = (labels_BT == forms.label) & jnp.any(said_BTF, axis=2)
    nats_BT = jnp.where(here_BT, jax.nn.logsumexp(sums_BTK, axis=2) - true_BT, nats_BT)
    right_BT = jnp.argmax(sums_BTK, axis=2) == value_BT
    return nats_BT, jnp.where(here_BT, right_BT, correct_BT)


@functools.partial(jax.jit, static_argnums=0)
def _routing(config: ModelConfig, params: Params, rows, counted) -> tuple:
    _, aux = _apply(config, params, rows, counted)
    return aux["routing"]["dropped"], aux["routing"]["choices"]


def _apply(config: ModelConfig, params: Params, rows, counted, beside=()) -> tuple:
    both = rows[:, :-1], rows[:, 1:]
    with jax.default_matmul_precision("highest"):
        return token_nats(config, params, *both, counted_BT=counted, beside=beside)
