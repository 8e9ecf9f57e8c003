"""Facts: which people exist, their attributes and values; bits in closed form.

NumPy only. Nothing here knows of text beyond the strings of the values.
"""

from kscale.worlds.biod import build_biod
from kscale.worlds.bios import LISTS, build_bios
from kscale.worlds.counter_rng import (
    KeyedPermutation,
    derive_key,
    keyed_hash,
    scale_to_range,
)
from kscale.worlds.entropy import Bits, Counts
from kscale.worlds.frequency import Law
from kscale.worlds.visits import Visits, draw_visits
from kscale.worlds.world import Attribute, Column, Derived, World

__all__ = [
    "LISTS",
    "Attribute",
    "Bits",
    "Column",
    "Counts",
    "Derived",
    "KeyedPermutation",
    "Law",
    "Visits",
    "World",
    "build_biod",
    "build_bios",
    "derive_key",
    "draw_visits",
    "keyed_hash",
    "scale_to_range",
]
