"""Language models that are known exactly, over the true tokens of a corpus.

A trie of weighted token sequences is a proper distribution over next tokens. An oracle
is a model made of such tries: it is given the tokens alone, finds the document that
they begin, and knows the text between the pieces; each piece it draws from a trie. The
knower is not told what the document says: it averages over all texts of the person.
"""

import collections
import functools
import types

import numpy as np
import pytest

from kscale import corpora, data, tokenizers, worlds
from kscale.corpora.templates import biod_templates, load_templates

_TEXTS = 40  # of a person of bioR


class Trie:
    """Next-token distributions of a distribution over token sequences."""

    def __init__(self, vocab, sequences, weights=None):
        self.vocab, self.mass, self.cached = vocab, {}, {}
        weights = [1.0] * len(sequences) if weights is None else weights
        for sequence, weight in zip(sequences, weights, strict=True):
            for i in range(len(sequence)):
                children = self.mass.setdefault(tuple(sequence[:i]), {})
                children[sequence[i]] = children.get(sequence[i], 0.0) + weight
        ends = {tuple(sequence) for sequence in sequences}
        assert not ends & set(self.mass), "a sequence is the beginning of another"

    def __call__(self, prefix):
        """Log-probabilities [V] after `prefix`."""
        if prefix not in self.cached:
            logs = np.full(self.vocab, -np.inf)
            children = self.mass[prefix]
            total = sum(children.values())
            for token, weight in children.items():
                logs[token] = np.log(weight / total) if weight else -np.inf
            self.cached[prefix] = logs
        return self.cached[prefix]

    def ends(self, prefix):
        return prefix not in self.mass


class Chain:
    """Independent draws from columns of token sequences, one after the other.

    A sequence may begin another of its column: what was read may then be the whole word
    or a part of one, each with its probability.
    """

    def __init__(self, vocab, columns):
        self.vocab, self.columns, self.cached = vocab, columns, {(): {(0, ()): 1.0}}
        self.begin = [collections.Counter() for _ in columns]
        for begin, words in zip(self.begin, columns, strict=True):
            for word in words:
                begin.update(word[:i] for i in range(len(word) + 1))

    def states(self, prefix):
        """{(column, what is read of its word): probability}, a new column included."""
        if prefix not in self.cached:
            found = collections.Counter()
            for (at, read), mass in self.states(prefix[:-1]).items():
                more = (*read, prefix[-1])
                share = self.begin[at][more] / self.begin[at][read]
                if share:
                    found[at, more] += mass * share
                    whole = more in self.columns[at] and at + 1 < len(self.columns)
                    if whole:
                        found[at + 1, ()] += mass / self.begin[at][read]
            self.cached[prefix] = found
        return self.cached[prefix]

    def __call__(self, prefix):
        """Log-probabilities [V] after `prefix`."""
        mass = np.zeros(self.vocab)
        for (at, read), share in self.states(prefix).items():
            for more, count in self.begin[at].items():
                if len(more) == len(read) + 1 and more[:-1] == read:
                    mass[more[-1]] += share * count / self.begin[at][read]
        with np.errstate(divide="ignore"):
            return np.log(mass / mass.sum())


class Task:
    """A corpus with its pool, and the tries of its lists."""

    def __init__(self, corpus, tokenizer):
        self.corpus, self.world = corpus, corpus.world
        self.pool = data.tokenize(corpus, tokenizer)
        self.vocab = self.pool.vocabulary.size
        self._encode = tokenizer.encode
        read = load_templates if self.world.folder else biod_templates
        self.templates = read(self.world)
        self.people = np.arange(self.world.people)
        self.documents = self.compose(corpus.score_plan(self.people))
        self.by_tokens = {}
        for person, (tokens, labels) in enumerate(self.documents):
            for end in (len(tokens), len(tokens) - 1):
                self.by_tokens[tuple(tokens[1:end])] = (person, labels)

    def compose(self, plan):
        """The tokens and labels of documents."""
        documents = self.pool.compose(plan)
        ends = np.cumsum(documents.lengths)
        return [
            (documents.tokens[a:b].tolist(), documents.labels[a:b].tolist())
            for a, b in zip(ends - documents.lengths, ends, strict=True)
        ]

    def label(self, name):
        return [label.name for label in self.corpus.labels].index(name)

    def encode(self, text):
        ids = np.array(self._encode(text), np.int64)
        return tuple(self.pool.vocabulary.to_dense(ids).tolist())

    def trie(self, texts, weights=None):
        return Trie(self.vocab, [self.encode(text) for text in texts], weights)

    def names(self):
        """A uniform draw from the name space."""
        columns = self.world.name_columns
        return self.chain([[" " + x for x in c.strings] for c in columns])

    def values(self, attribute):
        """A uniform draw from the values of an attribute."""
        joins = (" ", *attribute.joins[1:])
        columns = zip(attribute.columns, joins, strict=True)
        return self.chain([[j + x for x in c.strings] for c, j in columns])

    def chain(self, columns):
        return Chain(self.vocab, [{self.encode(x) for x in words} for words in columns])

    def sentences(self, person, name, first):
        """The tokens of what can be said of an attribute, first in a text or later."""
        facts, forms = self.world.person(person), self.templates.forms
        return [
            self.encode(_fill_in(template, facts, facts[name], forms, first))
            for template in self.templates.sentences[name]
        ]

    def facts(self):
        """For each person: the tokens of every label in the scored document."""
        return [
            {
                label: tuple(
                    t for t, x in zip(tokens, labels, strict=True) if x == label
                )
                for label in set(labels)
            }
            for tokens, labels in self.documents
        ]


def _fill_in(template, facts, value, forms, first):
    """The text of a template; `first` in a text the first mention is the full name."""
    text = ""
    for slot in template:
        word = slot.text
        if slot.kind == "value":
            word = value
        elif slot.kind == "person" and (first or word == "name"):
            word = facts["name"] + (forms[word].suffix if word in forms else "")
            first = False
        elif slot.kind == "person":
            word = facts[word] if forms[word].attribute else forms[word].words[0]
        text += " " * slot.space + word
    return text


class Oracle:
    """A model tokens [n, T] -> logits [n, T, V].

    `rules` maps a label to a function (person, prefix of the piece, labels seen before
    it) -> log-probabilities [V]. Text has no rule: all logits are 0 there.
    """

    def __init__(self, task, rules):
        self.task, self.rules = task, rules

    def __call__(self, tokens):
        logits = np.zeros((*tokens.shape, self.task.vocab), np.float32)
        for row, line in enumerate(tokens.tolist()):
            assert line[0] == self.task.pool.eos
            line = line[1:]
            while line and line[-1] == self.task.pool.eos:
                line.pop()
            if line:
                self._fill(logits[row], line)
        return logits

    def _fill(self, logits, line):
        person, labels = self.task.by_tokens[tuple(line)]
        seen, prefix = {}, ()
        for position, label in enumerate(labels[1:]):
            if position and label != labels[position]:
                seen[labels[position]], prefix = prefix, ()
            if label in self.rules:
                logits[position] = self.rules[label](person, prefix, seen)
            if position < len(line):
                prefix = (*prefix, line[position])


def nothing(task):
    """Rules of a model that knows the lists, the maps and the language, and nobody."""
    rules = {}
    for i, label in enumerate(task.corpus.labels):
        attribute = task.world.attributes[label.attribute]
        if label.kind == "name":
            rules[i] = _blind(task.names())
        elif label.kind == "form":
            forms = task.pool.forms.tokens
            rules[i] = _blind(Trie(task.vocab, [(token,) for token in forms]))
        elif label.kind == "derived" and attribute.name in task.world.sentences:
            (fact,) = attribute.derived
            cities = list(dict.fromkeys(fact.strings))
            odds = [fact.strings.count(city) for city in cities]
            rules[i] = _blind(task.trie([" " + city for city in cities], odds))
            rules[task.label(attribute.name)] = _mapped(task, attribute, i)
        elif label.kind in ("value", "value1"):
            rules[i] = _blind(task.values(attribute))
    return rules


def _blind(distribution):
    return lambda person, prefix, seen: distribution(prefix)


def _mapped(task, attribute, fact):
    """A draw from the values, among those of the fact seen before, if one was."""
    values, (derived,) = attribute.columns[0].strings, attribute.derived
    tries = {None: task.values(attribute)}
    for city in set(derived.strings):
        pairs = zip(values, derived.strings, strict=True)
        of_city = [" " + value for value, where in pairs if where == city]
        tries[task.encode(" " + city)] = task.trie(of_city)
    return lambda person, prefix, seen: tries[seen.get(fact)](prefix)


class Knower:
    """A model that knows every fact and the law of the texts, not which text is told.

    Tokens [n, T] -> logits [n, T, V]. A name is one of all people's. What follows is
    the mean of this person's texts that begin so: sentences in any order, templates
    uniform, as `Biographies` draws them; of `Rewrites`, the texts that are there.
    """

    def __init__(self, task):
        self.task = task
        names = [fact[corpora.NAME] for fact in task.facts()]
        self.people = {name: person for person, name in enumerate(names)}
        self.names = Trie(task.vocab, names)
        written = isinstance(task.corpus, corpora.Rewrites)
        self._texts = self._written if written else self._sentences
        self._said = functools.cache(task.sentences)

    def __call__(self, tokens):
        logits = np.zeros((*tokens.shape, self.task.vocab), np.float32)
        for row, line in enumerate(tokens[:, 1:].tolist()):
            if line[0] != self.task.pool.eos:
                self._fill(logits[row], line)
        return logits

    def _fill(self, logits, line):
        name = ()
        while not self.names.ends(name):
            logits[len(name)] = self.names(name)
            name = (*name, line[len(name)])
        person = self.people[name]
        texts = self._texts(person, ())
        for position, token in enumerate((*line, self.task.pool.eos)):
            odds = collections.Counter()
            for rest, _, mass in texts:
                odds[rest[0]] += mass
            if position >= len(name):
                logits[position] = -np.inf
                logits[position, list(odds)] = np.log([*odds.values()])
            if token == self.task.pool.eos:
                return
            texts = self._read(person, texts, token, odds[token])

    def _read(self, person, texts, token, share):
        """Conditions texts (tokens to come, what is told then, mass) on a token."""
        left, ended = [], collections.Counter()
        for rest, told, mass in texts:
            if rest[0] == token and rest[1:]:
                left.append((rest[1:], told, mass / share))
            elif rest[0] == token:
                ended[told] += mass / share
        for told, mass in ended.items():
            after = self._texts(person, told)
            left += [(rest, then, mass * part) for rest, then, part in after]
        return left

    def _written(self, person, told):
        plan = self.task.corpus.plan(np.full(_TEXTS, person), np.arange(_TEXTS))
        texts = self.task.compose(plan)
        return [((*tokens[1:], tokens[0]), told, 1 / _TEXTS) for tokens, _ in texts]

    def _sentences(self, person, told):
        left = [name for name in self.task.world.sentences if name not in told]
        if not left:
            return [((self.task.pool.eos,), told, 1.0)]
        return [
            (tokens, (*told, name), 1 / len(left) / len(lines))
            for name in left
            for lines in [self._said(person, name, not told)]
            for tokens in lines
        ]


@pytest.fixture(scope="session")
def exact():
    """The classes and rules above."""
    return types.SimpleNamespace(
        Trie=Trie,
        Chain=Chain,
        Task=Task,
        Oracle=Oracle,
        nothing=nothing,
        Knower=Knower,
    )


@pytest.fixture(scope="session")
def mini(exact):
    """A mini bioS world under the GPT-2 tokenizer."""
    corpus = corpora.Biographies(worlds.build_bios(240, seed=3, lists="mini"), seed=1)
    return exact.Task(corpus, tokenizers.load_gpt2())


@pytest.fixture(scope="session")
def biod(exact):
    """A small bioD world, chunks of two symbols."""
    world = worlds.build_biod(200, 3, 2, 8, 2, 6, name_parts=(20, 20, 20), seed=5)
    words = [f"n{i}" for i in range(20)] + [f"s{i}" for i in range(6)]
    words += [f"ID {k}" for k in (1, 2, 3)] + ["'s", "is", ".", "Her"]
    return exact.Task(corpora.Biographies(world), tokenizers.Symbols(words))
