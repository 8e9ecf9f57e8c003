"""bioR: biographies that a language model wrote, read from JSONL files.

Each line is {"id": person, "text": biography}. Names and values are looked for in the
text once, at load; what is not found is an error, or skipped and counted. Only the
place of each text in its file is kept, so 22 GB of text need not fit in memory.
"""

import collections
import functools
import json
import pathlib
import re
from collections.abc import Iterable, Sequence

import numpy as np

from kscale.corpora.corpus import NAME, TEXT, Piece, Span, build_labels
from kscale.worlds import World

_SKIP = "--config.corpus.skip_unfound=true (skip_unfound=True)"


class Rewrites:
    """Documents read from files, several per person; exposure e tells text e mod count.

    Args:
      world: the people that the texts tell of.
      paths: JSONL files, or a folder of *.jsonl.
      skip_unfound: leave out texts in which the name or a value cannot be found, and
        people none of whose texts can be scored. They are counted in `skipped_texts`
        and `skipped_people`.

    Raises:
      ValueError: a line is not such an object; an id is not a person; the name or an
        attribute's value is not in a text; a person has no text, or none that scores
        every attribute (the pronoun somewhere).

    Source: Allen-Zhu & Li 2024, section 2.2 (bioR: 40 texts per person by LLaMA2).
    """

    documents_per_exposure = 1  # an exposure is one text

    def __init__(
        self,
        world: World,
        paths: str | pathlib.Path | Iterable[str | pathlib.Path],
        skip_unfound: bool = False,
    ):
        self.world = world
        self.labels = build_labels(world)
        self._files = _files(paths)
        self._skip = skip_unfound
        self._finder = FactFinder(world)
        self._read()
        # pieces[0] is empty; piece i is text i - 1, read when it is asked for.
        self.pieces: Sequence[Piece] = _Pieces(self)
        self.num_people = len(self._people)
        self.skipped_people = world.people - self.num_people
        self.forms = self._finder.forms

    def people(self, index: np.ndarray) -> np.ndarray:
        """Returns the person of each index 0 to num_people-1."""
        return self._people[index]

    def plan(self, people: np.ndarray, address: np.ndarray) -> np.ndarray:
        """Returns int32 [n, 1]: the text of each visit."""
        row = self._rows(people)
        text = self._first[row] + address % self._count[row]
        return (1 + self._texts[text]).astype(np.int32)[:, None]

    def score_plan(self, people: np.ndarray, seed: int = 0) -> np.ndarray:
        """Returns int32 [n, 1]: each person's first text that scores all attributes."""
        del seed  # a person has the texts that were written
        return (1 + self._scored[self._rows(people)]).astype(np.int32)[:, None]

    def _rows(self, people: np.ndarray) -> np.ndarray:
        row = self._row[people]
        if row.size and row.min() < 0:
            raise ValueError(
                f"no usable text tells of person {np.asarray(people)[row < 0][0]}: ask"
                f" for people(index) of 0 to {self.num_people - 1} only"
            )
        return row

    def _read(self) -> None:
        """Notes where each text lies and which of them score their person whole."""
        places, owners, whole = [], [], []
        self.skipped_texts = 0
        for number, path in enumerate(self._files):
            offset = 0
            with path.open("rb") as file:
                for row, line in enumerate(file, 1):
                    where = f"{path}, line {row}"
                    person, text = self._record(where, line)
                    spans = self._spans(person, text, where)
                    if spans is None:
                        self.skipped_texts += 1
                    else:
                        places.append((number, offset))
                        owners.append(person)
                        whole.append(self._finder.counts_all(spans))
                    offset += len(line)
        self._places = np.array(places, np.int64).reshape(-1, 2)
        self._group(np.array(owners, np.int64), np.array(whole, bool))

    def _group(self, owners: np.ndarray, whole: np.ndarray) -> None:
        by_person = collections.defaultdict(list)
        for text, person in enumerate(owners.tolist()):
            by_person[person].append(text)
        for person in range(self.world.people):
            texts = by_person.get(person, [])
            if any(whole[text] for text in texts):
                continue
            if not self._skip:
                raise ValueError(
                    f"person {person} ({self.world.person(person)['name']}) has"
                    f" {len(texts)} texts in {self._files[0].parent}, none of which"
                    f" begins with the name and tells every attribute; write more, or"
                    f" leave the person out with {_SKIP}"
                )
            by_person.pop(person, None)
        self._people = np.array(sorted(by_person), np.int64)
        if not len(self._people):
            raise ValueError(f"no usable text of any person in {self._files[0].parent}")
        groups = [by_person[person] for person in self._people.tolist()]
        self._row = np.full(self.world.people, -1, np.int64)
        self._row[self._people] = np.arange(len(groups))
        self._texts = np.concatenate(groups)
        self._count = np.array([len(group) for group in groups])
        self._first = np.cumsum(self._count) - self._count
        self._scored = np.array([next(t for t in g if whole[t]) for g in groups])

    def _record(self, where: str, line: bytes) -> tuple[int, str]:
        try:
            record = json.loads(line)
            person, text = record["id"], record["text"]
            if type(person) is not int or not isinstance(text, str):
                raise ValueError
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(
                f"{where}: {line[:60]!r} is not an object with 'id', a whole number,"
                f" and 'text'"
            ) from error
        if not 0 <= person < self.world.people:
            raise ValueError(
                f"{where}: id {str(person)[:20]} is outside this world's"
                f" 0..{self.world.people - 1}"
            )
        return person, " " + text.strip()

    def _spans(self, person: int, text: str, where: str) -> Piece | None:
        missing = self._finder.missing(person, text)
        if missing and not self._skip:
            raise ValueError(
                f"{where}, id {person}: the {missing[0]}"
                f" {self.world.person(person)[missing[0]]!r} is not in the text"
                f" {text[:60]!r}...; mend it, or leave such texts out with {_SKIP}"
            )
        return None if missing else self._finder.spans(person, text)

    def _piece(self, index: int) -> Piece:
        number, offset = self._places[index]
        with self._files[number].open("rb") as file:
            file.seek(offset)
            where = f"{self._files[number]}, byte {offset}"
            person, text = self._record(where, file.readline())
        spans = self._spans(person, text, where)
        assert spans is not None, "a text changed while it was in use"
        return spans


class _Pieces(Sequence):
    """The texts as a sequence of pieces, each read when asked for."""

    def __init__(self, rewrites: Rewrites):
        self._rewrites = rewrites

    def __len__(self) -> int:
        return 1 + len(self._rewrites._places)

    def __getitem__(self, index: int) -> Piece:
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._rewrites._piece(index - 1) if index else ()


class FactFinder:
    """Finds what counts in a text: first mentions, in order of their place.

    A value inside a mention of the whole name is none: Jane Mary French may study
    anything. Texts begin with a space.
    """

    def __init__(self, world: World):
        self._world = world
        labels = build_labels(world)
        self._labels = {label.name: i for i, label in enumerate(labels)}
        counted = ("name", "value", "form")
        self._scored = {i for i, x in enumerate(labels) if x.kind in counted}
        # A reference (the pronoun) is any of its forms; {he: [he, his]}.
        self._forms = {
            a.name: [a.name, *(x.name for x in a.derived)] for a in world.references
        }
        self._references = {form for forms in self._forms.values() for form in forms}
        self._optional = {*world.derived_from, *self._references}

    @property
    def forms(self) -> tuple[tuple[str, int], ...]:
        """As `Corpus.forms`, in the cases that a text may have them."""
        return tuple(
            (" " + word, value)
            for attribute in self._world.references
            for told in (attribute.columns[0], *attribute.derived)
            for value, text in enumerate(told.strings)
            for word in (text, text.lower(), text.capitalize())
        )

    def missing(self, person: int, text: str) -> list[str]:
        """Returns which of "name" and the sentences' attributes are not found."""
        return [
            name
            for name, found in self._matches(person, text)
            if not found and name not in self._optional
        ]

    def spans(self, person: int, text: str) -> Piece:
        """Cuts the text into spans.

        A fact is told where it stands first on its own, not inside another. A derived
        fact is text once its attribute's value was told. Where words may be another
        value or a derived fact that comes before its attribute ("Rome", born there or
        working there), the attribute's value is text: what it costs is not known.
        """
        leaks = self._world.derived_from
        # The longest of those that begin together is meant, and what counts first.
        places = sorted(
            (match.start(), -match.end(), name in leaks, name)
            for name, found in self._matches(person, text)
            for match in found
        )
        spans, end, told, doubtful = [], 0, set(), set()
        here = (0, 0)  # the fact told last
        for start, minus_stop, _, name in places:
            if start < here[1] or name in told:
                if (start, -minus_stop) == here and name in leaks:
                    doubtful.add(name)
                continue
            here = start, -minus_stop
            told.add(name)
            given_away = any(leaks[fact] == name for fact in doubtful - told)
            if leaks.get(name) not in told and not given_away:
                if start > end:
                    spans.append(Span(text[end:start], TEXT))
                end = here[1]
                spans.append(Span(text[start:end], self._labels[name]))
        return (*spans, Span(text[end:], TEXT)) if end < len(text) else tuple(spans)

    def counts_all(self, spans: Piece) -> bool:
        """Returns whether a text opens with the name and every attribute counts."""
        labels = {span.label for span in spans}
        return bool(spans) and spans[0].label == NAME and self._scored <= labels

    def scores_whole(self, person: int, text: str) -> bool:
        """Returns whether a text, without its first space, scores its person whole."""
        return self.counts_all(self.spans(person, " " + text))

    def _matches(self, person: int, text: str):
        """Yields (name of a fact, its matches in the text)."""
        facts = self._facts(person)
        hidden = text.replace(facts["name"], "\0" * len(facts["name"]))
        for name, value in facts.items():
            if name in self._forms:
                words = "|".join(re.escape(facts[form]) for form in self._forms[name])
                yield name, [*re.finditer(rf"(?i: ?\b(?:{words})\b)", hidden)]
            elif name not in self._references:
                pattern = rf" ?(?<!\w){re.escape(value)}(?!\w)"
                where = text if name == "name" else hidden
                yield name, [*re.finditer(pattern, where)]

    @functools.lru_cache(maxsize=2)  # noqa: B019 - one small object per corpus
    def _facts(self, person: int) -> dict[str, str]:
        return self._world.person(person)


def _files(paths) -> list[pathlib.Path]:
    if isinstance(paths, str | pathlib.Path):
        path = pathlib.Path(paths)
        files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    else:
        files = [pathlib.Path(path) for path in paths]
    for file in files:
        if not file.is_file():
            raise ValueError(f"{file} does not exist")
    if not files:
        raise ValueError(f"{paths} holds no .jsonl file")
    return files
