"""A closed vocabulary of whole symbols, for worlds whose text is made of symbols.

A text is symbols, each after one space (the first space may be missing). A symbol
may itself hold single spaces, as "ID 7" does; where several symbols could begin at
a place the longest one is taken.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from kscale.tokenizers.base import text_ids


@dataclass(frozen=True)
class Symbols:
    """One id for each word, in order, then one for EOS.

    A word that is two other words in a row ("ID 7" beside "ID" and "7") takes their
    place in every text, and the two are then no longer cut apart at their space.

    Args:
      words: the vocabulary: distinct, not empty, no space at either end and no two
        spaces together.

    Raises:
      ValueError: a word is not of that form, or comes twice.

    Example:
      >>> Symbols(["n3", "n5", "ID 7"]).encode(" n3 ID 7 n5")
      [0, 2, 1]
    """

    words: Sequence[str]
    name = "symbols"

    def __post_init__(self) -> None:
        if isinstance(self.words, str):
            raise ValueError(
                f"words must be a sequence of words, but is the text"
                f" {self.words[:40]!r}: pass a list"
            )
        object.__setattr__(self, "words", tuple(self.words))
        for word in self.words:
            if not all(word.split(" ")):
                raise ValueError(
                    f"the word {word!r} must be parts separated by single spaces, with "
                    "none at either end: the tokenizer adds the space before a word"
                )
        if len(self._ids) != len(self.words):
            twice = next(w for i, w in enumerate(self.words) if self._ids[w] != i)
            raise ValueError(
                f"the word {twice!r} comes twice, but each needs an id of its own: "
                "remove one"
            )

    @property
    def vocab_size(self) -> int:
        """Number of ids, special ones included."""
        return len(self.words) + 1

    @property
    def eos(self) -> int:
        """Id that separates documents."""
        return len(self.words)

    def encode(self, text: str) -> list[int]:
        """Returns the ids of the symbols, the longest match first.

        Raises:
          ValueError: the text holds something else than symbols and single spaces.
        """
        parts = text.removeprefix(" ").split(" ") if text else []
        ids: list[int] = []
        start = 0
        while start < len(parts):
            most = min(self._most_parts, len(parts) - start)
            for taken in range(most, 0, -1):
                token = self._ids.get(" ".join(parts[start : start + taken]))
                if token is not None:
                    ids.append(token)
                    start += taken
                    break
            else:
                raise ValueError(
                    f"unknown symbol {parts[start]!r} at character"
                    f" {len(text) - len(' '.join(parts[start:]))} of {text[:80]!r}: it"
                    f" must be one of the {len(self.words)} words given to the"
                    f" tokenizer, each after a single space"
                )
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Returns the symbols, a space before each, the first one too.

        Raises:
          ValueError: an id lies outside the vocabulary.
        """
        return "".join(" " + self.words[token] for token in text_ids(ids, self))

    def piece(self, token: int) -> bytes:
        """Returns what one id writes: a space and its symbol."""
        return f" {self.words[token]}".encode()

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {word: token for token, word in enumerate(self.words)}

    @cached_property
    def _most_parts(self) -> int:
        return max((len(word.split(" ")) for word in self.words), default=0)
