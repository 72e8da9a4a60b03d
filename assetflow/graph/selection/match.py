"""What single terms of a selection match; a term that matches nothing is an error with the nearest name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import assert_never

from assetflow.errors import SelectionError, UnknownAssetError, did_you_mean, nearest
from assetflow.graph.graph import AssetGraph
from assetflow.graph.nearest import NearestKeys
from assetflow.graph.selection.glob import is_glob, key_glob, text_glob
from assetflow.graph.selection.printer import to_text
from assetflow.graph.selection.tree import Attribute, Field, Keys, Tag
from assetflow.model.asset import AssetSpec
from assetflow.model.texts import first_of

_LISTED = 12


def matching_keys(graph: AssetGraph, pattern: str) -> list[str]:
    """The keys that a key or a glob matches, ascending; UnknownAssetError when there are none."""
    if pattern in graph:
        return [pattern]
    if is_glob(pattern):
        matches = key_glob(pattern).match
        found = [key for key in graph.keys if matches(key)]
        if found:
            return found
        raise UnknownAssetError(f"no asset key matches `{pattern}`", hint=_glob_hint(graph, pattern), asset=pattern)
    raise UnknownAssetError(f"no asset has the key `{pattern}`", hint=_key_hint(graph, pattern), asset=pattern)


def with_attribute(graph: AssetGraph, node: Attribute) -> list[str]:
    """The keys of assets whose group, kind or owner matches, ascending; SelectionError for none."""
    read = _reader(node.field)
    wanted = _matcher(node.pattern)
    found = [key for key, spec in graph.specs.items() if any(wanted(value) for value in read(spec))]
    if found:
        return found
    known = {value for spec in graph.specs.values() for value in read(spec)}
    raise SelectionError(
        f"no asset has the {node.field} `{node.pattern}`", hint=_hint(f"{node.field}s", node.pattern, known)
    )


def with_tag(graph: AssetGraph, node: Tag) -> list[str]:
    """The keys of assets with a tag, ascending; SelectionError when there are none."""
    wanted_key = _matcher(node.key)
    wanted_value = _matcher(node.value) if node.value is not None else None
    found = [
        key
        for key, spec in graph.specs.items()
        if any(wanted_key(name) and (wanted_value is None or wanted_value(value)) for name, value in spec.tags)
    ]
    if found:
        return found
    values = {value for spec in graph.specs.values() for name, value in spec.tags if wanted_key(name) and value}
    if values and node.value is not None:
        hint = _hint(f"values of `{node.key}`", node.value, values)
    else:
        hint = _hint("tags", node.key, {name for spec in graph.specs.values() for name, _ in spec.tags})
    raise SelectionError(f"no asset matches `{to_text(node)}`", hint=hint)


def _reader(field: Field) -> Callable[[AssetSpec], tuple[str, ...]]:
    match field:
        case Field.GROUP:
            return lambda spec: (spec.group,)
        case Field.KIND:
            return lambda spec: (spec.kind.value,)
        case Field.OWNER:
            return lambda spec: spec.owners
        case _:
            assert_never(field)


def _matcher(pattern: str) -> Callable[[str], bool]:
    if not is_glob(pattern):
        return pattern.__eq__
    expression = text_glob(pattern)
    return lambda text: text == pattern or expression.match(text) is not None


def _hint(what: str, name: str, known: Iterable[str]) -> str:
    names = sorted(set(known))
    near = did_you_mean(name, names)
    if near is not None:
        return near
    if not names:
        return f"the project has no {what}"
    return f"the {what} are {first_of([f'`{text}`' for text in names], _LISTED)}"


def _key_hint(graph: AssetGraph, key: str) -> str | None:
    """What was meant by an unknown key: a folder, a group, a tag, or a near spelling."""
    if not graph.keys:
        return "the project has no assets"
    folder = key.rstrip("/") + "/"
    if any(known.startswith(folder) for known in graph.keys):
        return f"it is a folder: `{folder}**` selects what is in it"
    near = NearestKeys(graph.keys).hint(key)
    if near is not None:
        return near
    for spec in graph.specs.values():
        if spec.group == key:
            return f"it is a group: `{to_text(Attribute(field=Field.GROUP, pattern=key))}` selects it"
        if any(name == key for name, _ in spec.tags):
            return f"it is a tag: `{to_text(Tag(key=key))}` selects the assets with it"
    return "`assetflow list` shows all keys"


def _glob_hint(graph: AssetGraph, pattern: str) -> str | None:
    if not graph.keys:
        return "the project has no assets"
    wider = pattern.replace("**", "*").replace("*", "**")
    matches = key_glob(wider).match
    count = sum(matches(key) is not None for key in graph.keys)
    if count:
        text = to_text(Keys(pattern=wider))
        return f"`*` stays within one segment of a key; `{text}` reaches across and matches {count}"
    folders = {key[:at] for key in graph.keys for at, sign in enumerate(key) if sign == "/"}
    head = pattern[: min(pattern.find(sign) for sign in "*?" if sign in pattern)].rstrip("/")
    near = nearest(head, folders) if head else None
    if near is not None:
        return f"did you mean `{near}{pattern[len(head) :]}`?"
    return NearestKeys(graph.keys).hint(pattern.replace("*", "").replace("?", ""))
