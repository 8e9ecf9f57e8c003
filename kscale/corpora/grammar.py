"""Templates compiled into tables, so that documents are composed by gathers alone.

Every template becomes a few programs, one for each situation it can stand in. A program
is a row of slots; a slot names a run of consecutive pieces and the number that picks
one of them: a part of the name, a column of the values, or 0 for a fixed piece.
"""

import dataclasses

import numpy as np

from kscale.corpora.labels import NAME, TEXT, Label, Piece, Span
from kscale.corpora.templates import FULL_NAME, Form, Template, Templates
from kscale.worlds import Attribute, World

Run = tuple[int, int]  # the first piece of a run, and the column that picks from it


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
        runs: list[Run] = []
        text = ""  # literal text that waits to be joined with what follows
        for slot in template:
            space = " " * slot.space
            if slot.kind == "text":
                text += slot.text
                continue
            if slot.kind == "value":
                runs += self._literal(text)
                runs += self._value(sentence, space, bool(leaked))
                text = ""
            elif first or slot.text == FULL_NAME:
                runs += self._literal(text)
                runs += self._name(space, NAME if first else TEXT)
                text = "" if slot.text == FULL_NAME else self._forms[slot.text].suffix
                first = 0
            elif self._informs(slot.text):
                form = self._forms[slot.text]
                label = self._label(form.attribute, "value") if counted else TEXT
                runs.append(self._reference(text, space, form, label))
                text, counted = "", 0
            else:
                (word,) = self._forms[slot.text].words
                text += space + word if word else ""
        return runs + self._literal(text)

    def _literal(self, text: str) -> list[Run]:
        return [(self._run([(Span(text, TEXT),)]), 0)] if text else []

    def _reference(self, before: str, space: str, form: Form, label: int) -> Run:
        head = (Span(before, TEXT),) if before else ()
        run = [(*head, Span(space + word, label)) for word in form.words]
        return self._run(run), self._start[form.attribute]

    def _name(self, space: str, label: int) -> list[Run]:
        runs = []
        for i, column in enumerate(self._world.name_columns):
            prefix = " " if i else space
            run = [(Span(prefix + word, label),) for word in column.labels]
            runs.append((self._run(run), 1 + i))
        return runs

    def _value(self, sentence: str, space: str, leaked: bool) -> list[Run]:
        for attribute in self._world.attributes:
            if attribute.name == sentence:
                return self._columns(attribute, space, leaked)
            for fact in attribute.derived:
                if fact.name == sentence:
                    label = self._label(fact.name, "derived")
                    run = [(Span(space + word, label),) for word in fact.labels]
                    return [(self._run(run), self._start[attribute.name])]
        raise AssertionError(f"{sentence} is neither attribute nor derived fact")

    def _columns(self, attribute: Attribute, space: str, leaked: bool) -> list[Run]:
        runs = []
        for i, column in enumerate(attribute.columns):
            kind = "value1" if self._world.diversity and i == 0 else "value"
            label = TEXT if leaked else self._label(attribute.name, kind)
            prefix = (space if i == 0 else "") + attribute.joins[i]
            run = [(Span(prefix + word, label),) for word in column.labels]
            runs.append((self._run(run), self._start[attribute.name] + i))
        return runs

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
