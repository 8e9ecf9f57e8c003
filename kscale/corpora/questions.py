"""Questions with their answers: " Q: What did Jane Mary Doe study? A: Physics".

A document is one question about one person. Exposure and question share an address: by
the exact law every question is put about every person equally often, in any order. By a
drawn law addresses are the numbers of the visits, and the questions about a person are
those at the person's visits: about equally often, as draws are.
"""

import pathlib
from typing import Literal

import numpy as np

from kscale.corpora.compiled import Grammar, compile_grammar, gather_pieces
from kscale.corpora.corpus import Label, Piece, build_labels
from kscale.corpora.templates import (
    FULL_NAME,
    Slot,
    Template,
    Templates,
    parse_template,
    read_sentences,
)
from kscale.worlds import World, derive_key, keyed_hash, scale_to_range

Which = Literal["all", "odd", "even"]
_HALVES = {"all": (0, 1), "odd": (0, 2), "even": (1, 2)}  # first person, step


class Questions:
    """Documents of one question and its answer, one for each sentence of the world.

    A plan takes addresses in place of exposures: of n questions, address a puts
    question `(a + offset(person)) % n` for the time `a // n`. The offset is a keyed
    hash, so that visits in a row do not put the questions in turns. The template is a
    function of (seed, person, exposure, question). The answer alone carries labels, its
    attribute's.

    Args:
      world: the people.
      which: "all", or every second person as numbered from 1: "odd" (0, 2, 4, ...) or
        "even" (1, 3, 5, ...). It limits `people`; a plan can ask about anybody.
      seed: of templates.

    Raises:
      ValueError: an unknown `which`, "even" of a world of one person, or a template
        that is not a question about {name}.

    Example:
      >>> from kscale import corpora, worlds
      >>> corpus = Questions(worlds.build_bios(10, lists="tiny"), which="odd")
      >>> row = corpus.plan(corpus.people(np.array([4])), np.array([2]))[0]
      >>> "".join(span.text for span in corpora.compose_document(corpus, row))
      ' Q: What did Jordan Neil Valentine study? A: English'

    Source: Pan et al. 2025, section 6.1 and appendix (50 templates per question).
    """

    def __init__(self, world: World, which: Which = "all", seed: int = 0):
        if which not in _HALVES:
            raise ValueError(f"which={which!r}: choose one of {list(_HALVES)}")
        self.world = world
        self.which: Which = which
        self.labels: tuple[Label, ...] = build_labels(world)
        self.documents_per_exposure = len(world.sentences)
        self._first, self._step = _HALVES[which]
        self.num_people = len(range(self._first, world.people, self._step))
        if self.num_people < 1:
            raise ValueError(
                f"which={which!r} of people={world.people} is nobody: people are"
                f" numbered from 1; ask for two people or more, or for 'all'"
            )
        self._seed = seed
        self._grammar: Grammar = compile_grammar(
            world, load_questions(world), self.labels, alone=True
        )
        self.pieces: tuple[Piece, ...] = self._grammar.pieces
        self.forms = self._grammar.forms

    def people(self, index: np.ndarray) -> np.ndarray:
        """Returns the person of each index 0 to num_people-1."""
        return self._first + self._step * index

    def plan(self, people: np.ndarray, address: np.ndarray) -> np.ndarray:
        """Returns int32 [n, slots]: the pieces of each document; see `Questions`."""
        key = derive_key(self._seed, "questions", "first")
        number = self.documents_per_exposure
        offset = scale_to_range(keyed_hash(key, people), number)
        question = (address + offset) % number
        return self._compose("training", people, address // number, question)

    def complement(self) -> "Questions | None":
        """Returns the same questions about the people left out; None if nobody is."""
        if self.which == "all":
            return None
        rest = "even" if self.which == "odd" else "odd"
        return Questions(self.world, rest, self._seed)

    def ask(
        self, people: np.ndarray, question: np.ndarray | int, seed: int = 0
    ) -> np.ndarray:
        """Returns int32 [n, slots]: documents for testing, in words of their own draw.

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
        """Refuses: questions have no document that scores a person whole.

        Raises:
          ValueError: always.
        """
        raise ValueError(
            "questions are not scored in bits, since none tells all of a person: score"
            " biographies of the same world, or count right answers"
        )

    def _compose(self, purpose: str, people, exposure, question) -> np.ndarray:
        template = self._choose(purpose, people, exposure, question)
        return gather_pieces(self.world, self._grammar, people, template[:, None])

    def _choose(self, purpose: str, people, exposure, question) -> np.ndarray:
        """Returns int64 [n]: the template of each document."""
        starts, numbers = self._grammar.ranges.T
        key = derive_key(self._seed, "questions", purpose)
        words = keyed_hash(key, people, exposure, question)
        return starts[question] + scale_to_range(words, numbers[question])


def load_questions(world: World) -> Templates:
    """Reads the templates of a world's questions, with their answers.

    They are in `questions/ATTRIBUTE.txt` in the world's folder; a folder without
    questions/ asks "What is the birth city of {name}?", and bioD says "Q n1 n2 n3 ID 7
    A s4 s2".

    Raises:
      ValueError: a file is absent or empty, or a line is no question about {name}.
    """
    folder = pathlib.Path(world.folder) / "questions"
    if world.folder and folder.is_dir():
        return Templates(read_sentences(folder, world.sentences, parse_question), {})
    sentences: dict[str, tuple[Template, ...]] = {}
    for name in world.sentences:
        line = f"What is the {name.replace('_', ' ')} of {{name}}?"
        symbolic = (
            Slot("text", " Q"),
            Slot("person", FULL_NAME, space=True),
            Slot("text", f" {name} A"),
            Slot("value", "value", space=True),
        )
        sentences[name] = (parse_question(line) if world.folder else symbolic,)
    return Templates(sentences, {})


def parse_question(line: str, where: str = "question") -> Template:
    """Parses a question to a template with its answer.

    Raises:
      ValueError: the line has not {name} once, or another placeholder, or no question
        mark at its end; `where`, the file and line, is named.

    Example:
      >>> [slot.text for slot in parse_question("Who is {name}?")]
      [' Q: Who is', 'name', '? A:', 'value']
    """
    if line.count("{name}") != 1 or line.count("{") != 1 or not line.endswith("?"):
        raise ValueError(
            f"{where}: {line!r} must have {{name}} once, no other placeholder, and end"
            f" with '?'"
        )
    return parse_template(f"Q: {line} A: {{value}}", {}, where)
