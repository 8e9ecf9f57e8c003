"""Which weights have low-rank adapters, and of what rank: configuration alone."""

import dataclasses
import math
import re
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Lora:
    """Adapters: a weight W acts as ``W + alpha down up`` with factors of rank r.

    Attributes:
      rules: ``"PATTERN:RANK"`` each, such as ``"*/attention/query:8"``; the first
        pattern that matches a weight's path gives its rank (``*`` matches slashes, 0 is
        none). Weights are named by their paths, and the parts of the fused
        ``attention/qkv/kernel`` are ``attention/query``, ``attention/key`` and
        ``attention/value``. Empty: no adapters.
      alpha: what the product is multiplied by; finite.
      tied: of a tied table with an adapter: ``"input"`` changes what is looked up and
        leaves the output layer, ``"both"`` changes both.

    Raises:
      ValueError: a rule not of this form; alpha not finite; another `tied`.

    Source: "Physics of Language Models: Part 3.1" (alpha = 4) and Part 3.3, appendix
    A.2.
    """

    rules: tuple[str, ...] = ()
    alpha: float = 4.0
    tied: Literal["input", "both"] = "input"

    def __post_init__(self) -> None:
        for rule in self.rules:
            if not re.fullmatch(r".+:\d+", rule):
                raise ValueError(
                    f"Lora.rules has {rule!r}, must be PATTERN:RANK, such as"
                    " '*/attention/query:8'."
                )
        if not math.isfinite(self.alpha):
            raise ValueError(f"Lora.alpha is {self.alpha}, must be finite.")
        if self.tied not in ("input", "both"):
            raise ValueError(f"Lora.tied is {self.tied!r}, must be 'input' or 'both'.")


NO_ADAPTERS = Lora()
