"""SentencePiece BPE in the manner of LLaMA, trained in process on given texts.

Digits stand alone, a character that the texts lack is spelt in bytes, nothing is
normalized and no space is added in front, so that every text comes back as it was
and pieces cut at spaces can be encoded apart. Ids: 0 unknown (never given), 1 start
of text (never given), 2 EOS, 3 to 258 the bytes, then the pieces learned.
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sentencepiece as spm

from kscale.tokenizers.base import text_ids

SPECIAL_AND_BYTES = 3 + 256
BLOCK = "\u2581"  # SentencePiece's own letter for a space
OPTIONS: dict[str, Any] = {
    "model_type": "bpe",
    "split_digits": True,
    "byte_fallback": True,
    "normalization_rule_name": "identity",
    "add_dummy_prefix": False,
    "remove_extra_whitespaces": False,
    "character_coverage": 1.0,
    "max_sentence_length": 2**30,  # longer texts would be left out in silence
    "num_threads": 1,  # the same bytes every time
    "minloglevel": 3,
}


@dataclass(frozen=True)
class SentencePiece:
    """A trained SentencePiece tokenizer: the bytes of a `.model` file."""

    model: bytes
    name = "sentencepiece"

    @property
    def vocab_size(self) -> int:
        """Number of ids, special ones included."""
        return self._processor.vocab_size()

    @property
    def eos(self) -> int:
        """Id that separates documents."""
        return self._processor.eos_id()

    def encode(self, text: str) -> list[int]:
        """Returns the ids of any Unicode text.

        Raises:
          UnicodeEncodeError: (a ValueError) the text holds a lone surrogate.
        """
        first, *rest = text.split(BLOCK)
        ids = self._processor.encode(first.encode())
        for part in rest:  # a block in the text is no space: spell it in bytes
            ids += self._block_ids + self._processor.encode(part.encode())
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Returns the text of the ids; bytes that are not UTF-8 become U+FFFD.

        Raises:
          ValueError: an id lies outside the vocabulary.
        """
        return self._processor.decode(text_ids(ids, self))

    def piece(self, token: int) -> bytes:
        """Returns what one id writes; each byte alone has an id."""
        if self._processor.is_byte(token):
            return bytes([int(self._processor.id_to_piece(token)[1:-1], 16)])
        if self._processor.is_control(token) or self._processor.is_unknown(token):
            return b""
        return self._processor.id_to_piece(token).replace(BLOCK, " ").encode()

    @cached_property
    def _processor(self) -> spm.SentencePieceProcessor:
        return spm.SentencePieceProcessor(model_proto=self.model)

    @cached_property
    def _block_ids(self) -> list[int]:
        pieces = [f"<0x{byte:02X}>" for byte in BLOCK.encode()]
        return [self._processor.piece_to_id(piece) for piece in pieces]


def train_sentencepiece(texts: Iterable[str], vocab_size: int) -> SentencePiece:
    """Trains a tokenizer; the same texts in the same order give the same bytes.

    Args:
      texts: what to learn the pieces from, read once. Every character in them
        becomes a piece.
      vocab_size: number of ids: 3 special ones, 256 bytes, one for each distinct
        character of the texts, and the merges learned.

    Raises:
      ValueError: `vocab_size` is smaller or larger than the texts allow (the
        message says what is possible), or the texts are empty.

    Example:
      >>> tokenizer = train_sentencepiece([" Anya was born in Ulm."], 300)
      >>> tokenizer.decode(tokenizer.encode(" Anya"))
      ' Anya'

    Source: Kudo & Richardson 2018, "SentencePiece"; single digits and bytes for
    unknown characters as in Touvron et al. 2023, "LLaMA", section 2.1.
    """
    if vocab_size <= SPECIAL_AND_BYTES:
        raise ValueError(
            f"vocab_size {vocab_size} leaves no room for characters: it must be over "
            f"{SPECIAL_AND_BYTES}, the special ids and the bytes"
        )
    letters: set[str] = set()
    buffer = io.BytesIO()
    try:
        spm.SentencePieceTrainer.train(
            sentence_iterator=_collect_letters(texts, letters),
            model_writer=buffer,
            vocab_size=vocab_size,
            hard_vocab_limit=False,
            **OPTIONS,
        )
    except RuntimeError as error:
        raise ValueError(_explain_failure(vocab_size, letters, error)) from error
    tokenizer = SentencePiece(buffer.getvalue())
    if tokenizer.vocab_size != vocab_size:
        raise ValueError(
            f"vocab_size {vocab_size} is larger than these texts allow: at most "
            f"{tokenizer.vocab_size}; ask for that"
        )
    return tokenizer


def _collect_letters(texts: Iterable[str], letters: set[str]) -> Iterator[bytes]:
    """Yields the texts to the trainer and collects their distinct characters."""
    for text in texts:
        letters.update(text.replace(" ", BLOCK))
        yield text.encode()


def _explain_failure(vocab_size: int, letters: set[str], error: RuntimeError) -> str:
    smallest = SPECIAL_AND_BYTES + len(letters)
    if not letters:
        return "SentencePiece needs texts to learn from, but these are empty"
    if vocab_size < smallest:
        return (
            f"vocab_size {vocab_size} is smaller than these texts need: at least "
            f"{smallest} = {SPECIAL_AND_BYTES} special ids and bytes + {len(letters)} "
            "distinct characters"
        )
    return f"SentencePiece could not learn {vocab_size} pieces from the texts: {error}"
