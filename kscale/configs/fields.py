"""Fields of nested frozen dataclasses: read, write, override, compare.

A config is a tree of frozen dataclasses whose leaves are numbers, strings, booleans,
None and tuples of these; `Annotated[int, (1, 10)]` has a least and a most value. A leaf
is addressed by its path from the root: "model.layers".
A field may also be a tuple of dataclasses, addressed by number: "parts.0.people"; the
number after the last one adds an item.
Values come from JSON or as text from a command line and are checked against the
annotation of their field, so a config holds what its dataclass says, or is refused.
"""

import dataclasses
import difflib
import functools
import math
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
_SHOWN = 24  # digits of a number in a message


def to_dict(config: Any) -> dict[str, Any]:
    """Returns the config as nested dicts and lists that JSON can hold.

    A whole number in a float field becomes a float, so that equal configs have equal
    texts.
    """
    types_of = _annotations(type(config))
    return {name: _to_json(getattr(config, name), types_of[name]) for name in types_of}


def from_dict(cls: type[T], data: Mapping[str, Any], where: str = "config") -> T:
    """Makes a dataclass from nested dicts; fields left out take their defaults.

    In messages it is called `where`.

    Raises:
      ValueError: an unknown field, with the nearest name; a value of another type.
    """
    types_of = _annotations(cls)
    for name in data:
        if name not in types_of:
            raise ValueError(unknown("field", f"{where}.{name}", name, types_of))
    values = {x: _read_field(cls, x, data[x], f"{where}.{x}") for x in data}
    return _construct(lambda: cls(**values), where)


def override(config: T, path: str, value: Any) -> T:
    """Returns the config with one field replaced.

    Args:
      config: a nested frozen dataclass.
      path: the field, "model.layers".
      value: text from a command line ("4", "1e-3", "10K", "true", "(1, 2)", "None") or
        a value of the field's type.

    Raises:
      ValueError: no such field, with the nearest name; a value of another type.
    """
    return override_all(config, {path: value})


def override_all(config: T, values: Mapping[str, Any]) -> T:
    """Returns the config with several fields replaced at once; see `override`.

    All fields of a dataclass are set together, so two that must fit each other, such
    as heads and kv_heads, can be given in any order.
    """
    return _override(config, {tuple(p.split(".")): v for p, v in values.items()}, "")


def _override(config: Any, values: Mapping[tuple[str, ...], Any], where: str) -> Any:
    types_of = _annotations(type(config))
    groups: dict[str, dict[tuple[str, ...], Any]] = {}
    for (name, *rest), value in values.items():
        groups.setdefault(name, {})[tuple(rest)] = value
    changes = {}
    for name, group in groups.items():
        here = f"{where or 'config'}.{name}"
        if name not in types_of:
            raise ValueError(unknown("field", here, name, types_of))
        old = getattr(config, name)
        if () in group:
            _check_leaf(old, types_of[name], group[()], here)
            changes[name] = _read_field(type(config), name, group[()], here)
        elif dataclasses.is_dataclass(old):
            changes[name] = _override(old, group, here)
        elif item := _item(types_of[name]):
            changes[name] = _override_items(old, item, group, here)
        else:
            inner = next(iter(group))[0]
            raise ValueError(f"{here} is a value and has no field {inner!r}")
    return _construct(lambda: dataclasses.replace(config, **changes), where or "config")


def _construct(make: Callable[[], T], where: str) -> T:
    """Returns what `make` returns, or raises its ValueError with its path."""
    try:
        return make()
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _override_items(
    old: tuple, made: type, values: Mapping[tuple[str, ...], Any], where: str
) -> tuple:
    """Replaces fields of the items of a tuple, or adds items."""
    items: dict[int, dict[tuple[str, ...], Any]] = {}
    for (number, *rest), value in values.items():
        if not number.isdecimal() or not rest:
            raise ValueError(
                f"{where}.{number}: name a field of an item, such as {where}.0.FIELD"
                f" with FIELD one of {', '.join(_annotations(made))}"
            )
        items.setdefault(int(number), {})[tuple(rest)] = value
    count = len(old)
    for number in sorted(items):
        if number > count:
            raise ValueError(
                f"{where}.{number}: the config has {len(old)} {where.split('.')[-1]},"
                f" so the next one is {where}.{count}"
            )
        count = max(count, number + 1)
    added = (made() for _ in range(count - len(old)))
    return tuple(
        _override(item, items.get(i, {}), f"{where}.{i}")
        for i, item in enumerate((*old, *added))
    )


def _item(annotation: Any) -> Any:
    """Returns the dataclass of which a field holds a tuple, or None."""
    inner, *rest = typing.get_args(annotation) or (None,)
    several = typing.get_origin(annotation) is tuple and rest == [Ellipsis]
    return inner if several and dataclasses.is_dataclass(inner) else None


def _is_group(value: Any) -> bool:
    """Checks whether a value is a tuple of dataclasses."""
    return isinstance(value, tuple) and any(map(dataclasses.is_dataclass, value))


def _check_leaf(old: Any, annotation: Any, value: Any, where: str) -> None:
    if (item := _item(annotation)) and isinstance(value, str) and value.strip("()[] "):
        raise ValueError(
            f"{where}={value!r} holds groups of fields: write {where}.0.FIELD=... with"
            f" FIELD one of {', '.join(_annotations(item))}, or {where}=() for none"
        )
    if dataclasses.is_dataclass(old) and isinstance(value, str):
        inside = ", ".join(_annotations(type(old)))
        raise ValueError(f"{where} is a group of fields; set one of them: {inside}")


def flatten(config: Any, where: str = "") -> dict[str, Any]:
    """Returns every leaf of the config by its path, in the order of the fields."""
    leaves: dict[str, Any] = {}
    for name in _annotations(type(config)):
        value, path = getattr(config, name), f"{where}{name}"
        if dataclasses.is_dataclass(value):
            leaves |= flatten(value, f"{path}.")
        elif _is_group(value):
            for i, item in enumerate(value):
                leaves |= flatten(item, f"{path}.{i}.")
        else:
            leaves[path] = value
    return leaves


def diff(a: Any, b: Any) -> list[tuple[str, Any, Any]]:
    """Lists the fields in which two configs of one type differ: (path, in a, in b).

    A field of an item that only one of them has is None in the other.
    """
    leaves_a, leaves_b = flatten(a), flatten(b)
    return [
        (path, leaves_a.get(path), leaves_b.get(path))
        for path in leaves_a | leaves_b
        if leaves_a.get(path) != leaves_b.get(path)
    ]


def read(value: Any, annotation: Any, where: str) -> Any:
    """Reads a value, from JSON or as text, as the type that `annotation` asks for.

    Args:
      value: a number, string, boolean, None, list, tuple or mapping. Text is read as
        the annotation's type. Whole numbers may have a suffix K, M or B.
      annotation: int, float, bool, str, None, a Literal, a tuple, a union, a dataclass.
      where: what the value is, for the ValueError if it is not of that type.
    """
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if dataclasses.is_dataclass(annotation):
        if isinstance(value, annotation):  # type: ignore[arg-type]
            return value
        if isinstance(value, Mapping):
            return from_dict(annotation, value, where)  # type: ignore[arg-type]
        raise ValueError(f"{where}={value!r} must be a group of fields")
    if origin is typing.Literal:
        return _read_choice(value, arguments, where)
    if origin in (typing.Union, types.UnionType):
        return _read_union(value, arguments, where)
    if origin is tuple:
        return _read_tuple(value, arguments, where)
    try:
        return _READERS[annotation](value)
    except (ValueError, OverflowError, TypeError):  # as of float(None)
        kind = {int: "a whole number", float: "a number", bool: "true or false"}
        wanted = kind.get(annotation, getattr(annotation, "__name__", annotation))
        raise ValueError(f"{where}={value!r} must be {wanted}") from None


def unknown(kind: str, what: str, name: str, known: Iterable[str]) -> str:
    """Makes the message for a name that does not exist: the nearest, or all of them.

    Example:
      >>> unknown("field", "config.model.layres", "layres", ["layers", "heads"])
      "unknown field config.model.layres: did you mean 'layers'?"
    """
    known = list(known)
    choose = _did_you_mean(name, known) or f"choose from {', '.join(known)}"
    return f"unknown {kind} {what}: {choose}"


def _did_you_mean(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else ""


def _read_field(cls: type, name: str, value: Any, where: str) -> Any:
    """Reads a value as that of a field: of its type, and in its range."""
    found = read(value, _annotations(cls)[name], where)
    if name in (ranges := _ranges(cls)):
        low, high = ranges[name]
        for number in found if isinstance(found, tuple) else [found]:
            if not low <= number <= high:
                end, most = ("at least", low) if number < low else ("at most", high)
                shown = repr(number)
                if len(shown) > _SHOWN:
                    shown = f"{shown[:6]}... ({len(shown)} digits)"
                limit = f"{most:,}" if isinstance(most, int) else f"{most:g}"
                raise ValueError(f"{where}={shown} must be {end} {limit}")
    return found


@functools.cache
def _ranges(cls: type) -> dict[str, tuple[float, float]]:
    """Returns the least and the most of each field that is `Annotated` with them."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return {
        name: hint.__metadata__[0]
        for name, hint in hints.items()
        if typing.get_origin(hint) is typing.Annotated
    }


@functools.cache
def _annotations(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def _to_json(value: Any, annotation: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_dict(value)
    if isinstance(value, tuple):
        inner = _inner(typing.get_args(annotation), len(value))
        return [_to_json(item, t) for item, t in zip(value, inner, strict=True)]
    return float(value) if annotation is float else value


def _read_choice(value: Any, choices: tuple, where: str) -> Any:
    for choice in choices:
        if value == choice or value == str(choice):
            return choice
    known = list(map(str, choices))
    hint = "; ".join(filter(None, [", ".join(known), _did_you_mean(str(value), known)]))
    raise ValueError(f"{where}={value!r} must be one of {hint}")


def _read_union(value: Any, members: tuple, where: str) -> Any:
    for member in sorted(members, key=lambda m: (m is not type(None), m is str)):
        try:
            return read(value, member, where)
        except ValueError:
            continue
    names = " or ".join(getattr(m, "__name__", str(m)) for m in members)
    raise ValueError(f"{where}={value!r} must be {names}")


def _read_tuple(value: Any, inner: tuple, where: str) -> tuple:
    if isinstance(value, str):
        inside = re.sub(r"^\((.*)\)$|^\[(.*)\]$", r"\1\2", value.strip())
        value = [item.strip() for item in inside.split(",") if item.strip()]
    if not isinstance(value, list | tuple):
        value = [value]
    inner = _inner(inner, len(value))
    if len(inner) != len(value):
        raise ValueError(f"{where}={value!r} must hold {len(inner)} values")
    pairs = zip(value, inner, strict=True)
    return tuple(read(v, t, f"{where}[{i}]") for i, (v, t) in enumerate(pairs))


def _inner(arguments: tuple, length: int) -> tuple:
    """Returns the type of each item: of `int, ...` as often as there are items."""
    return arguments[:1] * length if arguments[-1] is Ellipsis else arguments


# A reader of a leaf returns its value or raises a ValueError without a message; `read`
# knows what the field is called.
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


_READERS = {bool: _bool, int: _int, float: _float, str: _str, type(None): _none}


def check_types(config: Any, where: str = "config") -> None:
    """Checks every value of a config against the annotation of its field.

    What a JSON file or a command line gives was checked when it was read. Text is no
    number here, and a number must be finite.

    Raises:
      ValueError: a value of another type, by its path.
    """
    for name, annotation in _annotations(type(config)).items():
        value, path = getattr(config, name), f"{where}.{name}"
        found = _read_field(type(config), name, value, path)
        if dataclasses.is_dataclass(value):
            check_types(value, path)
        elif _is_group(value):
            for i, item in enumerate(value):
                check_types(item, f"{path}.{i}")
        elif _holds_text(value) and not _holds_text(found):
            wanted = getattr(annotation, "__name__", annotation)
            raise ValueError(f"{path}={value!r} must be {wanted}, not text")


def _holds_text(value: Any) -> bool:
    items = value if isinstance(value, tuple | list) else [value]
    return any(isinstance(item, str) for item in items)
