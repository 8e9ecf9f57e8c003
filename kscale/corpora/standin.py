"""A stand-in for bioR: varied biographies by a grammar, without a language model.

bioR's texts are a large model's rewrites. These are not: sentences are merged, their
order, openings and connectives vary, and details that hold no fact of the world stand
between them, but every clause is a line of the lists in the folder `phrases`:

    phrases/facts/birth_city.txt        "{he} hails from {birth_city}", or a tag:
                                        ", born in {birth_city},"
    phrases/facts/university+major.txt  two attributes in one clause
    phrases/details/aside.txt ...       "{he} spends {time} {hobby}": no fact at all

{he} and {his} are the pronoun; other words in braces are attributes, or lists in
details/.
"""

import functools
import importlib.resources
import pathlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from kscale.corpora.rewrites import FactFinder
from kscale.corpora.templates import load_templates
from kscale.worlds import World, derive_key, keyed_hash
from kscale.worlds.lines import read_lines

_WORDS = 64  # random words drawn at once
_TRIES = 64
_MOST_DETAILS = 6
_MERGED = 3  # clauses in a sentence, at most
_SUBJECT = "{he} "

T = TypeVar("T")
Unit = tuple[str, ...]  # the attributes that one clause tells


def write_biographies(
    world: World, person: int, texts: int = 40, seed: int = 0
) -> list[str]:
    """Writes biographies of one person, all different: a stand-in for bioR.

    Every text opens with the full name, tells each sentence of the world, an attribute
    before what follows from it, and uses the pronoun, so that `Rewrites` scores it
    whole. Details never hold a name or value of the world's lists. Two texts of a
    person share 4 % of their runs of three words (of those in either one; bioS: 7 %).

    Args:
      world: from `kscale.worlds.build_bios`. Attributes that the lists have no clauses
        for are told by the world's own templates.
      person: 0 to N-1.
      texts: how many, at least 1; text i is the same however many are asked for.
      seed: of the wording.

    Returns:
      Texts, each a function of (world.seed, person, i, seed) and the facts.

    Raises:
      ValueError: texts is below 1; the world has no folder (bioD); no text that tells
        of the person was found, as where two attributes have the same value.

    Source: Allen-Zhu & Li 2024, section 2.2 (bioR: 40 texts a person), which this
    stands in for.
    """
    if texts < 1:
        raise ValueError(f"texts={texts} must be at least 1")
    if not world.folder:
        raise ValueError(
            "the stand-in for bioR writes English, which a world without a folder of"
            " lists (bioD) does not have: use worlds.build_bios"
        )
    files = sorted(pathlib.Path(world.folder).glob("templates/*.txt"))
    edited = tuple((x.stat().st_mtime_ns, x.stat().st_size) for x in files)
    wording, facts = _wording_of(world, edited), world.person(person)
    found: dict[str, None] = {}
    for text in range(texts):
        for attempt in range(_TRIES):
            key = derive_key(world.seed, "stand-in", seed, person, text, attempt)
            written = Writer(wording, facts, Draws(key)).text()
            if written not in found and wording.finder.scores_whole(person, written):
                found[written] = None
                break
        else:
            raise ValueError(
                f"person {person} ({facts['name']}): in {_TRIES} tries no new text"
                f" tells every attribute apart; is a value the same as another's?"
            )
    return list(found)


class Wording:
    """The lines that biographies of a world are made of.

    A line with a name or value of the world in it is left out: it would read as a fact.

    Attributes:
      clauses: {attributes: lines}, such as {("major",): ("{he} studied {major}", ...)}.
      tags: the same, of what follows a name: ", born in {birth_city},".
      own: {attribute: the world's own sentences}, where there are no clauses.
      details: {list: lines}, what {hobby} can be.
      he: the fact that {he} stands for, the pronoun, or "name" in a world without.
      his: the same for {his}; "" if it is the name's possessive.

    Raises:
      ValueError: the world's templates are malformed, or its values are such common
        words that no line to begin with is left.
    """

    def __init__(self, world: World):
        package = pathlib.Path(str(importlib.resources.files("kscale.corpora")))
        self.world, self.finder = world, FactFinder(world)
        references = world.references
        self.he = references[0].name if references else "name"
        forms = [fact.name for a in references for fact in a.derived]
        self.his = next((form for form in forms if form.startswith("poss")), "")
        taken = _match_any(world)
        self.details = _read_details(package / "phrases" / "details", taken)
        self.clauses: dict[Unit, list[str]] = {}
        self.tags: dict[Unit, list[str]] = {}
        for path in sorted((package / "phrases" / "facts").glob("*.txt")):
            unit = tuple(path.stem.split("+"))
            if set(unit) <= set(world.sentences):
                lines = [x for x in read_lines(path) if not taken.search(x)]
                self.tags[unit] = [x for x in lines if x.startswith(",")]
                self.clauses[unit] = [x for x in lines if not x.startswith(",")]
        strange = [name for name in world.sentences if not self.clauses.get((name,))]
        if strange:
            load_templates(world)  # refuses what is malformed
        self.own: dict[str, list[str]] = {}
        for name in strange:
            path = pathlib.Path(world.folder, "templates", f"{name}.txt")
            lines = read_lines(path)
            self.own[name] = [x.replace("{value}", f"{{{name}}}") for x in lines]
        if not self.details["opening"]:
            raise ValueError(
                f"the values of {world.folder} are words that every opening line of the"
                f" stand-in has, such as {taken.pattern[:60]!r}...: use longer values"
            )


@functools.lru_cache(maxsize=4)
def _wording_of(world: World, edited: tuple) -> Wording:
    """Returns the wording of a world, made anew when its templates are edited."""
    del edited
    return Wording(world)


def _match_any(world: World) -> re.Pattern[str]:
    """Matches any name or value of the lists, but for the forms of reference."""
    told = [a for a in world.attributes if a not in world.references]
    columns = [x for a in (world.full_name, *told) for x in (*a.columns, *a.derived)]
    strings = dict.fromkeys(x for column in columns for x in column.strings)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, strings))})(?!\w)")


def _read_details(folder: pathlib.Path, taken: re.Pattern[str]) -> dict[str, list[str]]:
    """Reads the lists of details, less the lines taken and those of an empty list."""
    details = {
        path.stem: [line for line in read_lines(path) if not taken.search(line)]
        for path in sorted(folder.glob("*.txt"))
    }
    while empty := {f"{{{name}}}" for name, lines in details.items() if not lines}:
        left = {
            name: [x for x in lines if not empty & set(re.findall(r"\{\w+\}", x))]
            for name, lines in details.items()
        }
        if left == details:
            break
        details = left
    return details


class Draws:
    """Random choices by key, the same everywhere."""

    def __init__(self, key: int):
        self._key, self._drawn = key, 0
        self._words: list[int] = []

    def below(self, n: int) -> int:
        """Draws a whole number in [0, n)."""
        if not self._words:
            counters = np.arange(self._drawn, self._drawn + _WORDS)
            self._words = keyed_hash(self._key, counters).tolist()
            self._drawn += _WORDS
        return self._words.pop() * n >> 64

    def chance(self, percent: int) -> bool:
        """Draws True in so many of a hundred cases."""
        return self.below(100) < percent

    def choose(self, items: Sequence[T]) -> T:
        """Draws one of the items."""
        return items[self.below(len(items))]

    def shuffle(self, items: Iterable[T]) -> list[T]:
        """Returns the items in a random order."""
        rest = list(items)
        return [rest.pop(self.below(len(rest))) for _ in range(len(rest))]


class Clause(NamedTuple):
    """A line, and whether it is a sentence of its own already."""

    line: str
    alone: bool = False


class Writer:
    """Writes one text from the wording of a world and the facts of a person."""

    def __init__(self, wording: Wording, facts: dict[str, str], draws: Draws):
        self._wording, self._draws = wording, draws
        self._words = facts | {"he": facts[wording.he], "his": facts["name"] + "'s"}
        if wording.he != "name":
            self._words["he"] = self._words["he"].lower()
        if wording.his:
            self._words["his"] = facts[wording.his].lower()
        # What tells an attribute early: a fact that follows, or another of its value.
        sentences = wording.world.sentences
        self._late = [
            (attribute, name)
            for fact, attribute in wording.world.derived_from.items()
            for name in sentences
            if attribute in sentences and name != attribute
            if re.search(rf"(?<!\w){re.escape(facts[fact])}(?!\w)", facts[name])
        ]

    def text(self) -> str:
        """Writes the text, in which a fact may be missed: see `FactFinder`."""
        draws = self._draws
        opening, rest = self._open(self._order_units())
        clauses = [self._clause(unit) for unit in rest]
        for _ in range(draws.below(_MOST_DETAILS + 1)):
            aside = Clause(self._detail("aside"))
            if aside not in clauses:
                clauses.insert(draws.below(len(clauses) + 1), aside)
        return " ".join(self._sentences([opening, *clauses]))

    def _order_units(self) -> list[Unit]:
        """Draws what to tell in which order, some of it in one clause."""
        order = self._draws.shuffle(self._wording.world.sentences)
        for _ in range(_TRIES):
            if all(order.index(a) < order.index(b) for a, b in self._late):
                break
            order = self._draws.shuffle(order)
        units: list[Unit] = []
        for name in order:
            last = units[-1] if units else ()
            both = [(*last, name), (name, *last)]
            known = [u for u in both if len(last) == 1 and self._wording.clauses.get(u)]
            if known and self._draws.chance(40):
                units[-1] = known[0]
            else:
                units.append((name,))
        return units

    def _open(self, units: list[Unit]) -> tuple[Clause, list[Unit]]:
        """Draws a clause that begins with the name; returns it and what is left."""
        wording, draws = self._wording, self._draws
        subject = "{name}"
        if draws.chance(50) and wording.tags.get(units[0]):
            subject += draws.choose(wording.tags[units[0]])
            units = units[1:]
        if draws.chance(50) and units:
            lines = wording.clauses.get(units[0], [])
            lines = [x.removeprefix(_SUBJECT) for x in lines if x.startswith(_SUBJECT)]
            if lines:
                return Clause(f"{subject} {draws.choose(lines)}"), units[1:]
        return Clause(f"{subject} {self._detail('opening')}"), units

    def _clause(self, unit: Unit) -> Clause:
        if unit[0] in self._wording.own and len(unit) == 1:
            return Clause(self._draws.choose(self._wording.own[unit[0]]), alone=True)
        return Clause(self._draws.choose(self._wording.clauses[unit]))

    def _detail(self, name: str) -> str:
        """Draws a line of a list, with lines of others in it."""
        line = self._draws.choose(self._wording.details[name])
        return re.sub(
            r"\{(\w+)\}",
            lambda m: self._detail(m[1]) if m[1] in self._wording.details else m[0],
            line,
        )

    def _sentences(self, clauses: list[Clause]) -> Iterator[str]:
        draws = self._draws
        merging = draws.choose((5, 30, 60))  # some authors write long sentences
        first = True
        while clauses:
            taken = 1
            while len(clauses) > taken < _MERGED and draws.chance(merging):
                taken += 1
            sentence, taken = self._merge(clauses[:taken])
            alone, clauses = clauses[0].alone, clauses[taken:]
            if not (first or alone):
                if sentence.startswith(_SUBJECT) and draws.chance(10):
                    sentence = "{name} " + sentence.removeprefix(_SUBJECT)
                if draws.chance(20):
                    sentence = f"{self._detail('lead')} {sentence}"
            filled = re.sub(r"\{(\w+)\}", lambda m: self._words[m[1]], sentence)
            yield filled if alone else filled[0].upper() + filled[1:] + "."
            first = False

    def _merge(self, clauses: list[Clause]) -> tuple[str, int]:
        """Merges clauses to a sentence without its stop; returns how many are in it."""
        lines = [clause.line for clause in clauses]
        free = [not clause.alone for clause in clauses]
        if len(lines) == 1 or not all(free[:2]):
            return lines[0], 1
        subject = lines[0].startswith((_SUBJECT, "{name}"))
        if subject and all(x.startswith(_SUBJECT) for x in lines[1:]) and all(free):
            *most, last = lines[0], *(x.removeprefix(_SUBJECT) for x in lines[1:])
            return f"{', '.join(most)} and {last}", len(lines)
        return f"{lines[0]}{self._detail('join')} {lines[1]}", 2
