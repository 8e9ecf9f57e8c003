"""Documents as tokens with labels, packed into windows, in an exact order.

pool = data.tokenize(corpus, tokenizer)
stream = data.Stream(corpus, pool, exposures=1000, context=512)
for chunk in data.batches(data.BatchSource([stream], batch=24)): ...
"""

from kscale.data.batches import BatchSource, Chunk, batches
from kscale.data.mixture import Mixture
from kscale.data.stream import Stream
from kscale.data.tokenized import (
    PAD,
    Documents,
    TokenPool,
    tokenize,
    tokenize_all,
)

__all__ = [
    "PAD",
    "BatchSource",
    "Chunk",
    "Documents",
    "Mixture",
    "Stream",
    "TokenPool",
    "batches",
    "tokenize",
    "tokenize_all",
]
