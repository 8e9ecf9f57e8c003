"""Templates compiled into tables, so that documents are composed by gathers alone.

Every template becomes a few programs, one for each situation it can stand in. A program
is a row of slots; a slot names a run of consecutive pieces and the number that picks
one of them: a part of the name, a column of the values, or 0 for a fixed piece.
"""

import dataclasses
import itertools
from typing import NamedTuple

import numpy as np

from kscale.corpora.corpus import NAME, TEXT, Label, Piece, Span
from kscale.corpora.templates import FULL_NAME, Template, Templates
from kscale.worlds import World

Run = tuple[int, int]  # the first piece of a run, and the column that picks from it
_FEW = 4  # words of a form: so many that each template can have its own copies
_SHORT = 2  # characters of a text that every value can have a copy with


@dataclasses.dataclass(frozen=True)
class Grammar:
    """The compiled templates of a world, as tables of programs.

    Programs are numbered `((template * 2 + first) * 2 + counted) * 2 + leaked`, with
    first: the sentence opens the document; counted: its form of reference (the pronoun)
    is the document's first and so counts; leaked: an earlier sentence gave its value
    away, so the value does not count.

    Attributes:
      pieces: all pieces; pieces[0] is empty.
      first: int32 [programs, slots], the first piece of each slot's run.
      column: intp [programs, slots], which column picks from it: 0 is the constant 0,
        then come the parts of the name, then the columns of the values.
      refers: bool [templates, 2], whether the template, standing (later, first), uses a
        form whose words carry knowledge.
      opens: bool [templates], whether it begins with the person.
      ranges: int64 [sentences, 2], each sentence's first template and their number.
      leaks: pairs (sentence of a derived fact, sentence of its attribute).
    """

    pieces: tuple[Piece, ...]
    first: np.ndarray
    column: np.ndarray
    refers: np.ndarray
    opens: np.ndarray
    ranges: np.ndarray
    leaks: tuple[tuple[int, int], ...]


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
    columns = np.zeros((len(people), 1 + parts + len(world.columns)), np.int32)
    columns[:, 1 : 1 + parts] = world.names(people)
    columns[:, 1 + parts :] = world.values(people)
    index = grammar.column.take(program, axis=0)
    index += (np.arange(len(people)) * columns.shape[1])[:, None, None]
    pieces = columns.ravel().take(index)
    pieces += grammar.first.take(program, axis=0)
    return pieces.reshape(len(people), -1)


def compile_grammar(
    world: World,
    templates: Templates,
    labels: tuple[Label, ...],
    alone: bool = False,
) -> Grammar:
    """Compiles templates for a world; see `Grammar`.

    Args:
      world: the people.
      templates: its sentences.
      labels: from `build_labels`.
      alone: every sentence is a document of its own in which only the value counts, so
        a template has one program, of its own number.
    """
    compiler = _Compiler(world, templates, labels)
    situations = list(itertools.product((0, 1), repeat=3))[: 1 if alone else None]
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
        refers=np.array(refers),
        opens=np.array(opens),
        ranges=np.array(ranges),
        leaks=tuple(
            (order.index(fact), order.index(attribute))
            for fact, attribute in world.derived_from.items()
            if fact in order and attribute in order
        ),
    )


class Choice(NamedTuple):
    """A run before its pieces are made: one for each word, in the same surroundings.

    A fixed text is a choice of one empty word by column 0, with the text before it.
    """

    words: tuple[str, ...]
    column: int
    label: int = TEXT
    space: str = ""  # belongs to the word
    before: str = ""
    after: str = ""

    def pieces(self) -> list[Piece]:
        """Returns one piece for each word; empty spans are left out."""
        before, after = Span(self.before, TEXT), Span(self.after, TEXT)
        words = [Span(self.space + w if w else "", self.label) for w in self.words]
        return [tuple(x for x in (before, w, after) if x.text) for w in words]


class _Compiler:
    """Holds the pieces made so far, each run once."""

    def __init__(self, world: World, templates: Templates, labels: tuple[Label, ...]):
        self.pieces: list[Piece] = [()]
        self._world = world
        self._forms = templates.forms
        self._labels = {(x.name, x.kind): i for i, x in enumerate(labels)}
        self._runs: dict[Choice, int] = {}
        start = 1 + len(world.name_columns)
        self._start = {}  # attribute -> its first column
        for attribute in world.attributes:
            self._start[attribute.name] = start
            start += len(attribute.columns)

    def refers(self, template: Template, first: int) -> bool:
        """Returns whether a form of reference in the template counts."""
        mentions = [slot for slot in template if slot.kind == "person"][first:]
        return any(self._counts(slot.text) for slot in mentions)

    def _counts(self, form: str) -> bool:
        return form in self._forms and bool(self._forms[form].attribute)

    def program(
        self, sentence: str, template: Template, first: int, counted: int, leaked: int
    ) -> list[Run]:
        """Returns the runs of one template in one situation."""
        choices: list[Choice] = []
        for slot in template:
            space = " " * slot.space
            if slot.kind == "text":
                choices.append(_fixed_text(slot.text))
            elif slot.kind == "value":
                choices += self._value(sentence, space, bool(leaked))
            elif first or slot.text == FULL_NAME:
                choices += [
                    Choice(
                        c.strings, 1 + i, NAME if first else TEXT, " " if i else space
                    )
                    for i, c in enumerate(self._world.name_columns)
                ]
                if slot.text != FULL_NAME:
                    choices.append(_fixed_text(self._forms[slot.text].suffix))
                first = 0
            else:
                choices.append(self._reference(slot.text, space, bool(counted)))
                counted = counted and not self._counts(slot.text)
        return [(self._run(choice), choice.column) for choice in _merge(choices)]

    def _reference(self, name: str, space: str, counted: bool) -> Choice:
        form = self._forms[name]
        if not form.attribute:
            return _fixed_text(space + form.words[0] if form.words[0] else "")
        label = self._labels[form.attribute, "value"] if counted else TEXT
        return Choice(form.words, self._start[form.attribute], label, space)

    def _value(self, sentence: str, space: str, leaked: bool) -> list[Choice]:
        for attribute in self._world.attributes:
            start = self._start[attribute.name]
            for fact in attribute.derived:
                if fact.name == sentence:
                    label = self._labels[fact.name, "derived"]
                    return [Choice(fact.strings, start, label, space)]
            if attribute.name == sentence:
                break
        else:
            raise AssertionError(f"{sentence} is neither attribute nor derived fact")
        choices = []
        for i, column in enumerate(attribute.columns):
            kind = "value1" if self._world.diversity and i == 0 else "value"
            label = TEXT if leaked else self._labels[sentence, kind]
            prefix = (space if i == 0 else "") + attribute.joins[i]
            choices.append(Choice(column.strings, start + i, label, prefix))
        return choices

    def _run(self, choice: Choice) -> int:
        if choice not in self._runs:
            self._runs[choice] = len(self.pieces)
            self.pieces += choice.pieces()
        return self._runs[choice]


def _fixed_text(text: str) -> Choice:
    return Choice(("",), 0, before=text)


def _merge(choices: list[Choice]) -> list[Choice]:
    """Merges neighbors where that costs few pieces: fewer gathers per document.

    Fixed texts become one text, a form takes in the text around it (" He" and
    " was born in"), a value the full stop behind it. Spans of words stay apart.
    """
    merged: list[Choice] = []
    for choice in reversed(choices):
        after = merged.pop() if merged else _fixed_text("")
        short = len(after.before) <= _SHORT or len(choice.words) <= _FEW
        if choice.column == 0 and (after.column == 0 or len(after.words) <= _FEW):
            merged.append(after._replace(before=choice.before + after.before))
        elif after.column == 0 and short:
            merged.append(choice._replace(after=after.before))
        else:
            merged += [after, choice]
    return [choice for choice in reversed(merged) if choice != _fixed_text("")]
