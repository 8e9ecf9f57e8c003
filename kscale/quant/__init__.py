"""Quantised weights: fewer bits for each of them, on disk too.

Example:
  >>> import jax
  >>> from kscale import models
  >>> config = models.from_name("GPT2-2-1", vocab=100)
  >>> params = models.init(config, jax.random.key(0))
  >>> tree = quantise(params, Scheme(bits=4))
  >>> save("small.npz", tree)
  >>> logits_BTV, aux = models.apply(config, dequantise(load("small.npz")), ...)
"""

from kscale.quant.files import about, cut, load, save
from kscale.quant.gptq import Report, calibrated, gptq, require_options
from kscale.quant.scheme import BITS, NO_ROUNDING, Scheme
from kscale.quant.weights import Quantised, dequantise, fake, quantise, stored_bits

__all__ = [
    "BITS",
    "NO_ROUNDING",
    "Quantised",
    "Report",
    "Scheme",
    "about",
    "calibrated",
    "cut",
    "dequantise",
    "fake",
    "gptq",
    "load",
    "quantise",
    "require_options",
    "save",
    "stored_bits",
]
