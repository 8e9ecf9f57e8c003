"""Models whose knowledge is known, scored on real worlds and their true tokens."""

import math

import numpy as np
import pytest

from kscale import corpora, tokenizers
from kscale.scores import measure_capacity, partial_memorizer, score_corpus

LN2 = math.log(2)
CITY = "employer_city"


def measure(exact, task, rules, **options):
    table = score_corpus(exact.Oracle(task, rules), task.corpus, task.pool, **options)
    return measure_capacity(
        task.world.counts, task.corpus.labels, table, parameters=1000
    )


def test_nothing_scores_zero(exact, mini):
    known = measure(exact, mini, exact.nothing(mini))
    assert known.p1 == pytest.approx(math.log(mini.world.name_space), rel=1e-6)
    assert known.bits.name == pytest.approx(0, abs=1e-3)
    assert known.bits.value == pytest.approx(0, abs=1e-3)
    assert known.bits_max.total > 9000


def test_nothing_of_biod_scores_zero_but_for_its_strings(exact, biod):
    # It knows the strings and guesses among them: D^C and N0 cancel. The diversity
    # part charges the guess of the first chunk, K D (L log2 T - 2 log2 D).
    known = measure(exact, biod, exact.nothing(biod))
    assert known.bits.name == pytest.approx(0, abs=1e-3)
    assert known.bits.value == pytest.approx(0, abs=1e-3)
    assert known.bits.diversity == pytest.approx(3 * 8 * (2 * math.log2(6) - 2 * 3))


@pytest.mark.parametrize("which", ["mini", "biod"])
def test_table_lookup_scores_the_maximum(request, exact, which):
    task = request.getfixturevalue(which)
    known = measure(exact, task, exact.knowing(task))
    for part in ("name", "value", "diversity", "total"):
        most = getattr(known.bits_max, part)
        assert getattr(known.bits, part) == pytest.approx(most, rel=1e-6)
    assert known.bits_per_param == pytest.approx(known.max_bits_per_param, rel=1e-6)
    told = {a.name for a in task.world.attributes}
    assert {known.accuracy[name] for name in told} == {1.0}


def employer_and_city(task):
    """The tokens of each city -> a draw from the employers there."""
    (employer,) = (a for a in task.world.attributes if a.name == "employer")
    pairs = zip(employer.columns[0].strings, employer.derived[0].strings, strict=True)
    by_city = {}
    for name, city in pairs:
        by_city.setdefault(task.encode(" " + city), []).append(" " + name)
    return by_city


def knows_cities_of_employers(exact, task, mark):
    """Rules: nothing, but employer -> city, and city -> employers where told before."""
    rules, facts = exact.nothing(task), task.facts()
    by_city = {
        city: task.trie(names) for city, names in employer_and_city(task).items()
    }
    anywhere = rules[task.label("employer")]

    def employer(person, prefix, seen):
        if mark in seen:
            return by_city[seen[mark]](prefix)
        return anywhere(person, prefix, seen)

    def city(person, prefix, seen):
        return exact.Trie(task.vocab, [facts[person][task.label(CITY)]])(prefix)

    return rules | {task.label("employer"): employer, task.label(CITY): city}


def city_first(mini, mark):
    """Documents that name the employer's city straight after the person's name."""
    label = mini.label(CITY)

    def tell(tokens, labels):
        at = next(i for i in range(2, len(labels)) if labels[i] != corpora.NAME)
        city = [t for t, x in zip(tokens, labels, strict=True) if x == label]
        rest = [(t, x) for t, x in zip(tokens, labels, strict=True) if x != label]
        head, tail = rest[:at], rest[at:]
        pairs = head + [(t, mark) for t in city] + tail
        return [t for t, _ in pairs], [x for _, x in pairs]

    return tell


def test_employer_to_city_alone_scores_zero(exact, mini):
    rules = knows_cities_of_employers(exact, mini, mini.label(CITY))
    known = measure(exact, mini, rules)
    assert known.bits.total == pytest.approx(0, abs=1e-3)
    assert known.accuracy[CITY] == 1.0


def test_employer_after_its_city_would_score_too_much(exact, mini):
    # The trap: the same model, asked in a text that says the city first. The city's
    # tokens are marked as padding here, or `score_corpus` would refuse the text.
    task = exact.Task(
        mini.corpus, tokenizers.load_gpt2(), city_first(mini, mark := 255)
    )
    known = measure(exact, task, knows_cities_of_employers(exact, task, mark))
    cities = employer_and_city(mini)
    sizes = [len(cities[fact[mini.label(CITY)]]) for fact in mini.facts()]
    everywhere = sum(map(len, cities.values()))
    leaked = sum(math.log2(everywhere / size) for size in sizes)
    assert leaked > 500
    assert known.bits.value == pytest.approx(leaked, rel=1e-5)


def test_employer_after_its_city_is_refused(exact, mini):
    label = mini.label(CITY)
    task = exact.Task(mini.corpus, tokenizers.load_gpt2(), city_first(mini, label))
    with pytest.raises(ValueError, match="employer_city comes before employer in the"):
        score_corpus(exact.Oracle(task, {}), task.corpus, task.pool)


def memorizer_rules(exact, task, q_name, q_value, delta):
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
    return rules


def test_partial_memorizer_scores_its_closed_form(exact, biod):
    q_name, q_value, delta = 0.5, 0.7, 0.1
    known = measure(exact, biod, memorizer_rules(exact, biod, q_name, q_value, delta))
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


def test_first_token_accuracy_times_entropy_would_score_too_much(exact, mini):
    # It knows the first token of every value and guesses the rest from the lists.
    rules, facts, expected = exact.nothing(mini), mini.facts(), 0.0
    labels = mini.corpus.labels
    for i in [i for i, label in enumerate(labels) if label.kind == "value"]:

        def rule(person, prefix, seen, i=i, blind=rules[i]):
            first = exact.Trie(mini.vocab, [facts[person][i][:1]])
            return blind(person, prefix, seen) if prefix else first(())

        for person, fact in enumerate(facts):
            expected -= rules[i](person, (), {})[fact[i][0]] / LN2
        rules[i] = rule
    known = measure(exact, mini, rules)
    assert known.bits.value == pytest.approx(expected, rel=1e-5)
    assert known.bits.value < 0.8 * known.bits_max.value  # which it would be called
    assert known.accuracy["birth_date"] < 0.1 < known.accuracy["pronoun"] == 1.0


def test_a_loss_is_the_sum_over_tokens(exact, mini):
    table = score_corpus(exact.Oracle(mini, {}), mini.corpus, mini.pool)
    np.testing.assert_allclose(
        table.nats, table.counts * math.log(mini.vocab), rtol=1e-6
    )
    for person, (_, labels) in enumerate(mini.documents):
        found = np.bincount(labels[1:], minlength=len(table.labels))
        np.testing.assert_array_equal(table.counts[person], found)
    assert table.counts[:, corpora.NAME].mean() >= 3


def test_a_name_that_opens_late_is_scored_after_eos(exact, mini):
    # "By the record, Brooke Malik Pittman ...": what stands before gives no name away.
    opening = mini.encode(" was") + mini.encode(" in")

    def tell(tokens, labels):
        return [tokens[0], *opening, *tokens[1:]], [0, 0, 0, *labels[1:]]

    late = exact.Task(mini.corpus, tokenizers.load_gpt2(), tell)
    alone = []

    def model(tokens):
        alone.extend(line for line in tokens.tolist() if line[1] != opening[0])
        return np.zeros((*tokens.shape, mini.vocab), np.float32)

    table = score_corpus(model, late.corpus, late.pool)
    whole = score_corpus(exact.Oracle(mini, {}), mini.corpus, mini.pool)
    np.testing.assert_allclose(table.nats[:, 1:], whole.nats[:, 1:], rtol=1e-6)
    np.testing.assert_array_equal(table.counts[:, 1:], whole.counts[:, 1:])
    named = {fact[corpora.NAME] for fact in mini.facts()}
    seen = {tuple(t for t in line[1:] if t != mini.pool.eos) for line in alone}
    assert named <= seen


def test_documents_without_eos_are_refused(exact, mini):
    def tell(tokens, labels):
        return tokens[1:], labels[1:]

    task = exact.Task(mini.corpus, tokenizers.load_gpt2(), tell)
    with pytest.raises(ValueError, match="must begin with EOS"):
        score_corpus(exact.Oracle(task, {}), task.corpus, task.pool)


def test_a_value_before_the_name_is_refused(exact, mini):
    def tell(tokens, labels):
        return [*tokens, *tokens[1:4]], [labels[0], *[0] * 3, *labels[4:], 1, 1, 1]

    task = exact.Task(mini.corpus, tokenizers.load_gpt2(), tell)
    with pytest.raises(ValueError, match="comes before name in the document of person"):
        score_corpus(exact.Oracle(task, {}), task.corpus, task.pool)
