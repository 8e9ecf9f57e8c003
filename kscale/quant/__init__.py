"""Quantized weights: fewer bits for each of them, on disk too.

Example:
  >>> import jax
  >>> from kscale import models
  >>> config = models.from_name("GPT2-2-1", vocab=100)
  >>> params = models.init(config, jax.random.key(0))
  >>> tree = quantize(params, Scheme(bits=4))
  >>> save("small.npz", tree)
  >>> logits_BTV, aux = models.apply(config, dequantize(load("small.npz")), ...)
"""

from kscale.quant.files import about, cut, load, save
from kscale.quant.gptq import Report, calibrated, gptq, require_options
from kscale.quant.quantize import (
    Quantized,
    dequantize,
    fake,
    quantize,
    stored_bits,
)
from kscale.quant.scheme import BITS, NO_ROUNDING, Scheme

__all__ = [
    "BITS",
    "NO_ROUNDING",
    "Quantized",
    "Report",
    "Scheme",
    "about",
    "calibrated",
    "cut",
    "dequantize",
    "fake",
    "gptq",
    "load",
    "quantize",
    "require_options",
    "save",
    "stored_bits",
]
