"""Partition subsets as text and JSON: what users write after `--partition`, and what plans and catalogs keep.

    text      = term ("," term)*
    term      = "*" | key | glob | first ".." last | first ".." | ".." last
    multi     = term "|" term … one per dimension in alphabetical order, or name "=" term "|" … in any order
    quoted    = '"' any text with '"' doubled '"'        (for keys that hold , .. * ? [ or ")

A text that is a key is that key, whatever characters it holds. A `first..last` includes both ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from fnmatch import translate
from typing import TYPE_CHECKING, Any

from assetflow.errors import PartitionError, UnknownPartitionError
from assetflow.model import regions
from assetflow.model.regions import Box, Interval, Region
from assetflow.model.subset import PartitionSubset

if TYPE_CHECKING:
    from assetflow.model.partition_definition import KeyAxis, PartitionsDefinition

_SPECIAL = re.compile(r'[,*?\["|=]|\.\.')
_GLOB = re.compile(r"[*?\[]")
_DIMENSIONS = "|"


# --- reading -----------------------------------------------------------------------------------------------------


def parse_subset(
    definition: PartitionsDefinition, text: str | Iterable[str], as_of: datetime | None
) -> PartitionSubset:
    """The subset that the text, or the texts together, describe."""
    texts = [text] if isinstance(text, str) else list(text)
    found: list[Region] = []
    for each in texts:
        if each in definition:
            found.append(definition.subset([each], as_of=as_of).region)
            continue
        for term in _split(each, ","):
            found.append(_term(definition, term, as_of))
    return PartitionSubset(definition, regions.union_all(found, depth=len(definition.axes)))


def _term(definition: PartitionsDefinition, term: str, as_of: datetime | None) -> Region:
    term = term.strip()
    if not term:
        raise PartitionError(
            "an empty partition was asked for", hint="write a key, `first..last`, a glob, or `*` for all"
        )
    plain = _unquoted(term)
    if plain is not None and plain in definition:
        return definition.subset([plain], as_of=as_of).region
    if term == "*":
        return definition.region(as_of)
    axes = definition.axes
    if definition.axis_names == ("",):
        return regions.of_intervals(_axis_term(axes[0], term, as_of))
    box = _box(definition, term, as_of)
    chosen = definition.allowed(regions.of_box(box))
    if not chosen:
        raise UnknownPartitionError(f"{term!r} matches no partition of {definition.describe()}", partition=term)
    return chosen


def _box(definition: PartitionsDefinition, term: str, as_of: datetime | None) -> list[tuple[Interval, ...]]:
    """The ordinals that a term of several dimensions asks for, per axis."""
    names, axes = definition.axis_names, definition.axes
    parts = _split(term, _DIMENSIONS)
    named: dict[str, str | None] = dict.fromkeys(names)
    said = [part.partition("=") for part in parts]
    if all(equals and name.strip() in named for name, equals, _ in said):
        for name, _, value in said:
            if named[name.strip()] is not None:
                raise PartitionError(f"{term!r} names the dimension {name.strip()!r} twice")
            named[name.strip()] = value
    elif len(parts) == len(names):
        named = dict(zip(names, parts, strict=True))
    else:
        raise UnknownPartitionError(
            f"{term!r} is not a partition of {definition.describe()}",
            hint=f"write `{_DIMENSIONS.join(names)}`, each a key, `first..last`, a glob or `*`; or `{names[0]}=…`",
            partition=term,
        )
    return [
        _between(axis, None, None, as_of)
        if (said_of := named[name]) is None
        else _axis_term(axis, said_of.strip(), as_of)
        for name, axis in zip(names, axes, strict=True)
    ]


def _axis_term(axis: KeyAxis, term: str, as_of: datetime | None) -> tuple[Interval, ...]:
    """The ordinals that one term of one dimension asks for."""
    plain = _unquoted(term)
    if plain is not None and plain in axis:
        return _one(axis, plain, as_of)
    if plain is None or plain == term:
        ends = _split(term, "..")
        if len(ends) == 2:
            first, last = (end.strip() or None for end in ends)
            low, high = (None if end is None else _unquoted(end) or end for end in (first, last))
            return _between(axis, low, high, as_of)
        if len(ends) > 2:
            raise PartitionError(f"{term!r} has more than one `..`", hint="write `first..last`")
        if _GLOB.search(term):
            return _globbed(axis, term, as_of)
    raise axis.unknown(plain if plain is not None else term)


def _one(axis: KeyAxis, key: str, as_of: datetime | None) -> tuple[Interval, ...]:
    place = axis.ordinal(key)
    if as_of is not None and place not in axis.ordinals(as_of):
        raise axis.not_there(key, as_of)
    return ((place, place + 1),)


def _globbed(axis: KeyAxis, pattern: str, as_of: datetime | None) -> tuple[Interval, ...]:
    held = axis.ordinals(as_of)
    if pattern == "*":
        return ((held.start, held.stop),)
    found = axis.matching(pattern, held)
    if not found:
        raise UnknownPartitionError(
            f"{pattern!r} matches no partition of {axis.describe()}", hint=axis.unknown(pattern).hint, partition=pattern
        )
    return found


def subset_between(
    definition: PartitionsDefinition, first: str | None, last: str | None, as_of: datetime | None
) -> PartitionSubset:
    """The partitions from one key to another; several dimensions: the product of the ranges of each."""
    if definition.axis_names == ("",):
        interval = _between(definition.axes[0], first, last, as_of)
        return PartitionSubset(definition, regions.of_intervals(interval))
    count = len(definition.axes)
    ends: list[list[str | None]] = []
    for key in (first, last):
        if key is not None and key not in definition:
            raise definition.unknown(key)
        ends.append([None] * count if key is None else [*key.split(_DIMENSIONS)])
    sides = zip(definition.axes, *ends, strict=True)
    box = [_between(axis, low, high, as_of) for axis, low, high in sides]
    return PartitionSubset(definition, definition.allowed(regions.of_box(box)))


def _between(axis: KeyAxis, first: str | None, last: str | None, as_of: datetime | None) -> tuple[Interval, ...]:
    ends: list[Interval] = []
    for key in (first, last):
        if key is not None:
            ends.extend(_one(axis, key, as_of))
    if first is not None and last is not None:
        (low, _), (_, high) = ends
        if low >= high:
            raise PartitionError(
                f"the range `{first}..{last}` of {axis.describe()} is reversed", hint=f"write `{last}..{first}`"
            )
        return ((low, high),)
    held = axis.ordinals(as_of)
    if first is not None:
        return ((ends[0][0], held.stop),)
    if last is not None:
        return ((held.start, ends[0][1]),)
    return ((held.start, held.stop),)


def match_keys(pattern: str, keys: Iterable[tuple[int, str]]) -> tuple[Interval, ...]:
    """The intervals of those ordinals whose keys match the glob, upper and lower case told apart."""
    matches = re.compile(translate(pattern)).match
    found = regions.of_intervals((ordinal, ordinal + 1) for ordinal, key in keys if matches(key))
    return tuple((low, high) for low, high, _ in found)


def _split(text: str, mark: str) -> list[str]:
    """The parts between marks that stand outside quotes."""
    if '"' not in text:
        return text.split(mark)
    parts, start, quoted, at = [], 0, False, 0
    while at < len(text):
        if text[at] == '"':
            quoted = not quoted
        elif not quoted and text.startswith(mark, at):
            parts.append(text[start:at])
            at += len(mark)
            start = at
            continue
        at += 1
    if quoted:
        raise PartitionError(f"{text!r} has a quotation mark that does not end", hint='write "" for a quotation mark')
    return [*parts, text[start:]]


def _unquoted(term: str) -> str | None:
    """The text inside quotes, the text itself when it has none; None when quotes are only a part of it."""
    if not term.startswith('"'):
        return None if '"' in term else term
    if len(term) > 1 and term.endswith('"'):
        inner = term[1:-1]
        if '"' not in inner.replace('""', ""):
            return inner.replace('""', '"')
    return None


# --- writing -----------------------------------------------------------------------------------------------------


def show_subset(definition: PartitionsDefinition, subset: PartitionSubset) -> str:
    """The subset as text that `parse` reads back; empty for an empty subset."""
    depth = len(definition.axes)
    terms: list[str] = []
    for box in regions.boxes(subset.region, depth=depth):
        parts = [
            [_range(axis, low, high) for low, high in intervals]
            for axis, intervals in zip(definition.axes, box, strict=True)
        ]
        terms.extend(_product(parts))
    return ",".join(terms)


def _product(parts: list[list[str]]) -> Iterator[str]:
    found = [""]
    for number, each in enumerate(parts):
        mark = _DIMENSIONS if number else ""
        found = [f"{head}{mark}{part}" for head in found for part in each]
    yield from found


def _range(axis: KeyAxis, low: int, high: int) -> str:
    first = _quoted(axis.key(low))
    return first if high - low == 1 else f"{first}..{_quoted(axis.key(high - 1))}"


def _quoted(key: str) -> str:
    if not _SPECIAL.search(key) and not key.startswith(".") and not key.endswith("."):
        return key
    return '"' + key.replace('"', '""') + '"'


# --- JSON --------------------------------------------------------------------------------------------------------


def stored_subset(definition: PartitionsDefinition, data: Mapping[str, Any]) -> PartitionSubset:
    """The subset that `PartitionSubset.to_json` wrote."""
    names = definition.axis_names
    try:
        boxes = [{"": data["ranges"]}] if names == ("",) else data["boxes"]
        pairs = [[(str(first), str(last)) for first, last in box[name]] for box in boxes for name in names]
    except (KeyError, TypeError, ValueError) as error:
        raise PartitionError(f"{data!r} is no subset of {definition.describe()}: {error!r}") from error
    count = len(names)
    found = [regions.of_box(_stored_box(definition, pairs[at : at + count])) for at in range(0, len(pairs), count)]
    return PartitionSubset(definition, regions.union_all(found, depth=count))


def _stored_box(definition: PartitionsDefinition, sides: Sequence[Sequence[tuple[str, str]]]) -> Box:
    return tuple(
        tuple((axis.ordinal(first), axis.ordinal(last) + 1) for first, last in side)
        for axis, side in zip(definition.axes, sides, strict=True)
    )
