"""Checking a plain value against the annotation of the function that receives it."""

from __future__ import annotations

import typing
from typing import Any

from assetflow.store.asked import Asked, AskedKind, asked
from assetflow.store.formats.contract import LoadRequest

_SCALARS = (bool, int, float, str)


def conform(value: Any, request: LoadRequest) -> Any:
    """The value as the type asked for, or `FormatError`; never a silent change of type.

    Classes are checked with `isinstance` (an int passes for a float, and becomes one; a bool passes for no
    number); generics, models and dataclasses are validated by pydantic in strict mode.
    """
    wanted = request.asked
    if wanted.kind is AskedKind.NATIVE or _is_any(wanted.type):
        return value
    if wanted.options:
        return _conform_union(value, request, wanted)
    if wanted.kind is AskedKind.TEXT or wanted.kind is AskedKind.BYTES:
        plain: type = str if wanted.kind is AskedKind.TEXT else bytes
        if isinstance(value, plain):
            return value
        raise request.mismatch(_name_of(value))
    if isinstance(wanted.type, type) and not typing.get_args(wanted.type):
        return _conform_class(value, request, wanted.type)
    origin, arguments = typing.get_origin(wanted.type), typing.get_args(wanted.type)
    if isinstance(origin, type) and isinstance(value, origin) and _anything_goes(origin, arguments, value):
        return value
    return _validated(value, request, wanted.type)


def _conform_class(value: Any, request: LoadRequest, wanted: type) -> Any:
    if isinstance(value, bool) and wanted in (int, float):
        raise request.mismatch("bool")
    if wanted is float and type(value) is int:
        return float(value)
    if isinstance(value, wanted):
        return value
    if wanted in _SCALARS:
        raise request.mismatch(_name_of(value))
    return _validated(value, request, wanted)


def _conform_union(value: Any, request: LoadRequest, wanted: Asked) -> Any:
    exact = [option for option in wanted.options if option.type is type(value)]
    if exact:
        return value
    return _validated(value, request, wanted.type)


def _validated(value: Any, request: LoadRequest, wanted: Any) -> Any:
    # imported here: pydantic costs a quarter of a second, and most values need no validation
    from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError

    try:
        return TypeAdapter(wanted).validate_python(value, strict=not _is_structured(wanted))
    except (PydanticSchemaGenerationError, PydanticUserError):
        # a type that pydantic knows nothing of: what it says of that helps nobody
        raise request.mismatch(_name_of(value), "Any") from None
    except ValidationError as error:
        failure = request.mismatch(_name_of(value), "Any")
        raise type(failure)(f"{failure.message}: {_first_line(error)}", hint=failure.hint) from error


def _name_of(value: Any) -> str:
    return "None" if value is None else type(value).__name__


def _is_structured(wanted: Any) -> bool:
    """Whether rows are turned into models or dataclasses, which strict mode would refuse."""
    parts = [wanted, *typing.get_args(wanted)]
    return any(asked(part).kind is AskedKind.MODEL or hasattr(part, "__dataclass_fields__") for part in parts)


def _anything_goes(origin: type, arguments: tuple[Any, ...], value: Any) -> bool:
    """Whether `list[Any]`, `dict[str, Any]` and the like need no validation of what is inside."""
    if origin is dict and arguments[:1] == (str,):
        return _is_any(arguments[1]) and all(type(key) is str for key in value)
    return all(_is_any(each) for each in arguments)


def _is_any(annotation: object) -> bool:
    return annotation is Any or annotation is object


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[1:3]) if len(lines) > 1 else str(error)
