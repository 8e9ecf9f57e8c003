"""What a tokenizer is.

Three promises hold for every tokenizer of this room, beyond the signatures:

* *Lossless*: `decode(encode(text)) == text`, where the text is one that the
  tokenizer accepts (a symbol tokenizer accepts its own words only).
* *Cuttable at spaces*: a text cut before a single space between two words gives
  the same ids in pieces as whole, `encode("a b") == encode("a") +
  encode(" b")`. Names and values can therefore be encoded once, apart from the
  sentences around them.
* *EOS is not text*: no text encodes to it, and `decode` passes over it.
"""

import operator
from collections.abc import Iterable
from typing import Protocol


class Tokenizer(Protocol):
    """Text to token ids in `range(vocab_size)`, and back."""

    @property
    def name(self) -> str:
        """Key in `TOKENIZERS`."""
        ...

    @property
    def vocab_size(self) -> int:
        """Number of ids, special ones included."""
        ...

    @property
    def eos(self) -> int:
        """Id that separates documents."""
        ...

    def encode(self, text: str) -> list[int]:
        """Returns the ids of a text, without EOS."""
        ...

    def decode(self, ids: Iterable[int]) -> str:
        """Returns the text of ids, EOS passed over."""
        ...

    def piece(self, token: int) -> bytes:
        """Returns what one id other than EOS writes, in UTF-8 or a part of it.

        The pieces of `encode(text)`, put together, are the bytes of `decode` of it.
        """
        ...


def text_ids(ids: Iterable[int], tokenizer: Tokenizer) -> list[int]:
    """Returns the ids that stand for text, as Python ints: all but EOS.

    Raises:
      ValueError: an id lies outside the vocabulary.
    """
    integers = [operator.index(token) for token in ids]
    for token in integers:
        if not 0 <= token < tokenizer.vocab_size:
            raise ValueError(
                f"token id {token} is not in the {tokenizer.name} vocabulary: ids must "
                f"be from 0 to {tokenizer.vocab_size - 1}; map dense ids back with "
                "DenseVocabulary.to_original first"
            )
    return [token for token in integers if token != tokenizer.eos]
