"""Bytes as items of a code: the model's tokens, and bytes that it has no token for.

An item below the vocabulary's size V is a dense token; item V + b is the byte b,
escaped. So any bytes can be written under any vocabulary, at 32 bits an escaped byte.
"""

import dataclasses
import functools
import re

import numpy as np

from kscale.files import digest
from kscale.tokenizers import DenseVocabulary, Tokenizer

_BAD_BYTES = re.compile("([\udc80-\udcff]+)")  # as "surrogateescape" marks them


@dataclasses.dataclass(frozen=True, eq=False)
class Alphabet:
    """Documents to items and back.

    A document is tokenized as it is in training. What the vocabulary lacks is spelled
    by the longest of its pieces that fit, from the left, and bytes that no piece
    begins with are escaped; so is what the tokenizer refuses, and what is not UTF-8.

    Attributes:
      tokenizer: of the model's corpus.
      vocabulary: the dense ids of the model.
      prefix: what every document begins with: EOS, or EOS and a domain token. It is
        given and costs nothing; EOS ends a document.

    Example:
      >>> vocabulary = build_vocabulary([[64, 65]], eos=50256)   # "a" and "b"
      >>> alphabet = Alphabet(load_gpt2(), vocabulary, (2,))
      >>> alphabet.encode(b"abc").tolist()
      [0, 1, 102]
    """

    tokenizer: Tokenizer
    vocabulary: DenseVocabulary
    prefix: tuple[int, ...]

    @property
    def size(self) -> int:
        """V: tokens of the model."""
        return self.vocabulary.size

    @functools.cached_property
    def pieces(self) -> tuple[bytes, ...]:
        """What each dense token writes; nothing for EOS and domain tokens."""
        last, eos = self.tokenizer.vocab_size, self.tokenizer.eos
        ids = self.vocabulary.original_ids.tolist()
        return tuple(
            self.tokenizer.piece(token) if token < last and token != eos else b""
            for token in ids
        )

    @functools.cached_property
    def fingerprint(self) -> str:
        """Twelve hex digits of all that decides what items mean."""
        return digest(repr((self.pieces, self.prefix, self.vocabulary.eos)).encode())

    def encode(self, document: bytes) -> np.ndarray:
        """Returns the items of a document, without EOS: int32 [n]."""
        items: list[int] = []
        parts = _BAD_BYTES.split(document.decode(errors="surrogateescape"))
        for i, part in enumerate(parts):
            if i % 2:
                items += self._spell(part.encode(errors="surrogateescape"))
            elif part:
                items += self._encode_text(part)
        return np.array(items, np.int32)

    def decode(self, items: np.ndarray) -> bytes:
        """Returns the document that items write; EOS writes nothing."""
        size, pieces = self.size, self.pieces
        return b"".join(
            pieces[item] if item < size else bytes([item - size])
            for item in items.tolist()
        )

    def _encode_text(self, text: str) -> list[int]:
        written = text.encode()
        try:
            ids = self.tokenizer.encode(text)
        except ValueError:  # of a closed vocabulary, such as symbols
            return self._spell(written)
        if b"".join(map(self.tokenizer.piece, ids)) != written:
            return self._spell(written)
        items: list[int] = []
        for token in ids:
            dense = self._dense.get(token)
            if dense is None:
                items += self._spell(self.tokenizer.piece(token))
            else:
                items.append(dense)
        return items

    def _spell(self, written: bytes) -> list[int]:
        """Returns the longest pieces that fit, from the left; else single bytes."""
        items, start = [], 0
        while start < len(written):
            for size in range(min(self._longest, len(written) - start), 0, -1):
                token = self._by_piece.get(written[start : start + size])
                if token is not None:
                    break
            else:
                size, token = 1, self.size + written[start]
            items.append(token)
            start += size
        return items

    @functools.cached_property
    def _dense(self) -> dict[int, int]:
        ids = self.vocabulary.original_ids.tolist()
        return {token: dense for dense, token in enumerate(ids) if self.pieces[dense]}

    @functools.cached_property
    def _by_piece(self) -> dict[bytes, int]:
        return {piece: dense for dense, piece in enumerate(self.pieces) if piece}

    @functools.cached_property
    def _longest(self) -> int:
        return max(map(len, self._by_piece), default=0)
