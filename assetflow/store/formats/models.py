"""pydantic models and dataclasses as JSON, written only when they come back equal.

pydantic is imported inside the functions that need it: it costs a quarter of a second.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

from assetflow.errors import FormatError
from assetflow.store import tagged
from assetflow.store.asked import AskedKind, asked, qualified_name
from assetflow.store.conform import conform
from assetflow.store.formats.contract import LoadRequest, NotKeptError, WriteRequest, Written
from assetflow.store.formats.raw import write_bytes
from assetflow.store.hashing import content_version, file_digest
from assetflow.store.stored import StoredObject


class ModelFormat:
    """Instances of pydantic models: as the JSON they define, or tagged where that loses something (NaN)."""

    names = ("model", "tagged_model")

    def accepts(self, value: object) -> bool:
        return asked(type(value)).kind is AskedKind.MODEL

    def write(self, value: Any, request: WriteRequest) -> Written:
        try:
            data = value.model_dump_json(by_alias=True, round_trip=True).encode()
            problem = _difference(value, type(value).model_validate_json(data))
        except ValueError as error:  # of pydantic: what cannot be serialized, and what does not validate again
            problem = str(error)
        if problem is None:
            return _write(value, data, request, "model")
        tagged_data = _tagged(value)
        if tagged_data is None:
            raise _inexact(value, request, problem)
        return _write(value, tagged_data, request, "tagged_model")

    def load(self, request: LoadRequest) -> Any:
        return _load_structured(request)

    def version(self, path: Path, obj: StoredObject) -> str:
        return content_version(obj.format, obj.python_type, file_digest(path))


class DataclassFormat:
    """Instances of dataclasses that pydantic can rebuild exactly; the others are left to pickle."""

    names = ("dataclass",)

    def accepts(self, value: object) -> bool:
        return dataclasses.is_dataclass(value) and not isinstance(value, type)

    def write(self, value: Any, request: WriteRequest) -> Written:
        data = _as_json(value)
        if data is None:
            raise NotKeptError("it does not come back equal from JSON")
        return _write(value, data, request, "dataclass")

    def load(self, request: LoadRequest) -> Any:
        return _load_structured(request)

    def version(self, path: Path, obj: StoredObject) -> str:
        return content_version(obj.format, obj.python_type, file_digest(path))


def _write(value: Any, data: bytes, request: WriteRequest, format: str) -> Written:
    # the class belongs to the content: equal fields of another class are another value
    return write_bytes(data, request, format=format, suffix=".json", kind=qualified_name(type(value)))


def _load_structured(request: LoadRequest) -> Any:
    from pydantic import TypeAdapter, ValidationError

    match request.asked.kind:
        case AskedKind.PATH:
            return request.path
        case AskedKind.BYTES:
            return request.path.read_bytes()
        case AskedKind.NATIVE:
            wanted: Any = _recorded_class(request)
        case _ if request.asked.type in (dict, list) or request.asked.text.startswith("dict["):
            return conform(tagged.loads(request.path.read_bytes()), request)
        case AskedKind.MODEL | AskedKind.PLAIN:
            wanted = request.asked.type
        case _:
            raise request.mismatch(request.python_type or "the model class", "dict", "Path")
    try:
        if request.format == "tagged_model":
            return TypeAdapter(wanted).validate_python(tagged.loads(request.path.read_bytes()))
        return TypeAdapter(wanted).validate_json(request.path.read_bytes())
    except ValidationError as error:
        failure = request.mismatch(request.python_type or "the model class", "dict")
        raise FormatError(f"{failure.message}: {error}", hint=failure.hint) from error


def _recorded_class(request: LoadRequest) -> Any:
    """The class that was written, when its module is loaded; importing user code here is not ours to do."""
    name = request.python_type or ""
    for module_name in sorted(sys.modules, key=len, reverse=True):
        if not name.startswith(module_name + "."):
            continue
        found: Any = sys.modules[module_name]
        for part in name[len(module_name) + 1 :].split("."):
            found = getattr(found, part, None)
        if isinstance(found, type) and qualified_name(found) == name:
            return found
    raise FormatError(
        f"{request.who} is stored as the class `{name}`, which is not loaded here",
        hint=f"annotate the input as `{name.rsplit('.', 1)[-1]}`, or as `dict` to get its fields",
    )


def _tagged(value: Any) -> bytes | None:
    """The model's fields as tagged JSON, when that brings it back equal."""
    try:
        data = tagged.dumps(value.model_dump(by_alias=True, round_trip=True))
        restored = type(value).model_validate(tagged.loads(data))
    except (tagged.NotEncodableError, ValueError):
        return None
    return data if _difference(value, restored) is None else None


def _difference(value: Any, restored: Any) -> str | None:
    """Which field did not come back equal, or None."""
    if value == restored:
        return None
    for name in type(value).model_fields:
        before, after = getattr(value, name), getattr(restored, name)
        if before != after and not _same_encoding(before, after):
            return f"the field `{name}` comes back different"
    # NaN makes equal models unequal; private attributes are not written, and would be lost
    if value.__pydantic_private__ != restored.__pydantic_private__:
        return "its private attributes are not written"
    return None


def _same_encoding(before: object, after: object) -> bool:
    try:
        return tagged.dumps(before) == tagged.dumps(after)
    except tagged.NotEncodableError:
        return False


def _inexact(value: Any, request: WriteRequest, reason: str) -> FormatError:
    return FormatError(
        f"{request.who} returned a `{type(value).__qualname__}` that JSON does not keep exactly: {reason}",
        hint="change the field's type or serializer, or return `model.model_dump()`",
    )


def _as_json(value: Any) -> bytes | None:
    from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter
    from pydantic_core import PydanticSerializationError

    try:
        adapter = TypeAdapter(type(value))
        data = adapter.dump_json(value, round_trip=True)
        restored = adapter.validate_json(data)
        # eq may be switched off or ignore a field; the repr may leave fields out: both have to agree
        exact = type(restored) is type(value) and restored == value and repr(restored) == repr(value)
    except (
        PydanticSchemaGenerationError,
        PydanticUserError,
        PydanticSerializationError,
        ValueError,
        NameError,
    ):
        return None
    return data if exact else None
