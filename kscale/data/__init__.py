"""Documents as tokens with labels, packed into windows, in an exact order.

pool = data.tokenize(corpus, tokenizer)
stream = data.Stream(corpus, pool, exposures=1000, context=512)
batches = data.Batches(stream, batch=24)
batches[7]["tokens"]  # [24, 513]: what step 7 reads
"""

from kscale.data.batches import Batch, Batches
from kscale.data.mixture import Mixture
from kscale.data.stream import Stream
from kscale.data.tokenized import (
    PAD,
    Documents,
    Forms,
    TokenPool,
    tokenize,
    tokenize_all,
)

__all__ = [
    "PAD",
    "Batch",
    "Batches",
    "Documents",
    "Forms",
    "Mixture",
    "Stream",
    "TokenPool",
    "tokenize",
    "tokenize_all",
]
