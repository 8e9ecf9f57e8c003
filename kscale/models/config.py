"""What a decoder-only transformer is made of, in frozen dataclasses."""

import dataclasses
import math
import re
from typing import Annotated, Literal


@dataclasses.dataclass(frozen=True)
class Lora:
    """Low-rank adapters: a weight W acts as `W + alpha down up`, of rank r.

    Attributes:
      rules: `"PATTERN:RANK"` each, such as `"*/attention/query:8"`; the first
        pattern that matches a weight's path gives its rank (`*` matches slashes, 0 is
        none). The parts of the fused `attention/qkv/kernel` are `attention/query`,
        `attention/key` and `attention/value`. Empty: no adapters.
      alpha: what the product is multiplied by; finite.
      tied: of a tied table with an adapter: `"input"` changes what is looked up and
        leaves the output layer, `"both"` changes both.

    Source: "Physics of Language Models: Part 3.1" (alpha = 4); Allen-Zhu & Li 2024,
    appendix A.2.
    """

    rules: tuple[str, ...] = ()
    alpha: float = 4.0
    tied: Literal["input", "both"] = "input"

    def __post_init__(self) -> None:
        for rule in self.rules:
            if not re.fullmatch(r".+:\d{1,6}", rule):
                raise ValueError(
                    f"Lora.rules has {rule!r}, must be PATTERN:RANK, such as"
                    " '*/attention/query:8', a rank below a million."
                )
        if not math.isfinite(self.alpha):
            raise ValueError(f"Lora.alpha is {self.alpha}, must be finite.")
        if self.tied not in ("input", "both"):
            raise ValueError(f"Lora.tied is {self.tied!r}, must be 'input' or 'both'.")


NO_ADAPTERS = Lora()

_NOT_NEGATIVE = ("vocab", "kv_heads", "experts", "init_std")
_NOT_NEGATIVE += ("capacity_factor", "eval_capacity_factor")
_CHOICES = {
    "mlp": ("plain", "gated", "none"),
    "activation": ("gelu", "silu", "relu2"),
    "norm": ("layer", "rms"),
    "residual_init": ("scaled", "zero", "plain"),
    "compute": ("float32", "bfloat16"),
    "attention": ("auto", "reference", "blocks", "cudnn"),
}


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """A decoder-only transformer: width `d = heads * head_size`, pre-norm blocks.

    Attributes:
      vocab: number of tokens; 0 until the corpus is known (a model cannot be built
        or counted before).
      layers: number of blocks, at most 128, as each is compiled by itself.
      heads: query heads a block.
      head_size: dimensions of one head.
      kv_heads: key and value heads, each shared by `heads / kv_heads` query heads;
        0 means as many as `heads`.
      mlp: `"plain"` (d -> hidden -> d), `"gated"` (two inputs, one through the
        activation, multiplied) or `"none"` (attention only).
      mlp_width: hidden width of the MLP in units of d.
      activation: `"gelu"` (tanh form), `"silu"` or `"relu2"` (squared ReLU).
      norm: `"layer"` (LayerNorm) or `"rms"` (no mean subtracted).
      norm_scale, norm_bias: whether norms carry a trainable scale and bias.
      norm_eps: added to the variance inside the norms.
      qk_norm: unit RMS of every query and key head, before rotation, no parameters.
      bias: whether linear layers carry a bias.
      rotary_fraction: part of each head's dimensions that is rotated (the first ones).
      rotary_base: the slowest wavelength is about `2 pi rotary_base` tokens.
      tied: whether the output layer is the embedding table.
      init_std: standard deviation of every matrix at the start.
      residual_init: projections back into the residual stream start at
        `init_std / sqrt(2 layers)` ("scaled"), at zero ("zero") or as all the
        others ("plain").
      compute: dtype of matrix products, in training; a model is scored in float32.
        Parameters, norms, softmax, residual stream and loss are float32 always.
      attention: how attention is computed, never what: `"auto"` picks by platform.
      experts: experts of each MLP, each of `mlp_width`; 0 is one dense MLP.
      top_k: experts that each token goes to, 1 or 2.
      capacity_factor: in training an expert takes at most
        `top_k floor(capacity_factor ceil(tokens / experts))` tokens of a group, 1
        at least; the rest pass by. 0: all are taken (dropless).
      eval_capacity_factor: the same when a model is scored; 0: dropless.
      route_rows: rows of a batch in training that compete for the same room, side by
        side in the batch; scored rows do not compete with each other.
      lora: adapters beside the weights.

    Example:
      >>> ModelConfig(vocab=131, layers=2, heads=3, head_size=16).width
      48
    """

    vocab: Annotated[int, (0, 10**8)] = 0
    layers: Annotated[int, (1, 128)] = 2
    heads: Annotated[int, (1, 1024)] = 1
    head_size: Annotated[int, (1, 4096)] = 64
    kv_heads: Annotated[int, (0, 1024)] = 0
    mlp: str = "plain"
    mlp_width: Annotated[float, (0, 1024)] = 4.0
    activation: str = "gelu"
    norm: str = "layer"
    norm_scale: bool = True
    norm_bias: bool = True
    norm_eps: Annotated[float, (0, 1e37)] = 1e-5
    qk_norm: bool = False
    bias: bool = True
    rotary_fraction: float = 0.25
    rotary_base: Annotated[float, (0, 1e37)] = 10000.0
    tied: bool = True
    init_std: Annotated[float, (0, 1e37)] = 0.02
    residual_init: str = "scaled"
    compute: str = "float32"
    attention: str = "auto"
    experts: Annotated[int, (0, 4096)] = 0
    top_k: int = 1
    capacity_factor: Annotated[float, (0, 10**4)] = 2.0
    eval_capacity_factor: Annotated[float, (0, 10**4)] = 8.0
    route_rows: Annotated[int, (1, 10**6)] = 1
    lora: Lora = NO_ADAPTERS

    def __post_init__(self) -> None:
        for field, choices in _CHOICES.items():
            self._require(field, getattr(self, field) in choices, f"one of {choices}")
        for field in _NOT_NEGATIVE:
            self._require(field, getattr(self, field) >= 0, "0 or more")
        for field in ("layers", "heads", "head_size", "route_rows"):
            self._require(field, getattr(self, field) >= 1, "1 or more")
        for field in ("mlp_width", "norm_eps", "rotary_base"):
            self._require(field, getattr(self, field) > 0, "greater than 0")
        fraction = self.rotary_fraction
        self._require("rotary_fraction", 0 <= fraction <= 1, "between 0 and 1")
        self._require(
            "kv_heads",
            self.heads % self.key_value_heads == 0,
            f"a divisor of heads={self.heads} (0: as many as heads)",
        )
        self._require(
            "rotary_fraction",
            fraction * self.head_size % 2 == 0,
            f"such that rotary_fraction * head_size={self.head_size} is an even "
            "integer, as dimensions rotate in pairs (0 turns rotation off)",
        )
        self._require(
            "experts",
            not self.experts or self.mlp != "none",
            "0 in a model without an MLP (mlp='none')",
        )
        self._require(
            "top_k",
            1 <= self.top_k <= min(2, self.experts or 2),
            f"1 or 2, and at most experts={self.experts}",
        )
        self._require(
            "mlp_width",
            self.mlp == "none" or self.hidden >= 1,
            f"such that mlp_width * {self.width} (the width) rounds to 1 or more",
        )

    def _require(self, field: str, holds: bool, condition: str) -> None:
        if not holds:
            value = getattr(self, field)
            raise ValueError(f"ModelConfig.{field} is {value!r}, must be {condition}.")

    @property
    def width(self) -> int:
        """`d`: dimensions of the residual stream."""
        return self.heads * self.head_size

    @property
    def key_value_heads(self) -> int:
        """Number of key heads and of value heads."""
        return self.kv_heads or self.heads

    @property
    def hidden(self) -> int:
        """Hidden width of the MLP; 0 without one."""
        return 0 if self.mlp == "none" else round(self.mlp_width * self.width)

    @property
    def rotary_size(self) -> int:
        """Dimensions of each head that are rotated."""
        return int(self.rotary_fraction * self.head_size)


def require_vocab(config: ModelConfig) -> int:
    """Returns `config.vocab`, or raises a `ValueError` where it is not set."""
    if config.vocab < 1:
        raise ValueError(
            f"ModelConfig.vocab is {config.vocab}, must be 1 or more before a model is "
            "built or counted; set it with dataclasses.replace(config, vocab=...)."
        )
    return config.vocab
