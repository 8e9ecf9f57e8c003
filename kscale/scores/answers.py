"""Questions answered: is the greedy answer right, and what did the true one cost?

Axes: n people, Q questions, B rows, T prompt positions, S answer positions.
"""

import dataclasses
import functools
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kscale.corpora import Questions
from kscale.data import PAD, TokenPool
from kscale.models import ModelConfig, Params, extend, generate, init_cache
from kscale.scores.documents import choose_people, round_up
from kscale.scores.score import check_losses, fetch_late, full_precision

_BATCH = 256  # rows at once


@dataclasses.dataclass(frozen=True, eq=False)
class AnswerTable:
    """How a model answered questions about people.

    Attributes:
      people: int64 [n], the people asked about, ascending.
      nats: float64 [n, Q], the sum of -ln p over the true answer's tokens and the EOS
        that ends it, each given the question and the true tokens before it.
      correct: bool [n, Q], whether the greedy answer is the true one and ends with it.
      questions: the Q attributes and derived facts asked about.
      population: people that the corpus asks about; n of them are in the table.
    """

    people: np.ndarray
    nats: np.ndarray
    correct: np.ndarray
    questions: tuple[str, ...]
    population: int

    @property
    def accuracy(self) -> dict[str, float]:
        """Share of right answers, by question."""
        shares = self.correct.mean(axis=0).tolist()
        return dict(zip(self.questions, shares, strict=True))

    @property
    def mean(self) -> float:
        """Share of right answers, over all people and questions."""
        return float(self.correct.mean())


def ask_questions(
    model: tuple[ModelConfig, Params],
    questions: Questions,
    pool: TokenPool,
    people: np.ndarray | int | None = None,
    *,
    seed: int = 0,
    batch: int = 0,
) -> AnswerTable:
    """Asks a model every question about every person, by greedy decoding.

    The prompt is the question's document up to its answer, what opens it included. An
    answer is right if its tokens, and then EOS, are what is generated: a longer answer
    that begins with the true one is wrong. Losses are computed in float32 on the
    device, with products at full precision whatever the model was trained in, and
    summed in float64 on the host; no more than a few batches are held at a time.

    Args:
      model: (config, params) of `kscale.models`, of the vocabulary of `pool`.
      questions: from `kscale.corpora.Questions`.
      pool: the questions as tokens; labels may be those of `relabel`.
      people: who is asked about: None is everybody the questions are about, a number is
        a random sample of that size, an array int [n] is these people of the world.
      seed: of the sample and of the wording, which is not that of training.
      batch: B, rows at once; 0 for 256, or less if there are fewer.

    Returns:
      The answer table, people ascending.

    Raises:
      ValueError: a model that is not of (config, params) or of another vocabulary; a
        person twice or not of the world; a document that does not end in an answer; a
        loss that is not a number.

    Example:
      >>> even = corpora.Questions(world, "even")
      >>> ask_questions((config, params), even, pool).accuracy["employer"]

    Source: Pan et al. 2025, section 6.1 (accuracy of the answers about people who are
    not in the training questions).
    """
    if not isinstance(model, tuple) or not isinstance(model[0], ModelConfig):
        raise ValueError(
            f"answers: the model is a {type(model).__name__}; it must be (config, "
            "params) of kscale.models, since decoding needs its memory"
        )
    config, params = full_precision(model[0]), model[1]
    if config.vocab != pool.vocabulary.size:
        raise ValueError(
            f"answers: the model has {config.vocab} tokens, the questions "
            f"{pool.vocabulary.size}: it was trained on another corpus or tokenizer"
        )
    if batch < 0:
        raise ValueError(f"answers: batch={batch} must be at least 1, or 0 to choose")
    people, _ = choose_people(questions, people, seed)
    prompts = _compose(questions, pool, people, seed)
    steps = int(prompts.answers.max()) + 1
    judged = (
        (which, _judge(config, params, *_rows(prompts, which, rows, steps, pool.eos)))
        for which, rows in _groups(prompts.lengths, batch)
    )
    shape = (len(people), len(questions.world.sentences))
    nats, correct = np.zeros(shape), np.zeros(shape, bool)
    for which, (losses, wrong) in fetch_late(judged):
        # The token behind the answer must be EOS, so that it counts as well.
        inside = np.arange(steps) <= prompts.answers[which, None]
        sums = losses.astype(np.float64)[: len(which)]
        nats.flat[which] = np.where(inside, sums, 0).sum(axis=1)
        correct.flat[which] = ~(wrong[: len(which)] & inside).any(axis=1)
    check_losses(nats, people)
    return AnswerTable(
        people=people,
        nats=nats,
        correct=correct,
        questions=tuple(questions.world.sentences),
        population=questions.num_people,
    )


class _Prompts(NamedTuple):
    """Documents end to end, those of a person side by side; int64 [n Q] each.

    Attributes:
      tokens: int32 [total].
      starts: where each document begins.
      lengths: tokens before its answer.
      answers: tokens of its answer, which ends the document.
    """

    tokens: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    answers: np.ndarray


def _compose(
    questions: Questions, pool: TokenPool, people: np.ndarray, seed: int
) -> _Prompts:
    number = len(questions.world.sentences)
    about, what = np.repeat(people, number), np.tile(np.arange(number), len(people))
    documents = pool.compose(questions.ask(about, what, seed))
    starts = np.cumsum(documents.lengths) - documents.lengths
    known = (documents.labels != PAD) & (documents.labels != pool.eos_label)
    sizes = np.add.reduceat(known, starts, dtype=np.int64)
    ends = starts + documents.lengths - 1
    first = np.flatnonzero(known & ~np.append(False, known[:-1]))
    if len(first) != len(starts) or not (known[ends].all() and sizes.all()):
        raise ValueError(
            "answers: each question must be one document that ends in its answer, and "
            "state nothing else: give a corpora.Questions and its pool"
        )
    return _Prompts(documents.tokens, starts, first - starts, sizes)


def _groups(prompts: np.ndarray, batch: int) -> Iterator[tuple[np.ndarray, int]]:
    """Documents of about the same prompt length, and how many rows to make of them."""
    widths = round_up(prompts)
    for width in np.unique(widths):
        which = np.flatnonzero(widths == width)
        size = batch or min(_BATCH, 2 ** (len(which) - 1).bit_length())
        for first in range(0, len(which), size):
            yield which[first : first + size], size


def _rows(
    prompts: _Prompts, which: np.ndarray, rows: int, steps: int, eos: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """prompts [B, T], their lengths [B], answers and EOS [B, S]; EOS is the padding."""
    fill = rows - len(which)

    def cut(starts: np.ndarray, lengths: np.ndarray, width: int) -> np.ndarray:
        place = np.arange(width)
        inside = place < lengths[:, None]
        found = prompts.tokens[np.where(inside, starts[:, None] + place, 0)]
        found = np.where(inside, found, np.int32(eos))
        return np.pad(found, ((0, fill), (0, 0)), constant_values=eos)

    starts, lengths = prompts.starts[which], prompts.lengths[which]
    return (
        cut(starts, lengths, int(round_up(lengths.max()))),
        np.pad(lengths, (0, fill), constant_values=1).astype(np.int32),
        cut(starts + lengths, prompts.answers[which], steps),
    )


@functools.partial(jax.jit, static_argnums=0)
def _judge(
    config: ModelConfig,
    params: Params,
    prompts_BT: jax.Array,
    lengths_B: jax.Array,
    answers_BS: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """Nats of the true answer's tokens, and where the greedy answer is another."""
    with jax.default_matmul_precision("highest"):
        return _answer(config, params, prompts_BT, lengths_B, answers_BS)


def _answer(config, params, prompts_BT, lengths_B, answers_BS):
    (rows, length), steps = prompts_BT.shape, answers_BS.shape[1]
    last_B = lengths_B - 1
    memory = init_cache(config, rows, length + steps - 1)
    _, memory = extend(config, params, prompts_BT, memory, jnp.zeros_like(last_B))
    last_B1 = jnp.take_along_axis(prompts_BT, last_B[:, None], axis=1)
    inputs_BS = jnp.concatenate([last_B1, answers_BS[:, :-1]], axis=1)
    logits_BSV, _ = extend(config, params, inputs_BS, memory, last_B)
    picked_BS1 = jnp.take_along_axis(logits_BSV, answers_BS[..., None], axis=2)
    nats_BS = jax.nn.logsumexp(logits_BSV, axis=2) - picked_BS1[..., 0]
    # It fills the same memory; the compiler sees that and does so once.
    found_BS = generate(config, params, prompts_BT, lengths_B, steps)
    return nats_BS, found_BS != answers_BS
