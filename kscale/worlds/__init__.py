"""Facts: which people exist, their attributes and values; bits in closed form.

NumPy only. Nothing here knows of text beyond the strings of the values.
"""

from .biod import build_biod as build_biod
from .bios import LISTS as LISTS
from .bios import build_bios as build_bios
from .counter_rng import KeyedPermutation as KeyedPermutation
from .counter_rng import derive_key as derive_key
from .counter_rng import keyed_hash as keyed_hash
from .counter_rng import scale_to_range as scale_to_range
from .entropy import Bits as Bits
from .entropy import Counts as Counts
from .frequency import Law as Law
from .visits import Visits as Visits
from .visits import draw_visits as draw_visits
from .world import Attribute as Attribute
from .world import Column as Column
from .world import Derived as Derived
from .world import World as World
