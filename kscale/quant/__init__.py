"""Quantized weights: fewer bits for each of them, on disk too.

Example:
  >>> import jax
  >>> from kscale import models
  >>> config = models.from_name("GPT2-2-1", vocab=100)
  >>> params = models.init(config, jax.random.key(0))
  >>> tree = quantize(params, Scheme(bits=4))
  >>> save_quantized("small.npz", tree)
  >>> params = dequantize(load_quantized("small.npz"))
"""

from .files import cast_rest as cast_rest
from .files import load_about as load_about
from .files import load_quantized as load_quantized
from .files import save_quantized as save_quantized
from .gptq import Report as Report
from .gptq import quantize_gptq as quantize_gptq
from .scheme import BITS as BITS
from .scheme import NO_ROUNDING as NO_ROUNDING
from .scheme import GptqOptions as GptqOptions
from .scheme import Scheme as Scheme
from .weights import Quantized as Quantized
from .weights import dequantize as dequantize
from .weights import fake_quantize as fake_quantize
from .weights import is_quantized as is_quantized
from .weights import quantize as quantize
from .weights import stored_bits as stored_bits
