"""A world: which people exist and what is true of them, as arrays and closed forms.

Nothing is drawn in sequence. A person's name is a keyed permutation of the name space
at the person's index, so names never repeat; every value is a keyed hash of (seed,
person, column). Ten people or a hundred million cost the same until they are asked for.
"""

import collections
import dataclasses
import functools
import math
import pathlib

import numpy as np

from kscale.worlds.counter_rng import (
    KeyedPermutation,
    derive_key,
    keyed_hash,
    scale_to_range,
)
from kscale.worlds.entropy import Bits, Counts
from kscale.worlds.frequency import EXACT, Law
from kscale.worlds.readings import find_prefix

_TABLE_ENTRIES = 2**24  # larger worlds compute values on demand instead of a table


@dataclasses.dataclass(frozen=True)
class Column:
    """One uniform draw from a list: a first name, a month, one chunk of a bioD value.

    Attributes:
      name: what the file or the schema calls it.
      strings: the strings to draw from, all distinct.
    """

    name: str
    strings: tuple[str, ...]


class Derived(Column):
    """A fact that follows from an attribute's value, such as the employer's city.

    Stated in the text, never counted as knowledge. `strings[i]` belongs to value i, and
    strings may repeat.
    """


@dataclasses.dataclass(frozen=True)
class Attribute:
    """One attribute of a person, uniform and independent of all others.

    Attributes:
      name: "birth_date".
      columns: the draws that make a value: (month, day, year).
      joins: text before each column's string: ("", " ", ", ").
      derived: facts that follow from the value (of an attribute of one column).
    """

    name: str
    columns: tuple[Column, ...]
    joins: tuple[str, ...]
    derived: tuple[Derived, ...] = ()

    @property
    def bits(self) -> float:
        """log2 of the number of values."""
        return math.fsum(math.log2(len(column.strings)) for column in self.columns)

    @functools.cached_property
    def begins_another(self) -> bool:
        """Whether the words of some value are the first words of another value.

        Where they are, a text is not past its value before what follows is known: "Art"
        may go on as "Art History". Where columns are written without a space between
        them, letters are compared in place of words. Decided without enumerating the
        values.
        """
        end = " " if all(" " in join for join in self.joins[1:]) else ""
        *lists, last = [column.strings for column in self.columns]
        return find_prefix([*lists, [x + end for x in last]], self.joins) is not None

    def text(self, drawn: np.ndarray) -> str:
        """Returns the value as text, from the index drawn in each column."""
        words = (c.strings[i] for c, i in zip(self.columns, drawn, strict=True))
        return "".join(j + w for j, w in zip(self.joins, words, strict=True))


@dataclasses.dataclass(frozen=True)
class World:
    """N people with names and attributes.

    Attributes:
      people: N, at least 1, at most the name space.
      seed: any whole number; another seed is another world of the same law.
      name_columns: the parts of a name; a name is drawn without replacement from all
        combinations.
      attributes: what counts as knowledge.
      sentences: attributes in the default order of their sentences, derived facts
        included, those without a sentence (the pronoun) left out.
      diversity: D of a bioD world, 0 otherwise.
      string_bits: `L log2 T` of a bioD world, 0 otherwise.
      folder: where templates lie, if the world was read from a folder.
      first: number of the first person among all that the seed and the lists can name.
        Person i here is person `first + i` there, so worlds of one seed and lists whose
        ranges do not meet share no name.
      law: how often each person is visited; it changes no name and no value.

    Raises:
      ValueError: more people than names; a list that is empty or repeats a string; two
        names, or two values of an attribute, of one text.
    """

    people: int
    seed: int
    name_columns: tuple[Column, ...]
    attributes: tuple[Attribute, ...]
    sentences: tuple[str, ...]
    diversity: int = 0
    string_bits: float = 0.0
    folder: str = ""
    first: int = 0
    law: Law = EXACT

    def __post_init__(self):
        for column in (*self.name_columns, *self.columns):
            _check_strings(column)
        for attribute in (self.full_name, *self.attributes):
            self._check_texts(attribute)
        if not isinstance(self.law, Law):
            raise ValueError(f"law={self.law!r} must be a Law, such as Law('zipf')")
        if not 0 <= self.first < self.name_space:
            raise ValueError(
                f"first={self.first}: people are numbered in the name space, so it must"
                f" be 0 to {self.name_space - 1}; lengthen the name lists for more"
            )
        if not 1 <= self.people <= self.name_space - self.first:
            after = f" after first={self.first}" if self.first else ""
            raise ValueError(
                f"people={self.people}: names are drawn without replacement, so it must"
                f" be 1 to {self.name_space - self.first}{after}; ask for fewer people"
                f" or lengthen the name lists"
            )

    @functools.cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns of all attributes, in order: what `values` returns."""
        return tuple(column for a in self.attributes for column in a.columns)

    @functools.cached_property
    def full_name(self) -> Attribute:
        """The name as an attribute: its parts with spaces between them."""
        joins = ("", *[" "] * (len(self.name_columns) - 1))
        return Attribute("name", self.name_columns, joins)

    @property
    def references(self) -> tuple[Attribute, ...]:
        """The attributes without a sentence of their own, such as the pronoun."""
        return tuple(a for a in self.attributes if a.name not in self.sentences)

    @property
    def derived_from(self) -> dict[str, str]:
        """The attribute that each derived fact follows from: {"city": "employer"}."""
        return {fact.name: a.name for a in self.attributes for fact in a.derived}

    @property
    def name_space(self) -> int:
        """N0, the number of possible names."""
        return math.prod(len(column.strings) for column in self.name_columns)

    @property
    def counts(self) -> Counts:
        """The numbers that the capacity formulas need."""
        return Counts(
            people=self.people,
            name_space=self.name_space,
            attributes=len(self.attributes),
            value_bits=math.fsum(a.bits for a in self.attributes),
            diversity=self.diversity,
            chunks=len(self.attributes[0].columns) if self.diversity else 0,
            string_bits=self.string_bits,
        )

    def bits_max(self, exact: bool = False) -> Bits:
        """Returns the bits of knowledge in this world; see `Counts.bits_max`."""
        return self.counts.bits_max(exact)

    def names(self, people: np.ndarray) -> np.ndarray:
        """Returns int64 [n, parts], places in `name_columns`; no row is there twice."""
        people = self._check_people(people)
        if self.people * len(self.name_columns) <= _TABLE_ENTRIES:
            return self._name_table[people]
        return self._draw_names(people)

    def values(self, people: np.ndarray) -> np.ndarray:
        """Returns int64 [n, columns]: places in `columns`, uniform and independent."""
        people = self._check_people(people)
        if self.people * len(self.columns) <= _TABLE_ENTRIES:
            return self._value_table[people]
        return self._draw_values(people)

    def person(self, index: int) -> dict[str, str]:
        """Returns what is true of a person, as text: {"name": ..., "major": ...}."""
        names = self.names(np.array([index]))[0]
        facts = {"name": self.full_name.text(names)}
        values, start = self.values(np.array([index]))[0], 0
        for attribute in self.attributes:
            row = values[start : start + len(attribute.columns)]
            facts[attribute.name] = attribute.text(row)
            facts |= {d.name: d.strings[row[0]] for d in attribute.derived}
            start += len(attribute.columns)
        return facts

    @functools.cached_property
    def _name_order(self) -> KeyedPermutation:
        return KeyedPermutation(self.name_space, derive_key(self.seed, "names"))

    @functools.cached_property
    def _name_table(self) -> np.ndarray:
        return self._draw_names(np.arange(self.people))

    @functools.cached_property
    def _value_table(self) -> np.ndarray:
        return self._draw_values(np.arange(self.people))

    def _draw_names(self, people: np.ndarray) -> np.ndarray:
        rest = self._name_order(self.first + people)
        parts = np.empty((*rest.shape, len(self.name_columns)), np.int64)
        for i in reversed(range(len(self.name_columns))):
            rest, parts[..., i] = np.divmod(rest, len(self.name_columns[i].strings))
        return parts

    def _draw_values(self, people: np.ndarray) -> np.ndarray:
        values = np.empty((*people.shape, len(self.columns)), np.int64)
        for i, column in enumerate(self.columns):
            words = keyed_hash(derive_key(self.seed, "values", i), self.first + people)
            values[..., i] = scale_to_range(words, len(column.strings))
        return values

    def _check_texts(self, attribute: Attribute) -> None:
        lists = [column.strings for column in attribute.columns]
        if same := find_prefix(lists, attribute.joins, whole=True):
            text = "".join(same[0])
            one, other = (
                [x.removeprefix(j) for x, j in zip(words, attribute.joins, strict=True)]
                for words in same
            )
            named = attribute is self.full_name
            path = "names" if named else f"values/{attribute.name}/join.txt"
            where = f"{pathlib.Path(self.folder) / path}: " if self.folder else ""
            raise ValueError(
                f"{where}{attribute.name} {text!r} can be read as {one} and as {other},"
                f" which are scored as two: change the lists"
                + ("" if named else " or the text between them")
            )

    def _check_people(self, people: np.ndarray) -> np.ndarray:
        people = np.asarray(people)
        if people.size and not (people.min() >= 0 and people.max() < self.people):
            wrong = people.min() if people.min() < 0 else people.max()
            raise ValueError(
                f"person {wrong} is outside this world's 0..{self.people - 1}"
            )
        return people


def _check_strings(column: Column) -> None:
    if not column.strings:
        raise ValueError(f"the list {column.name!r} is empty: give at least one value")
    twice, number = collections.Counter(column.strings).most_common(1)[0]
    if number > 1:
        raise ValueError(
            f"the list {column.name!r} holds {twice!r} twice: values must be distinct,"
            f" or the bits of a value would be counted too high"
        )
