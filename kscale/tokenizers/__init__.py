"""Text to token ids and back, and the dense vocabulary of a corpus."""

from kscale.tokenizers.base import Tokenizer
from kscale.tokenizers.gpt2 import GPT2, load_gpt2
from kscale.tokenizers.sentencepiece import SentencePiece, train_sentencepiece
from kscale.tokenizers.symbols import Symbols
from kscale.tokenizers.vocabulary import DenseVocabulary, build_vocabulary

TOKENIZERS = {
    "gpt2": load_gpt2,
    "sentencepiece": train_sentencepiece,
    "symbols": Symbols,
}

__all__ = [
    "GPT2",
    "TOKENIZERS",
    "DenseVocabulary",
    "SentencePiece",
    "Symbols",
    "Tokenizer",
    "build_vocabulary",
    "load_gpt2",
    "train_sentencepiece",
]
