"""Plain Python values as JSON whose round trip is exact.

None, bool, int, finite float, str, lists and dictionaries with text keys are JSON as it is. Everything else
that is supported becomes `{"$af": tag, "v": …}`: tuple, set, frozenset, bytes, datetime, date, time,
timedelta, decimal, uuid, dictionaries with other keys, NaN and infinities, enormous ints. A dictionary that
itself has the key `$af` is written as a list of pairs, so nothing can be mistaken. The order of a dictionary
counts, since Python code can see it; sets are written in a canonical order. Types are compared exactly: a
subclass (an enum member, a named tuple) is not encodable here, because it would come back as its base.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
import math
import uuid
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

_TAG, _VALUE = "$af", "v"
_MAX_DEPTH = 100
# beyond this the digits of an int are refused by Python's own conversion limit
_MAX_JSON_BITS = 4096


class NotEncodableError(Exception):
    """The value holds something that has no exact JSON form."""


def dumps(value: object) -> bytes:
    """The value as canonical JSON in UTF-8; `NotEncodableError` when its round trip would not be exact."""
    tree = _encode(value, 0)
    text = json.dumps(tree, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def loads(data: bytes) -> Any:
    """The value that `dumps` was given; also reads plain JSON."""
    return json.loads(data.decode("utf-8", "surrogatepass"), object_pairs_hook=_decode_object)


# Recursion is bounded, so that whatever is written can also be read, from any depth of the caller's own stack.
def _encode(value: Any, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise NotEncodableError(f"it is nested deeper than {_MAX_DEPTH} levels, or contains itself")
    depth += 1
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        return value if value.bit_length() <= _MAX_JSON_BITS else {_TAG: "int", _VALUE: hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {_TAG: "float", _VALUE: repr(value)}
    if kind is list:
        return [_encode(item, depth) for item in value]
    if kind is dict:
        if all(type(key) is str for key in value) and _TAG not in value:
            return {key: _encode(item, depth) for key, item in value.items()}
        return {_TAG: "dict", _VALUE: [[_encode(key, depth), _encode(item, depth)] for key, item in value.items()]}
    if kind is tuple:
        return {_TAG: "tuple", _VALUE: [_encode(item, depth) for item in value]}
    if kind is set or kind is frozenset:
        items = sorted((_encode(item, depth) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
        return {_TAG: kind.__name__, _VALUE: items}
    encoder = _ENCODERS.get(kind)
    if encoder is None:
        raise NotEncodableError(f"a {kind.__name__} has no exact JSON form")
    return {_TAG: kind.__name__, _VALUE: encoder(value)}


def _encode_datetime(value: dt.datetime) -> Any:
    zone = _encode_zone(value.tzinfo)
    return [value.replace(tzinfo=None, fold=0).isoformat(), zone, value.fold]


def _encode_time(value: dt.time) -> Any:
    return [value.replace(tzinfo=None, fold=0).isoformat(), _encode_zone(value.tzinfo), value.fold]


def _encode_zone(zone: dt.tzinfo | None) -> Any:
    if zone is None:
        return None
    if type(zone) is ZoneInfo and zone.key is not None:
        return zone.key
    # a named `timezone` differs in its repr from the one that its offset gives back
    if type(zone) is dt.timezone and repr(zone) == repr(dt.timezone(zone.utcoffset(None))):
        return _encode_delta(zone.utcoffset(None))
    raise NotEncodableError(f"the time zone {zone!r} has no exact JSON form")


def _encode_delta(value: dt.timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


_ENCODERS: dict[type, Callable[[Any], Any]] = {
    bytes: lambda value: base64.b64encode(value).decode(),
    dt.datetime: _encode_datetime,
    dt.date: dt.date.isoformat,
    dt.time: _encode_time,
    dt.timedelta: _encode_delta,
    decimal.Decimal: str,
    uuid.UUID: str,
}


TYPES = frozenset(
    {type(None), bool, int, float, str, list, dict, tuple, set, frozenset, *_ENCODERS},
)
"""The types that `dumps` may encode, depending on what is inside."""


def _decode_object(pairs: list[tuple[str, Any]]) -> Any:
    decoded = dict(pairs)
    if _TAG not in decoded:
        return decoded
    decoder = _DECODERS.get(decoded[_TAG])
    if decoder is None:
        raise ValueError(f"the JSON tag {decoded[_TAG]!r} is not known to this version")
    return decoder(decoded[_VALUE])


def _decode_zone(zone: Any) -> dt.tzinfo | None:
    if zone is None:
        return None
    return ZoneInfo(zone) if isinstance(zone, str) else dt.timezone(dt.timedelta(*zone))


_DECODERS: dict[str, Callable[[Any], Any]] = {
    "int": lambda value: int(value, 16),
    "float": float,
    "dict": dict,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "bytes": base64.b64decode,
    "datetime": lambda v: dt.datetime.fromisoformat(v[0]).replace(tzinfo=_decode_zone(v[1]), fold=v[2]),
    "date": dt.date.fromisoformat,
    "time": lambda v: dt.time.fromisoformat(v[0]).replace(tzinfo=_decode_zone(v[1]), fold=v[2]),
    "timedelta": lambda v: dt.timedelta(*v),
    "Decimal": decimal.Decimal,
    "UUID": uuid.UUID,
}
