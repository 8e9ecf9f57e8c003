"""How weights are rounded: bits, groups, signs, and which of them."""

import dataclasses

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

    Raises:
      ValueError: a field out of range; the message names it and its condition.
    """

    bits: int = 8
    group: int = 0
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
