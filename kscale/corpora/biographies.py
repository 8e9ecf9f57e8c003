"""Biographies and bioD paragraphs: one sentence per attribute, composed by address.

The text of a visit is a function of (seed, person, exposure), so any document can be
composed at any time, by anybody, without those before it.
"""

import functools
import itertools
import pathlib

import numpy as np

from kscale.corpora.compiled import Grammar, compile_grammar, gather_pieces
from kscale.corpora.corpus import Label, Piece, build_labels
from kscale.corpora.templates import biod_templates, load_templates
from kscale.worlds import World, derive_key, keyed_hash, scale_to_range

_SMALL = 6  # sentences up to which all orders are tabulated (720)
_TRIES = 64


class Biographies:
    """Documents of one sentence per attribute, from templates.

    bioS draws a template for each sentence and an order of the sentences afresh for
    each exposure; bioS-simple draws both once per person; bioD has one fixed template.

    Args:
      world: the people.
      seed: of templates and orders.
      shuffled: False keeps the sentences in the default order.
      fresh: True for new text at each exposure (bioS), False for one text per person
        (bioS-simple).
      style: of a world without a folder (bioD); see `biod_templates`.

    Raises:
      ValueError: a text can begin with a sentence whose templates cannot be scored.

    Example:
      >>> from kscale import worlds
      >>> world = worlds.build_biod(5, attributes=2, name_parts=(4, 4))
      >>> corpus = Biographies(world, style="bare")
      >>> plan = corpus.plan(np.array([0]), np.array([0]))
      >>> "".join(s.text for i in plan[0] for s in corpus.pieces[i]).count("ID")
      2

    Source: Allen-Zhu & Li 2024, section 2.2.
    """

    documents_per_exposure = 1  # an exposure is one text

    def __init__(
        self,
        world: World,
        seed: int = 0,
        shuffled: bool = True,
        fresh: bool = True,
        style: str = "paper",
    ):
        self.world = world
        self.labels: tuple[Label, ...] = build_labels(world)
        self._fresh, self._shuffled, self._seed = fresh, shuffled, seed
        folder = bool(world.folder)
        templates = load_templates(world) if folder else biod_templates(world, style)
        self._grammar: Grammar = compile_grammar(world, templates, self.labels)
        self.pieces: tuple[Piece, ...] = self._grammar.pieces
        self.forms = self._grammar.forms
        self.num_people = world.people
        self._scorable_with = self._find_scorable()

    def people(self, index: np.ndarray) -> np.ndarray:
        """Returns the person of each index: the index itself."""
        return index

    def plan(self, people: np.ndarray, address: np.ndarray) -> np.ndarray:
        """Returns int32 [n, slots]: the pieces of each document."""
        words = (people, address if self._fresh else np.zeros_like(address))
        order = self._orders("training", *words)
        return self._compose(people, self._choose("training", *words), order)

    def score_plan(self, people: np.ndarray, seed: int = 0) -> np.ndarray:
        """Returns int32 [n, slots]: the document in which each person is scored.

        A text like those of training (bioS-simple: the person's own). Templates are
        drawn again where the text does not open with the name, which has to follow EOS,
        or never uses the pronoun.
        """
        purpose = f"score {seed}" if self._fresh else "training"
        salt = np.zeros_like(people)
        order = self._orders(purpose, people, salt)
        choice = self._choose(purpose, people, salt)
        for _ in range(_TRIES):
            (unfit,) = np.nonzero(~self._scorable(choice, order))
            if not unfit.size:
                break
            salt[unfit] += 1
            choice[unfit] = self._choose(purpose, people[unfit], salt[unfit])
        (unfit,) = np.nonzero(~self._scorable(choice, order))
        fixed = self._scorable_with[order[unfit, 0]]
        choice[unfit] = np.where(fixed < 0, choice[unfit], fixed)
        return self._compose(people, choice, order)

    def _find_scorable(self) -> np.ndarray:
        """Finds templates that make a document scorable, by its first sentence.

        Returns:
          int64 [sentences, sentences]: in documents that begin with sentence i, row i
          has the template of each sentence, -1 where any does.
        """
        opens, refers = self._grammar.opens, self._grammar.refers
        number = len(self._grammar.ranges)
        owner = np.repeat(np.arange(number), self._grammar.ranges[:, 1])
        fixed = np.full((number, number), -1)
        for first in range(number if self._shuffled else 1):
            name = self.world.sentences[first]
            path = pathlib.Path(self.world.folder) / "templates" / f"{name}.txt"
            text = (
                f"{path}: a text that begins with this sentence cannot be scored, for"
            )
            opening = np.flatnonzero(opens & (owner == first))
            if not opening.size:
                raise ValueError(
                    f"{text} no line begins with the person: begin one with {{name}}"
                )
            inside = opening[refers[opening, 1]]
            fixed[first, first] = [*inside, *opening][0]
            if refers.any() and not inside.size:
                later = np.flatnonzero(refers[:, 0] & (owner != first))
                if not later.size:
                    form = self.world.references[0].name
                    raise ValueError(
                        f"{text} it has no {form} after the name: use {{{form}}} in"
                        f" another sentence"
                    )
                fixed[first, owner[later[0]]] = later[0]
        return fixed

    def _scorable(self, choice: np.ndarray, order: np.ndarray) -> np.ndarray:
        templates = _arrange(choice, order)
        fit = self._grammar.opens[templates[:, 0]]
        if self._grammar.refers.any():
            fit &= self._refers(templates).any(axis=1)
        return fit

    def _choose(self, purpose: str, *address: np.ndarray) -> np.ndarray:
        """Returns int64 [n, sentences]: the template of each sentence."""
        starts, numbers = self._grammar.ranges.T
        if numbers.max() == 1:
            return np.tile(starts, (len(address[0]), 1))
        key = derive_key(self._seed, purpose, "templates")
        return scale_to_range(self._words(key, *address), numbers) + starts

    def _orders(self, purpose: str, *address: np.ndarray) -> np.ndarray:
        """Returns int64 [n, sentences]: which sentence stands at each position."""
        n, number = len(address[0]), len(self._grammar.ranges)
        if not self._shuffled or number == 1:
            return np.tile(np.arange(number), (n, 1))
        key = derive_key(self._seed, purpose, "order")
        if number <= _SMALL:
            table = _all_orders(number)
            return table.take(
                scale_to_range(keyed_hash(key, *address), len(table)), axis=0
            )
        return np.argsort(self._words(key, *address), axis=1)

    def _words(self, key: int, *address: np.ndarray) -> np.ndarray:
        """Returns uint64 [n, sentences]: a random word for each sentence."""
        sentences = np.arange(len(self._grammar.ranges))
        return keyed_hash(key, *(a[:, None] for a in address), sentences)

    def _refers(self, templates: np.ndarray) -> np.ndarray:
        """Returns which sentences, by position, hold a form that counts."""
        refers = self._grammar.refers[:, 0].take(templates)
        refers[:, 0] = self._grammar.refers[:, 1].take(templates[:, 0])
        return refers

    def _compose(self, people, choice: np.ndarray, order: np.ndarray) -> np.ndarray:
        grammar = self._grammar
        templates = _arrange(choice, order)
        program = templates * 8
        program[:, 0] += 4  # it opens the document
        if grammar.refers.any():
            refers = self._refers(templates)
            opener = refers.argmax(axis=1)
            program[np.arange(len(program)), opener] += 2 * refers.any(axis=1)
        for fact, attribute in grammar.leaks:
            at = np.argmax(order == fact, axis=1)
            early = at < np.argmax(order == attribute, axis=1)
            program[np.arange(len(program)), at] |= early
        return gather_pieces(self.world, grammar, people, program)


def _arrange(choice: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Returns the template at each position: `choice[i, order[i, j]]`."""
    rows = np.arange(len(choice))[:, None] * choice.shape[1]
    return choice.ravel().take(order + rows)


@functools.lru_cache(maxsize=8)
def _all_orders(number: int) -> np.ndarray:
    return np.array(list(itertools.permutations(range(number))))
