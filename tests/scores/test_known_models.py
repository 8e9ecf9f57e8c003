"""Models whose knowledge is known: nothing, everything, the marginals, a part."""

import json
import math
import re

import numpy as np
import pytest
from documents import text_of

from kscale import corpora, tokenizers, worlds
from kscale.scores import measure_capacity, partial_memorizer, score_corpus

LN2 = math.log(2)


def measure(task, model):
    table = score_corpus(model, task.corpus, task.pool)
    return capacity(task, table)


def capacity(task, table):
    return measure_capacity(
        task.world.counts, task.corpus.labels, table, parameters=1000
    )


def folder_task(exact, folder, people, **lists):
    """A task of lists and templates written to a folder."""
    files = {
        "names/1_first.txt": "Ada\nBo\nCy\nDee",
        "names/2_last.txt": "Ek\nFox\nGray\nHill",
        "order.txt": "major",
        "templates/major.txt": "{name} studies {value}.",
    }
    for path, text in (files | lists).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n", "utf-8")
    world = worlds.build_bios(people, lists=str(folder))
    return exact.Task(corpora.Biographies(world), tokenizers.load_gpt2())


@pytest.fixture(scope="module", params=["bios", "mini", "tiny", "bios-simple", "bioR"])
def task(request, exact, tmp_path_factory):
    """60 people of every kind of biography."""
    kind = {"bios-simple": "bios", "bioR": "mini"}.get(request.param, request.param)
    world = worlds.build_bios(60, seed=3, lists=kind)
    corpus = corpora.Biographies(world, fresh=request.param != "bios-simple")
    if request.param == "bioR":
        path = tmp_path_factory.mktemp("bior") / "texts.jsonl"
        texts = [
            {"id": i, "text": text_of(corpus, row)}
            for seed in (0, 1)
            for i, row in enumerate(corpus.score_plan(np.arange(60), seed))
        ]
        path.write_text("\n".join(map(json.dumps, texts)))
        corpus = corpora.Rewrites(world, path, skip_unfound=True)
        assert corpus.num_people == 60
    return exact.Task(corpus, tokenizers.load_gpt2())


def test_nothing_scores_zero(exact, task):
    if isinstance(task.corpus, corpora.Rewrites):
        pytest.skip("the model has the tokens of these texts, not those of all lists")
    known = measure(task, exact.Oracle(task, exact.nothing(task)))
    assert known.p1 == pytest.approx(math.log(task.world.name_space), rel=1e-6)
    assert known.bits.name == pytest.approx(0, abs=1e-3)
    assert known.bits.value == pytest.approx(0, abs=1e-3)
    assert known.bits_max.total > 1500


def wording_bits(task, table):
    """What the model that knows everything paid for values, bits [people], if any."""
    bits = dict(zip(table.labels, table.nats.T / LN2, strict=True))
    np.testing.assert_allclose(bits.pop("name"), math.log2(task.world.people))
    del bits["text"]
    return {piece: paid for piece, paid in bits.items() if paid.max() > 1e-5}


def test_everything_scores_the_maximum(exact, task):
    """It is not told how a text goes on: which sentence comes, which template, He, His.

    All that is left are 0.12 bits of a man called Shelly, 2e-6 of R_max: " She" begins
    his name, with which 8 % of the later sentences begin.
    """
    facts = [task.world.person(i) for i in task.people]
    shelly = [f["name"].startswith("Shelly") and f["pronoun"] == "He" for f in facts]
    table = score_corpus(exact.Knower(task), task.corpus, task.pool)
    paid = wording_bits(task, table)
    assert list(paid) == ["pronoun"] * any(shelly)
    for bits in paid.values():
        np.testing.assert_allclose(bits, -np.log2(0.92) * np.array(shelly), atol=1e-5)
    known = capacity(task, table)
    left = -math.log2(0.92) * sum(shelly)
    assert known.bits.total == pytest.approx(known.bits_max.total - left, rel=1e-6)
    assert {known.accuracy[a.name] for a in task.world.attributes} == {1.0}


ALIKE = {
    "a value or more words": (
        "{name} studies {value}.\n{name} studies the art of {value}.",
        "{name} lives in {value}.",
        lambda text: {"major": "the art" not in text},
    ),
    # The first sentence may tell either; the second tells what is left.
    "one value or another": (
        "{name} loves {value}.",
        "{name} loves {value}.",
        lambda text: {
            "major": re.search("Law|Math", text).start() < text.index("."),
            "town": re.search("Ulm|Rome", text).start() < text.index("."),
        },
    ),
    "words behind the value": (
        "{name} studies {value}.\n{name} studies {value} now.",
        "{name} lives in {value}.\n{name} lives by {value}.",
        lambda text: {},
    ),
}


@pytest.mark.parametrize(("major", "town", "pays"), ALIKE.values(), ids=ALIKE)
def test_templates_that_begin_alike_cost_one_bit(exact, tmp_path, major, town, pays):
    task = folder_task(
        exact,
        tmp_path,
        16,
        **{
            "order.txt": "major\ntown",
            "values/major.txt": "Law\nMath",
            "values/town.txt": "Ulm\nRome",
            "templates/major.txt": major,
            "templates/town.txt": town,
        },
    )
    texts = [text_of(task.corpus, x) for x in task.corpus.score_plan(task.people)]
    table = score_corpus(exact.Knower(task), task.corpus, task.pool)
    paid = wording_bits(task, table)
    expected = [pays(text) for text in texts]
    assert set(paid) == set(expected[0])
    for piece, bits in paid.items():
        assert 0 < sum(bits) < 16
        np.testing.assert_allclose(bits, [x[piece] for x in expected], atol=1e-6)


def test_nothing_of_biod_scores_zero_but_for_its_strings(exact, biod):
    # It knows the strings and guesses among them: D^C and N0 cancel. The diversity
    # part charges the guess of the first chunk, K D (L log2 T - 2 log2 D).
    known = measure(biod, exact.Oracle(biod, exact.nothing(biod)))
    assert known.bits.name == pytest.approx(0, abs=1e-3)
    assert known.bits.value == pytest.approx(0, abs=1e-3)
    assert known.bits.diversity == pytest.approx(3 * 8 * (2 * math.log2(6) - 2 * 3))


def test_table_lookup_scores_the_maximum(exact, biod):
    task = biod
    known = measure(task, exact.Knower(task))
    for part in ("name", "value", "diversity", "total"):
        most = getattr(known.bits_max, part)
        assert getattr(known.bits, part) == pytest.approx(most, rel=1e-6)
    assert known.bits_per_param == pytest.approx(known.max_bits_per_param, rel=1e-6)
    assert {known.accuracy[a.name] for a in task.world.attributes} == {1.0}


def memorizer(exact, task, q_name, q_value, delta):
    """The model of `partial_memorizer`: who is known is the first so many."""
    world, facts = task.world, task.facts()
    people, space = world.people, world.name_space
    parts = [column.strings for column in world.name_columns]
    everyone = [f" {a} {b} {c}" for a in parts[0] for b in parts[1] for c in parts[2]]
    named = {facts[i][corpora.NAME] for i in range(int(q_name * people))}
    share = (q_name / len(named), (1 - q_name) / (space - len(named)))
    names = [task.encode(name) for name in everyone]
    weights = [share[0] if name in named else share[1] for name in names]
    trie = exact.Trie(task.vocab, names, weights)
    rules = {corpora.NAME: lambda person, prefix, seen: trie(prefix)}
    for k, attribute in enumerate(world.attributes):
        first = task.label(attribute.name)
        strings = [task.encode(" " + text) for text in attribute.columns[0].strings]
        values = [one + other for one in strings for other in strings]
        guess = exact.Trie(task.vocab, values)
        tries = []
        for person, fact in enumerate(facts):
            true = fact[first] + fact[first + 1]
            odds = [1 - delta if v == true else delta / 63 for v in values]
            known = person + people * k < round(q_value * people * 3)
            tries.append(exact.Trie(task.vocab, values, odds) if known else guess)
        rules[first] = lambda person, prefix, seen, tries=tries: tries[person](prefix)
        rules[first + 1] = lambda person, prefix, seen, tries=tries, first=first: tries[
            person
        ](seen[first] + prefix)
    return exact.Oracle(task, rules)


def test_partial_memorizer_scores_its_closed_form(exact, biod):
    q_name, q_value, delta = 0.5, 0.7, 0.1
    known = measure(biod, memorizer(exact, biod, q_name, q_value, delta))
    # N 200, K 3, C 2, D 8, N0 8000, by hand:
    p1 = 0.5 * math.log(200) + 0.5 * math.log((8000 - 100) / 0.5)
    p2 = -0.7 * math.log(0.9) + 0.3 * 2 * math.log(8)
    p3 = -0.7 * math.log(0.9 + 0.1 * 7 / 63) + 0.3 * math.log(8)
    assert partial_memorizer(biod.world.counts, q_name, q_value, delta) == (
        pytest.approx((p1, p2, p3), rel=1e-12)
    )
    assert (known.p1, known.p2, known.p3) == pytest.approx((p1, p2, p3), rel=1e-6)
    bits = (
        200 * (math.log2(8000) - p1 / LN2),
        600 * (6 - p2 / LN2),
        24 * (2 * math.log2(6) - 3 - p3 / LN2),
    )
    assert (known.bits.name, known.bits.value, known.bits.diversity) == (
        pytest.approx(bits, rel=1e-5)
    )
