"""Templates compiled into tables, so that documents are composed by gathers alone.

Every template becomes a few programs, one for each situation it can stand in. A program
is a row of slots; a slot names a run of consecutive pieces and the number that picks
one of them: a part of the name, a column of the values, or 0 for a fixed piece.

Pieces begin with a space, since every tokenizer can be cut there: the tokens of the
pieces are those of the whole text. What follows a value without a space belongs to the
value's piece, and columns without a space between them make one run of all their pairs.
"""

import dataclasses
import itertools
import math
from typing import NamedTuple

import numpy as np

from kscale.corpora.corpus import NAME, TEXT, Label, Piece, Span
from kscale.corpora.templates import FULL_NAME, Template, Templates
from kscale.worlds import World

Run = tuple[int, int]  # the first piece of a run, and the column that picks from it
_FEW = 4  # words of a form: so many that each template can have its own copies
_SHORT = 2  # characters of a text that every value can have a copy with
_MOST = 2**20  # pieces of one run


@dataclasses.dataclass(frozen=True)
class Grammar:
    """The compiled templates of a world, as tables of programs.

    Programs are numbered `((template * 2 + first) * 2 + counted) * 2 + early`, with
    first: the sentence opens the document; counted: its form of reference (the pronoun)
    is the document's first and so counts; early: the derived fact that it states comes
    before its attribute's value and so counts.

    Attributes:
      pieces: all pieces; pieces[0] is empty.
      first: int32 [programs, slots], the first piece of each slot's run.
      column: intp [programs, slots], which column picks from it: 0 is the constant 0,
        then come the parts of the name, the columns of the values, the products.
      products: columns made of others, `(columns, their sizes)`: those written without
        a space between them.
      refers: bool [templates, 2], whether the template, standing (later, first), uses a
        form whose words carry knowledge.
      opens: bool [templates], whether it begins with the person.
      ranges: int64 [sentences, 2], each sentence's first template and their number.
      leaks: pairs (sentence of a derived fact, sentence of its attribute).
      forms: as `Corpus.forms`.
    """

    pieces: tuple[Piece, ...]
    first: np.ndarray
    column: np.ndarray
    products: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    refers: np.ndarray
    opens: np.ndarray
    ranges: np.ndarray
    leaks: tuple[tuple[int, int], ...]
    forms: tuple[tuple[str, int], ...]


def gather_pieces(
    world: World, grammar: Grammar, people: np.ndarray, program: np.ndarray
) -> np.ndarray:
    """Gathers the pieces of programs that tell of people.

    Args:
      world: the people.
      grammar: from `compile_grammar`.
      people: int [n].
      program: int [n, k], numbers of programs.

    Returns:
      int32 [n, k * slots].
    """
    parts = len(world.name_columns)
    drawn = 1 + parts + len(world.columns)
    columns = np.zeros((len(people), drawn + len(grammar.products)), np.int32)
    columns[:, 1 : 1 + parts] = world.names(people)
    columns[:, 1 + parts : drawn] = world.values(people)
    for i, (factors, sizes) in enumerate(grammar.products, drawn):
        columns[:, i] = np.ravel_multi_index(columns[:, factors].T, sizes)
    index = grammar.column.take(program, axis=0)
    index += (np.arange(len(people)) * columns.shape[1])[:, None, None]
    pieces = columns.ravel().take(index)
    pieces += grammar.first.take(program, axis=0)
    return pieces.reshape(len(people), -1)


def compile_grammar(
    world: World, templates: Templates, labels: tuple[Label, ...], alone: bool = False
) -> Grammar:
    """Compiles templates for a world; see `Grammar`.

    Args:
      world: the people.
      templates: its sentences.
      labels: from `build_labels`.
      alone: every sentence is a document of its own in which only the value counts, so
        a template has one program, of its own number.

    Raises:
      ValueError: columns written without a space between them have too many pairs.
    """
    compiler = _Compiler(world, templates, labels)
    situations = [(0, 0, 1)] if alone else list(itertools.product((0, 1), repeat=3))
    programs, refers, opens, ranges = [], [], [], []
    for sentence, lines in templates.sentences.items():
        ranges.append((len(refers), len(lines)))
        for template in lines:
            opens.append(template[0].kind == "person")
            refers.append([compiler.refers(template, first) for first in (0, 1)])
            programs += [
                compiler.program(sentence, template, *situation)
                for situation in situations
            ]
    slots = max(len(program) for program in programs)
    table = np.zeros((len(programs), slots, 2), np.int64)
    for row, program in zip(table, programs, strict=True):
        row[: len(program)] = program
    order = list(templates.sentences)
    return Grammar(
        pieces=tuple(compiler.pieces),
        first=table[..., 0].astype(np.int32),
        column=table[..., 1].astype(np.intp),
        products=tuple(compiler.products),
        refers=np.array(refers),
        opens=np.array(opens),
        ranges=np.array(ranges),
        leaks=tuple(
            (order.index(fact), order.index(attribute))
            for fact, attribute in world.derived_from.items()
            if fact in order and attribute in order
        ),
        forms=tuple(sorted(compiler.told)),
    )


class Part(NamedTuple):
    """A stretch of a template: one word, or one word of each value of a column.

    Attributes:
      words: the texts to choose from; a fixed text is its only word, by column 0.
      column: which column picks the word.
      label: of the text.
      lead: a space before the word, unless the word is empty.
    """

    words: tuple[str, ...]
    column: int = 0
    label: int = TEXT
    lead: str = ""

    def spans(self) -> list[Span]:
        """Returns one span for each word."""
        return [Span(self.lead + w if w else "", self.label) for w in self.words]


Choice = tuple[Part, ...]  # what one piece is made of


class _Compiler:
    """Holds the pieces made so far, each run once."""

    def __init__(self, world: World, templates: Templates, labels: tuple[Label, ...]):
        self.pieces: list[Piece] = [()]
        self.products: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        self.told: set[tuple[str, int]] = set()
        self._world = world
        self._forms = templates.forms
        self._labels = {(x.name, x.kind): i for i, x in enumerate(labels)}
        self._runs: dict[Choice, int] = {}
        start = 1 + len(world.name_columns)
        self._start = {}  # attribute -> its first column
        for attribute in world.attributes:
            self._start[attribute.name] = start
            start += len(attribute.columns)
        self._drawn = start

    def refers(self, template: Template, first: int) -> bool:
        """Returns whether a form of reference in the template counts."""
        mentions = [slot for slot in template if slot.kind == "person"][first:]
        return any(self._counts(slot.text) for slot in mentions)

    def _counts(self, form: str) -> bool:
        return form in self._forms and bool(self._forms[form].attribute)

    def program(
        self, sentence: str, template: Template, first: int, counted: int, early: int
    ) -> list[Run]:
        """Returns the runs of one template in one situation."""
        parts: list[Part] = []
        for slot in template:
            lead = " " * slot.space
            if slot.kind == "text":
                parts.append(Part((slot.text,)))
            elif slot.kind == "value":
                parts += self._value(sentence, lead, bool(early))
            elif first or slot.text == FULL_NAME:
                parts += [
                    Part(c.strings, 1 + i, NAME if first else TEXT, " " if i else lead)
                    for i, c in enumerate(self._world.name_columns)
                ]
                if slot.text != FULL_NAME:
                    parts.append(Part((self._forms[slot.text].suffix,)))
                first = 0
            else:
                parts.append(self._reference(slot.text, lead, bool(counted)))
                counted = counted and not self._counts(slot.text)
        return [
            (self._run(choice), self._column(choice)) for choice in _cut(_join(parts))
        ]

    def _reference(self, name: str, lead: str, counted: bool) -> Part:
        form = self._forms[name]
        if not form.attribute:
            return Part((lead + form.words[0] if form.words[0] else "",))
        self.told |= {(lead + word, i) for i, word in enumerate(form.words)}
        label = self._labels[form.attribute, "form"] if counted else TEXT
        return Part(form.words, self._start[form.attribute], label, lead)

    def _value(self, sentence: str, lead: str, early: bool) -> list[Part]:
        for attribute in self._world.attributes:
            start = self._start[attribute.name]
            for fact in attribute.derived:
                if fact.name == sentence:
                    label = self._labels[fact.name, "derived"] if early else TEXT
                    return [Part(fact.strings, start, label, lead)]
            if attribute.name == sentence:
                break
        else:
            raise AssertionError(f"{sentence} is neither attribute nor derived fact")
        parts = []
        for i, column in enumerate(attribute.columns):
            kind = "value1" if self._world.diversity and i == 0 else "value"
            label = self._labels[sentence, kind]
            join = (lead if i == 0 else "") + attribute.joins[i]
            before, lead = (join[:-1], " ") if join.endswith(" ") else (join, "")
            parts += [Part((before,), 0, label)] if before else []
            parts.append(Part(column.strings, start + i, label, lead))
        return parts

    def _run(self, choice: Choice) -> int:
        if choice not in self._runs:
            self._runs[choice] = len(self.pieces)
            for spans in itertools.product(*(part.spans() for part in choice)):
                self.pieces.append(tuple(span for span in spans if span.text))
        return self._runs[choice]

    def _column(self, choice: Choice) -> int:
        """Returns the column that picks among all pieces of a choice."""
        parts = [part for part in choice if part.column]
        if len(parts) < 2:
            return sum(part.column for part in parts)
        sizes = tuple(len(part.words) for part in parts)
        if math.prod(sizes) > _MOST:
            raise ValueError(
                f"{' and '.join(repr(part.words[0]) for part in parts)} stand in a"
                f" sentence without a space between them, and there are"
                f" {math.prod(sizes)} such pairs, more than {_MOST}: put a space there"
            )
        product = (tuple(part.column for part in parts), sizes)
        if product not in self.products:
            self.products.append(product)
        return self._drawn + self.products.index(product)


def _join(parts: list[Part]) -> list[Part]:
    """Joins fixed texts of one label that stand side by side; leaves empty ones out."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if part.column or last is None or last.column or last.label != part.label:
            joined += [part] if part.column or part.words[0] else []
        else:
            joined[-1] = part._replace(words=(last.words[0] + part.words[0],))
    return joined


def _cut(parts: list[Part]) -> list[Choice]:
    """Cuts a template into choices, each of which begins with a space.

    A choice costs a gather per document, so there are few: fixed texts stay whole, and
    a form takes in the text around it (" He" and " was born in"), a value the full stop
    behind it. A column's words stand apart otherwise: texts times words are many
    pieces.
    """
    choices: list[list[Part]] = [[]]
    for part in parts:
        last = choices[-1]
        picks = any(x.column for x in last)
        if part.column == 0:
            many = math.prod(len(x.words) for x in last) > _FEW
            text = part.words[0]
            at = text.find(" ") if many and len(text) > _SHORT else -1
            if at:  # the part of the text that has to stay, or all of it
                last.append(part if at < 0 else part._replace(words=(text[:at],)))
            if at >= 0:
                choices.append([part._replace(words=(text[at:],))])
        elif not last or (len(part.words) <= _FEW and not picks):
            last.append(part)
        elif part.lead:
            choices.append([part])
        else:
            choices += _cut_before(last, part)
    return [tuple(choice) for choice in choices if choice]


def _cut_before(last: list[Part], part: Part) -> list[list[Part]]:
    """Takes the part and what stands right before it, from a space on, off `last`.

    Returns:
      The new choice; none where no space parts it from the columns in `last`, which
      then gets the part.
    """
    text = last[-1].words[0] if last[-1].column == 0 else ""
    at = text.rfind(" ")
    if at < 0 or (at == 0 and len(last) == 1):
        last.append(part)
        return []
    end = last.pop()
    last += [end._replace(words=(text[:at],))] if at else []
    return [[end._replace(words=(text[at:],)), part]]
