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

from kscale.quant.files import cast_rest, load_about, load_quantized, save_quantized
from kscale.quant.gptq import Report, quantize_gptq
from kscale.quant.scheme import BITS, NO_ROUNDING, GptqOptions, Scheme
from kscale.quant.weights import (
    Quantized,
    dequantize,
    fake_quantize,
    is_quantized,
    quantize,
    stored_bits,
)

__all__ = [
    "BITS",
    "NO_ROUNDING",
    "GptqOptions",
    "Quantized",
    "Report",
    "Scheme",
    "cast_rest",
    "dequantize",
    "fake_quantize",
    "is_quantized",
    "load_about",
    "load_quantized",
    "quantize",
    "quantize_gptq",
    "save_quantized",
    "stored_bits",
]
