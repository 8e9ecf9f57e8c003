"""Answers of models whose answers are known.

Bigrams made by hand, a model trained on some people, models that know nothing.
"""

import dataclasses
import importlib
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from kscale import corpora, data, tokenizers, worlds
from kscale.models import from_name, init, token_nats
from kscale.scores import ask_questions
from kscale.scores.answers import _judge

WORDS = ["Q", "A", "ID 1", "ID 2", *(f"n{i}" for i in range(5)), "s0", "s1"]


def symbolic(people=12, chunks=1, length=2):
    """Questions like "Q n0 n2 ID 1 A s1 s0" with their pool."""
    size = (2, chunks, 2**length, length, 2)
    world = worlds.build_biod(people, *size, name_parts=(5, 5), seed=1)
    asked = corpora.Questions(world)
    return asked, data.tokenize(asked, tokenizers.Symbols(WORDS))


def bigram(pool, probabilities):
    """A model whose next token depends on the last one alone, by this table [V, V]."""
    size = pool.vocabulary.size
    config = from_name(
        "LLaMA-1-1", vocab=size, head_size=size + size % 2, norm_eps=1e-12
    )
    shapes = jax.eval_shape(lambda: init(config, jax.random.key(0)))
    params = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), shapes)
    # Attention and MLP add 0, and the norm takes a one-hot row to length sqrt(width).
    params["embed"]["table"] = jnp.eye(size, config.width)
    params["final_norm"]["scale"] = jnp.full(config.width, config.width**-0.5)
    head = np.zeros((size, config.width))
    head[:, :size] = np.log(probabilities).T
    params["head"]["table"] = jnp.asarray(head, jnp.float32)
    return config, params


def chain(pool, words):
    """Bigrams that go through `words` and on to EOS, each with probability 0.9."""
    size = pool.vocabulary.size
    ids = {word: i for i, word in enumerate(spelled(pool))}
    table = np.full((size, size), 0.1 / (size - 1))
    path = [ids[word] for word in words]
    for one, other in itertools.pairwise(path):
        table[one, other] = 0.9
    return table


def spelled(pool):
    """The words of the dense ids of `symbolic`, EOS as "EOS"."""
    names = {}
    for word in WORDS:
        (original,) = tokenizers.Symbols(WORDS).encode(f" {word}")
        names[int(pool.vocabulary.to_dense(np.array([original]))[0])] = word
    return [names.get(i, "EOS") for i in range(pool.vocabulary.size)]


def truth(asked):
    """The answers' words: [people][questions]."""
    facts = [asked.world.person(i) for i in range(asked.world.people)]
    return [[fact[name] for name in asked.world.sentences] for fact in facts]


def test_bigrams_by_hand():
    asked, pool = symbolic()
    model = bigram(pool, chain(pool, ["A", "s1", "s0", "EOS"]))
    table = ask_questions(model, asked, pool)
    true = np.array(truth(asked))
    right = true == "s1 s0"
    assert 0 < right.sum() < right.size
    np.testing.assert_array_equal(table.correct, right)
    assert table.questions == ("ID 1", "ID 2")
    assert table.population == 12
    np.testing.assert_array_equal(table.people, np.arange(12))
    assert table.accuracy == {"ID 1": right[:, 0].mean(), "ID 2": right[:, 1].mean()}
    assert table.mean == right.mean()
    bigrams = {word: i for i, word in enumerate(spelled(pool))}
    probability = chain(pool, ["A", "s1", "s0", "EOS"])

    def nats(answer):
        path = [bigrams[word] for word in ("A", *answer.split())]
        return -sum(np.log(probability[a, b]) for a, b in itertools.pairwise(path))

    expected = [[nats(answer) for answer in row] for row in true]
    np.testing.assert_allclose(table.nats, expected, rtol=1e-5)


def test_an_answer_must_end():
    asked, pool = symbolic(length=1)
    right = np.array(truth(asked)) == "s1"
    ends = ask_questions(bigram(pool, chain(pool, ["A", "s1", "EOS"])), asked, pool)
    np.testing.assert_array_equal(ends.correct, right)
    goes_on = ask_questions(bigram(pool, chain(pool, ["A", "s1", "s0"])), asked, pool)
    assert not goes_on.correct.any()
    assert right.any()


def test_a_model_of_equal_probabilities_knows_nothing():
    asked, pool = symbolic(chunks=2)
    size = pool.vocabulary.size
    table = ask_questions(bigram(pool, np.full((size, size), 1 / size)), asked, pool)
    assert table.mean == 0.0
    np.testing.assert_allclose(table.nats, 4 * np.log(size), rtol=1e-6)


@pytest.fixture(scope="module")
def taught():
    """A model that was taught the answers about every other person, and no others."""
    world = worlds.build_bios(10, lists="mini", seed=2)
    asked = corpora.Questions(world, "odd")
    pool = data.tokenize(asked, tokenizers.load_gpt2())
    config = from_name("modded-1-2x16", vocab=pool.vocabulary.size, init_std=0.1)
    tokens, marks, _ = rows(asked, pool, np.arange(0, 10, 2))

    def loss(params):
        nats, _ = token_nats(config, params, tokens[:, :-1], tokens[:, 1:])
        return (nats * marks[:, 1:]).sum() / marks[:, 1:].sum()

    optimizer = optax.adam(0.01)

    def step(carry, _):
        params, state = carry
        value, gradient = jax.value_and_grad(loss)(params)
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(params, updates), state), value

    params = init(config, jax.random.key(0))
    start = (params, optimizer.init(params))
    run = jax.jit(lambda start: jax.lax.scan(step, start, None, length=200))
    (params, _), losses = run(start)
    assert losses[-1] < 0.05
    return world, pool, (config, params)


def rows(asked, pool, people):
    """All documents about some people, padded by EOS: [n Q, W].

    Also which tokens are of the answer or the EOS behind it, and which of the answer.
    """
    number = len(asked.world.sentences)
    plan = asked.ask(np.repeat(people, number), np.tile(np.arange(number), len(people)))
    documents = pool.compose(plan)
    ends = np.cumsum(documents.lengths)
    width = documents.lengths.max() + 1
    shape = (len(plan), width)
    tokens, known = np.full(shape, pool.eos), np.zeros(shape, bool)
    for i, (end, length) in enumerate(zip(ends, documents.lengths, strict=True)):
        tokens[i, :length] = documents.tokens[end - length : end]
        known[i, :length] = documents.labels[end - length : end] > corpora.NAME
    closed = known | np.roll(known, 1, axis=1)
    return tokens, closed, known


def test_exact_match_is_teacher_forced_correctness_of_answer_and_end(taught):
    world, pool, (config, params) = taught
    asked = corpora.Questions(world)
    table = ask_questions((config, params), asked, pool)
    tokens, closed, known = rows(asked, pool, np.arange(10))
    nats, aux = jax.jit(lambda x, y: token_nats(config, params, x, y))(
        tokens[:, :-1], tokens[:, 1:]
    )
    right = (aux["correct_BT"] | ~closed[:, 1:]).all(axis=1)
    np.testing.assert_array_equal(table.correct, np.reshape(right, (10, -1)))
    sums = (np.asarray(nats, np.float64) * known[:, 1:]).sum(axis=1)
    np.testing.assert_allclose(table.nats.ravel(), sums, rtol=1e-4, atol=1e-4)
    assert table.correct[::2].all()  # those it was taught
    assert table.correct[1::2].mean() < 0.5
    assert table.nats[::2].max() < table.nats[1::2].max()


def test_people_batches_and_labels_do_not_matter(taught):
    world, pool, model = taught
    asked = corpora.Questions(world)
    whole = ask_questions(model, asked, pool)
    some = ask_questions(model, asked, pool, np.array([7, 2, 4]), batch=4)
    np.testing.assert_array_equal(some.people, [2, 4, 7])
    np.testing.assert_array_equal(some.correct, whole.correct[[2, 4, 7]])
    np.testing.assert_allclose(some.nats, whole.nats[[2, 4, 7]], atol=1e-4)
    assert some.population == 10
    relabelled = pool.relabelled(offset=20, answers_only=True)
    again = ask_questions(model, asked, relabelled)
    np.testing.assert_array_equal(again.nats, whole.nats)
    drawn = ask_questions(model, asked, pool, 4, seed=3)
    assert len(set(drawn.people)) == 4
    even = ask_questions(model, corpora.Questions(world, "even"), pool)
    np.testing.assert_array_equal(even.people, [1, 3, 5, 7, 9])
    np.testing.assert_array_equal(even.correct, whole.correct[1::2])
    assert even.population == 5


@pytest.mark.slow
def test_a_domain_token_opens_the_prompt(taught):
    world, _, _ = taught
    asked = corpora.Questions(world)
    tokenizer = tokenizers.load_gpt2()
    bare, marked = data.tokenize_all([asked, asked], tokenizer, ["", "useful"])
    config = from_name("GPT2-1-1", vocab=bare.vocabulary.size, head_size=16)
    model = (config, init(config, jax.random.key(1)))
    tokens, _, known = rows(asked, marked, np.arange(10))
    assert (tokens[:, 1] == marked.prefix[1]).all()
    nats, _ = token_nats(config, model[1], tokens[:, :-1], tokens[:, 1:])
    sums = (np.asarray(nats, np.float64) * known[:, 1:]).sum(axis=1)
    found = ask_questions(model, asked, marked).nats
    np.testing.assert_allclose(found.ravel(), sums, rtol=1e-5)
    assert not np.allclose(found, ask_questions(model, asked, bare).nats, rtol=1e-5)


def test_a_new_model_answers_nothing_and_compiles_once_a_length():
    world = worlds.build_bios(300, lists="mini", seed=1)
    asked = corpora.Questions(world, "even")
    pool = data.tokenize(asked, tokenizers.load_gpt2())
    config = from_name("GPT2-1-1", vocab=pool.vocabulary.size, head_size=16)
    before = _judge._cache_size()
    for seed in (0, 1):
        model = (config, init(config, jax.random.key(seed)))
        table = ask_questions(model, asked, pool, batch=128)
        assert table.mean < 0.01
        bits = table.nats.mean() / np.log(2)
        assert bits > np.log2(pool.vocabulary.size)
    assert _judge._cache_size() - before <= 2


def test_refusals(taught):
    world, pool, (config, params) = taught
    asked = corpora.Questions(world)
    with pytest.raises(ValueError, match="the model is a function; it must be"):
        ask_questions(lambda tokens: tokens, asked, pool)
    other = dataclasses.replace(config, vocab=7)
    with pytest.raises(ValueError, match="the model has 7 tokens, the questions"):
        ask_questions((other, params), asked, pool)
    with pytest.raises(ValueError, match="batch=-1; at least 1, or 0 to choose"):
        ask_questions((config, params), asked, pool, batch=-1)
    with pytest.raises(ValueError, match="must be distinct and lie in 0 to 9"):
        ask_questions((config, params), asked, pool, np.array([3, 10]))
    broken = jax.tree.map(lambda x: x * np.nan, params)
    with pytest.raises(ValueError, match="about person 0 is not a number"):
        ask_questions((config, broken), asked, pool)

    class Biographies:
        """Documents that tell everything, where a question would tell one thing."""

        def __init__(self):
            self.__dict__.update(vars(corpora.Biographies(world)))
            self.world = dataclasses.replace(world, sentences=("all",))
            self.num_people, self.people = 10, lambda i: i

        def ask(self, people, question, seed):
            return corpora.Biographies(world).score_plan(people, seed)

    pool = data.tokenize(corpora.Biographies(world), tokenizers.load_gpt2())
    config = dataclasses.replace(config, vocab=pool.vocabulary.size)
    with pytest.raises(ValueError, match="one document that ends in its answer"):
        ask_questions((config, params), Biographies(), pool)


def test_few_batches_wait_on_the_device(monkeypatch):
    """Results count as waiting from their dispatch until they are fetched."""
    questions, pool = symbolic(people=20)
    model = bigram(pool, chain(pool, ["s0"]))
    waiting, most = set(), [0]

    class Result:
        def __init__(self, array):
            self.array = array
            waiting.add(id(self))
            most.append(len(waiting))

        def __array__(self, dtype=None, copy=None):
            waiting.discard(id(self))
            return np.asarray(self.array, dtype)

    def judge(*given):
        losses, wrong = _judge(*given)
        return Result(losses), wrong

    whole = ask_questions(model, questions, pool)
    module = importlib.import_module("kscale.scores.answers")  # the name is a function
    monkeypatch.setattr(module, "_judge", judge)
    table = ask_questions(model, questions, pool, batch=1)
    np.testing.assert_allclose(table.nats, whole.nats, rtol=1e-6)
    assert len(most) > 30
    assert max(most) <= 4
    assert not waiting
