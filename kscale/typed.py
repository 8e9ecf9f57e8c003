"""Configs made in Python: values of other types than their fields are refused."""

import dataclasses
import typing
from typing import Any

from kscale import fields


def require(config: Any, where: str = "config") -> None:
    """Check every value of a config against the annotation of its field.

    What a JSON file or a command line gives was checked when it was read. Text is no
    number here, and a number must be finite.

    Raises:
      ValueError: a value of another type, by its path.
    """
    hints = typing.get_type_hints(type(config))
    for field in dataclasses.fields(config):
        value, path = getattr(config, field.name), f"{where}.{field.name}"
        if dataclasses.is_dataclass(value):
            if value is not fields.read(value, hints[field.name], path):
                raise ValueError(f"{path}={value!r} is of another kind")
            require(value, path)
        elif isinstance(value, tuple) and any(map(dataclasses.is_dataclass, value)):
            fields.read(value, hints[field.name], path)
            for i, item in enumerate(value):
                require(item, f"{path}.{i}")
        else:
            _require_value(value, hints[field.name], path)


def _require_value(value: Any, annotation: Any, path: str) -> None:
    read = fields.read(value, annotation, path)
    texts = any(isinstance(x, str) for x in _items(value))
    if texts and not any(isinstance(x, str) for x in _items(read)):
        wanted = getattr(annotation, "__name__", annotation)
        raise ValueError(f"{path}={value!r} must be {wanted}, not text")


def _items(value: Any) -> tuple | list:
    return value if isinstance(value, tuple | list) else [value]
