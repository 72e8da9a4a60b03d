"""Facts that functions attach to values, as JSON for the record; what is large goes into the store.

Numbers, booleans, short text and small JSON are kept as they are. Everything else becomes an object with `$type`: the
kind, and either the content or the `uri` of a stored object.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import is_dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from assetflow.define.metadata import Image, Link, Markdown
from assetflow.errors import FormatError
from assetflow.executor.tasks import Place
from assetflow.model.event import Json
from assetflow.model.keys import show
from assetflow.store import LocalStore

INLINE = 8 << 10
"""Characters of text or JSON up to which it stands in the record itself."""

_IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF8", "gif"), (b"RIFF", "webp"), (b"<svg", "svg"),
    (b"<?xml", "svg"),
)  # fmt: skip
_LARGEST_BITS = 1024
"""Integers of this many bits and more are kept as hexadecimal text: no reader of JSON takes them for numbers."""

_LISTS = (
    ("numpy", ("ndarray",), "tolist"), ("polars", ("Series",), "to_list"), ("polars", ("DataFrame",), "to_dicts"),
    ("pandas", ("Series", "Index"), "tolist"), ("pandas", ("DataFrame",), "to_dict"),
    ("pyarrow", ("Array", "ChunkedArray", "Table"), "to_pylist"),
)  # fmt: skip
_FRAMES = {"polars": ("DataFrame", "LazyFrame"), "pandas": ("DataFrame",), "pyarrow": ("Table",)}


def recorded(metadata: Mapping[str, Any], *, store: LocalStore, place: Place) -> Json:
    """The facts as JSON; FormatError that names one which cannot be kept."""
    return {str(name): _Keeper(store, place, str(name)).kept(value) for name, value in metadata.items()}


class _Keeper:
    """Keeps one fact of one asset partition."""

    def __init__(self, store: LocalStore, place: Place, name: str) -> None:
        self._store = store
        self._place = place
        self._name = name

    def kept(self, value: Any) -> Any:
        if isinstance(value, (bytearray, memoryview)):
            value = bytes(value)
        match value:
            case Markdown():
                return self._text("markdown", _writable(value.text))
            case Link():
                return {"$type": "link", "url": value.url, **({} if value.text is None else {"text": value.text})}
            case Image():
                return self._image(value.content)
            case datetime() | date() if value == value:  # NaT of pandas equals nothing
                return {"$type": "timestamp" if isinstance(value, datetime) else "date", "at": value.isoformat()}
            case bytes():
                return self._image(value) if _image_kind(value) else self._stored("bytes", value)
            case str():
                text = _writable(value)
                return text if len(text) <= INLINE else self._text("text", text)
            case Path():
                return str(value)
            case _ if _is_a(value, "matplotlib", ("Figure",)):
                return self._image(value)
            case _ if any(_is_a(value, package, names) for package, names in _FRAMES.items()):
                return self._stored("table", value)
            case _:
                return self._json(value)

    def _json(self, value: Any) -> Any:
        where = f"metadata `{self._name}` of `{show(*self._place)}`"
        try:
            single = value.item() if _is_scalar(value) else value
            if isinstance(single, float) and not math.isfinite(single):
                return {"$type": "number", "value": str(single)}  # JSON has no number for it
            plain = _plain(value)
            text = json.dumps(plain, ensure_ascii=False)
        except RecursionError:
            raise FormatError(
                f"{where} holds itself, or is nested too deeply", hint="attach a value without cycles, or its text"
            ) from None
        except FormatError as error:
            raise FormatError(f"{where} {error.message}", hint=error.hint) from None
        except Exception as error:  # the value's own code says what it is as text or JSON, and may raise anything
            raise FormatError(
                f"{where}, a {type(value).__name__}, cannot be told as text: {type(error).__name__}: {error}",
                hint="attach a number, a text, a list or a dict of those, or a frame",
            ) from error
        if len(text) > INLINE:
            return self._stored("table" if _is_rows(plain) else "json", plain)
        if _is_rows(plain):
            return {"$type": "table", "rows": len(plain), "value": plain}
        return {"$type": "json", "value": plain} if isinstance(plain, dict) and "$type" in plain else plain

    def _text(self, kind: str, text: str) -> Json:
        return {"$type": kind, "text": text} if len(text) <= INLINE else self._stored(kind, text)

    def _image(self, content: Any) -> Json:
        if isinstance(content, (str, Path)):
            try:
                content = Path(content).read_bytes()
            except OSError as error:
                raise FormatError(
                    f"metadata `{self._name}` of `{show(*self._place)}`: the image `{content}` cannot be read "
                    f"({error.strerror})"
                ) from error
        if isinstance(content, bytes):
            kind = _image_kind(content)
            if kind is None:
                raise FormatError(
                    f"metadata `{self._name}` of `{show(*self._place)}` is no image: {len(content):,} bytes that begin "
                    f"with {content[:8]!r}",
                    hint="PNG, JPEG, GIF, WebP and SVG are known",
                )
            return {**self._stored("image", content), "image": kind}
        return {**self._stored("image", content), "image": "png"}

    def _stored(self, kind: str, value: Any) -> Json:
        asset, partition = self._place
        stored = self._store.write(value, asset=asset, partition=partition)
        found: Json = {"$type": kind, "uri": stored.uri, "format": stored.format, "bytes": stored.bytes}
        if stored.rows is not None:
            found["rows"] = stored.rows
        return {**found, "payload": stored.to_json()}


def _writable(text: str) -> str:
    """The text with halves of surrogate pairs, which UTF-8 cannot hold, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _plain(value: Any) -> Any:
    """A value as JSON: what JSON has no word for becomes text."""
    match value:
        case None | bool():
            return value
        case int():
            return int(value) if value.bit_length() < _LARGEST_BITS else hex(value)
        case str():
            return _writable(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case datetime() | date() if value == value:
            return value.isoformat()
        case Mapping():
            return _object(value)
        case list() | tuple():
            return [_plain(item) for item in value]
        case set() | frozenset():
            return sorted((_plain(item) for item in value), key=lambda item: (type(item).__name__, str(item)))
        case _ if _is_scalar(value):
            return _plain(value.item())
        case _ if not isinstance(value, type) and (listed := _listed(value)) is not None:
            return [_plain(item) for item in listed]
        case _ if hasattr(value, "model_dump"):
            return _plain(value.model_dump(mode="json"))
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
        case _:
            return str(value)


def _is_scalar(value: Any) -> bool:
    """Whether a value is one number, text or instant of numpy."""
    return hasattr(value, "item") and getattr(value, "shape", None) == ()


def _object(value: Mapping[Any, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, item in value.items():
        name = _writable(str(key))
        if name in found:
            raise FormatError(f"has two keys that read `{name}`", hint="name them apart: keys are kept as text")
        found[name] = _plain(item)
    return found


def _listed(value: Any) -> list[Any] | None:
    """Arrays, series and frames inside of other values as lists; None for anything else."""
    for package, names, method in _LISTS:
        if _is_a(value, package, names):
            rows = getattr(value, method)
            found = rows("records") if package == "pandas" and method == "to_dict" else rows()
            return list(found) if isinstance(found, list) else [found]
    return None


def _is_rows(value: Any) -> bool:
    """Whether a value reads as a table: a list of objects with the same fields."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(row, dict) for row in value)
        and all(row.keys() == value[0].keys() for row in value)
    )


def _image_kind(content: bytes) -> str | None:
    begin = content[:64].lstrip()
    return next((kind for magic, kind in _IMAGES if begin.startswith(magic)), None)


def _is_a(value: object, package: str, names: tuple[str, ...]) -> bool:
    return any(kind.__module__.partition(".")[0] == package and kind.__name__ in names for kind in type(value).__mro__)
