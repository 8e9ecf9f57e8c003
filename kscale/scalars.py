"""Single values from JSON or from text: the leaves of a config, each of its one type.

A reader returns the value or raises a ValueError without a message; `kscale.fields`
knows what the field is called.
"""

import math
import re
from typing import Any

_SUFFIXES = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9}
_BOOLEANS = {"true": True, "yes": True, "1": True}
_BOOLEANS |= {"false": False, "no": False, "0": False}


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value.lower() not in _BOOLEANS:
        raise ValueError
    return _BOOLEANS[value.lower()]


def _int(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = re.fullmatch(r"([-+]?[\d_]*\.?\d+(?:e\d+)?)([KMB]?)", str(value).strip())
    if match is None or isinstance(value, bool):
        raise ValueError
    number, suffix = match.groups()
    if re.fullmatch(r"[-+]?[\d_]+", number):
        return int(number) * _SUFFIXES[suffix]
    scaled = float(number) * _SUFFIXES[suffix]
    if not scaled.is_integer():
        raise ValueError
    return int(scaled)


def _float(value: Any) -> float:
    if isinstance(value, bool) or not math.isfinite(number := float(value)):
        raise ValueError
    return number


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _none(value: Any) -> None:
    if value is not None and value not in ("None", "none", "null"):
        raise ValueError


READERS = {bool: _bool, int: _int, float: _float, str: _str, type(None): _none}
