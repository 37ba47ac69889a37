"""JSON to frozen dataclasses and back, with messages that name the field: the type hints are the schema."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class SchemaError(ValueError):
    """A field is missing, unknown or of the wrong type; the message names it, what was expected and what was found."""


def read(kind: type[T], data: Any, where: str) -> T:
    """A dataclass `kind` from a JSON object. `where` names the place in messages. Raises SchemaError."""
    if not isinstance(data, dict):
        raise SchemaError(f"{where}: expected an object, found {type(data).__name__}")
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(data) - set(fields))
    if unknown:
        raise SchemaError(f"{where}: expected the fields {', '.join(fields)}, found also {', '.join(unknown)}")
    values = {}
    for name, field in fields.items():
        if name in data:
            values[name] = _value(hints[name], data[name], f"{where}.{name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise SchemaError(f"{where}: expected the field {name}, found none")
    try:
        return kind(**values)
    except SchemaError:
        raise
    except ValueError as error:
        raise SchemaError(f"{where}: {error}") from error


def _value(hint: Any, data: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return data
    if origin in (typing.Union, types.UnionType):
        if data is None and type(None) in arguments:
            return None
        return _value(next(a for a in arguments if a is not type(None)), data, where)
    if dataclasses.is_dataclass(hint):
        return read(hint, data, where)  # type: ignore[arg-type]
    if origin is tuple:
        if not isinstance(data, list):
            raise SchemaError(f"{where}: expected a list, found {type(data).__name__}")
        return tuple(_value(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(data))
    if origin is Mapping:
        if not isinstance(data, dict):
            raise SchemaError(f"{where}: expected an object, found {type(data).__name__}")
        return {key: _value(arguments[1], item, f"{where}.{key}") for key, item in data.items()}
    if hint is float and isinstance(data, (int, float)) and not isinstance(data, bool) and math.isfinite(data):
        return float(data)
    if hint in (int, str, bool) and type(data) is hint:
        return data
    raise SchemaError(f"{where}: expected {getattr(hint, '__name__', hint)}, found {data!r}")


def plain(value: Any) -> Any:
    """What `json.dump` takes, of a dataclass, mapping or tuple, in the order of the fields."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
