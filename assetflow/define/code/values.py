"""Values as texts that tell them apart: by type and content, the same in every process and on every machine.

Containers and objects are taken apart with a stack of frames; cycles are written as the distance back to where they
lead. What is code (functions, classes, modules) is handed to the one who asks, who follows it.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import struct
import threading
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import PurePath
from types import BuiltinMethodType, FunctionType, MappingProxyType, MethodType, MethodWrapperType
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from assetflow.define.code.digest import digest

_NO_CONTENT: tuple[type, ...] = (type(threading.Lock()), type(threading.RLock()), logging.Logger, logging.LoggerAdapter)
_MOST_FOREIGN = 100_000
"""Objects of libraries followed inside one value. Ones that point at each other from all sides, such as the parts of a
figure, are met again on every way that leads to them, which would never end."""

_PRIVATE_MODULE = re.compile(r"_assetflow_\d+\.")
_CONTENT_TYPES: tuple[type, ...] = (str, int, float, complex, bytes, bytearray, list, tuple, dict, set, frozenset)
_HEAP_TYPE = 1 << 9
_MISSING = object()


class Host(Protocol):
    """Whoever follows code and knows which classes are the project's."""

    def reference(self, value: object) -> str | None:
        """A text for a function, class or module, noting it as reached; None for any other value."""

    def is_followed(self, kind: type) -> bool:
        """Whether instances of a class are taken apart by attribute."""

    def external(self, value: object) -> str | None:
        """A text for an instance of foreign code whose definition is known, or None to take it apart."""

    def opaque(self, value: object, reason: str) -> str:
        """A text for a value that nothing is known of; notes the problem."""


class _Frame:
    __slots__ = ("children", "key", "next", "tag", "tokens", "unordered")

    def __init__(self, key: int, tag: str, children: Sequence[object], *, unordered: bool) -> None:
        self.key = key
        self.tag = tag
        self.children = children
        self.unordered = unordered
        self.next = 0
        self.tokens: list[str] = []


class Encoder:
    """Writes values for one host; `roots` are the spellings of the project folder, cut off paths and texts."""

    def __init__(self, host: Host, roots: Sequence[str]) -> None:
        self.host = host
        self.roots = tuple(roots)

    def encode(self, value: object) -> str:
        """A text of moderate length that no other value shares, up to the strength of a 128-bit hash."""
        token = self._leaf(value)
        if token is not None:
            return token
        stack = [self._open(value)]
        if isinstance(stack[0], str):
            return stack[0]
        depth: dict[int, int] = {id(value): 0}
        keep: list[object] = [value]
        foreign = 0
        while True:
            frame = stack[-1]
            assert isinstance(frame, _Frame)
            if frame.next < len(frame.children):
                child = frame.children[frame.next]
                frame.next += 1
                token = self._leaf(child)
                if token is None and id(child) in depth:
                    token = f"cycle {len(stack) - depth[id(child)]}"
                if token is None:
                    opened = self._open(child)
                    if isinstance(opened, _Frame):
                        foreign += opened.tag == "reduced"
                        if foreign > _MOST_FOREIGN:
                            return self.host.opaque(value, f"it holds more than {_MOST_FOREIGN:,} objects of libraries")
                        depth[id(child)] = len(stack)
                        keep.append(child)
                        stack.append(opened)
                        continue
                    token = opened
                frame.tokens.append(token)
                continue
            stack.pop()
            depth.pop(frame.key, None)
            token = digest(frame.tag, *(sorted(frame.tokens) if frame.unordered else frame.tokens))
            if not stack:
                return token
            parent = stack[-1]
            assert isinstance(parent, _Frame)
            parent.tokens.append(token)

    # --- leaves ----------------------------------------------------------------------------------------------

    def _leaf(self, value: object) -> str | None:
        kind = type(value)
        if kind is str:
            return self._text(value)  # type: ignore[arg-type]
        if value is None or value is ... or value is NotImplemented or kind is bool:
            return str(value)
        if kind is int:
            return f"i{value:x}"
        if kind is float:
            return f"f{_float(value)}"  # type: ignore[arg-type]
        if kind is complex:
            return f"c{_float(value.real)}{_float(value.imag)}"  # type: ignore[attr-defined]
        if kind is bytes or kind is bytearray:
            return f"{kind.__name__} {digest('bytes', bytes(value).hex())}"  # type: ignore[call-overload]
        if kind in _CONTENT_TYPES:
            return None
        if kind is range or kind is slice:
            return f"{value!r}" if kind is range else None
        if isinstance(value, PurePath):
            return f"path {self._text(value.as_posix())}"
        if kind is re.Pattern:
            return f"pattern {digest('pattern', repr(value.pattern), str(value.flags))}"  # type: ignore[attr-defined]
        if kind is ZoneInfo and value.key is not None:  # type: ignore[attr-defined]
            return f"zone {value.key}"  # type: ignore[attr-defined]
        if isinstance(value, _NO_CONTENT):
            return f"{kind.__name__}"
        return self.host.reference(value)

    def _text(self, value: str) -> str:
        """A text as it is; where it begins with the project folder or a private module name, without that."""
        for root in self.roots:
            if value.startswith(root) and (len(value) == len(root) or value[len(root)] in (os.sep, "/")):
                rest = value[len(root) :].replace(os.sep, "/")
                return f"root{len(rest)}:{rest}"
        if value.startswith("_assetflow_"):
            value = _PRIVATE_MODULE.sub("", value, count=1)
        return f"s{len(value)}:{value}"

    # --- what has parts --------------------------------------------------------------------------------------

    def _open(self, value: object) -> Any:
        """A frame for a value with parts, or a ready text."""
        kind = type(value)
        if kind is list or kind is tuple:
            return _Frame(id(value), kind.__name__, list(value), unordered=False)  # type: ignore[call-overload]
        if kind is dict or kind is MappingProxyType:
            return _Frame(id(value), "dict", _flat(value), unordered=False)  # type: ignore[arg-type]
        if kind is set or kind is frozenset:
            return _Frame(id(value), kind.__name__, sorted(value, key=_set_order), unordered=True)  # type: ignore[call-overload]
        if isinstance(value, Enum):
            return _Frame(id(value), "member", [kind, value.name], unordered=False)
        if isinstance(value, functools.partial):
            parts = [value.func, *value.args, "keywords", *_flat(value.keywords)]
            return _Frame(id(value), "partial", parts, unordered=False)
        if isinstance(value, MethodType):
            return _Frame(id(value), "method", [value.__self__, value.__func__], unordered=False)
        if isinstance(value, (staticmethod, classmethod)):
            return _Frame(id(value), kind.__name__, [value.__func__], unordered=False)
        if isinstance(value, property):
            return _Frame(id(value), "property", [value.fget, value.fset, value.fdel], unordered=False)
        if isinstance(value, FunctionType):
            return _Frame(id(value), "wrapper", _wrapper_parts(value), unordered=False)
        if isinstance(value, (BuiltinMethodType, MethodWrapperType)):
            return _Frame(id(value), "bound", [value.__self__, value.__name__], unordered=False)
        # read from the dictionary: objects that make attributes up on request have any attribute that is asked for
        wrapped = value.__dict__.get("__wrapped__", _MISSING) if _has_dictionary(value) else _MISSING
        if wrapped is not _MISSING and callable(value):
            return _Frame(id(value), "wrapped", [kind, wrapped], unordered=False)
        if self.host.is_followed(kind) and not _has_hidden_state(kind, self.host):
            return self._instance(value)
        known = self.host.external(value)
        return known if known is not None else self._reduced(value)

    def _instance(self, value: object) -> Any:
        """An instance of a project class by its class and its attributes, or by what its `__getstate__` says."""
        kind = type(value)
        if any("__reduce__" in vars(base) or "__reduce_ex__" in vars(base) for base in self._project_bases(kind)):
            return self._reduced(value)
        if any("__getstate__" in vars(base) for base in self._project_bases(kind)):
            try:
                state = value.__getstate__()
            except Exception as error:  # what the user's method raises is his; the value is then unknown
                return self.host.opaque(value, f"its `__getstate__` raised {type(error).__name__}: {error}")
            return _Frame(id(value), "instance", [kind, state], unordered=False)
        parts: list[object] = [kind]
        for content in (list, tuple, dict, set, frozenset):
            if isinstance(value, content):
                parts += ["content", content(value)]
        if isinstance(value, (str, int, float, bytes)):
            parts += ["content", _plain_content(value)]
        if isinstance(value, BaseException):
            parts += ["args", value.args]
        for name, state in sorted(_attributes(value).items()):
            parts += [name, state]
        return _Frame(id(value), "instance", parts, unordered=False)

    def _project_bases(self, kind: type) -> list[type]:
        return [base for base in kind.__mro__ if self.host.is_followed(base)]

    def _reduced(self, value: object) -> Any:
        """Anything else by the parts that it would be copied from."""
        try:
            parts = value.__reduce_ex__(2)
        except Exception as error:  # any type may refuse in its own way
            return self.host.opaque(value, str(error) or type(error).__name__)
        if isinstance(parts, str):
            return f"global {type(value).__qualname__} {parts}"
        function, arguments, *state = parts
        rest = [list(part) if hasattr(part, "__next__") else part for part in state]
        return _Frame(id(value), "reduced", [function, arguments, *rest], unordered=False)


def _float(value: float) -> str:
    return "nan" if value != value else struct.pack(">d", value).hex()


def _has_dictionary(value: object) -> bool:
    """Whether an object has a dictionary of its own, asked of its type."""
    return any("__dict__" in vars(base) for base in type(value).__mro__ if base is not type)


def _plain_content(value: str | int | float | bytes) -> object:
    """The text, number or bytes inside an instance of a subclass."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes):
        return bytes(memoryview(value))
    return int.__int__(value) if isinstance(value, int) else float.__float__(value)


def _flat(value: Mapping[Any, Any]) -> list[object]:
    return [part for pair in value.items() for part in pair]


def _set_order(value: object) -> tuple[str, int]:
    """An order for what stands in a set that is the same in every process, as far as code needs one."""
    code = getattr(value, "__code__", None)
    return getattr(value, "__qualname__", type(value).__qualname__), getattr(code, "co_firstlineno", 0)


def _wrapper_parts(function: FunctionType) -> list[object]:
    """A function of foreign code that was made around something: its name and what it closes over."""
    parts: list[object] = [function.__code__.co_qualname if hasattr(function.__code__, "co_qualname") else ""]
    wrapped = vars(function).get("__wrapped__", _MISSING)
    if wrapped is not _MISSING:
        parts.append(wrapped)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            content = cell.cell_contents
        except ValueError:
            continue
        if callable(content) or isinstance(content, (*_CONTENT_TYPES, MappingProxyType, type(None))):
            parts += [name, content]
    return parts


def _has_hidden_state(kind: type, host: Host) -> bool:
    """Whether a class derives from one written in C that may keep state where nobody can see it."""
    for base in kind.__mro__:
        if base is object or host.is_followed(base) or base.__flags__ & _HEAP_TYPE:
            continue
        if not issubclass(base, (*_CONTENT_TYPES, BaseException)):
            return True
    return False


def _attributes(value: object) -> dict[str, object]:
    """The attributes an object holds, in its dictionary or slots; values cached by `cached_property` are left out."""
    kind = type(value)
    found: dict[str, object] = {}
    for base in kind.__mro__:
        slots = vars(base).get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if slot in ("__dict__", "__weakref__"):
                continue
            mangled = (
                f"_{base.__name__.lstrip('_')}{slot}" if slot.startswith("__") and not slot.endswith("__") else slot
            )
            content = getattr(value, mangled, _MISSING)
            if content is not _MISSING:
                found[mangled] = content
    for name, content in getattr(value, "__dict__", {}).items():
        if not isinstance(getattr(kind, name, None), functools.cached_property):
            found[name] = content
    return found
