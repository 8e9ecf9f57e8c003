"""Facts: who exists, which attributes they have, which values; in bits, closed forms.

NumPy only. Nothing here knows of text beyond the values' own strings.
"""

from kscale.worlds.biod import biod
from kscale.worlds.bios import LISTS, bios
from kscale.worlds.counter_rng import (
    KeyedPermutation,
    below,
    derive_key,
    keyed_hash,
)
from kscale.worlds.entropy import Bits, Counts
from kscale.worlds.frequency import Law
from kscale.worlds.visits import Visits, visits
from kscale.worlds.world import Attribute, Column, Derived, World

WORLDS = {"bios": bios, "biod": biod}

__all__ = [
    "LISTS",
    "WORLDS",
    "Attribute",
    "Bits",
    "Column",
    "Counts",
    "Derived",
    "KeyedPermutation",
    "Law",
    "Visits",
    "World",
    "below",
    "bios",
    "biod",
    "derive_key",
    "keyed_hash",
    "visits",
]
