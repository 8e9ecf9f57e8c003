"""Documents as tokens with labels, packed into windows, in an exact order.

pool = data.tokenize(corpus, tokenizer)
stream = data.Stream(corpus, pool, exposures=1000, context=512)
batches = data.Batches(stream, batch=24)
batches[7]["tokens"]  # [24, 513]: what step 7 reads
"""

from .batches import Batch as Batch
from .batches import Batches as Batches
from .mixture import Mixture as Mixture
from .stream import Stream as Stream
from .tokenized import PAD as PAD
from .tokenized import Documents as Documents
from .tokenized import Forms as Forms
from .tokenized import TokenPool as TokenPool
from .tokenized import tokenize as tokenize
from .tokenized import tokenize_all as tokenize_all
