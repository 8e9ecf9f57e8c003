"""Templates compiled into tables, so that documents are composed by gathers alone.

Every template becomes a few programs, one for each situation it can stand in. A program
is a row of slots; a slot names a run of consecutive pieces and the number that picks
one of them: a part of the name, a column of the values, or 0 for a fixed piece.
"""

import dataclasses

import numpy as np

from kscale.corpora.labels import NAME, TEXT, Label, Piece, Span
from kscale.corpora.templates import FULL_NAME, Template, Templates
from kscale.worlds import Attribute, World

Run = tuple[int, int]  # the first piece of a run, and the column that picks from it
Choice = tuple[list[Piece], int]  # the same, before its pieces have numbers
_FEW = 4  # words of a form: so many that each template can have its own copies
_SHORT = 2  # characters of a text that every value can have a copy with


@dataclasses.dataclass(frozen=True)
class Grammar:
    """The compiled templates of a world.

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


def compile_grammar(
    world: World, templates: Templates, labels: tuple[Label, ...]
) -> Grammar:
    """Compiles templates for a world; see `Grammar`."""
    compiler = _Compiler(world, templates, labels)
    programs, refers, opens, ranges = [], [], [], []
    for sentence, lines in templates.sentences.items():
        ranges.append((len(refers), len(lines)))
        for template in lines:
            opens.append(template[0].kind == "person")
            refers.append([compiler.refers(template, first) for first in (0, 1)])
            programs += [
                compiler.program(sentence, template, first, counted, leaked)
                for first in (0, 1)
                for counted in (0, 1)
                for leaked in (0, 1)
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
            (order.index(fact.name), order.index(attribute.name))
            for attribute in world.attributes
            for fact in attribute.derived
            if fact.name in order and attribute.name in order
        ),
    )


class _Compiler:
    """Holds the pieces made so far, each run once."""

    def __init__(self, world: World, templates: Templates, labels: tuple[Label, ...]):
        self.pieces: list[Piece] = [()]
        self._world = world
        self._forms = templates.forms
        self._labels = labels
        self._runs: dict[tuple[Piece, ...], int] = {}
        start = 1 + len(world.name_columns)
        self._start = {}  # attribute -> its first column
        for attribute in world.attributes:
            self._start[attribute.name] = start
            start += len(attribute.columns)

    def refers(self, template: Template, first: int) -> bool:
        mentions = [slot for slot in template if slot.kind == "person"][first:]
        return any(self._informs(slot.text) for slot in mentions)

    def _informs(self, form: str) -> bool:
        return form in self._forms and bool(self._forms[form].attribute)

    def program(
        self, sentence: str, template: Template, first: int, counted: int, leaked: int
    ) -> list[Run]:
        """The runs of one template in one situation."""
        choices: list[Choice] = []
        for slot in template:
            space = " " * slot.space
            if slot.kind == "text":
                choices.append(_fixed(slot.text))
            elif slot.kind == "value":
                choices += self._value(sentence, space, bool(leaked))
            elif first or slot.text == FULL_NAME:
                choices += self._name(space, NAME if first else TEXT)
                if slot.text != FULL_NAME:
                    choices.append(_fixed(self._forms[slot.text].suffix))
                first = 0
            else:
                choices.append(self._reference(slot.text, space, bool(counted)))
                counted = counted and not self._informs(slot.text)
        return [(self._run(pieces), column) for pieces, column in _merged(choices)]

    def _reference(self, name: str, space: str, counted: bool) -> Choice:
        form = self._forms[name]
        words = [space + word if word else "" for word in form.words]
        if not form.attribute:
            return _fixed(words[0])
        label = self._label(form.attribute, "value") if counted else TEXT
        return [(Span(word, label),) for word in words], self._start[form.attribute]

    def _name(self, space: str, label: int) -> list[Choice]:
        choices = []
        for i, column in enumerate(self._world.name_columns):
            prefix = " " if i else space
            pieces = [(Span(prefix + word, label),) for word in column.labels]
            choices.append((pieces, 1 + i))
        return choices

    def _value(self, sentence: str, space: str, leaked: bool) -> list[Choice]:
        for attribute in self._world.attributes:
            if attribute.name == sentence:
                return self._columns(attribute, space, leaked)
            for fact in attribute.derived:
                if fact.name == sentence:
                    label = self._label(fact.name, "derived")
                    pieces = [(Span(space + word, label),) for word in fact.labels]
                    return [(pieces, self._start[attribute.name])]
        raise AssertionError(f"{sentence} is neither attribute nor derived fact")

    def _columns(self, attribute: Attribute, space: str, leaked: bool) -> list[Choice]:
        choices = []
        for i, column in enumerate(attribute.columns):
            kind = "value1" if self._world.diversity and i == 0 else "value"
            label = TEXT if leaked else self._label(attribute.name, kind)
            prefix = (space if i == 0 else "") + attribute.joins[i]
            pieces = [(Span(prefix + word, label),) for word in column.labels]
            choices.append((pieces, self._start[attribute.name] + i))
        return choices

    def _label(self, name: str, kind: str) -> int:
        return next(
            i for i, x in enumerate(self._labels) if (x.name, x.kind) == (name, kind)
        )

    def _run(self, pieces: list[Piece]) -> int:
        key = tuple(pieces)
        if key not in self._runs:
            self._runs[key] = len(self.pieces)
            self.pieces += pieces
        return self._runs[key]


def _fixed(text: str) -> Choice:
    return [(Span(text, TEXT),) if text else ()], 0


def _merged(choices: list[Choice]) -> list[Choice]:
    """Neighbours as one where that costs few pieces: fewer gathers per document.

    Fixed texts become one text, a form takes in the text around it (" He" and
    " was born in"), a value the full stop behind it. Spans of other labels stay apart.
    """
    merged: list[Choice] = []
    for pieces, column in reversed(choices):
        after, column_after = merged.pop() if merged else ([()], 0)
        few = min(column, column_after) == 0 and max(len(pieces), len(after)) <= _FEW
        short = column_after == 0 and sum(len(s.text) for s in after[0]) <= _SHORT
        if column == column_after == 0:
            text = "".join(span.text for span in (*pieces[0], *after[0]))
            merged.append(_fixed(text))
        elif few or short:
            joined = [one + other for one in pieces for other in after]
            merged.append((joined, column or column_after))
        else:
            merged += [(after, column_after), (pieces, column)]
    return [choice for choice in reversed(merged) if choice[0] != [()]]
