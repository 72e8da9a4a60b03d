"""The last resort: pickle, for Python objects that no other format keeps exactly.

The version is the hash of the pickle, so an object whose pickle differs from run to run (a set of texts
inside an object, whose order follows the hash seed) counts as changed. Classes are pickled by name: they have
to be importable, or loaded, where the object is read.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

from assetflow.errors import FormatError
from assetflow.store.asked import AskedKind, type_name
from assetflow.store.conform import conform
from assetflow.store.formats.contract import LoadRequest, WriteRequest, Written
from assetflow.store.formats.raw import RawVersion, write_bytes
from assetflow.store.pickling import dumps, loads

# fixed, so that another Python release does not give other bytes
_PROTOCOL = 5

_MOST_SHOWN = 200
"""Characters of the way to what does not pickle."""

_DEEPEST = 100
"""Steps of that way: each pickles what is left once more."""


class PickleFormat(RawVersion):
    """Whatever pickles."""

    names = ("pickle",)

    def accepts(self, value: object) -> bool:
        return True

    def write(self, value: Any, request: WriteRequest) -> Written:
        failure = _pickle_failure(value)
        if isinstance(failure, bytes):
            return write_bytes(failure, request, format="pickle", suffix=".pickle")
        place, culprit = _culprit(value)
        where = f" (at `{place if len(place) <= _MOST_SHOWN else place[:_MOST_SHOWN] + '…'}`)" if place else ""
        raise FormatError(
            f"{request.who} returned a `{type_name(type(value))}` that cannot be stored: "
            f"`{type_name(type(culprit))}`{where}: {failure}",
            hint="return a frame, a model, plain Python values, bytes, or the Path of a file you wrote",
            type=type_name(type(culprit)),
        )

    def load(self, request: LoadRequest) -> Any:
        if request.asked.kind is AskedKind.PATH:
            return request.path
        try:
            value = loads(request.path.read_bytes(), near=request.path)
        except (AttributeError, ImportError, pickle.UnpicklingError, TypeError) as error:
            raise FormatError(
                f"{request.who} is stored as pickle and cannot be read back here: {error}",
                hint="import the module of its class, or materialize it again as plain values or a model",
            ) from error
        if isinstance(request.asked.type, type) and isinstance(value, request.asked.type):
            return value
        return conform(value, request)


def _pickle_failure(value: object) -> bytes | Exception:
    # pickle runs `__reduce__` and `__getstate__` of any class, which may raise anything
    try:
        return dumps(value, protocol=_PROTOCOL)
    except Exception as error:
        return error


def _culprit(value: object) -> tuple[str, object]:
    """The innermost part that does not pickle, and the way to it, like `['model'].lock`."""
    place = ""
    seen: set[int] = set()
    while id(value) not in seen and len(seen) < _DEEPEST:
        seen.add(id(value))
        for step, part in _parts(value):
            if not isinstance(_pickle_failure(part), bytes):
                place, value = place + step, part
                break
    return place, value


def _parts(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        yield from ((f"[{key!r}]", item) for key, item in value.items())
    elif isinstance(value, (list, tuple)):
        yield from ((f"[{number}]", item) for number, item in enumerate(value))
    elif hasattr(value, "__dict__") and not isinstance(value, type):
        yield from ((f".{name}", item) for name, item in vars(value).items())
