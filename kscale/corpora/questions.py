"""Questions with their answers: " Q: What did Jane Mary Doe study? A: Physics".

A document is one question about one person. Exposure and question share an address:
by the exact law every person is asked everything equally often, in any order. By a
drawn law addresses are the numbers of the visits, and a person's questions are those at
which the person is met: about equally often, as draws are.
"""

import pathlib
from typing import Literal

import numpy as np

from kscale.corpora.compiled import Grammar, compile_grammar, fill
from kscale.corpora.corpus import Label, Piece, build_labels
from kscale.corpora.templates import FULL_NAME, Slot, Template, Templates, parse
from kscale.worlds import World, derive_key, keyed_hash, scale_to_range
from kscale.worlds.bios import read_lines

Which = Literal["all", "odd", "even"]
_HALVES = {"all": (0, 1), "odd": (0, 2), "even": (1, 2)}  # first person, step


class Questions:
    """Documents of one question and its answer.

    A plan takes addresses in place of exposures: address a asks question
    `(a + offset(person)) % n` of n for the time `a // n`. The offset is a keyed
    hash, so that visits in a row do not ask one thing after the other in turns. The
    template is a function of (seed, person, exposure, question). The answer alone
    carries labels, its attribute's.

    Args:
      world: the people.
      which: "all", or every second person as numbered from 1: "odd" (0, 2, 4, ...) or
        "even" (1, 3, 5, ...). It limits `people`; a plan can ask about anybody.
      seed: of templates.

    Attributes:
      world: the people.
      which: of the people are asked about.
      labels: from `build_labels`.

    Raises:
      ValueError: an unknown `which`, "even" of a world of one person, or a template
        that is not a question about {name}.

    Example:
      >>> from kscale import corpora, worlds
      >>> corpus = Questions(worlds.build_bios(10, lists="tiny"), which="odd")
      >>> row = corpus.plan(corpus.people(np.array([4])), np.array([2]))[0]
      >>> "".join(span.text for span in corpora.compose_document(corpus, row))
      ' Q: What did Jordan Neil Valentine study? A: English'

    Source: paper 000, section 6.1 and appendix (50 templates per question).
    """

    def __init__(self, world: World, which: Which = "all", seed: int = 0):
        if which not in _HALVES:
            raise ValueError(f"which={which!r}: choose one of {list(_HALVES)}")
        self.world = world
        self.labels: tuple[Label, ...] = build_labels(world)
        self._first, self._step = _HALVES[which]
        if self.num_people < 1:
            raise ValueError(
                f"which={which!r} of people={world.people} is nobody: people are"
                f" numbered from 1; ask for two people or more, or for 'all'"
            )
        self.which: Which = which
        self._seed = seed
        self._grammar: Grammar = compile_grammar(
            world, load_questions(world), self.labels, alone=True
        )

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """All pieces; pieces[0] is empty."""
        return self._grammar.pieces

    @property
    def documents_per_exposure(self) -> int:
        """How many documents one exposure of a person takes: one for each question."""
        return len(self.world.sentences)

    @property
    def num_people(self) -> int:
        """How many people are asked about."""
        return len(range(self._first, self.world.people, self._step))

    def people(self, index: np.ndarray) -> np.ndarray:
        """The person of each index 0 to num_people-1."""
        return self._first + self._step * index

    def plan(self, people: np.ndarray, address: np.ndarray) -> np.ndarray:
        """int32 [n, slots]: the pieces of each document.

        Args:
          people: int [n].
          address: int [n]; those from `exposure * n` on ask each question
            once, beginning with one of the person's own.
        """
        key = derive_key(self._seed, "questions", "first")
        offset = scale_to_range(keyed_hash(key, people), self.documents_per_exposure)
        exposure = address // self.documents_per_exposure
        question = (address + offset) % self.documents_per_exposure
        return self._compose("training", people, exposure, question)

    def complement(self) -> "Questions | None":
        """The same questions about the people left out; None if nobody is."""
        if self.which == "all":
            return None
        rest = "even" if self.which == "odd" else "odd"
        return Questions(self.world, rest, self._seed)

    def ask(
        self, people: np.ndarray, question: np.ndarray | int, seed: int = 0
    ) -> np.ndarray:
        """int32 [n, slots]: documents for testing, with templates of their own draw.

        Args:
          people: int [n], anybody of the world.
          question: index into `world.sentences`, one for all or int [n].
          seed: of the templates.

        Raises:
          ValueError: no such question.
        """
        people = np.asarray(people)
        question = np.broadcast_to(question, people.shape)
        last = self.documents_per_exposure - 1
        if question.size and not 0 <= question.min() <= question.max() <= last:
            raise ValueError(
                f"question {question.min()}..{question.max()} is outside"
                f" 0..{last}, the indices of {self.world.sentences}"
            )
        return self._compose(f"test {seed}", people, np.zeros_like(people), question)

    def score_plan(self, people: np.ndarray, seed: int = 0) -> np.ndarray:
        """Questions have no document that scores a person whole.

        Raises:
          ValueError: always.
        """
        raise ValueError(
            "questions are not scored in bits, since none tells all of a person: score"
            " biographies of the same world, or count right answers"
        )

    def _compose(self, purpose: str, people, exposure, question) -> np.ndarray:
        template = self._choose(purpose, people, exposure, question)
        return fill(self.world, self._grammar, people, template[:, None])

    def _choose(self, purpose: str, people, exposure, question) -> np.ndarray:
        """The template of each document: int64 [n]."""
        starts, numbers = self._grammar.ranges.T
        key = derive_key(self._seed, "questions", purpose)
        words = keyed_hash(key, people, exposure, question)
        return starts[question] + scale_to_range(words, numbers[question])


def load_questions(world: World) -> Templates:
    """The templates of a world's questions, with their answers.

    Read from `questions/ATTRIBUTE.txt` in the world's folder; a folder without
    questions/ asks "What is the birth city of {name}?", and bioD says "Q n1 n2 n3 ID 7
    A s4 s2".

    Args:
      world: from `kscale.worlds`.

    Returns:
      Templates for each of `world.sentences`.

    Raises:
      ValueError: a file is absent or empty, or a line is no question about {name}.
    """
    folder = pathlib.Path(world.folder) / "questions"
    sentences: dict[str, tuple[Template, ...]] = {}
    for name in world.sentences:
        path = folder / f"{name}.txt"
        if not world.folder:
            sentences[name] = (_symbolic(name),)
        elif folder.is_dir():
            lines = enumerate(read_lines(path), 1)
            sentences[name] = tuple(
                parse_question(s, f"{path}, line {i}") for i, s in lines
            )
        else:
            line = f"What is the {name.replace('_', ' ')} of {{name}}?"
            sentences[name] = (parse_question(line),)
    return Templates(sentences, {})


def parse_question(line: str, where: str = "question") -> Template:
    """The template of a question and its answer.

    Args:
      line: has {name} once, no other placeholder, and ends in a question mark.
      where: the file and line, for the error.

    Raises:
      ValueError: the line is not of that form.

    Example:
      >>> [slot.text for slot in parse_question("Who is {name}?")]
      [' Q: Who is', 'name', '? A:', 'value']
    """
    if line.count("{name}") != 1 or line.count("{") != 1 or not line.endswith("?"):
        raise ValueError(
            f"{where}: {line!r} must have {{name}} once, no other placeholder, and end"
            f" with '?'"
        )
    return parse(f"Q: {line} A: {{value}}", {}, where)


def _symbolic(name: str) -> Template:
    return (
        Slot("text", " Q"),
        Slot("person", FULL_NAME, space=True),
        Slot("text", f" {name} A"),
        Slot("value", "value", space=True),
    )
