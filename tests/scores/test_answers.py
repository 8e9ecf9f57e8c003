"""Answers of models whose answers are known.

Bigrams made by hand, a model trained on some people, models that know nothing. All but
one are of one shape, so that few programs are compiled.
"""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from kscale import corpora, data, tokenizers, worlds
from kscale.models import from_name, init, token_nats
from kscale.scores import answers, ask_questions

WORDS = ["Q", "A", "ID 1", "ID 2", *(f"n{i}" for i in range(5)), "s0", "s1"]
TOKENIZER = tokenizers.Symbols(WORDS)
PEOPLE = np.arange(20)


@pytest.fixture(scope="module")
def asked():
    """Questions like "Q n0 n2 ID 1 A s1 s0" about 20 people."""
    world = worlds.build_biod(20, 2, 1, 4, 2, 2, name_parts=(5, 5), seed=1)
    return corpora.Questions(world)


@pytest.fixture(scope="module")
def pool(asked):
    return data.tokenize(asked, TOKENIZER)


@pytest.fixture(scope="module")
def config(pool):
    """A model whose width holds a one-hot row of the vocabulary."""
    size = pool.vocabulary.size
    width = size + size % 2
    return from_name("LLaMA-1-1", vocab=size, head_size=width, norm_eps=1e-12)


@pytest.fixture(scope="module")
def ids(pool):
    """Dense ids of the words."""
    dense = {}
    for word in WORDS:
        (original,) = TOKENIZER.encode(f" {word}")
        dense[word] = int(pool.vocabulary.to_dense(np.array([original]))[0])
    return dense | {"EOS": pool.eos}


@pytest.fixture(scope="module")
def truth(asked):
    """The answers' words: [people, questions]."""
    facts = [asked.world.person(i) for i in PEOPLE]
    return np.array([[fact[name] for name in asked.world.sentences] for fact in facts])


def bigram(config, probabilities):
    """A model whose next token depends on the last one alone, by this table [V, V]."""
    shapes = jax.eval_shape(lambda: init(config, jax.random.key(0)))
    params = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), shapes)
    # Attention and MLP add 0, and the norm takes a one-hot row to length sqrt(width).
    params["embed"]["table"] = jnp.eye(config.vocab, config.width)
    params["final_norm"]["scale"] = jnp.full(config.width, config.width**-0.5)
    head = np.zeros((config.vocab, config.width))
    head[:, : config.vocab] = np.log(probabilities).T
    params["head"]["table"] = jnp.asarray(head, jnp.float32)
    return config, params


def chain(ids, words):
    """Bigrams that go through `words`, each with probability 0.9."""
    size = len(ids)
    table = np.full((size, size), 0.1 / (size - 1))
    for one, other in itertools.pairwise(ids[word] for word in words):
        table[one, other] = 0.9
    return table


def test_bigrams_by_hand(asked, pool, config, ids, truth):
    probability = chain(ids, ["A", "s1", "s0", "EOS"])
    table = ask_questions(bigram(config, probability), asked, pool)
    right = truth == "s1 s0"
    assert 0 < right.sum() < right.size
    np.testing.assert_array_equal(table.correct, right)
    assert table.questions == ("ID 1", "ID 2")
    assert table.population == 20
    np.testing.assert_array_equal(table.people, PEOPLE)
    assert table.accuracy == {"ID 1": right[:, 0].mean(), "ID 2": right[:, 1].mean()}
    assert table.mean == right.mean()

    def nats(answer):
        path = [ids[word] for word in ("A", *answer.split(), "EOS")]
        return -sum(np.log(probability[a, b]) for a, b in itertools.pairwise(path))

    expected = [[nats(answer) for answer in row] for row in truth]
    np.testing.assert_allclose(table.nats, expected, rtol=1e-5)


def test_an_answer_must_end(asked, pool, config, ids):
    goes_on = bigram(config, chain(ids, ["A", "s1", "s0", "s1"]))
    assert not ask_questions(goes_on, asked, pool).correct.any()


def test_a_model_of_equal_probabilities_knows_nothing(asked, pool, config):
    size = config.vocab
    model = bigram(config, np.full((size, size), 1 / size))
    table = ask_questions(model, asked, pool)
    assert table.mean == 0.0
    np.testing.assert_allclose(table.nats, 3 * np.log(size), rtol=1e-6)


@pytest.fixture(scope="module")
def taught(asked, pool, config):
    """A model that was taught the answers about every other person, and no others."""
    tokens, marks = rows(asked, pool, PEOPLE[::2])

    def loss(params):
        nats, _ = token_nats(config, params, tokens[:, :-1], tokens[:, 1:])
        return (nats * marks[:, 1:]).sum() / marks[:, 1:].sum()

    optimizer = optax.adam(0.02)

    def step(carry, _):
        params, state = carry
        value, gradient = jax.value_and_grad(loss)(params)
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(params, updates), state), value

    params = init(dataclasses.replace(config, init_std=0.3), jax.random.key(0))
    start = (params, optimizer.init(params))
    run = jax.jit(lambda start: jax.lax.scan(step, start, None, length=400))
    (params, _), losses = run(start)
    assert losses[-1] < 0.05
    return config, params


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
    return tokens, closed


def test_exact_match_is_teacher_forced_correctness_of_answer_and_end(
    taught, asked, pool
):
    config, params = taught
    table = ask_questions(taught, asked, pool)
    tokens, closed = rows(asked, pool, PEOPLE)
    nats, aux = jax.jit(lambda x, y: token_nats(config, params, x, y))(
        tokens[:, :-1], tokens[:, 1:]
    )
    right = (aux["correct_BT"] | ~closed[:, 1:]).all(axis=1)
    np.testing.assert_array_equal(table.correct, np.reshape(right, (20, -1)))
    sums = (np.asarray(nats, np.float64) * closed[:, 1:]).sum(axis=1)
    np.testing.assert_allclose(table.nats.ravel(), sums, rtol=1e-4, atol=1e-4)
    assert table.correct[::2].all()  # those it was taught
    assert table.correct[1::2].mean() < 0.8
    assert table.nats[::2].max() < table.nats[1::2].max()


def test_answers_are_in_float32_whatever_the_model_was_trained_in(taught, asked, pool):
    config, params = taught
    half = dataclasses.replace(config, compute="bfloat16")
    found, table = (ask_questions((c, params), asked, pool) for c in (half, config))
    np.testing.assert_array_equal(found.nats, table.nats)
    np.testing.assert_array_equal(found.correct, table.correct)


def test_people_batches_and_labels_do_not_matter(taught, asked, pool):
    whole = ask_questions(taught, asked, pool)
    some = ask_questions(taught, asked, pool, np.array([7, 2, 4]), batch=5)
    np.testing.assert_array_equal(some.people, [2, 4, 7])
    np.testing.assert_array_equal(some.correct, whole.correct[[2, 4, 7]])
    np.testing.assert_allclose(some.nats, whole.nats[[2, 4, 7]], atol=1e-4)
    assert some.population == 20
    relabelled = pool.relabel(offset=20, answers_only=True)
    again = ask_questions(taught, asked, relabelled)
    np.testing.assert_array_equal(again.nats, whole.nats)
    drawn = ask_questions(taught, asked, pool, 4, seed=3, batch=5)
    assert len(set(drawn.people)) == 4
    np.testing.assert_array_equal(drawn.correct, whole.correct[drawn.people])
    even = corpora.Questions(asked.world, "even")
    half = ask_questions(taught, even, pool, batch=64)
    np.testing.assert_array_equal(half.people, PEOPLE[1::2])
    np.testing.assert_array_equal(half.correct, whole.correct[1::2])
    assert half.population == 10


@pytest.mark.slow
def test_a_new_model_answers_nothing_and_compiles_once_a_length():
    world = worlds.build_bios(60, lists="mini", seed=1)
    asked = corpora.Questions(world, "even")
    pool = data.tokenize(asked, tokenizers.load_gpt2())
    config = from_name("GPT2-1-1", vocab=pool.vocabulary.size, head_size=16)
    before = answers._judge._cache_size()
    for seed in (0, 1):
        model = (config, init(config, jax.random.key(seed)))
        table = ask_questions(model, asked, pool, batch=32)
        assert table.mean < 0.01
        bits = table.nats.mean() / np.log(2)
        assert bits > np.log2(pool.vocabulary.size)
    assert answers._judge._cache_size() - before <= 2


class Result:
    """A result on the device; it counts as waiting until it is fetched."""

    waiting: set[int] = set()
    most = 0

    def __init__(self, array):
        self.array = array
        self.waiting.add(id(self))
        Result.most = max(Result.most, len(self.waiting))

    def __array__(self, dtype=None, copy=None):
        self.waiting.discard(id(self))
        return np.asarray(self.array, dtype)


def test_few_batches_wait_on_the_device_and_prompts_open_as_the_pool_does(
    asked, config, monkeypatch
):
    prompts = []

    def judge(config, params, prompts_BT, lengths_B, answers_BS):
        prompts.append(prompts_BT)
        return Result(np.ones(answers_BS.shape)), np.zeros(answers_BS.shape, bool)

    monkeypatch.setattr(answers, "_judge", judge)
    _, useful = data.tokenize_all([asked, asked], TOKENIZER, ["", "useful"])
    config = dataclasses.replace(config, vocab=useful.vocabulary.size)
    table = ask_questions((config, {}), asked, useful, batch=1)
    assert (table.nats == 3).all()
    assert len(prompts) == 40
    assert Result.most <= 4
    assert not Result.waiting
    assert len(useful.prefix) == 2
    for prompt in prompts:
        np.testing.assert_array_equal(prompt[0, :2], useful.prefix)


def test_refused_models_and_questions(taught, asked, pool):
    config, params = taught
    with pytest.raises(ValueError, match="the model is a function; it must be"):
        ask_questions(lambda tokens: tokens, asked, pool)
    other = dataclasses.replace(config, vocab=7)
    with pytest.raises(ValueError, match="the model has 7 tokens, the questions"):
        ask_questions((other, params), asked, pool)
    with pytest.raises(ValueError, match="batch=-1 must be at least 1, or 0 to choose"):
        ask_questions(taught, asked, pool, batch=-1)
    with pytest.raises(ValueError, match="must be distinct and lie in 0 to 19"):
        ask_questions(taught, asked, pool, np.array([3, 20]))
    broken = jax.tree.map(lambda x: x * np.nan, params)
    with pytest.raises(ValueError, match="the loss of person 0 is not a number"):
        ask_questions((config, broken), asked, pool)

    class Biographies:
        """Documents that state everything, where a question would state one thing."""

        def __init__(self, world):
            self.biographies = corpora.Biographies(world)
            self.world = dataclasses.replace(world, sentences=("all",))
            self.num_people, self.people = 10, lambda i: i

        def ask(self, people, question, seed):
            return self.biographies.score_plan(people, seed)

    world = worlds.build_bios(10, lists="mini", seed=2)
    pool = data.tokenize(corpora.Biographies(world), tokenizers.load_gpt2())
    config = dataclasses.replace(config, vocab=pool.vocabulary.size)
    with pytest.raises(ValueError, match="one document that ends in its answer"):
        ask_questions((config, params), Biographies(world), pool)
