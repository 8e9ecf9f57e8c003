"""Text to token ids and back, and the dense vocabulary of a corpus."""

from kscale.tokenizers.base import Tokenizer
from kscale.tokenizers.gpt2 import GPT2, gpt2
from kscale.tokenizers.sentencepiece import SentencePiece, sentencepiece
from kscale.tokenizers.symbols import Symbols, symbols
from kscale.tokenizers.vocabulary import Compaction, compact

TOKENIZERS = {
    "gpt2": gpt2,
    "sentencepiece": sentencepiece,
    "symbols": symbols,
}

__all__ = [
    "GPT2",
    "TOKENIZERS",
    "Compaction",
    "SentencePiece",
    "Symbols",
    "Tokenizer",
    "compact",
    "gpt2",
    "sentencepiece",
    "symbols",
]
