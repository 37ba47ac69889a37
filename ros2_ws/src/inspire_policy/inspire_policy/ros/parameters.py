"""Declaring parameters in one line each: typed, described, ranged, read-only unless said otherwise.

A wrong value raises ConfigurationError, which ends the process with exit code 2 and a sentence instead of a traceback.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node

Value = TypeVar("Value", bool, int, float, str, list[float], list[str])


class ConfigurationError(ValueError):
    """A node cannot run as configured; the text says what was expected, what was found and how to mend it."""


def declare(
    node: Node,
    name: str,
    default: Value,
    description: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = (),
    size: int | None = None,
    read_only: bool = True,
) -> Value:
    """Declare a parameter and return its value.

    Args:
        node: owner. name: of the parameter. default: also gives the type. description: with units.
        low, high: inclusive range of a number, or of every number of a list.
        choices: allowed values of a string.
        size: required length of a list.
        read_only: fixed after start.

    Raises:
        ConfigurationError: a value of the wrong type, size, range or choice.
    """
    constraints = []
    if choices:
        constraints.append("one of " + ", ".join(choices))
    if size is not None:
        constraints.append(f"{size} values")
    if low is not None or high is not None:
        constraints.append(f"from {_bound(low, '-inf')} to {_bound(high, 'inf')}")
    descriptor = ParameterDescriptor(
        name=name, description=description, additional_constraints=", ".join(constraints), read_only=read_only
    )
    if isinstance(default, float) and low is not None and high is not None:
        descriptor.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high))]
    elif isinstance(default, int) and not isinstance(default, bool) and low is not None and high is not None:
        descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
    expected = f"{_type_name(default)}{', ' + ', '.join(constraints) if constraints else ''}"
    try:
        value = node.declare_parameter(name, default, descriptor).value
    except InvalidParameterTypeException as error:
        raise ConfigurationError(f"parameter {name}: expected {expected}, found another type ({error})") from error
    except InvalidParameterValueException as error:
        raise ConfigurationError(f"parameter {name}: expected {expected} ({error})") from error
    if isinstance(default, list):
        value = list(value)
    numbers = value if isinstance(value, list) else [value]
    wrong = (
        (bool(choices) and value not in choices)
        or (size is not None and len(value) != size)
        or (low is not None and any(not n >= low for n in numbers))
        or (high is not None and any(not n <= high for n in numbers))
    )
    if wrong:
        raise ConfigurationError(f"parameter {name}: expected {expected}, found {value!r}")
    return value


def _bound(value: float | None, unbounded: str) -> str:
    return unbounded if value is None else f"{value:g}"


def _type_name(default: object) -> str:
    if isinstance(default, list):
        return f"a list, each {_type_name(default[0])}" if default else "a list"
    return {bool: "true or false", int: "a whole number", float: "a decimal number (such as 1.0)", str: "text"}[
        type(default)
    ]
