"""Where a value ends: models of whole texts, whose knowledge is known.

A model is a distribution over texts: of the marginals, where every value is told of
everybody; or all-knowing, where a person's texts differ in wording alone.
"""

import dataclasses
import itertools
import json

import jax
import numpy as np
import pytest

from kscale import corpora, tokenizers, worlds
from kscale.models import ModelConfig, apply, init
from kscale.scores import dropped_share, measure_capacity, score_corpus

NAMES = {"1_first": "Ada\nBo\nCy\nDee", "2_last": "Ek\nFox\nGray\nHill"}
PRONOUNS = {"he": "He", "possessive": "His"}, {"he": "She", "possessive": "Her"}


def build_world(folder, values, lines, names=NAMES, people=16):
    """A world of one attribute, and of the pronoun where a line has it."""
    files = {f"names/{name}.txt": text for name, text in names.items()}
    files |= {"order.txt": "major", "values/major.txt": "\n".join(values)}
    files["templates/major.txt"] = "\n".join(lines)
    if any("{he}" in line for line in lines):
        files["values/he+possessive.txt"] = "He;His\nShe;Her"
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n", "utf-8")
    return worlds.build_bios(people, lists=str(folder))


def read_all(world, lines):
    """(texts of the marginals, texts that are true), each as often as it is told."""
    people = [world.person(i) for i in range(world.people)]
    names = [
        " ".join(x) for x in itertools.product(*(c.strings for c in world.name_columns))
    ]
    (major, *other) = sorted(world.attributes, key=lambda a: a.name != "major")
    (column,) = major.columns
    forms = PRONOUNS if other else ({},)
    every = itertools.product(names, column.strings, lines, forms)
    return (
        [line.format(name=n, value=v, **form) for n, v, line, form in every],
        [x.format(**p, value=p["major"]) for p in people for x in lines],
    )


def model_of(exact, task, texts, odds=None):
    """The model that says each of the texts, equally often or by their odds."""
    eos = task.pool.eos
    trie = exact.Trie(task.vocab, [(*task.encode(" " + x), eos) for x in texts], odds)

    def model(tokens):
        logits = np.zeros((*tokens.shape, task.vocab), np.float32)
        for row, line in enumerate(tokens.tolist()):
            for at in range(len(line)):
                if (said := tuple(line[1 : at + 1])) in trie.mass:
                    logits[row, at] = trie(said)
        return logits

    return model


def check(exact, corpus, lines):
    """Checks that the marginals are 0 bits and all there is to know is R_max."""
    task = exact.Task(corpus, tokenizers.load_gpt2())
    found = []
    for texts in read_all(task.world, lines):
        table = score_corpus(model_of(exact, task, texts), corpus, task.pool)
        found.append(
            measure_capacity(task.world.counts, corpus.labels, table, parameters=1000)
        )
    blind, knowing = found
    most = knowing.bits_max
    got = blind.bits.name, blind.bits.value, knowing.bits.name, knowing.bits.value
    assert got == pytest.approx((0, 0, most.name, most.value), abs=1e-3)
    assert knowing.accuracy["major"] == 1


DISTRICT = ["Washington", "Washington, D.C."]
PARIS = ["Paris", "Paris, Texas"]
ARTS = ["Art", "Art History"]
CASES = {
    "one token behind": (ARTS, ["{name} studies {value}."]),
    "a comma": (DISTRICT, ["{name} was born in {value}, and is here."]),
    "a comma or not": (PARIS, ["{name} is of {value}.", "{name} is of {value}, too."]),
    "a pronoun": (ARTS, ["{name} studies {value} {he} says."]),
    "no full stop": (ARTS, ["{name} and {possessive} {value}", "{name}: {value} {he}"]),
    "wording": (ARTS, ["{name} studies {value}.", "{name} studies {value} in town."]),
    "several": (
        [*ARTS, "Art History 2", "Art School", "Arts", "Law"],
        ["{name}: {value}.", "{name}: {value} now"],
    ),
    "merged behind": (["Yahoo", "Yahoo!", "Yahoo! Inc."], ["{name} likes {value}."]),
    "a full stop": (["Acme Inc", "Acme Inc."], ["{name} works at {value}."]),
    "merged before": (
        ["re", "re cut"],
        ["{name} likes p{value}.", "{name} likes p{value} too."],
    ),
    "merged before some": (
        ["re", "History", "Art", "re School"],
        ["{name} likes p{value} now", "{name} studies {value}."],
    ),
    "words": (
        ["New York", "New York City", "New Yorker"],
        ["{name} (in {value})", "{name} (in {value} or so)"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_marginals_are_no_bits_and_all_is_the_maximum(exact, tmp_path, case):
    values, lines = CASES[case]
    world = build_world(tmp_path, values, lines)
    check(exact, corpora.Biographies(world), lines)


@pytest.mark.parametrize(
    "names",
    [
        {"1_first": "Ada\nBo\nCy", "2_last": "Lee\nLee Park\nFox"},
        {"1_first": "Ann\nAnn Marie", "2_last": "Marie\nLou\nKim"},
    ],
)
def test_names(exact, tmp_path, names):
    lines = ["{name} studies {value}.", "{name}, of {value}."]
    world = build_world(tmp_path, ["Art", "Law"], lines, names, 6)
    check(exact, corpora.Biographies(world), lines)


def test_rewritten_texts(exact, tmp_path):
    lines = ["{name} is from {value}, and well.", "{name} is from {value}. So it is."]
    world = build_world(tmp_path, PARIS, lines)
    people = [world.person(i) for i in range(world.people)]
    texts = tmp_path / "texts.jsonl"
    texts.write_text(
        "\n".join(
            json.dumps({"id": i, "text": lines[i % 2].format(**p, value=p["major"])})
            for i, p in enumerate(people)
        )
    )
    check(exact, corpora.Rewrites(world, texts), lines)


def test_a_value_costs_its_probability_whatever_the_model_believes(exact, tmp_path):
    values = ["Art", "Art History", "Art History 2", "Law"]
    world = build_world(tmp_path, values, ["{name}: {value}."])
    corpus = corpora.Biographies(world)
    task = exact.Task(corpus, tokenizers.load_gpt2())
    odds = np.random.default_rng(0).dirichlet([0.5] * 4, size=16)
    odds[:4, 0] = 0  # of four people it is sure that they do not study Art
    odds /= odds.sum(axis=1, keepdims=True)
    people = [world.person(i) for i in range(16)]
    texts = [f"{p['name']}: {v}." for p in people for v in values]
    model = model_of(exact, task, texts, odds.ravel())
    table = score_corpus(model, corpus, task.pool)
    true = np.array([values.index(p["major"]) for p in people])
    said = np.where(true == 0, 1 - odds[:, 3], 1)  # " Art" is of three values
    cost = -np.log(np.maximum(odds[range(16), true], 1e-6 * said))
    found = table.nats[:, task.label("major")]
    assert 0 in odds[range(16), true]
    np.testing.assert_allclose(found, cost, rtol=1e-4, atol=1e-5)
    sure = np.max(odds, axis=1) > 0.5
    right = np.argmax(odds, axis=1) == true
    np.testing.assert_array_equal(table.correct[sure, -1], right[sure])


def test_a_model_of_ours_is_asked_for_the_longer_values(exact, tmp_path):
    """Also where people are scored in batches of other sizes."""
    world = build_world(tmp_path, ARTS, ["{name}: {value}.", "{name}: {value} now"])
    corpus = corpora.Biographies(world)
    task = exact.Task(corpus, tokenizers.load_gpt2())
    config = ModelConfig(vocab=task.vocab, layers=1, heads=1, head_size=8, init_std=0.5)
    params = init(config, jax.random.key(0))
    table = score_corpus((config, params), corpus, task.pool)
    other = score_corpus((config, params), corpus, task.pool, batch=3)
    np.testing.assert_allclose(table.nats, other.nats, rtol=1e-5)
    np.testing.assert_array_equal(table.counts, other.counts)
    art, history = task.encode(" Art History")
    for person, (tokens, labels) in enumerate(task.documents):
        at = labels.index(task.label("major"))
        logits, _ = jax.jit(apply, static_argnums=0)(config, params, np.array([tokens]))
        logs = np.asarray(jax.nn.log_softmax(logits[0]), np.float64)
        cost = -logs[at - 1, art] - logs[at, history]
        if tokens[at + 1] != history:
            cost = -logs[at - 1, art] - np.log(1 - np.exp(logs[at, history]))
        found = table.nats[person, task.label("major")]
        assert found == pytest.approx(cost, rel=1e-5)


def test_the_dropped_share_is_that_of_documents(exact, tmp_path):
    """Not of the rows in which a value is told as a longer one."""
    world = build_world(tmp_path, ARTS, ["{name}: {value}.", "{name}: {value} now"])
    corpus = corpora.Biographies(world)
    task = exact.Task(corpus, tokenizers.load_gpt2())
    form = {"layers": 1, "heads": 1, "head_size": 8, "init_std": 0.3, "mlp_width": 1.0}
    routed = {"experts": 4, "top_k": 2, "eval_capacity_factor": 1.0}
    config = ModelConfig(vocab=task.vocab, **form, **routed)
    model = config, init(config, jax.random.key(0))
    plain = dataclasses.replace(task.pool, longer={})
    found = dropped_share(model, corpus, task.pool)
    assert task.pool.longer
    assert found == dropped_share(model, corpus, plain) > 0
