"""A model as a lossless code: bytes on disk that decode to the same text.

Data pass the modules in this order, and back:

    documents (bytes) -> alphabet    items: dense tokens, and bytes without a token
                      -> lanes       which document each row of a batch is at
                      -> predictor   integer weights of the next token, one step
                      -> range_coder which share of them an item has; bytes, by the
                                     library constriction
                      -> container   a header that says of what, and checksums

`Codec` is the whole of it: `compress`, `decompress`, and `measure`, the same pass that
counts bits instead of writing them. `encode_model` writes the model itself, for the
two-part code.

What makes it lossless is that both sides compute the same integers. Logits of a whole
text and of its tokens one by one differ in their last bits, so there is one path: the
compiled step of `predictor`, one token a row with a key/value cache, of a shape that
the file's header fixes. The encoder knows the tokens and calls that same program.
"""

from .alphabet import Alphabet as Alphabet
from .codec import Codec as Codec
from .codec import Measure as Measure
from .container import HEADER_BYTES as HEADER_BYTES
from .model_code import decode_model as decode_model
from .model_code import encode_model as encode_model
