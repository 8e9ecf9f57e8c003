"""How weights are rounded: bits, groups, signs, which of them, and GPTQ's options."""

import dataclasses
import math
from typing import Annotated

BITS = (8, 6, 5, 4, 3, 2)


@dataclasses.dataclass(frozen=True)
class Scheme:
    """Codes of few bits with a scale for every group of weights.

    Attributes:
      bits: of a code, one of 8, 6, 5, 4, 3, 2; 0: nothing is rounded.
      group: inputs of an output channel that share a scale; 0: all of them. The last
        group is shorter where it does not divide the inputs.
      symmetric: the grid lies around 0 and needs no zero point; else it goes from the
        least to the greatest weight of the group, 0 always among its points.
      leaves: patterns of the paths that are rounded (`*` matches slashes); the others
        stay as they are. Kernels and tables alone are ever rounded, never biases or the
        scales of norms.
    """

    bits: int = 8
    group: Annotated[int, (0, 10**9)] = 0
    symmetric: bool = True
    leaves: tuple[str, ...] = ("layer*/kernel",)

    def __post_init__(self) -> None:
        if self.bits not in (0, *BITS):
            raise ValueError(f"Scheme.bits is {self.bits}, must be one of {BITS} or 0.")
        if self.group < 0:
            raise ValueError(f"Scheme.group is {self.group}, must be 0 or more.")
        if isinstance(self.leaves, str) or not self.leaves:
            raise ValueError(
                f"Scheme.leaves is {self.leaves!r}, must be a tuple of one pattern or"
                " more, such as ('layer*/kernel',)."
            )


NO_ROUNDING = Scheme(bits=0)


@dataclasses.dataclass(frozen=True)
class GptqOptions:
    """How GPTQ rounds; the defaults are AutoGPTQ's.

    Attributes:
      damp: added to the diagonal of the second moments, relative to its mean; ten times
        more, again and again, where the factorization fails.
      act_order: inputs of large second moment first. Groups then have the grids of the
        weights before GPTQ (AutoGPTQ's `static_groups`), as neighbors in a group are
        not rounded together; without it a group has the grid of its weights when it is
        reached.
      block: inputs whose updates of later ones are applied at once, cut to a multiple
        of the group.
      sequential: False takes all inputs from the unrounded model.
    """

    damp: float = 0.01
    act_order: bool = True
    block: int = 128
    sequential: bool = True

    def __post_init__(self) -> None:
        if self.block < 1:
            raise ValueError(f"block is {self.block}, must be 1 or more inputs.")
        if not 0 <= self.damp < math.inf:
            raise ValueError(f"damp is {self.damp}, must be 0 or more and finite.")
